"""The worker processes of a sweep: each gets one missing point after the other, and one that ends is replaced.

    missing points --> [worker] [worker] ... --> journal
                           '-- a worker that ends takes its point with it: the point is run once more, then it counts as failed

A worker keeps the networks that it has loaded, so it gets points with the same ones where there are some among the next.
"""

import json
import os
import re
import selectors
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from linksim.errors import LinksimError
from linksim.places import model_folders
from linksim.sweeps.journal import Journal, Outcome
from linksim.sweeps.points import Point
from linksim.worker_process import WorkerProcess, how_it_ended, stop

MAX_STARTS = 2  # of a point whose worker process ends
AHEAD = 64  # next points among which a worker gets one with the models that it has loaded
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass
class _Runner:
    """A worker process, which answers when it has committed a point.

    point   the one that it runs, None while it waits
    models  names of the models of its last point, which it has loaded
    """

    worker: WorkerProcess
    point: Point | None = None
    models: frozenset[str] = frozenset()


@dataclass
class Progress:
    """The points that are left, and how often each was started."""

    left: deque[Point]
    starts: dict[str, int] = field(default_factory=dict)
    finished: int = 0


class Crew:
    """The worker processes.

    journal     journal of the sweep
    trace       returns the file of a point's trace, None to discard it
    plugins     files or modules that every worker loads
    descriptor  of the lock, which every worker inherits
    """

    def __init__(self, journal: Journal, trace: Callable[[Point], str | None], plugins: Sequence[str], descriptor: int) -> None:
        self._journal, self._trace, self._plugins, self._descriptor = journal, trace, plugins, descriptor
        self._runners: list[_Runner] = []
        self._known: dict[str, frozenset[str]] = {}  # models of points, by digest
        self._names = frozenset(card.stem for folder in model_folders() for card in folder.glob("*.yaml"))

    def run(self, progress: Progress, count: int, done: Callable[[], object]) -> None:
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

    def _hand_over(self, runner: _Runner, progress: Progress) -> None:
        """Give a worker its next point. One that has ended meanwhile keeps it until the end of its answers is read."""
        point = runner.point = progress.left[place := self._place(runner, progress)]
        runner.models = self._models(point)
        del progress.left[place]
        progress.starts[point.digest] = progress.starts.get(point.digest, 0) + 1
        trace = self._trace(point)
        job = {"journal": str(self._journal.path.absolute()), "digest": point.digest, "scenario": point.scenario, "trace": trace}
        runner.worker.write(json.dumps(job))

    def _place(self, runner: _Runner, progress: Progress) -> int:
        """Place of the first point, among the next ones, whose models a worker has loaded; else 0."""
        ahead = range(min(AHEAD, len(progress.left)))
        return next((place for place in ahead if runner.models and self._models(progress.left[place]) == runner.models), 0)

    def _models(self, point: Point) -> frozenset[str]:
        """Names of the models in the scenario of a point."""
        if point.digest not in self._known:
            self._known[point.digest] = self._names.intersection(WORD.findall(point.scenario))
        return self._known[point.digest]

    def _answer(self, runner: _Runner, progress: Progress, selector: selectors.BaseSelector) -> None:
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
