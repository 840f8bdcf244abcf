"""The trace writer: a listener that writes every record to its table of an HDF5 file. A kill at any time leaves a readable file.

    record -> pending rows -- 512 rows of one table --> datasets of all tables -> flush -> counters of committed rows -> flush

The file is created in a private folder with all of its objects and is in HDF5's SWMR mode (single writer, multiple readers) from then on.
It gets its name at once, or, if it replaces a trace, when it is closed. A row is valid only once the counter of its table includes it. The
writer uses the low-level interface of h5py, which takes 5 us per column and block instead of 80 us.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import MISSING, fields
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
from linksim.interrupts import deferred
from linksim.records import TABLES, BlockListener, Column, Record
from linksim.trace import layout
from linksim.trace.destination import Destination
from linksim.trace.layout import BLOCK, COMMITTED, ROW, ColumnKey, Compression, RunMetadata, wrap_errors

_SCALAR = h5s.create(h5s.SCALAR)


class TableWriter:
    """Writer of one table of a trace.

    pending    records that are not written yet, after those that are in columns; the list object never changes
    written    number of rows in the datasets
    committed  number of rows that the file's counter includes
    """

    def __init__(
        self, file: h5py.File, record: type[Record], table_columns: tuple[Column, ...], meanings: Mapping[ColumnKey, tuple[str, ...]]
    ) -> None:
        group = file[record.table]
        self._table = record.table
        self._columns = table_columns
        self._meanings = [meanings.get((record.table, c.name), c.meanings) for c in self._columns]
        self._fields = tuple(dict.fromkeys(c.field for c in self._columns))
        self._values = attrgetter(*self._fields)
        targets = [group[ROW], *(group[c.name] for c in self._columns)]
        self._targets = [(d.id, d.shape[1:], h5t.py_create(d.dtype)) for d in targets]
        self._counter = file[COMMITTED][record.table].id
        defaults = {f.name: f.default if f.default is not MISSING else f.default_factory for f in fields(record)}
        self._defaults = {name: default() if callable(default) else default for name, default in defaults.items()}
        self.pending: list[Record] = []
        self._waiting: dict[str, list[Any]] = {name: [] for name in self._fields}  # by field
        self.written = 0
        self.committed = 0

    @property
    def waiting(self) -> int:
        """Number of rows that are not written yet."""
        return len(self._waiting[self._fields[0]]) + len(self.pending)

    def add(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Add rows, given as the values of each field; a field that is left out has its default."""
        self._collect()
        rows = len(columns[self._fields[0]])
        for name, values in self._waiting.items():
            values.extend(columns[name] if name in columns else [self._defaults[name]] * rows)

    def _collect(self) -> None:
        """Convert the pending records to columns."""
        if self.pending:
            for values, found in zip(self._waiting.values(), zip(*map(self._values, self.pending), strict=True), strict=True):
                values.extend(found)
            self.pending.clear()

    def write_rows(self) -> None:
        """Write the pending rows to the datasets. Raises ValueError, and writes none, if a value does not fit its column."""
        self._collect()
        if not self.waiting:
            return
        values = [_cells(column, self._waiting[column.field]) for column in self._columns]
        self._waiting = {name: [] for name in self._fields}  # also if writing fails: a bad row must not fail every later flush
        packed = []
        for column, words, (_, shape, _), cells in zip(self._columns, self._meanings, self._targets[1:], values, strict=True):
            try:
                array = _pack(column, shape, cells)
                layout.check_values(column, words, array)
            except (ValueError, TypeError, OverflowError, struct.error) as error:
                raise ValueError(f"a record does not fit the column {self._table}.{column.name}: {error}") from error
            packed.append(array)
        self.append(packed)

    def append(self, arrays: Sequence[NDArray[Any]]) -> None:
        """Append rows given as one array [rows, ...] per column, in the order of the record's fields."""
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
        """Set the counter to the number of written rows. The caller flushes the file before and after."""
        self._counter.write(_SCALAR, _SCALAR, np.array(self.written, np.uint64))
        self.committed = self.written


def _cells(column: Column, values: Sequence[Any]) -> Sequence[Any]:
    """Values of one column: the entries of a mapping, and the fill value for what is absent."""
    if column.key:
        values = [mapping.get(column.key) for mapping in values]
    return [column.fill if value is None else value for value in values] if column.optional else values


def _pack(column: Column, shape: tuple[int, ...], cells: Sequence[Any]) -> NDArray[Any]:
    """Convert one column of a block to an array. `struct` is faster than numpy here, and it rejects values that numpy would round."""
    if not shape:
        return np.frombuffer(_packer(column.dtype.char, len(cells)).pack(*cells), column.dtype)
    wrong = next((cell for cell in cells if cell.shape != shape or cell.dtype != column.dtype), None)
    if wrong is not None:
        raise ValueError(f"expected {column.dtype} {list(shape)}, got {wrong.dtype} {list(wrong.shape)}")
    return np.ascontiguousarray(np.stack(cells))  # the memory layout of an image may be colour-last


@lru_cache(maxsize=256)
def _packer(kind: str, count: int) -> struct.Struct:
    return struct.Struct(f"{count}{kind}")


