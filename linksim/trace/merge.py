"""Merging of the traces of the parts of a run, which have different links, into the trace of the run.

The rows of a table are in the order of their time and then of their link. So the result does not depend on how the links were divided,
except for the last bits of what networks computed in other batches.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from linksim.records import TABLES, Record
from linksim.trace.reader import Trace, TraceTable, open_trace
from linksim.trace.writer import TraceWriter

ORDER = (
    "time_ns",
    "link",
    "frame",
    "receiver",
    "node",
    "item",
    "image",
    "symbol",
)  # columns by which rows are ordered, where a table has them
SLICE = 4096  # rows that are written together
MAX_SHARDS = 1024
SHARDS = "shards"  # name, among the versions of a trace, of the number of its parts: the last bits depend on it


def merge(parts: Sequence[Path], path: Path, overwrite: bool, fingerprint: str | None) -> None:
    """Write the committed rows of all parts to a new trace.

    parts        traces of the parts, at least one
    path         the new trace
    overwrite    replace an existing trace
    fingerprint  that of the run; None marks the new trace as not complete

    A table is in memory as a whole. Raises TraceError if a part cannot be read, or as `TraceWriter` does.
    """
    with ExitStack() as stack:
        traces = [stack.enter_context(open_trace(part)) for part in parts]
        first = traces[0]
        metadata = replace(
            first.metadata,
            versions={**first.versions, SHARDS: str(len(parts))},
            models={name: digest for trace in traces for name, digest in trace.models.items()},  # a part may lack those of some groups
            components={name: place for trace in traces for name, place in trace.metadata.components.items()},
        )
        with TraceWriter(path, metadata, first.shapes, first.meanings(), overwrite, first.compression) as writer:
            for record in TABLES:
                _merge_table([trace.table(record.table) for trace in traces], writer, record)
            writer.close(fingerprint or "", complete=fingerprint is not None)


def shards_of(trace: Trace) -> int:
    """Return the number of parts from which a trace was merged, 1 for the trace of a run in one process."""
    found = trace.versions.get(SHARDS, "")
    return int(found) if found.isascii() and found.isdecimal() and 0 < int(found) <= MAX_SHARDS else 1


def _merge_table(tables: Sequence[TraceTable], writer: TraceWriter, record: type[Record]) -> None:
    """Write the rows of a table of all parts in their order."""
    columns = {name: np.concatenate([table[name] for table in tables]) for name in tables[0].columns}
    order = np.lexsort([columns[name] for name in reversed(ORDER) if name in columns])  # stable
    for start in range(0, len(order), SLICE):
        rows = order[start : start + SLICE]
        writer.append(record, [column[rows] for column in columns.values()])
