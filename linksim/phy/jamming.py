"""When a jammer is on by the clock alone, what that costs, and which symbols an interval hits: pure functions of time and of one stream."""

import math
from collections.abc import Iterator

from linksim.rng import Key, generator
from linksim.scenario.jammers import BARRAGE_SLICE_MS, Jamming, MarkovJammer, PlannedJammer, PulsedJammer, SweepJammer
from linksim.units import db_to_linear, seconds_to_ns

Intervals = Iterator[tuple[int, int]]


class Budget:
    """Energy that a jammer may yet spend, as time in whole ns at its power; without end where the scenario sets no bound."""

    def __init__(self, spec: Jamming) -> None:
        self.left_ns: float = (
            math.inf if spec.energy_budget_s is None else math.floor(spec.energy_budget_s * 1e9 / db_to_linear(spec.jsr_bob_db))
        )

    def spend(self, start_ns: int, end_ns: int) -> int:
        """Pay for an interval; returns its end, sooner than asked where no more can be paid for."""
        end_ns = end_ns if self.left_ns >= end_ns - start_ns else start_ns + int(self.left_ns)
        self.left_ns -= end_ns - start_ns
        return end_ns


def intervals(spec: PlannedJammer, key: Key) -> Intervals:
    """The intervals [start, end) in ns during which the jammer is on, in order and without end, its budget not yet considered.

    key  of the jammer's stream, which only a Markov jammer uses. Interval n of a sweep is spent on link n modulo the links of the group
    """
    start = seconds_to_ns(spec.start_ms / 1e3)
    if isinstance(spec, MarkovJammer):
        return _markov(start, spec.mean_on_ms * 1e6, spec.mean_off_ms * 1e6, key)
    if isinstance(spec, PulsedJammer):
        return _periodic(start, seconds_to_ns(spec.period_ms / 1e3), seconds_to_ns(spec.on_ms / 1e3))
    slice_ns = seconds_to_ns((spec.dwell_ms if isinstance(spec, SweepJammer) else BARRAGE_SLICE_MS) / 1e3)
    return _periodic(start, slice_ns, slice_ns)


def _periodic(start: int, period_ns: int, on_ns: int) -> Intervals:
    while True:
        yield start, start + on_ns
        start += period_ns


def _markov(start: int, mean_on_ns: float, mean_off_ns: float, key: Key) -> Intervals:
    """Two states in continuous time. The first is drawn from the steady state; an exponential stay is, at any time, as good as new."""
    draw = generator(key)
    if draw.random() >= mean_on_ns / (mean_on_ns + mean_off_ns):
        start += _stay_ns(draw.exponential(mean_off_ns))
    while True:
        end = start + _stay_ns(draw.exponential(mean_on_ns))
        yield start, end
        start = end + _stay_ns(draw.exponential(mean_off_ns))


def _stay_ns(drawn: float) -> int:
    return max(1, round(drawn))


def within_budget(spec: PlannedJammer, key: Key) -> Intervals:
    """`intervals` until the energy budget is spent; the last one is cut short where it ends."""
    budget = Budget(spec)
    for start, end in intervals(spec, key):
        if budget.left_ns < 1:
            return
        yield start, budget.spend(start, end)


def channel_uses_hit(start_ns: int, end_ns: int, frame_ns: int, use_ns: float, channel_uses: int) -> tuple[int, int]:
    """Which channel uses [first, last) of a frame that starts at `frame_ns` lie within the interval; a use is hit when its middle is."""
    first = math.ceil((start_ns - frame_ns) / use_ns - 0.5)
    last = math.ceil((end_ns - frame_ns) / use_ns - 0.5)
    return min(max(first, 0), channel_uses), min(max(last, 0), channel_uses)
