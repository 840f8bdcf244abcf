"""The driver of a sweep: it hands the missing points to worker processes, and replaces workers that end.

    missing points --> [worker] [worker] ... --> journal
                           '-- a worker that ends takes its point with it: the point is run once more, then it counts as failed

The driver holds no result: what a worker has committed is in the journal, whatever happens to the driver.
"""

import json
import os
import selectors
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from linksim import __version__
from linksim.errors import LinksimError
from linksim.files import atomic_write
from linksim.sweeps.engines import Execute, Job
from linksim.sweeps.journal import Journal, Outcome, Row, lock
from linksim.sweeps.points import Axis, Point, Source, points_of
from linksim.sweeps.table import SweepTable
from linksim.worker_process import WorkerProcess, how_it_ended, stop

MAX_STARTS = 2  # of a point whose worker process ends

Part = tuple[int, int]  # (i, n): points i, i + n, i + 2 n, ..., counted from 1
WHOLE: Part = (1, 1)
Report = Callable[[int, int], object]  # receives the numbers of finished and of all points


@dataclass
class _Runner:
    """A worker process, which answers when it has committed a point. `point` is the one that it runs, None while it waits."""

    worker: WorkerProcess
    point: Point | None = None


@dataclass
class _Progress:
    """The points that are left, and how often each was started."""

    left: deque[Point]
    starts: dict[str, int] = field(default_factory=dict)
    finished: int = 0


def sweep(
    source: Source,
    axes: Mapping[str, Axis],
    folder: Path,
    workers: int = 1,
    traces: bool = False,
    plugins: Sequence[str] = (),
    report: Report = lambda done, total: None,
    execute: Execute | None = None,
    part: Part = WHOLE,
) -> SweepTable:
    """Run a scenario at all points of a sweep that have no result in the folder yet, and return the table of all points.

    source    returns the scenario with overrides
    axes      as in `points.points_of`
    folder    folder of the journal and, with `traces`, of the traces
    workers   number of processes, each with one thread
    traces    keep the trace of every point, as points/DIGEST.h5
    plugins   files or modules with components from outside, which every worker loads
    report    called at the start and after every point
    execute   runs the points instead of worker processes (`engines.engine`)
    part      the points to run; the journal of a part is in a folder of its own

    A point that failed in an earlier sweep is run again. Finished points of all parts are taken over. Raises LinksimError for invalid axes,
    and if another sweep works in the folder.
    """
    points = points_of(source, axes, (__version__,))
    own = folder if part == WHOLE else folder / f"part-{part[0]}-of-{part[1]}"
    descriptor = lock(own)
    try:
        journal = Journal(own / "journal.sqlite")
        journal.remove_failures()
        if part == WHOLE:
            _take_over(journal, folder)
        points = points[part[0] - 1 :: part[1]]
        known = journal.outcomes()
        missing = {point.digest: point for point in points if point.digest not in known}
        progress = _Progress(deque(missing.values()), finished=len({point.digest for point in points}) - len(missing))
        total = progress.finished + len(missing)
        report(progress.finished, total)
        if execute is not None:
            jobs = [Job(point.digest, point.scenario, _trace(folder, point, traces), tuple(plugins)) for point in missing.values()]
            for digest, outcome in execute(jobs):
                journal.put(digest, outcome)
                progress.finished += 1
                report(progress.finished, total)
        else:
            crew = _Crew(journal, folder, traces, plugins, descriptor)
            crew.run(progress, min(workers, len(missing)), lambda: report(progress.finished, total))
    finally:
        os.close(descriptor)
    return table_of(points, list(axes), journal.outcomes(), folder if traces else None)


def _take_over(journal: Journal, folder: Path) -> None:
    """Copy the finished points of the parts of a sweep into its journal."""
    known = journal.outcomes()
    for path in sorted(folder.glob("part-*-of-*/journal.sqlite")):
        for digest, outcome in Journal(path).outcomes().items():
            if digest not in known and not outcome.error:
                journal.put(digest, outcome)


def _trace(folder: Path, point: Point, kept: bool) -> str | None:
    """Absolute path of the trace of a point, None if it is not kept."""
    return str(trace_of(folder, point).absolute()) if kept else None


