"""The table of a sweep: a row per point, group of links and receiver, with means and 95 % intervals.

The columns are those of the axes, then `group`, `receiver`, and the numbers of `linksim show`: a mean has its bounds in columns with the
suffixes `_low` and `_high`, and a value that a run does not have is absent.
"""

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from linksim.plots.summary import GroupSummary, ReceiverSummary
from linksim.statistics import Interval, student_interval
from linksim.sweeps.journal import Row
from linksim.sweeps.points import REPLICATED, shown

if TYPE_CHECKING:
    import pandas as pd

SUMS = ("images", "units", "decoded", "lost")  # columns that are numbers of something
BOUNDS = ("_low", "_high")  # suffixes of the columns of an interval


@dataclass(frozen=True)
class SweepTable:
    """The results of a sweep.

    axes    names of the axes
    rows    one mapping per point, group and receiver, in the order of the points
    errors  message of each point that failed, by its values as text
    """

    axes: Sequence[str]
    rows: Sequence[Row]
    errors: Mapping[str, str]

    @property
    def columns(self) -> list[str]:
        """Names of all columns, in their order."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def column(self, name: str) -> list[Any]:
        """Return the values of a column, None where a row has none."""
        return [row.get(name) for row in self.rows]

    def means(self) -> "SweepTable":
        """Return the table of the means over replications and seeds, a row per cell, group and receiver.

        A mean has Student's interval over the runs; their number is in the column `runs`, and numbers of images and frames are their sums.
        A cell with one run keeps the interval of that run.
        """
        axes, cells = [name for name in self.axes if name not in REPLICATED], dict[str, list[Row]]()
        for row in self.rows:
            cells.setdefault(shown([row[name] for name in (*axes, "group", "receiver")]), []).append(row)
        return SweepTable(axes, [_mean_row([*axes, "group", "receiver"], rows) for rows in cells.values()], self.errors)

    def csv(self) -> str:
        """Return the table as CSV, with the names of the columns in the first line."""
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, lineterminator="\n")
        writer.writeheader()
        for row in self.rows:
            writer.writerow({name: shown(value) if isinstance(value, dict | list | bool) else value for name, value in row.items()})
        return text.getvalue()

    def to_pandas(self) -> "pd.DataFrame":
        """Return the table as a pandas data frame. Needs pandas."""
        import pandas as pd

        return pd.DataFrame(list(self.rows), columns=self.columns)


def _mean_row(keys: Sequence[str], rows: Sequence[Row]) -> Row:
    """The row of the means of a cell. `keys` are the columns that its rows have in common."""
    found = {name: rows[0][name] for name in keys} | {"runs": len(rows)}
    if len(rows) == 1:
        return found | {name: value for name, value in rows[0].items() if name not in (*REPLICATED, "trace")}
    names = dict.fromkeys(name for row in rows for name in row)
    for name in [name for name in names if name not in (*keys, *REPLICATED, "trace") and not name.endswith(BOUNDS)]:
        values = np.array([row[name] for row in rows if row.get(name) is not None], np.float64)
        found |= {name: int(values.sum())} if name in SUMS else dict(bounds(name, student_interval(values)))
    return found


def summary_rows(groups: Sequence[GroupSummary]) -> list[Row]:
    """Return the rows of a run, one per group and receiver."""
    return [
        {"group": group.name, "receiver": name} | receiver_values(receiver) | group_values(group)
        for group in groups
        for name, receiver in (("bob", group.bob), ("eve", group.eve))
        if receiver is not None
    ]


def receiver_values(receiver: ReceiverSummary) -> Row:
    """Return the numbers of a receiver that exist."""
    found: dict[str, Any] = {"images": receiver.images, "units": receiver.units}
    means = {"psnr_db": receiver.psnr_db, "ssim": receiver.ssim, **receiver.metrics, "accuracy": receiver.accuracy}
    for name, interval in means.items():
        found |= dict(bounds(name, interval))
    if math.isfinite(receiver.psnr_of_mean_mse_db):
        found["psnr_of_mean_mse_db"] = receiver.psnr_of_mean_mse_db
    return found


def group_values(group: GroupSummary) -> Row:
    """Return the numbers of a group that exist."""
    found: dict[str, Any] = {"decoded": group.decoded, "lost": group.lost}
    shares = {"control_share": group.control_share, "jam_share": group.jam_share}
    if group.adaptation is not None:
        shares |= {f"mean_{name}": value for name, value in group.adaptation.parameters.items()}
        for name, interval in (("reward", group.adaptation.reward), ("robust_accuracy", group.adaptation.robust_accuracy)):
            found |= dict(bounds(name, interval))
    return found | {name: value for name, value in shares.items() if math.isfinite(value)}


def bounds(name: str, interval: Interval) -> Iterator[tuple[str, float]]:
    """Yield the mean of an interval and its bounds, by column, as far as they exist."""
    for suffix, value in (("", interval.value), ("_low", interval.low), ("_high", interval.high)):
        if interval.n and math.isfinite(value):
            yield name + suffix, value
