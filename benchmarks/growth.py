"""Growth: time and memory per unit of runs with many links, of runs with many frames, and of sweeps with many points.

Runs are without payloads and in processes of their own, because memory is that of a process. Points of sweeps run nothing.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click

from benchmarks.measure import BenchmarkResult
from benchmarks.runs import bare_simulation, run_without_payload
from linksim.scenario.load import build_scenario, find_document
from linksim.sweeps.driver import sweep
from linksim.sweeps.engines import Job
from linksim.sweeps.journal import Outcome
from linksim.sweeps.plan import Plan

GROUP = 4_000  # links of a group; a scenario has at most 4,096 per group
MOST = 1.2  # largest growth per unit


def growth_benchmarks() -> Iterator[BenchmarkResult]:
    """Time and memory per unit of many units, over those of few."""
    yield from _grown("r", "links of one frame", "links", 8_000, 100_000)
    yield from _grown("s", "frames of 64 links", "frames", 128_000, 1_280_000)
    yield from _grown("t", "points of a sweep, which run nothing", "points", 1_000, 10_000)


def _grown(letter: str, what: str, unit: str, few: int, many: int) -> Iterator[BenchmarkResult]:
    """Compare time and memory per unit; the memory of a process with hardly any units is subtracted."""
    base, small, large = (_process(unit, count) for count in (64, few, many))
    seconds, bytes_ = ([(found[place] - base[place]) / n for found, n in ((small, few), (large, many))] for place in (0, 1))
    detail = f"{1e6 * seconds[1]:,.0f} over {1e6 * seconds[0]:,.0f} us, {many:,} over {few:,}"
    yield BenchmarkResult(letter, f"{what}: time each", seconds[1] / seconds[0], "at most", MOST, "x", detail)
    detail = f"{bytes_[1] / 1024:,.2f} over {bytes_[0] / 1024:,.2f} KiB"
    yield BenchmarkResult(letter, f"{what}: memory each", bytes_[1] / max(bytes_[0], 1.0), "at most", MOST, "x", detail)


def _process(unit: str, count: int) -> tuple[float, int]:
    """Run a workload in a process of its own -> CPU time in s, peak memory in bytes."""
    command = [sys.executable, "-m", "benchmarks.growth", unit, str(count)]
    seconds, size = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return seconds, size


def many_links(count: int) -> None:
    """Build and run links of one frame each, in groups of `GROUP`."""
    scenario = bare_simulation(1, 1)
    (options,) = scenario.groups.values()
    sizes = [min(GROUP, count - first) for first in range(0, count, GROUP)]
    groups = {f"group-{number}": options.model_copy(update={"links": size}) for number, size in enumerate(sizes)}
    run_without_payload(scenario.model_copy(update={"groups": groups}))()


def many_frames(count: int) -> None:
    """Build and run 64 links that share the frames."""
    run_without_payload(bare_simulation(64, count // 64))()


def many_points(count: int) -> None:
    """Sweep over seeds, with an engine that runs nothing."""

    def nothing(jobs: Sequence[Job]) -> Iterator[tuple[str, Outcome]]:
        yield from ((job.digest, Outcome(0.0, [{"group": "link", "receiver": "bob", "psnr_db": 30.0}])) for job in jobs)

    document = find_document("awgn-baseline")
    with tempfile.TemporaryDirectory() as folder:
        sweep(Plan(lambda texts: build_scenario(document, texts), {"seed": range(count)}), Path(folder), execute=nothing)


WORKLOADS: dict[str, Callable[[int], None]] = {"links": many_links, "frames": many_frames, "points": many_points}


def main(unit: str, count: int) -> None:
    """Print CPU time in s and peak memory in bytes of a workload."""
    started = time.process_time()
    WORKLOADS[unit](count)
    click.echo(json.dumps([time.process_time() - started, 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
