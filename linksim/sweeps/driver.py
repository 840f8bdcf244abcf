"""The driver of a sweep: it has the missing points of a plan run, and asks the plan for more until there are none.

    plan --> missing points --> crew of worker processes, or an engine --> journal --> table
      ^------------------------------- outcomes ------------------------------'

The driver holds no result: what a worker has committed is in the journal, whatever happens to the driver.
"""

import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from linksim.sweeps.crew import Crew, Progress
from linksim.sweeps.engines import Execute, Job
from linksim.sweeps.journal import Journal, Outcome, Row, lock
from linksim.sweeps.plan import WHOLE, Plan
from linksim.sweeps.points import Point
from linksim.sweeps.table import SweepTable

Report = Callable[[int, int], object]  # receives the numbers of finished and of all points


def sweep(
    plan: Plan,
    folder: Path,
    workers: int = 1,
    traces: bool = False,
    plugins: Sequence[str] = (),
    report: Report = lambda done, total: None,
    execute: Execute | None = None,
    announce: Callable[[Sequence[Point]], object] = lambda missing: None,
) -> SweepTable:
    """Run all points of a plan that have no result in the folder yet, and return the table of all points.

    plan      the points
    folder    folder of the journal and, with `traces`, of the traces; the journal of a part is in a folder of its own
    workers   number of processes, each with one thread
    traces    keep the trace of every point, as points/DIGEST.h5
    plugins   files or modules with components from outside, which every worker loads
    report    called at the start and after every point
    execute   runs the points instead of worker processes (`engines.engine`)
    announce  receives the points that are missing, before the first one runs

    A point that failed in an earlier sweep is run again. Finished points of all parts are taken over. Raises LinksimError if another sweep
    works in the folder, and as `Plan.further` does.
    """
    own = folder if plan.part == WHOLE else folder / f"part-{plan.part[0]}-of-{plan.part[1]}"
    descriptor = lock(own)
    try:
        journal = Journal(own / "journal.sqlite")
        journal.remove_failures()
        if plan.part == WHOLE:
            _take_over(journal, folder)
        run = _Run(journal, folder, traces, plugins, descriptor, workers, execute)
        announce(run.missing(plan.points()))
        run.all(plan.points(), report)
        while plan.further(journal.outcomes()):
            run.all(plan.points(), report)
    finally:
        os.close(descriptor)
    return table_of(plan.points(), plan.columns, journal.outcomes(), folder if traces else None)


@dataclass
class _Run:
    """Runs points.

    journal     journal of the sweep
    folder      folder of the sweep
    traces      keep the trace of every point
    plugins     files or modules that every worker loads
    descriptor  of the lock, which every worker inherits
    workers     number of processes
    execute     runs the points instead of worker processes
    """

    journal: Journal
    folder: Path
    traces: bool
    plugins: Sequence[str]
    descriptor: int
    workers: int
    execute: Execute | None

    def missing(self, points: Sequence[Point]) -> list[Point]:
        """Return the points without an outcome, one per digest."""
        known = self.journal.outcomes()
        return list({point.digest: point for point in points if point.digest not in known}.values())

    def all(self, points: Sequence[Point], report: Report) -> None:
        """Run the points without an outcome. The numbers of `report` count equal points once."""
        missing, total = self.missing(points), len({point.digest for point in points})
        progress = Progress(deque(missing), finished=total - len(missing))
        report(progress.finished, total)
        if self.execute is not None:
            jobs = [Job(point.digest, point.scenario, self._trace(point), tuple(self.plugins)) for point in missing]
            for digest, outcome in self.execute(jobs):
                self.journal.put(digest, outcome)
                progress.finished += 1
                report(progress.finished, total)
        else:
            crew = Crew(self.journal, self._trace, self.plugins, self.descriptor)
            crew.run(progress, min(self.workers, len(missing)), lambda: report(progress.finished, total))

    def _trace(self, point: Point) -> str | None:
        """Absolute path of the trace of a point, None if it is not kept."""
        return str(trace_of(self.folder, point).absolute()) if self.traces else None


def _take_over(journal: Journal, folder: Path) -> None:
    """Copy the finished points of the parts of a sweep into its journal."""
    known = journal.outcomes()
    for path in sorted(folder.glob("part-*-of-*/journal.sqlite")):
        for digest, outcome in Journal(path).outcomes().items():
            if digest not in known and not outcome.error:
                journal.put(digest, outcome)


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
