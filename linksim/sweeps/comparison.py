"""Comparison of the values of an axis of a sweep: paired differences over the replications, at equal values of the other axes.

Replications of equal number have equal random streams in all cells, so a difference is less random than the means that it is between.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linksim.errors import LinksimError
from linksim.registry import suggest
from linksim.statistics import Interval, student_interval
from linksim.sweeps.journal import Row
from linksim.sweeps.points import REPLICATED, shown
from linksim.sweeps.table import SweepTable


@dataclass(frozen=True)
class CellDifference:
    """A metric at two values of an axis.

    cell        values of the other axes, group and receiver
    first       value of the axis that the other is compared with
    second      the other value
    metric      column of the table
    of_first    mean over the replications that both have
    of_second   the same at the other value
    difference  mean of second minus first, with Student's interval over the replications; the bounds of a single one are NaN
    """

    cell: Row
    first: str
    second: str
    metric: str
    of_first: float
    of_second: float
    difference: Interval


def compare_values(table: SweepTable, axis: str, metrics: Sequence[str]) -> list[CellDifference]:
    """Return the differences to the first value of an axis, at each combination of the values of the other axes, group and receiver.

    axis     an axis, "group" or "receiver"
    metrics  columns of the table

    Raises LinksimError for a column without several values.
    """
    keys = [*(name for name in table.axes if name not in REPLICATED), "group", "receiver"]
    varied = [name for name in keys if len({shown(value) for value in table.column(name)}) > 1]
    if axis not in varied:
        raise LinksimError(f"no column {axis!r} with several values to compare; {suggest(axis, varied)}")
    replicated, others = [name for name in table.axes if name in REPLICATED], [name for name in keys if name != axis]
    runs: dict[str, dict[str, dict[str, Row]]] = {}  # by the values of the other axes, then by that of the axis, then by replication
    for row in table.rows:
        values = runs.setdefault(shown([row.get(name) for name in others]), {})
        values.setdefault(shown(row[axis]), {})[shown([row[name] for name in replicated])] = row
    found = list[CellDifference]()
    for values in runs.values():
        first, *rest = values
        for second in rest:
            pairs = [(values[first][key], row) for key, row in values[second].items() if key in values[first]]
            found += [each for metric in metrics for each in _difference(others, first, second, metric, pairs)]
    return found


def _difference(others: Sequence[str], first: str, second: str, metric: str, pairs: Sequence[tuple[Row, Row]]) -> list[CellDifference]:
    """The difference of a metric over pairs of runs, none if no pair has it."""
    both = [(one, other) for one, other in pairs if one.get(metric) is not None and other.get(metric) is not None]
    if not both:
        return []
    before, after = (np.array([pair[place][metric] for pair in both], np.float64) for place in (0, 1))
    found = student_interval(after - before)
    if found.n < 2:
        found = Interval(found.value, math.nan, math.nan, found.n)
    cell = {name: both[0][0][name] for name in others}
    return [CellDifference(cell, first, second, metric, float(before.mean()), float(after.mean()), found)]
