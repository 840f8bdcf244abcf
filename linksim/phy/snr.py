"""SNR over time: functions of the simulated instant. Who asks, how often and in what order changes nothing."""

from typing import Protocol

from linksim.data.recorded import read_recorded
from linksim.phy.path_loss import LinkGeometry, PathLoss
from linksim.phy.snr_deterministic import Constant, Recorded, Sine, Steps
from linksim.phy.snr_stochastic import GaussMarkov, RandomWalk, TwoStateMarkov
from linksim.rng import Key
from linksim.scenario.snr import (
    AnySnr,
    ConstantSnr,
    GaussMarkovSnr,
    MeasuredSnr,
    PathLossSnr,
    PiecewiseSnr,
    RandomWalkSnr,
    SineSnr,
    TwoStateSnr,
)
from linksim.units import ms_to_ns


class SnrPath(Protocol):
    """Mean SNR of a path, fading averaged out."""

    def at(self, now_ns: int) -> float:
        """SNR in dB at an instant >= 0."""

    def until(self, now_ns: int) -> int:
        """An instant after `now_ns`, up to which the SNR stays what it is now, or very nearly so where it changes all the time."""


def snr_path(spec: AnySnr, key: Key, geometry: LinkGeometry) -> SnrPath:
    """The path that a scenario asks for.

    key  of the stream that drives it, where it is drawn
    hop  where its ends are, for path loss

    Raises DataError for a recorded file that cannot be read.
    """
    match spec:
        case ConstantSnr():
            return Constant(spec.mean_db)
        case PiecewiseSnr():
            repeat_ns = None if spec.repeat_ms is None else ms_to_ns(spec.repeat_ms)
            return Steps([ms_to_ns(step.at_ms) for step in spec.steps], [step.snr_db for step in spec.steps], repeat_ns)
        case SineSnr():
            return Sine(spec.mean_db, spec.amplitude_db, max(1, ms_to_ns(spec.period_ms)), spec.phase_deg / 360.0)
        case GaussMarkovSnr():
            return GaussMarkov(spec.mean_db, spec.std_db, max(1, ms_to_ns(spec.coherence_ms)), key)
        case TwoStateSnr():
            return TwoStateMarkov((spec.good_db, spec.bad_db), (ms_to_ns(spec.good_ms), ms_to_ns(spec.bad_ms)), key)
        case RandomWalkSnr():
            return RandomWalk(spec.start_db, spec.step_db, max(1, ms_to_ns(spec.interval_ms)), (spec.low_db, spec.high_db), key)
        case MeasuredSnr():
            return Recorded(read_recorded(spec.file, spec.sha256), spec.at_end == "repeat")
        case PathLossSnr():
            return PathLoss(spec, geometry, key)
