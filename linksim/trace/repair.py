"""Repair of an unfinished trace: its committed rows are copied into a new file that any HDF5 tool can open."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from linksim.errors import TraceError
from linksim.records import TABLES, columns
from linksim.trace import layout
from linksim.trace.layout import wrap_errors
from linksim.trace.reader import Trace, open_trace
from linksim.trace.writer import TableWriter

SLICE = 4096  # rows in memory at once


@dataclass(frozen=True)
class RepairReport:
    """Result of a repair.

    path  path of the repaired file
    rows  number of rows by table; all committed rows are kept
    """

    path: Path
    rows: Mapping[str, int]


def repair(path: str | Path, out: str | Path | None = None) -> RepairReport:
    """Copy the committed rows of an unfinished trace into the new file `out`, or replace the trace without `out`. The run must have ended.

    The copy has `complete` 0 and `repaired` 1. Raises TraceError if `path` cannot be read or is complete, or if `out` exists.
    """
    path = Path(path)
    target = path if out is None else Path(out)
    if out is not None and target.exists():
        raise TraceError(f"{target} exists; choose another name for the repaired trace")
    temporary = layout.temporary_beside(target)
    with open_trace(path) as trace, wrap_errors(target, "cannot be written"):
        if trace.complete:
            raise TraceError(f"{path} is complete; there is nothing to repair")
        _check_columns(trace)
        meanings = trace.meanings()
        target.parent.mkdir(parents=True, exist_ok=True)
        file = layout.create(temporary, trace.metadata, trace.shapes, meanings, trace.compression)
        try:
            file.attrs["repaired"] = np.uint8(1)
            layout.finish(file, trace.fingerprint, complete=False)
            rows = {
                record.table: _copy(trace, TableWriter(file, record, columns(record, trace.metadata.parameters), meanings), record.table)
                for record in TABLES
            }
            file.flush()
        except BaseException:
            layout.abandon(file)
            temporary.unlink()
            raise
        file.close()
        layout.publish(temporary, target, overwrite=out is None)
    return RepairReport(target, rows)


def _copy(trace: Trace, writer: TableWriter, table: str) -> int:
    total = trace.rows(table)
    for start in range(0, total, SLICE):
        writer.append(list(trace.table(table, start, min(start + SLICE, total)).columns.values()))
    writer.commit()
    return total


def _check_columns(trace: Trace) -> None:
    """Raise TraceError if a column is missing, as in a trace of an older linksim: a copy would have to make up its values."""
    for record in TABLES:
        missing = {column.name for column in columns(record, trace.metadata.parameters)} - trace.table(record.table, 0, 0).columns.keys()
        if missing:
            raise TraceError(
                f"{trace.path} lacks the column {record.table}.{min(missing)}; repair it with the version of linksim that wrote it"
            )
