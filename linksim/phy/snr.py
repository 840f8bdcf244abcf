"""Mean SNR of a path over simulated time. The value at an instant does not depend on which instants are queried, nor in which order."""

from typing import Protocol

from linksim.data.measured_snr import read_measured_snr
from linksim.phy.path_loss import LinkGeometry, PathLoss
from linksim.phy.snr_deterministic import Constant, Measured, Piecewise, Sine
from linksim.phy.snr_stochastic import GaussMarkov, RandomWalk, TwoStateMarkov
from linksim.rng import StreamKey
from linksim.scenario.base import component_of
from linksim.scenario.snr import (
    ConstantSnr,
    GaussMarkovSnr,
    MeasuredSnr,
    PathLossSnr,
    PiecewiseSnr,
    RandomWalkSnr,
    SineSnr,
    SnrOptions,
    TwoStateSnr,
)
from linksim.units import ms_to_ns


class SnrPath(Protocol):
    """Mean SNR of a path over time, averaged over fading."""

    def at(self, now_ns: int) -> float:
        """SNR in dB at an instant >= 0."""

    def constant_until(self, now_ns: int) -> int:
        """An instant after `now_ns` until which the SNR is constant, or changes by at most `TOLERANCE_DB` if it varies continuously."""


def snr_path(options: SnrOptions, key: StreamKey, geometry: LinkGeometry) -> SnrPath:
    """The SNR process of a scenario's options.

    key       stream of a stochastic process
    geometry  positions of both ends, for path loss

    Raises DataError for a file of measured SNR that cannot be read.
    """
    path: SnrPath = component_of(options).load()(options, key, geometry)
    return path


def make_constant(options: ConstantSnr, key: StreamKey, geometry: LinkGeometry) -> SnrPath:
    """Factory of `constant`."""
    return Constant(options.mean_db)


def make_piecewise(options: PiecewiseSnr, key: StreamKey, geometry: LinkGeometry) -> SnrPath:
    """Factory of `piecewise`."""
    repeat_ns = None if options.repeat_ms is None else ms_to_ns(options.repeat_ms)
    return Piecewise([ms_to_ns(step.at_ms) for step in options.steps], [step.snr_db for step in options.steps], repeat_ns)


def make_sine(options: SineSnr, key: StreamKey, geometry: LinkGeometry) -> SnrPath:
    """Factory of `sine`."""
    return Sine(options.mean_db, options.amplitude_db, max(1, ms_to_ns(options.period_ms)), options.phase_deg / 360.0)


def make_gauss_markov(options: GaussMarkovSnr, key: StreamKey, geometry: LinkGeometry) -> SnrPath:
    """Factory of `gauss-markov`."""
    return GaussMarkov(options.mean_db, options.std_db, max(1, ms_to_ns(options.coherence_ms)), key)


def make_two_state(options: TwoStateSnr, key: StreamKey, geometry: LinkGeometry) -> SnrPath:
    """Factory of `two-state`."""
    return TwoStateMarkov((options.good_db, options.bad_db), (ms_to_ns(options.good_ms), ms_to_ns(options.bad_ms)), key)


def make_random_walk(options: RandomWalkSnr, key: StreamKey, geometry: LinkGeometry) -> SnrPath:
    """Factory of `random-walk`."""
    bounds_db = options.low_db, options.high_db
    return RandomWalk(options.start_db, options.step_db, max(1, ms_to_ns(options.interval_ms)), bounds_db, key)


def make_measured(options: MeasuredSnr, key: StreamKey, geometry: LinkGeometry) -> SnrPath:
    """Factory of `measured`."""
    return Measured(read_measured_snr(options.file, options.sha256), options.at_end == "repeat")


def make_path_loss(options: PathLossSnr, key: StreamKey, geometry: LinkGeometry) -> SnrPath:
    """Factory of `path-loss`."""
    return PathLoss(options, geometry, key)
