"""Mean SNR of a path over simulated time. The value at an instant does not depend on which instants are queried, nor in which order.

A process therefore has no current state: equal seeds give equal SNR to Bob, Eve and an oracle policy, however often each of them asks, and
the channel of a run does not change with its traffic. The processes are in `phy.snr_deterministic`, `phy.snr_stochastic` and
`phy.path_loss`; this module holds their interface and the factories that build them from the options in `scenario.snr`.
"""

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
        """SNR in dB, as `phy.baseband` defines it for a signal of unit power, at an instant >= 0."""

    def constant_until(self, now_ns: int) -> int:
        """An instant after `now_ns` until which the SNR is constant, or changes by at most `TOLERANCE_DB` if it varies continuously.

        A lower bound is allowed: the SNR may stay constant for longer. `FOREVER_NS` means until the end of the run.
        """


def snr_path(options: SnrOptions, key: StreamKey, geometry: LinkGeometry) -> SnrPath:
    """The SNR process of a scenario's options.

    options   options of the process
    key       stream of a stochastic process
    geometry  positions of both ends, for path loss

    Raises DataError for a file of measured SNR that cannot be read.

    >>> from linksim.phy.path_loss import DEFAULT_GEOMETRY
    >>> path = snr_path(SineSnr(mean_db=10.0, amplitude_db=5.0, period_ms=100.0), StreamKey(0, 0), DEFAULT_GEOMETRY)
    >>> [round(path.at(ms_to_ns(now_ms)), 3) for now_ms in (0, 25, 75)]
    [10.0, 15.0, 5.0]
    """
    path: SnrPath = component_of(options).load()(options, key, geometry)
    return path


def make_constant(options: ConstantSnr, key: StreamKey, geometry: LinkGeometry) -> SnrPath:
    """Factory of `constant`. Like all deterministic processes, it ignores the stream."""
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
    """Factory of `measured`. Raises DataError for a file that cannot be read or has another digest than the options require."""
    return Measured(read_measured_snr(options.file, options.sha256), options.at_end == "repeat")


def make_path_loss(options: PathLossSnr, key: StreamKey, geometry: LinkGeometry) -> SnrPath:
    """Factory of `path-loss`; the only process that uses the geometry."""
    return PathLoss(options, geometry, key)
