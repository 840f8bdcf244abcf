"""The trace writer: a listener that puts every record it hears into its table of an HDF5 file, safe against a kill at any moment.

    record -> rows that wait, 256 of one table --> columns of all -> datasets -> flush -> counter of committed rows -> flush

The file is whole after every step: it is made under another name with all it will ever hold, from then on it is in HDF5's SWMR mode
(single writer, multiple readers), and a row counts only when the counter says so. HDF5 is spoken to in its low-level interface: 5 us per
column and block against 80 us.
"""

import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from h5py import h5f, h5s, h5t
from numpy.typing import NDArray

from linksim.errors import TraceError
from linksim.records import TABLES, Column, Record, columns
from linksim.trace import layout
from linksim.trace.layout import BLOCK, COMMITTED, ROW, Compression, Key, RunAbout, faults

_SCALAR = h5s.create(h5s.SCALAR)


class Sheet:
    """One table of a file being written.

    rows       records that wait to be written; the same list all the time
    written    rows in the datasets
    committed  rows that the file's counter vouches for
    """

    def __init__(self, file: h5py.File, record: type[Record], meanings: Mapping[Key, tuple[str, ...]]) -> None:
        group = file[record.table]
        self._table = record.table
        self._columns = columns(record)
        self._words = [meanings.get((record.table, c.name), c.meanings) for c in self._columns]
        self._values = attrgetter(*(c.name for c in self._columns))
        targets = [group[ROW], *(group[c.name] for c in self._columns)]
        self._targets = [(d.id, d.shape[1:], h5t.py_create(d.dtype)) for d in targets]
        self._counter = file[COMMITTED][record.table].id
        self.rows: list[Record] = []
        self.written = 0
        self.committed = 0

    def write_rows(self) -> None:
        """Put the rows that wait into the datasets. Raises ValueError for a value that its column cannot hold; then none is written."""
        if not self.rows:
            return
        values = list(zip(*map(self._values, self.rows), strict=True))
        self.rows.clear()  # whatever comes of them: a bad row must not come back at every flush
        packed = []
        for column, words, (_, shape, _), cells in zip(self._columns, self._words, self._targets[1:], values, strict=True):
            try:
                array = _pack(column, shape, cells)
                layout.check(column, words, array)
            except (ValueError, TypeError, OverflowError, struct.error) as fault:
                raise ValueError(f"a record cannot be kept in {self._table}.{column.name}: {fault}") from fault
            packed.append(array)
        self.append(packed)

    def append(self, arrays: Sequence[NDArray[Any]]) -> None:
        """Write rows given as columns, each [rows, ...], in the order of the record's fields."""
        start, count = self.written, len(arrays[0])
        if not count:
            return
        spaces: dict[tuple[int, ...], tuple[h5s.SpaceID, h5s.SpaceID]] = {}
        row = np.arange(start, start + count, dtype=np.int64)
        for (dataset, shape, kind), array in zip(self._targets, (row, *arrays), strict=True):
            if shape not in spaces:
                spaces[shape] = (h5s.create_simple((count, *shape)), h5s.create_simple((start + count, *shape)))
                spaces[shape][1].select_hyperslab((start, *(0 for _ in shape)), (count, *shape))
            dataset.set_extent((start + count, *shape))
            dataset.write(*spaces[shape], array, kind)
        self.written += count

    def commit(self) -> None:
        """Let the counter vouch for what was written. Call it after a flush, and flush again."""
        self._counter.write(_SCALAR, _SCALAR, np.array(self.written, np.uint64))
        self.committed = self.written


def _pack(column: Column, shape: tuple[int, ...], cells: Sequence[Any]) -> NDArray[Any]:
    """One column of a block. `struct` is faster than numpy here, and refuses what does not fit where numpy would round it."""
    if not shape:
        return np.frombuffer(_packer(column.dtype.char, len(cells)).pack(*cells), column.dtype)
    wrong = next((cell for cell in cells if cell.shape != shape or cell.dtype != column.dtype), None)
    if wrong is not None:
        raise ValueError(f"it holds {column.dtype} {list(shape)}, got {wrong.dtype} {list(wrong.shape)}")
    return np.ascontiguousarray(np.stack(cells))  # an image may lie in memory colour-last


