"""How a figure is measured: CPU time of this process, one torch thread, the best of a few turns taken alternately."""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    sign    "at least" or "at most"
    target  what is to be reached
    detail  the two quantities behind the ratio
    """

    letter: str
    what: str
    value: float
    sign: str
    target: float
    unit: str
    detail: str

    @property
    def reached(self) -> bool:
        return self.value >= self.target if self.sign == "at least" else self.value <= self.target

    def line(self) -> str:
        verdict = "reached" if self.reached else "MISSED"
        bound = f"{self.sign} {self.target:g}{self.unit}"
        return f"({self.letter}) {self.what:62} {self.value:7.3f}{self.unit}  {bound:14} {verdict:8} {self.detail}"


def cpu_s(work: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    gc.collect()
    started = time.process_time()
    work()
    return time.process_time() - started


def best_of(turns: int, *works: Callable[[], object]) -> list[float]:
    """Least CPU seconds of each, over `turns` rounds in which every one has its turn."""
    least = [float("inf")] * len(works)
    for _ in range(turns):
        for i, work in enumerate(works):
            least[i] = min(least[i], cpu_s(work))
    return least
