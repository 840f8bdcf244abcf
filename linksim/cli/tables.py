"""The table of a sweep as text, and where it lies."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from linksim.sweeps.table import SweepTable

SHOWN = ("psnr_db", "ssim", "accuracy", "reward")  # metrics that are printed unasked
TABLE = "sweep.csv"  # in the folder of a sweep


def is_sweep(path: Path) -> bool:
    """Return whether a path is the folder of a sweep, or its table."""
    return (path / TABLE).is_file() or path.suffix == ".csv"


def table_at(path: Path) -> "SweepTable":
    """Return the table of a sweep: the file itself, or sweep.csv in its folder. Raises LinksimError if it cannot be read."""
    from linksim.sweeps.table_file import read_table

    return read_table(path if path.suffix == ".csv" else path / TABLE)


def lines_of(table: "SweepTable") -> list[str]:
    """Return the table as lines of aligned columns: axes, group, receiver, runs, and the numbers of `SHOWN` with their intervals."""
    from linksim.sweeps.points import shown
    from linksim.sweeps.table import BOUNDS

    metrics = [name for name in SHOWN if any(value is not None for value in table.column(name))]
    counts = ["runs"] if any(row.get("runs", 1) > 1 for row in table.rows) else []
    names = [*table.axes, "group", "receiver", *counts, *metrics]

    def cell(row: dict[str, Any], name: str) -> str:
        value = row.get(name)
        if value is None or name not in SHOWN:
            return "" if value is None else shown(value)
        low, high = (row.get(name + end) for end in BOUNDS)
        return f"{value:.3f}" if low is None or high is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"

    return aligned([names, *([cell(row, name) for name in names] for row in table.rows)])


def aligned(cells: Sequence[Sequence[str]]) -> list[str]:
    """Return a line per row of cells, with columns of equal width.

    >>> aligned([["snr", "psnr"], ["10", "30.5"]])
    ['snr  psnr', '10   30.5']
    """
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells]
