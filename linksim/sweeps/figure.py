"""Figures of a sweep: metrics over an axis of numbers, a line for each combination of the other axes, group and receiver.

Where a cell was run several times, a point is the mean over the runs, with Student's interval over them; otherwise the interval is that of
the run.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from linksim.errors import LinksimError
from linksim.plots.plot_style import save
from linksim.plots.sweeps import SweepLine, SweepPanel, sweep_figure
from linksim.registry import suggest
from linksim.statistics import Interval
from linksim.sweeps.journal import Row
from linksim.sweeps.points import shown
from linksim.sweeps.table import BOUNDS, SweepTable

QUANTITIES = {"psnr_db": "PSNR (dB)", "ssim": "SSIM", "accuracy": "accuracy", "reward": "reward", "robust_accuracy": "robust accuracy"}
USUAL = ("psnr_db", "ssim", "accuracy", "reward")  # metrics of the figure that is drawn unasked
MAX_LINES, MAX_PANELS = 12, 24  # more cannot be distinguished


@dataclass(frozen=True)
class FigureSpec:
    """What a figure of a sweep shows.

    metrics  columns of the table, a panel each; those of `USUAL` that exist if empty
    over     axis of numbers; None for the first one
    by       columns whose values have panels of their own: axes, "group" or "receiver"
    """

    metrics: Sequence[str] = ()
    over: str | None = None
    by: Sequence[str] = ()


def draw(table: SweepTable, path: Path, title: str, spec: FigureSpec = FigureSpec()) -> Path | None:
    """Draw a figure and return its file. None if nothing was asked for and no axis has two numbers, or there would be too many lines.

    Raises LinksimError for a column that the table does not have, for an axis without numbers, and for too many lines or panels.
    """
    means, asked = table.means(), spec != FigureSpec()
    over = _axis(means, spec)
    if over is None:
        return None
    panels = panels_of(means, over, spec.metrics or [name for name in USUAL if _found(means, name)], spec.by)
    most = max((len(panel.lines) for panel in panels), default=0)
    if most > MAX_LINES or len(panels) > MAX_PANELS or not panels:
        if asked:
            allowed = f"at most {MAX_LINES} and {MAX_PANELS}; give an axis to --by, or fewer values"
            raise LinksimError(f"{path}: got {most} lines in {len(panels)} panels, allowed: {allowed}")
        return None
    return save(sweep_figure(title, panels, limits=_limits(panels)), path)


def panels_of(means: SweepTable, over: str, metrics: Sequence[str], by: Sequence[str] = ()) -> list[SweepPanel]:
    """Return a panel per metric and combination of the values of `by`; the other arguments are those of `FigureSpec`."""
    known = [*means.axes, "group", "receiver"]
    for name in by:
        if name not in known or name == over:
            raise LinksimError(f"no column {name!r} that has panels of its own; {suggest(name, [each for each in known if each != over])}")
    for name in metrics:
        if not _found(means, name):
            names = [each for each in means.columns if each not in known and not each.endswith(BOUNDS)]
            raise LinksimError(f"no column {name!r} with numbers; {suggest(name, names)}")
    parts: dict[str, list[Row]] = {}
    for row in means.rows:
        parts.setdefault(", ".join(_label(name, row) for name in by), []).append(row)
    drawn = [
        SweepPanel(part or QUANTITIES.get(name, name), QUANTITIES.get(name, name), tuple(lines(means, rows, over, name, by)), over)
        for name in metrics
        for part, rows in parts.items()
    ]
    return [panel for panel in drawn if panel.lines]


def lines(means: SweepTable, rows: Sequence[Row], over: str, metric: str, by: Sequence[str] = ()) -> list[SweepLine]:
    """Return the lines of a panel, named by the columns that vary in the table.

    means   the table of the means
    rows    those of its rows that belong to the panel
    over    name of the axis of numbers
    metric  column of the table
    by      columns that distinguish panels
    """
    kept: dict[str, list[tuple[float, Interval]]] = {}
    varied = [name for name in means.axes if name not in (over, *by)]
    varied += [name for name in ("group", "receiver") if name not in by and len(set(means.column(name))) > 1]
    for row in rows:
        if row.get(metric) is not None and is_number(row[over]):
            kept.setdefault(", ".join(_label(name, row) for name in varied or ["receiver"]), []).append((row[over], _value(row, metric)))
    return [SweepLine(label, *zip(*sorted(points, key=lambda point: point[0]), strict=True)) for label, points in kept.items()]


def is_number(value: object) -> bool:
    """Return whether a value of an axis is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _axis(means: SweepTable, spec: FigureSpec) -> str | None:
    """The axis of a figure. None if none was asked for and none has two numbers."""
    numbers = [name for name in means.axes if len({value for value in means.column(name) if is_number(value)}) > 1]
    if spec.over is None:
        return next((name for name in numbers if name not in spec.by), None)
    if spec.over not in numbers:
        raise LinksimError(f"no axis {spec.over!r} with several numbers; {suggest(spec.over, numbers)}")
    return spec.over


def _found(means: SweepTable, metric: str) -> bool:
    return metric not in (*means.axes, "group", "receiver") and any(value is not None for value in means.column(metric))


def _label(name: str, row: Mapping[str, object]) -> str:
    """The value of a column as a part of a label."""
    if name in ("group", "receiver"):
        return str(row[name]).capitalize() if name == "receiver" else str(row[name])
    return f"{name.rpartition('.')[2]} {shown(row[name])}"


def _value(row: Row, metric: str) -> Interval:
    """The mean of a row with its bounds, which are those of a value itself where it has none."""
    value = float(row[metric])
    low, high = (float(row.get(metric + end, value)) for end in BOUNDS)
    return Interval(value, low, high, 1)


def _limits(panels: Sequence[SweepPanel]) -> tuple[float, float]:
    """Limits of a common y axis: 0 to 1 for a share, else those of the values."""
    ends = [end for panel in panels for line in panel.lines for value in line.values for end in (value.low, value.high)]
    low, high = min(ends), max(ends)
    margin = 0.05 * (high - low) or 1.0
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low - margin, high + margin)
