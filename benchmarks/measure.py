"""Measurement of a benchmark: CPU time of this process, one PyTorch thread, minimum over repeated and interleaved runs."""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class BenchmarkResult:
    """The result of one benchmark, one line of the report.

    letter       name of the benchmark
    description  what is measured
    value        measured value, in `unit`
    comparison   "at least" or "at most"
    target       bound of the value, in `unit`
    detail       the two quantities behind a ratio
    """

    letter: str
    description: str
    value: float
    comparison: str
    target: float
    unit: str
    detail: str

    @property
    def reached(self) -> bool:
        """Whether the value satisfies the target."""
        return self.value >= self.target if self.comparison == "at least" else self.value <= self.target

    def line(self) -> str:
        """The line of the report: letter, description, value, target, verdict and detail."""
        verdict = "reached" if self.reached else "MISSED"
        bound = f"{self.comparison} {self.target:g}{self.unit}"
        return f"({self.letter}) {self.description:62} {self.value:7.3f}{self.unit}  {bound:14} {verdict:8} {self.detail}"


def cpu_s(work: Callable[[], object]) -> float:
    """CPU time of one call of `work` in seconds."""
    gc.collect()
    started = time.process_time()
    work()
    return time.process_time() - started


def best_of(repeats: int, *works: Callable[[], object]) -> list[float]:
    """Minimum CPU time in seconds of each function over `repeats` rounds. Each round calls every function once, in order."""
    fastest = [float("inf")] * len(works)
    for _ in range(repeats):
        for i, work in enumerate(works):
            fastest[i] = min(fastest[i], cpu_s(work))
    return fastest