@lru_cache(maxsize=256)
def _packer(kind: str, count: int) -> struct.Struct:
    return struct.Struct(f"{count}{kind}")


class TraceWriter:
    """Writes the trace of a run. Call it with each record; `close` it when the run has ended; use it in a `with` statement.

    path         of the file; missing folders are made. It appears there at once, readable from the first moment on
    about        what the run was
    shapes       (table, column) -> shape of a row of an array column: {("images", "image"): (3, 32, 32)}
    meanings     (table, column) -> words of a code that the records leave open: {("links", "group"): ("open", "sealed")}
    overwrite    replace a file of that name
    compression  "gzip" makes the file smaller and the writing many times slower

    Left by an exception, or without `close`, the trace keeps all its rows and is not complete. The same calls give the same bytes; a
    `flush` at moments that depend on the wall clock would not. Raises TraceError where the file exists or the disk refuses it.
    """

    def __init__(
        self,
        path: str | Path,
        about: RunAbout,
        shapes: Mapping[Key, tuple[int, ...]],
        meanings: Mapping[Key, tuple[str, ...]],
        overwrite: bool = False,
        compression: Compression = "none",
    ) -> None:
        self.path = Path(path)
        if not overwrite and os.path.lexists(self.path):
            raise TraceError(f"{self.path} exists; choose another name, or --overwrite to replace it")
        temporary = layout.temporary_beside(self.path)
        with faults(self.path, "cannot be written"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = layout.create(temporary, about, shapes, meanings, compression)
            try:
                self._file.swmr_mode = True
                layout.publish(temporary, self.path, overwrite)
            except BaseException:
                layout.abandon(self._file)
                temporary.unlink(missing_ok=True)
                raise
        self._sheets = {record: Sheet(self._file, record, meanings) for record in TABLES}
        self._rows = {record: sheet.rows for record, sheet in self._sheets.items()}

    def __call__(self, record: Record) -> None:
        """Keep a record. Raises TraceError when the disk fails, ValueError for a record that its table cannot hold."""
        rows = self._rows[type(record)]
        rows.append(record)
        if len(rows) >= BLOCK:
            self.flush()  # of all tables, so that what is committed of one has what it belongs to in the others

    def committed(self, record: type[Record]) -> int:
        """Rows of its table that a kill can no longer take."""
        return self._sheets[record].committed

    def flush(self) -> None:
        """Write and commit all that waits."""
        with self._disk():
            for sheet in self._sheets.values():
                sheet.write_rows()
            h5f.flush(self._file.id)
            for sheet in self._sheets.values():
                if sheet.committed != sheet.written:
                    sheet.commit()
            h5f.flush(self._file.id)

    def close(self, fingerprint: str, complete: bool = True) -> None:
        """Commit all that waits, say how the run ended, and close the file. A second call does nothing.

        fingerprint  of the run's events, at most 128 bytes
        complete     did the run come to its end?
        """
        if not self._file:
            return
        try:
            self.flush()
            with self._disk():
                layout.finish(self._file, fingerprint, complete)
                h5f.flush(self._file.id)
        finally:
            self._rows = {}
            with faults(self.path, "cannot be closed"):
                self._file.close()

    @contextmanager
    def _disk(self) -> Iterator[None]:
        """After a fault of the disk the file is closed as it is; what was committed is safe."""
        try:
            with faults(self.path, "cannot be written"):
                yield
        except TraceError:
            self._rows = {}
            layout.abandon(self._file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        if fault is None:
            self.close("", complete=False)
        else:  # what went wrong first is what the caller must hear of
            with suppress(TraceError, ValueError):
                self.close("", complete=False)
