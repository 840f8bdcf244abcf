"""When a jammer is on: pure functions of time. Its process in the world asks these, spends its energy and tells what it did."""

import math
from collections.abc import Iterator

from linksim.scenario.jammers import BarrageJammer, PulsedJammer
from linksim.units import seconds_to_ns

BARRAGE_SLICE_NS = 100_000_000  # a barrage is told in slices of this length, so that a trace cut short holds what was radiated


def intervals(spec: BarrageJammer | PulsedJammer) -> Iterator[tuple[int, int]]:
    """The intervals [start, end) in ns during which the jammer is on, in order and without end, its budget not yet considered."""
    period_ns, on_ns = (
        (seconds_to_ns(spec.period_ms / 1e3), seconds_to_ns(spec.on_ms / 1e3))
        if isinstance(spec, PulsedJammer)
        else (BARRAGE_SLICE_NS, BARRAGE_SLICE_NS)
    )
    start = seconds_to_ns(spec.start_ms / 1e3)
    while True:
        yield start, start + on_ns
        start += period_ns


def affordable(spec: BarrageJammer | PulsedJammer) -> Iterator[tuple[int, int]]:
    """`intervals` until the energy budget is spent; the last one is cut short where it ends."""
    left_ns = math.inf if spec.budget_s is None else spec.budget_s * 1e9 / 10 ** (spec.jsr_bob_db / 10)
    for start, end in intervals(spec):
        if left_ns <= 0:
            return
        end = min(end, start + math.ceil(left_ns)) if left_ns < math.inf else end
        left_ns -= end - start
        yield start, end


def uses_hit(start_ns: int, end_ns: int, frame_ns: int, use_ns: float, uses: int) -> tuple[int, int]:
    """Which channel uses [first, last) of a frame that starts at `frame_ns` lie within the interval; a use is hit when its middle is."""
    first = math.ceil((start_ns - frame_ns) / use_ns - 0.5)
    last = math.ceil((end_ns - frame_ns) / use_ns - 0.5)
    return min(max(first, 0), uses), min(max(last, 0), uses)