def table_of(points: Sequence[Point], axes: Sequence[str], outcomes: Mapping[str, Outcome], folder: Path | None = None) -> SweepTable:
    """Return the table of the points that have an outcome. With a folder, the last column has the trace of each point, if it was kept."""
    found, rows = [(point, outcomes[point.digest]) for point in points if point.digest in outcomes], list[Row]()
    for point, outcome in found:
        trace = None if folder is None else trace_of(folder, point)
        kept = {"trace": str(trace)} if trace is not None and trace.exists() else {}
        rows += [dict(point.values) | row | kept for row in outcome.rows]
    return SweepTable(axes, rows, {point.text(): outcome.error for point, outcome in found if outcome.error})


def trace_of(folder: Path, point: Point) -> Path:
    """Return the file of a point's trace in the folder of the sweep."""
    return folder / "points" / f"{point.digest}.h5"


def write_table(table: SweepTable, path: Path) -> None:
    """Write the table as CSV. Raises LinksimError if the file cannot be written."""
    try:
        with atomic_write(path) as staged:
            staged.write_text(table.csv(), encoding="utf-8")
    except OSError as fault:
        raise LinksimError(f"{path} cannot be written: {fault.strerror or fault}") from fault


class _Crew:
    """The worker processes.

    journal     journal of the sweep
    folder      folder of the sweep
    traces      keep the trace of every point
    plugins     files or modules that every worker loads
    descriptor  of the lock, which every worker inherits
    """

    def __init__(self, journal: Journal, folder: Path, traces: bool, plugins: Sequence[str], descriptor: int) -> None:
        self._journal, self._folder, self._traces, self._plugins, self._descriptor = journal, folder, traces, plugins, descriptor
        self._runners: list[_Runner] = []

    def run(self, progress: _Progress, count: int, done: Callable[[], object]) -> None:
        """Run all points that are left with `count` workers, which are stopped however it ends. `done` is called after every change."""
        with selectors.DefaultSelector() as selector:
            try:
                for _ in range(count):
                    self._start(selector)
                while progress.left or any(runner.point for runner in self._runners):
                    for runner in self._runners:
                        if runner.point is None and progress.left:
                            self._hand_over(runner, progress)
                    for key, _ in selector.select():
                        self._answer(key.data, progress, selector)
                        done()
            finally:
                stop([runner.worker for runner in self._runners], [runner.worker for runner in self._runners if runner.point])

    def _start(self, selector: selectors.BaseSelector) -> None:
        """Start a worker, which inherits the lock."""
        worker = WorkerProcess.start("linksim.sweeps.worker", self._plugins, (self._descriptor,))
        self._runners.append(runner := _Runner(worker))
        selector.register(worker.answers, selectors.EVENT_READ, runner)

    def _hand_over(self, runner: _Runner, progress: _Progress) -> None:
        """Give a worker its next point. One that has ended meanwhile keeps it until the end of its answers is read."""
        point = runner.point = progress.left.popleft()
        progress.starts[point.digest] = progress.starts.get(point.digest, 0) + 1
        trace = _trace(self._folder, point, self._traces)
        job = {"journal": str(self._journal.path.absolute()), "digest": point.digest, "scenario": point.scenario, "trace": trace}
        runner.worker.write(json.dumps(job))

    def _answer(self, runner: _Runner, progress: _Progress, selector: selectors.BaseSelector) -> None:
        """Note that a worker has committed its point, or replace a worker that has ended."""
        if os.read(runner.worker.answers, 4096):
            progress.finished, runner.point = progress.finished + 1, None
            return
        selector.unregister(runner.worker.answers)
        self._runners.remove(runner)
        point, status = runner.point, runner.worker.process.wait()
        stop([runner.worker], [])
        if point is None:
            raise LinksimError(f"a worker process ended before it had a point, with status {status}")
        if point.digest in self._journal.outcomes():  # committed, and ended before its answer
            progress.finished += 1
        elif progress.starts[point.digest] < MAX_STARTS:
            progress.left.append(point)
        else:
            self._journal.put(point.digest, Outcome(0.0, [], f"its process ended {how_it_ended(status)}, {MAX_STARTS} times"))
            progress.finished += 1
        self._start(selector)
