"""Repair: the committed rows of an unfinished trace, copied into a clean file that any HDF5 tool opens."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from linksim.errors import TraceError
from linksim.records import TABLES, columns
from linksim.trace import layout
from linksim.trace.layout import faults
from linksim.trace.reader import Trace, open_trace
from linksim.trace.writer import Sheet

SLICE = 4096  # rows in memory at once


@dataclass(frozen=True)
class RepairReport:
    """What a repair kept.

    path  of the clean file
    rows  table -> rows kept, which are all that were committed
    """

    path: Path
    rows: Mapping[str, int]


def repair(path: str | Path, out: str | Path | None = None) -> RepairReport:
    """Copy the committed rows of an unfinished trace into the clean file `out`, or put that in its place. The run must have ended.

    The copy says `complete` 0 and `repaired` 1. Raises TraceError where `path` cannot be read or is complete, and where `out` exists.
    """
    path = Path(path)
    target = path if out is None else Path(out)
    if out is not None and target.exists():
        raise TraceError(f"{target} exists; choose another name for the repaired trace")
    temporary = layout.temporary_beside(target)
    with open_trace(path) as trace, faults(target, "cannot be written"):
        if trace.complete:
            raise TraceError(f"{path} is complete; there is nothing to repair")
        _check_whole(trace)
        meanings = trace.meanings()
        target.parent.mkdir(parents=True, exist_ok=True)
        file = layout.create(temporary, trace.about, trace.shapes, meanings, trace.compression)
        try:
            file.attrs["repaired"] = np.uint8(1)
            layout.finish(file, trace.fingerprint, complete=False)
            rows = {record.table: _copy(trace, Sheet(file, record, meanings), record.table) for record in TABLES}
            file.flush()
        except BaseException:
            layout.abandon(file)
            temporary.unlink()
            raise
        file.close()
        layout.publish(temporary, target, overwrite=out is None)
    return RepairReport(target, rows)


def _copy(trace: Trace, sheet: Sheet, table: str) -> int:
    total = trace.rows(table)
    for start in range(0, total, SLICE):
        sheet.append(list(trace.table(table, start, min(start + SLICE, total)).columns.values()))
    sheet.commit()
    return total


def _check_whole(trace: Trace) -> None:
    """A trace of an earlier linksim may lack a column, and a copy must not invent it."""
    for record in TABLES:
        missing = {column.name for column in columns(record)} - trace.table(record.table, 0, 0).columns.keys()
        if missing:
            raise TraceError(f"{trace.path} lacks {record.table}.{min(missing)}; repair it with the linksim that wrote it")
