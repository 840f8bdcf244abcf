"""What a sweep runs: the cells of a grid of options, each replicated a given number of times or until a rule stops it.

    scenario, axes --> cells --> points of the first replications --run--> `further`: points of more replications --run--> ...

Which replications follow depends on the results alone, so a sweep that was ended makes the same decisions again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from linksim import __version__
from linksim.errors import LinksimError
from linksim.sweeps.journal import Outcome
from linksim.sweeps.points import MAX_POINTS, REPLICATED, Axis, Point, Source, cells_of
from linksim.sweeps.stop import LEAST, StopRule

Part = tuple[int, int]  # (i, n): points i, i + n, i + 2 n, ..., counted from 1; with a stop rule, cells
WHOLE: Part = (1, 1)


@dataclass
class Plan:
    """The points of a sweep, as far as they are planned.

    source        returns the scenario with overrides
    axes          as in `points.cells_of`
    replications  number of runs of each cell, and with a stop rule, of runs before the first decision
    stop          when a cell has enough replications; None for a fixed number
    part          the part of the points that is run
    columns       names of the axes, in the order of the table

    Raises as `points.cells_of` does, and LinksimError for too many points and for replications of a seed.
    """

    source: Source
    axes: Mapping[str, Axis]
    replications: int = 1
    stop: StopRule | None = None
    part: Part = WHOLE
    columns: list[str] = field(init=False)
    _points: list[list[Point]] = field(init=False)  # of each cell, its replications

    def __post_init__(self) -> None:
        cells = cells_of(self.source, self.axes)
        first = max(self.replications, LEAST) if self.stop and self.stop.width else self.replications
        self._replicated = self.stop is not None or first > 1
        if self._replicated and (seeds := [name for name in REPLICATED if name in cells[0].values]):
            raise LinksimError(f"axis {seeds[0]}: its values are replications themselves, allowed: one of the two")
        if len(cells) * first > MAX_POINTS:
            raise LinksimError(f"got {len(cells) * first:,} points, allowed: at most {MAX_POINTS:,}")
        number, count = self.part
        self._cells = cells[number - 1 :: count] if self.stop else cells
        self._points = [[] for _ in self._cells]
        self.columns = [*cells[0].values, *(["replication"] if self._replicated else [])]
        self._extend([first] * len(self._cells))

    def points(self) -> list[Point]:
        """Return all points that are planned so far, cell by cell."""
        found, (number, count) = [point for points in self._points for point in points], self.part
        return found if self.stop else found[number - 1 :: count]

    def size(self) -> str:
        """Return the numbers of cells and points in words.

        "24 cells", "24 cells x 5 replications", "24 cells x 5 to 100 replications"
        """
        cells, each = len(self._cells), max((len(points) for points in self._points), default=0)
        to = f" to {self.stop.most}" if self.stop else ""
        return f"{cells:,} cell{'s' * (cells != 1)}" + (f" x {each}{to} replications" if self._replicated else "")

    def further(self, outcomes: Mapping[str, Outcome]) -> bool:
        """Plan more replications of the cells that need them, given the outcomes by digest -> whether there are any.

        All points that are planned must have an outcome. Raises as `StopRule.planned` does.
        """
        if self.stop is None:
            return False
        rule = self.stop
        return self._extend([rule.planned([outcomes[point.digest].rows for point in points]) for points in self._points])

    def _extend(self, counts: list[int]) -> bool:
        """Plan replications up to a number for each cell -> whether there are new ones."""
        before = sum(map(len, self._points))
        for cell, points, count in zip(self._cells, self._points, counts, strict=True):
            points += [cell.point((__version__,), number if self._replicated else None) for number in range(len(points), count)]
        return sum(map(len, self._points)) > before
