"""Jamming schedules: on-intervals of jammers that follow the clock, their energy budget, and the channel uses that an interval covers.

A schedule is an iterator of intervals and knows nothing of frames. `linksim.jammers` runs it on the simulated clock, and the air adds
Gaussian noise to the channel uses that an interval covers. Reactive and adversarial jammers, which respond to frames, are in
`linksim.jammers`; they share the energy budget.
"""

import math
from collections.abc import Iterator

from linksim.rng import StreamKey, generator
from linksim.scenario.jammers import BARRAGE_SLICE_MS, Jamming, MarkovJammer, PlannedJammer, PulsedJammer, SweepJammer
from linksim.units import db_to_linear, seconds_to_ns

Intervals = Iterator[tuple[int, int]]


class EnergyBudget:
    """Remaining energy of a jammer, as time in ns at its power; infinite if the scenario sets no budget.

    The unit of `Jamming.energy_budget_s` is the power of the signal at Bob times seconds, so a jammer whose power is twice that of the
    signal can be on for half of that time.

    >>> budget = EnergyBudget(PulsedJammer(energy_budget_s=0.001, jsr_bob_db=0.0))
    >>> budget.spend(0, 600_000), budget.spend(2_000_000, 2_600_000)
    (600000, 2400000)
    """

    def __init__(self, spec: Jamming) -> None:
        self.remaining_ns: float = (
            math.inf if spec.energy_budget_s is None else math.floor(spec.energy_budget_s * 1e9 / db_to_linear(spec.jsr_bob_db))
        )

    def spend(self, start_ns: int, end_ns: int) -> int:
        """Deduct the interval [start_ns, end_ns) and return its end, which is earlier than `end_ns` if the budget does not suffice."""
        end_ns = end_ns if self.remaining_ns >= end_ns - start_ns else start_ns + int(self.remaining_ns)
        self.remaining_ns -= end_ns - start_ns
        return end_ns


def intervals(spec: PlannedJammer, key: StreamKey) -> Intervals:
    """The on-intervals [start, end) of a jammer in ns, in order and without end, disregarding its energy budget.

    Interval n of a sweep jammer belongs to link n modulo the number of links of the group. A barrage is an unbroken sequence of slices, so
    that an interrupted trace holds the energy that was radiated.

    spec  options of the jammer
    key   stream of the jammer, used by the Markov jammer only

    >>> from itertools import islice
    >>> list(islice(intervals(PulsedJammer(period_ms=10.0, on_ms=2.0), StreamKey(0, 0)), 2))
    [(0, 2000000), (10000000, 12000000)]
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


def _markov(start: int, mean_on_ns: float, mean_off_ns: float, key: StreamKey) -> Intervals:
    """On-intervals of a two-state Markov chain in continuous time, stationary from `start` on.

    The first state is drawn from the stationary distribution. Its remaining sojourn time is exponential, like that of every other state.
    """
    draw = generator(key)
    if draw.random() >= mean_on_ns / (mean_on_ns + mean_off_ns):
        start += _sojourn_ns(draw.exponential(mean_off_ns))
    while True:
        end = start + _sojourn_ns(draw.exponential(mean_on_ns))
        yield start, end
        start = end + _sojourn_ns(draw.exponential(mean_off_ns))


def _sojourn_ns(drawn: float) -> int:
    return max(1, round(drawn))


def within_budget(spec: PlannedJammer, key: StreamKey) -> Intervals:
    """The `intervals` of a jammer until its energy budget is spent; the last one is shortened accordingly.

    >>> list(within_budget(PulsedJammer(period_ms=10.0, on_ms=2.0, energy_budget_s=0.003), StreamKey(0, 0)))
    [(0, 2000000), (10000000, 11000000)]
    """
    budget = EnergyBudget(spec)
    for start, end in intervals(spec, key):
        if budget.remaining_ns < 1:
            return
        yield start, budget.spend(start, end)


def channel_uses_hit(start_ns: int, end_ns: int, frame_ns: int, use_ns: float, channel_uses: int) -> tuple[int, int]:
    """The channel uses [first, last) of a frame whose midpoints lie within the interval [start_ns, end_ns).

    start_ns, end_ns  jamming interval
    frame_ns          start of the frame
    use_ns            duration of a channel use
    channel_uses      length of the frame; first and last are within 0..channel_uses, and equal if the interval misses the frame

    >>> channel_uses_hit(1_000, 3_000, frame_ns=0, use_ns=1_000.0, channel_uses=10)
    (1, 3)
    """
    first = math.ceil((start_ns - frame_ns) / use_ns - 0.5)
    last = math.ceil((end_ns - frame_ns) / use_ns - 0.5)
    return min(max(first, 0), channel_uses), min(max(last, 0), channel_uses)
