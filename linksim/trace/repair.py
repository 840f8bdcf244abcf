"""Repair of an unfinished trace: its committed rows are copied into a new file that any HDF5 tool can open.

A run that was killed leaves a file that HDF5 still considers open for writing, with uncommitted rows at the end of its datasets. The copy
has neither. It is not complete: rows that the run has not written are missing, and `linksim run --from` repeats the run.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from linksim import files
from linksim.errors import TraceError
from linksim.records import TABLES
from linksim.trace import layout
from linksim.trace.layout import wrap_errors
from linksim.trace.lock import is_at, locked
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
    """Copy the committed rows of an unfinished trace into the new file `out`, or replace the trace if `out` is None.

    The copy has `complete` 0 and `repaired` 1. The trace stays as it is until the copy is complete. Raises TraceError if `path` cannot be
    read, is complete, or is being written by another process, or if `out` exists or cannot be written.
    """
    path = Path(path)
    target = path if out is None else Path(out)
    if out is not None and os.path.lexists(target):
        raise TraceError(f"{target} exists; choose another name for the repaired trace")
    with open_trace(path) as trace, wrap_errors(target, "cannot be written"), locked(path, shared=True) as descriptor:
        if trace.complete:
            raise TraceError(f"{path} is complete; there is nothing to repair")
        _check_columns(trace)
        target.parent.mkdir(parents=True, exist_ok=True)
        staged = files.stage(target)
        try:
            rows = _write_copy(trace, staged)
            if not (is_at(descriptor, path) if out is None else not os.path.lexists(target)):
                raise TraceError(f"{target} was created or replaced by another process in the meantime; nothing was changed")
            files.publish(staged, target)
        finally:
            files.discard(staged)
    return RepairReport(target, rows)


def _write_copy(trace: Trace, path: Path) -> dict[str, int]:
    """Write all committed rows to a new file and return their number by table."""
    meanings = trace.meanings()
    file = layout.create(path, trace.metadata, trace.shapes, meanings, trace.compression)
    file.attrs["repaired"] = np.uint8(1)
    layout.finish(file, trace.fingerprint, complete=False)
    file.swmr_mode = True  # in this mode HDF5 survives a full disk
    tables = {record.table: TableWriter(file, record, trace.metadata.columns(record), meanings) for record in TABLES}
    try:
        for name, table in tables.items():
            _copy(trace, table, name)
            file.flush()
        for table in tables.values():
            table.commit()
        file.flush()
    except BaseException:
        layout.abandon(file)
        raise
    file.close()
    return {name: table.written for name, table in tables.items()}


def _copy(trace: Trace, table: TableWriter, name: str) -> None:
    for start in range(0, trace.rows(name), SLICE):
        table.append(list(trace.table(name, start, start + SLICE).columns.values()))


def _check_columns(trace: Trace) -> None:
    """Raise TraceError if a column is missing, as in a trace of an older linksim: a copy would have to make up its values."""
    for record in TABLES:
        missing = {column.name for column in trace.metadata.columns(record)} - trace.table(record.table, 0, 0).columns.keys()
        if missing:
            raise TraceError(
                f"{trace.path} lacks the column {record.table}.{min(missing)}; repair it with the version of linksim that wrote it"
            )
