"""Fills what is missing on a paper's shelf: cell after cell, each kept as soon as it is measured."""

import time
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase

from linksim.errors import LinksimError
from linksim.plots.papers import keep_pictures
from linksim.reproduction.paper import Experiment
from linksim.reproduction.results import ExperimentResult, ResultStore

TOLD = 3  # metrics of a cell that its line tells

Say = Callable[[str], None]


def chosen(experiments: Sequence[Experiment], patterns: Sequence[str]) -> list[Experiment]:
    """The cells that one of `patterns` names, all where there is none. A pattern is a key or a word between its strokes, with * and ?.

    Raises LinksimError for a pattern that names no cell.
    """
    for pattern in patterns:
        if not any(_named(experiment, pattern) for experiment in experiments):
            words = sorted({word for experiment in experiments for word in experiment.key.split("/")})
            raise LinksimError(
                f"no cell is named by {pattern!r}; a cell is named as {experiments[0].key!r}, the words are {', '.join(words)}"
            )
    return [experiment for experiment in experiments if not patterns or any(_named(experiment, pattern) for pattern in patterns)]


def _named(experiment: Experiment, pattern: str) -> bool:
    return any(fnmatchcase(word, pattern) for word in (experiment.key, *experiment.key.split("/")))


def measure(
    experiments: Sequence[Experiment], digests: Mapping[str, str], results: ResultStore, progress: "Progress"
) -> dict[str, list[str]]:
    """Measure the cells that are not on the shelf under their digest -> the keys of those that could not be, by what stood in the way."""
    missing = [experiment for experiment in experiments if not results.has(experiment.key, digests[experiment.key])]
    faults: dict[str, list[str]] = {}
    progress.begin(missing)
    for experiment in missing:
        progress.start(experiment)
        try:
            measured = experiment.measure(progress.tell)
        except LinksimError as fault:
            faults.setdefault(str(fault), []).append(experiment.key)
            continue
        for name, pictures in measured.pictures.items():
            keep_pictures(results.folder, name, pictures)
        cell = ExperimentResult(experiment.key, digests[experiment.key], experiment.seed, measured.samples)
        results.put(cell)
        progress.done(cell)
    return faults


class Progress:
    """Says where the measuring stands, and how long what is left will take: as long as cells of the same kind took so far.

    say   takes a line for each measured cell
    draw  takes a line for the cell under way, each over the one before
    """

    def __init__(self, say: Say, draw: Say) -> None:
        self._say, self._draw = say, draw
        self._left: list[Experiment] = []
        self._total = 0
        self._took: dict[str, list[float]] = {}
        self._started = 0.0

    def begin(self, missing: Sequence[Experiment]) -> None:
        """These cells will be measured, in this order."""
        self._left, self._total = list(missing), len(missing)

    def start(self, experiment: Experiment) -> None:
        self._started = time.monotonic()
        self._under_way = experiment
        self._left = [other for other in self._left if other is not experiment]
        self.tell(0)

    def tell(self, samples: int) -> None:
        """The cell under way has so many samples."""
        experiment = self._under_way
        self._draw(f"{self._place()} {experiment.key:28} {samples}/{experiment.size} images")

    def done(self, cell: ExperimentResult) -> None:
        took = time.monotonic() - self._started
        self._took.setdefault(self._under_way.kind, []).append(took)
        means = ", ".join(f"{metric} {cell.interval(metric).value:.4g}" for metric in list(cell.samples)[:TOLD])
        self._say(f"{self._place()} {cell.key:28} {took:7.1f} s  {means}{self._time_left()}")

    def _place(self) -> str:
        return f"[{self._total - len(self._left):{len(str(self._total))}}/{self._total}]"

    def _time_left(self) -> str:
        if not self._left:
            return ""
        known = [self._took[experiment.kind] for experiment in self._left if experiment.kind in self._took]
        seconds = sum(sum(took) / len(took) for took in known)
        return f"; {'' if len(known) == len(self._left) else 'more than '}{_clock(seconds)} left"


def _clock(seconds: float) -> str:
    """ "12 s", "3 min", "2 h 05 min"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"