class TraceWriter(BlockListener):
    """Writer of the trace of a run: a listener, called with each record, and a context manager. Call `close` when the run has ended.

    path         path of the file, which is readable from the start; missing folders are created
    metadata     metadata of the run
    shapes       shape of a row of each array column: {("images", "pixels"): (3, 32, 32)}
    meanings     words of the codes that the records leave open: {("links", "group"): ("open", "sealed")}
    overwrite    replace an existing trace when this one is closed; until then it is at `location`
    compression  "gzip" makes the file smaller and writing many times slower

    If the `with` block ends by an exception or without `close`, the trace keeps all rows, is not complete, and replaces no other. The
    writer holds the lock of the file (`trace.lock`). SIGINT, SIGTERM and SIGHUP wait while rows are written. Equal calls produce equal
    bytes; calls of `flush` at times that depend on the wall clock do not. Raises TraceError if the file exists, is not a trace although it
    is to be replaced, is being written by another process, or cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        metadata: RunMetadata,
        shapes: Mapping[ColumnKey, tuple[int, ...]],
        meanings: Mapping[ColumnKey, tuple[str, ...]],
        overwrite: bool = False,
        compression: Compression = "none",
    ) -> None:
        self.path = Path(path)
        self._closed = False
        with wrap_errors(self.path, "cannot be written"), deferred():
            self._destination = Destination(self.path, overwrite)
            try:
                self._file = layout.create(self.location, metadata, shapes, meanings, compression)
                self._file.swmr_mode = True
                self._destination.lock()
                if not self._destination.replaces:
                    self._destination.publish()
            except BaseException:
                self._destination.discard()
                raise
        self._tables = {record: TableWriter(self._file, record, metadata.columns(record), meanings) for record in TABLES}
        self._pending = {record: table.pending for record, table in self._tables.items()}

    @property
    def location(self) -> Path:
        """Path of the file now: `path`, or a path in a private folder beside it until the trace that it replaces is replaced."""
        return self._destination.current

    def __call__(self, record: Record) -> None:
        """Add a record. Raises TraceError if the disk fails or the trace is closed, ValueError for a record that does not fit its table."""
        if self._closed:
            raise TraceError(f"{self.path} is closed, no record can be added")
        rows = self._pending[type(record)]
        rows.append(record)
        if len(rows) >= BLOCK:
            self.flush()  # all tables, so that the rows of other tables that a committed row refers to are committed too

    def block(self, record: type[Record], columns: Mapping[str, Sequence[Any]]) -> None:
        """Add records of one type as columns. Raises as a call with a record does."""
        if self._closed:
            raise TraceError(f"{self.path} is closed, no record can be added")
        table = self._tables[record]
        table.add(columns)
        if table.waiting >= BLOCK:
            self.flush()

    def append(self, record: type[Record], arrays: Sequence[NDArray[Any]]) -> None:
        """Write rows, given as one array [rows, ...] per column of a table, which the next flush commits. Raises TraceError."""
        if self._closed:
            raise TraceError(f"{self.path} is closed, no row can be added")
        with self._disk():
            self._tables[record].append(arrays)

    def committed(self, record: type[Record]) -> int:
        """Return the number of committed rows of a table; a kill cannot remove them."""
        return self._tables[record].committed

    def flush(self) -> None:
        """Write and commit all pending rows. Raises TraceError if the disk fails; the committed rows stay, and the trace is closed."""
        with self._disk():
            for table in self._tables.values():
                table.write_rows()
            h5f.flush(self._file.id)
            for table in self._tables.values():
                if table.committed != table.written:
                    table.commit()
            h5f.flush(self._file.id)

    def close(self, fingerprint: str, complete: bool = True) -> None:
        """Commit all pending rows, store how the run ended, close the file, and replace the former trace. A second call has no effect.

        fingerprint  hash of the run's events, at most 128 bytes
        complete     whether the run ended normally

        Raises TraceError if the disk fails, or if the file was removed, moved or replaced in the meantime; ValueError for a record that
        does not fit its table.
        """
        with deferred():
            self._end(fingerprint, complete, publish=True)

    def _end(self, fingerprint: str, complete: bool, publish: bool) -> None:
        if self._closed:
            return
        try:
            self.flush()
            with self._disk():
                layout.finish(self._file, fingerprint, complete)
                h5f.flush(self._file.id)
            self._destination.require_own()
            self._close_file()
            if publish and self._destination.replaces:
                with wrap_errors(self.path, "cannot be replaced"):
                    self._destination.publish()
        finally:
            self._close_file()
            self._destination.close()

    def _close_file(self) -> None:
        if not self._closed:
            self._closed = True
            with wrap_errors(self.path, "cannot be closed"):
                self._file.close()

    @contextmanager
    def _disk(self) -> Iterator[None]:
        """Convert disk errors into TraceError after closing the file without further writes; committed rows are safe."""
        with deferred():
            try:
                with wrap_errors(self.path, "cannot be written"):
                    yield
            except TraceError:
                self._closed = True
                layout.abandon(self._file)
                self._destination.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with deferred():
            if error is None:
                self._end("", complete=False, publish=False)
            else:  # the caller must see the first exception
                with suppress(TraceError, ValueError):
                    self._end("", complete=False, publish=False)
