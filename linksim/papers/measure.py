"""Fills what is missing on a paper's shelf: cell after cell, each kept as soon as it is measured."""

import time
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase

from linksim.errors import LinksimError
from linksim.papers.cells import Cell, Shelf
from linksim.papers.paper import Want
from linksim.plots.papers import keep_pictures

TOLD = 3  # metrics of a cell that its line tells

Say = Callable[[str], None]


def chosen(wants: Sequence[Want], patterns: Sequence[str]) -> list[Want]:
    """The cells that one of `patterns` names, all where there is none. A pattern is a key or a word between its strokes, with * and ?.

    Raises LinksimError for a pattern that names no cell.
    """
    for pattern in patterns:
        if not any(_named(want, pattern) for want in wants):
            words = sorted({word for want in wants for word in want.key.split("/")})
            raise LinksimError(f"no cell is named by {pattern!r}; a cell is named as {wants[0].key!r}, the words are {', '.join(words)}")
    return [want for want in wants if not patterns or any(_named(want, pattern) for pattern in patterns)]


def _named(want: Want, pattern: str) -> bool:
    return any(fnmatchcase(word, pattern) for word in (want.key, *want.key.split("/")))


def measure(wants: Sequence[Want], digests: Mapping[str, str], shelf: Shelf, progress: "Progress") -> dict[str, list[str]]:
    """Measure the cells that are not on the shelf under their digest -> the keys of those that could not be, by what stood in the way."""
    missing = [want for want in wants if not shelf.has(want.key, digests[want.key])]
    faults: dict[str, list[str]] = {}
    progress.begin(missing)
    for want in missing:
        progress.start(want)
        try:
            measured = want.measure(progress.tell)
        except LinksimError as fault:
            faults.setdefault(str(fault), []).append(want.key)
            continue
        for name, pictures in measured.pictures.items():
            keep_pictures(shelf.folder, name, pictures)
        cell = Cell(want.key, digests[want.key], want.seed, measured.samples)
        shelf.put(cell)
        progress.done(cell)
    return faults


class Progress:
    """Says where the measuring stands, and how long what is left will take: as long as cells of the same kind took so far.

    say   takes a line for each measured cell
    draw  takes a line for the cell under way, each over the one before
    """

    def __init__(self, say: Say, draw: Say) -> None:
        self._say, self._draw = say, draw
        self._left: list[Want] = []
        self._total = 0
        self._took: dict[str, list[float]] = {}
        self._started = 0.0

    def begin(self, missing: Sequence[Want]) -> None:
        """These cells will be measured, in this order."""
        self._left, self._total = list(missing), len(missing)

    def start(self, want: Want) -> None:
        self._started = time.monotonic()
        self._under_way = want
        self._left = [other for other in self._left if other is not want]
        self.tell(0)

    def tell(self, samples: int) -> None:
        """The cell under way has so many samples."""
        want = self._under_way
        self._draw(f"{self._place()} {want.key:28} {samples}/{want.size} images")

    def done(self, cell: Cell) -> None:
        took = time.monotonic() - self._started
        self._took.setdefault(self._under_way.kind, []).append(took)
        means = ", ".join(f"{metric} {cell.interval(metric).value:.4g}" for metric in list(cell.samples)[:TOLD])
        self._say(f"{self._place()} {cell.key:28} {took:7.1f} s  {means}{self._time_left()}")

    def _place(self) -> str:
        return f"[{self._total - len(self._left):{len(str(self._total))}}/{self._total}]"

    def _time_left(self) -> str:
        if not self._left:
            return ""
        known = [self._took[want.kind] for want in self._left if want.kind in self._took]
        seconds = sum(sum(took) / len(took) for took in known)
        return f"; {'' if len(known) == len(self._left) else 'more than '}{_clock(seconds)} left"


def _clock(seconds: float) -> str:
    """ "12 s", "3 min", "2 h 05 min"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"
