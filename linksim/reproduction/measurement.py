"""Measurement of the experiments whose results are missing, one after the other, each stored as soon as it is measured."""

import time
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase

from linksim.computation import keep_freed_memory
from linksim.errors import LinksimError
from linksim.plots.papers import save_images
from linksim.progress import duration, progress_line, rate, times
from linksim.reproduction.paper import Experiment
from linksim.reproduction.results import DRAWS, ExperimentResult, ResultStore

SHOWN_METRICS = 3  # metrics in the line of a measured experiment

Say = Callable[[str], None]


def chosen(experiments: Sequence[Experiment], patterns: Sequence[str]) -> list[Experiment]:
    """The experiments that match one of `patterns`; all of them without patterns.

    A pattern is compared with the key and with each part of the key between slashes; `*` and `?` are wildcards. Raises LinksimError for a
    pattern that matches no experiment.
    """
    for pattern in patterns:
        if not any(_matches(experiment, pattern) for experiment in experiments):
            parts = sorted({part for experiment in experiments for part in experiment.key.split("/")})
            raise LinksimError(
                f"no experiment matches {pattern!r}; a key looks like {experiments[0].key!r}, its parts are among {', '.join(parts)}"
            )
    return [experiment for experiment in experiments if not patterns or any(_matches(experiment, pattern) for pattern in patterns)]


def _matches(experiment: Experiment, pattern: str) -> bool:
    return any(fnmatchcase(name, pattern) for name in (experiment.key, *experiment.key.split("/")))


def measure(
    experiments: Sequence[Experiment],
    digests: Mapping[str, str],
    results: ResultStore,
    progress: "MeasurementProgress",
    remeasure: bool = False,
) -> dict[str, list[str]]:
    """Measure the experiments that have no result with their digest, and store the results.

    remeasure  also measure the experiments whose result has other random draws than `DRAWS`

    -> the keys of the experiments that failed with a LinksimError, by its message
    """
    missing = [e for e in experiments if not results.has(e.key, digests[e.key]) or (remeasure and results[e.key].draws != DRAWS)]
    failures: dict[str, list[str]] = {}
    keep_freed_memory()
    progress.begin(missing)
    for experiment in missing:
        progress.start(experiment)
        try:
            measured = experiment.measure(progress.update)
        except LinksimError as error:
            failures.setdefault(str(error), []).append(experiment.key)
            continue
        for name, images in measured.images.items():
            save_images(results.folder, name, images)
        result = ExperimentResult(key=experiment.key, digest=digests[experiment.key], seed=experiment.seed, samples=measured.samples)
        results.put(result)
        progress.done(result)
    return failures


class MeasurementProgress:
    """Progress of the measurement. The remaining time is estimated from the experiments of the same kind measured so far.

    say   receives a line for every measured experiment
    draw  receives a line for the experiment in progress; each replaces the one before
    """

    def __init__(self, say: Say, draw: Say) -> None:
        self._say, self._draw = say, draw
        self._left: list[Experiment] = []
        self._total = 0
        self._durations_s: dict[str, list[float]] = {}
        self._started = 0.0

    def begin(self, missing: Sequence[Experiment]) -> None:
        """Announce the experiments that will be measured, in order."""
        self._left, self._total = list(missing), len(missing)

    def start(self, experiment: Experiment) -> None:
        """Announce that the measurement of an experiment begins."""
        self._started = time.monotonic()
        self._current = experiment
        self._left = [other for other in self._left if other is not experiment]
        self.update(0)

    def update(self, samples: int) -> None:
        """Announce how many samples the current experiment has."""
        experiment, elapsed_s = self._current, time.monotonic() - self._started
        clock = rate(samples, elapsed_s, "images"), times(elapsed_s, samples, experiment.size)
        self._draw(progress_line(samples, experiment.size, "images", f"{self._place()} {experiment.key:28} ", clock))

    def done(self, result: ExperimentResult) -> None:
        """Announce the result of the current experiment."""
        duration_s = time.monotonic() - self._started
        self._durations_s.setdefault(self._current.kind, []).append(duration_s)
        means = ", ".join(f"{metric} {result.interval(metric).value:.4g}" for metric in list(result.samples)[:SHOWN_METRICS])
        self._say(f"{self._place()} {result.key:28} {duration_s:7.1f} s  {means}{self._time_left()}")

    def _place(self) -> str:
        return f"[{self._total - len(self._left):{len(str(self._total))}}/{self._total}]"

    def _time_left(self) -> str:
        if not self._left:
            return ""
        known = [self._durations_s[experiment.kind] for experiment in self._left if experiment.kind in self._durations_s]
        seconds = sum(sum(durations) / len(durations) for durations in known)
        return f"; {'' if len(known) == len(self._left) else 'more than '}{duration(seconds)} left"
