"""The figure of a sweep: quality over its first axis of numbers, a line for each combination of the other axes, group and receiver.

Where `seed` is an axis, a point is the mean over the seeds, with the interval over them; otherwise the interval is that of the run.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from linksim.plots.plot_style import save
from linksim.plots.sweeps import SweepLine, SweepPanel, sweep_figure
from linksim.statistics import Interval, mean_interval
from linksim.sweeps.journal import Row
from linksim.sweeps.points import shown
from linksim.sweeps.table import SweepTable

SEED = "seed"
QUANTITIES = {"psnr_db": "PSNR (dB)", "ssim": "SSIM", "accuracy": "accuracy", "reward": "reward"}
MAX_LINES = 12  # more cannot be distinguished


def draw(table: SweepTable, path: Path, title: str) -> Path | None:
    """Draw the figure and return its file. None if no axis has two numbers, or if there would be more than `MAX_LINES` lines."""
    axis = next((name for name in table.axes if name != SEED and len(_numbers(table, name)) > 1), None)
    if axis is None:
        return None
    found = {quantity: lines(table, axis, quantity) for quantity in QUANTITIES}
    panels = [SweepPanel(QUANTITIES[name], QUANTITIES[name], tuple(drawn), axis) for name, drawn in found.items() if drawn]
    if not panels or max(len(panel.lines) for panel in panels) > MAX_LINES:
        return None
    return save(sweep_figure(title, panels), path)


def lines(table: SweepTable, axis: str, quantity: str) -> list[SweepLine]:
    """Return the lines of a panel.

    axis      name of the axis of numbers
    quantity  column of the table
    """
    kept: dict[str, dict[float, list[Row]]] = {}
    varied = [name for name in table.axes if name not in (axis, SEED)]
    groups, receivers = (len(set(table.column(name))) > 1 for name in ("group", "receiver"))
    for row in table.rows:
        if row.get(quantity) is None or not _is_number(row[axis]):
            continue
        parts = [f"{name.rpartition('.')[2]} {shown(row[name])}" for name in varied]
        parts += [str(row["group"])] * groups + [str(row["receiver"]).capitalize()] * (receivers or not (varied or groups))
        kept.setdefault(", ".join(parts), {}).setdefault(float(row[axis]), []).append(row)
    return [SweepLine(label, tuple(sorted(rows)), tuple(value_of(rows[x], quantity) for x in sorted(rows))) for label, rows in kept.items()]


def value_of(rows: Sequence[Row], quantity: str) -> Interval:
    """Return the value of a point: that of its run, or the mean of several runs."""
    if len(rows) > 1:
        return mean_interval(np.array([row[quantity] for row in rows], np.float64))
    (row,) = rows
    value = float(row[quantity])
    low, high = (float(row.get(f"{quantity}_{end}", value)) for end in ("low", "high"))
    return Interval(value, low, high, 1)


def _numbers(table: SweepTable, axis: str) -> set[float]:
    return {float(value) for value in table.column(axis) if _is_number(value)}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
