"""The size of the campaign, the cases of a test with their random draws, and what became of them.

Two environment variables select the cases:

    LINKSIM_HOSTILE=whole     all cases; otherwise the first few of each test
    LINKSIM_HOSTILE_CASE=17   case 17 of every test alone, to repeat a failure; 0-999 for the first thousand of the cases
"""

import os
import random
import resource
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

WHOLE = os.environ.get("LINKSIM_HOSTILE") == "whole"
ONLY = os.environ.get("LINKSIM_HOSTILE_CASE")
SHOWN = 20  # violations in the message of a failed test

T = TypeVar("T")


def scale(short: T, whole: T) -> T:
    """Return the value for the sample of `make test`, or that for the whole campaign."""
    return whole if WHOLE else short


class Overdue(BaseException):
    """A case exceeded its limit. No handler of linksim catches it."""


class Campaign:
    """The cases of one test.

    name        name of the test, which is part of the seed of each case
    counts      number of cases by outcome, and other numbers, for the summary of pytest
    largest     largest value of a measurement over all cases, by its name
    violations  cases in which the invariant did not hold
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.counts: Counter[str] = Counter()
        self.largest: dict[str, float] = {}
        self.violations: list[str] = []
        self.began = time.monotonic(), cpu_seconds()

    def numbers(self, short: int, whole: int) -> Iterator[int]:
        """Yield the numbers of the cases to run."""
        if not ONLY:
            yield from range(scale(short, whole))
        else:
            first, _, last = ONLY.partition("-")
            yield from range(int(first), min(int(last or first) + 1, whole))

    def draw(self, number: int) -> random.Random:
        """Return the random draws of a case, the same in every process."""
        return random.Random(f"{self.name}/{number}")

    def measure(self, name: str, value: float) -> None:
        """Keep the largest value of a measurement."""
        self.largest[name] = max(value, self.largest.get(name, value))

    def check(self, number: int, most_s: float, case: Callable[[], str]) -> None:
        """Run a case, which returns its outcome, and note a violation if it raises or takes more than `most_s` of CPU time."""
        before = time.process_time()
        try:
            with cpu_limit(most_s):
                self.counts[case()] += 1
        except (Exception, Overdue) as error:
            self.violation(number, f"{type(error).__name__}: {error}")
        self.measure("slowest case in s of CPU time", time.process_time() - before)

    def violation(self, number: int, what: str) -> None:
        """Note that the invariant does not hold in a case."""
        self.violations.append(f"case {number}: {what[:1500]}")

    def finish(self) -> None:
        """Fail with all violations, if there are any."""
        assert not self.violations, "\n".join(
            [f"{len(self.violations)} violations; repeat one with LINKSIM_HOSTILE_CASE=NUMBER", *self.violations[:SHOWN]]
        )

    def summary(self) -> str:
        """Return one line with all numbers."""
        wall, cpu = time.monotonic() - self.began[0], cpu_seconds() - self.began[1]
        parts = [f"{count:,} {what}" for what, count in sorted(self.counts.items())]
        parts += [f"{what} {value:.3g}" for what, value in sorted(self.largest.items())]
        return f"{', '.join(parts)}; {wall:.0f} s, {cpu:.0f} s of CPU time"


def cpu_seconds() -> float:
    """CPU time of this process and of those that it has waited for, in s."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


@contextmanager
def cpu_limit(seconds: float) -> Iterator[None]:
    """Raise `Overdue` in a block that takes longer, in CPU time of this process. A busy machine changes nothing."""

    def end(number: int, frame: FrameType | None) -> None:
        raise Overdue(f"took more than {seconds:g} s of CPU time")

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
