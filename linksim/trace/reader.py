"""The trace reader: opens finished, unfinished and growing traces and validates all that it reads.

The number of rows of a table is its counter in the group `committed`, not the length of its datasets, whose end may be incomplete. A reader
keeps the rows that were committed when it was opened; `refresh` makes later ones visible. The reader takes the words of codes, the
negotiated parameters, the metrics and the set of tables from the file, so it reads traces of other scenarios, and of newer versions of
linksim that write the same format.
"""

import json
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from linksim.errors import TraceError
from linksim.negotiation import MAX_VALUE, Bound
from linksim.records import TABLES, Column, FrameSent, ImageScore, MetricColumn, Record, columns
from linksim.registry import suggest
from linksim.trace import guard, layout
from linksim.trace.layout import AXES, COMMITTED, ColumnKey, Compression, RunMetadata

ATTEMPTS = 5  # to read the headers of a growing file
PAUSE_S = 0.01  # between two attempts


@dataclass(frozen=True)
class TraceTable:
    """Rows of a table.

    name          name of the table
    columns       values by column name, [rows] or, for an array column, [rows, ...], in the order of the record's fields
    descriptions  unit, description and meanings by column name

    Values are as stored: codes are numbers, and absent values are the fill value of their column (`Column.fill`). `linksim.Run.table`
    decodes both.

    >>> outcome = Column("outcome", "1", "outcome of the transmission", np.dtype("uint8"), ("decoded", "not sent"))
    >>> table = TraceTable("frames", {"outcome": np.array([0, 1], np.uint8)}, {"outcome": outcome})
    >>> len(table), table["outcome"].tolist(), table.meanings("outcome")[1]
    (2, [0, 1], 'not sent')
    """

    name: str
    columns: Mapping[str, NDArray[Any]]
    descriptions: Mapping[str, Column]

    def __getitem__(self, column: str) -> NDArray[Any]:
        """Return the values of a column. Raises TraceError, with the most similar name, for an unknown column."""
        self._description(column)
        return self.columns[column]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def meanings(self, column: str) -> tuple[str, ...]:
        """Return the words of a code's values 0, 1, ..., or () for a column that is not a code."""
        return self._description(column).meanings

    def units(self, column: str) -> str:
        """Return the unit of a column, "1" for dimensionless values."""
        return self._description(column).unit

    def _description(self, column: str) -> Column:
        if column not in self.descriptions:
            raise TraceError(f"table {self.name!r} has no column {column!r}; {suggest(column, self.descriptions)}")
        return self.descriptions[column]


@dataclass(frozen=True)
class _Stored:
    """A table in the file.

    rows     number of committed rows
    columns  description and dataset of each column that the file has, by name
    """

    rows: int
    columns: Mapping[str, tuple[Column, h5py.Dataset]]


class Trace:
    """An open trace with the rows committed when it was opened or last refreshed. A context manager; created by `open_trace`.

    path         path of the file
    metadata     metadata of the run; its fields `scenario_yaml`, `seed`, `versions` and `models` are attributes of the trace too
    complete     whether the run ended normally
    repaired     whether the file is the repaired copy of an unfinished trace
    fingerprint  hash of the run's events, "" while the run goes on
    compression  "gzip" or "none"
    shapes       shape of a row of each array column, by (table, column)
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open = ExitStack()
        self.refresh()

    def refresh(self) -> None:
        """Read the file again, so that rows committed since become visible. Raises TraceError."""
        self._open.close()
        for attempts_left in reversed(range(ATTEMPTS)):
            with ExitStack() as stack, guard.wrap_read_errors(self.path):
                file = stack.enter_context(guard.open_read_only(self.path))
                try:
                    self._read_headers(file)
                except Exception:
                    if guard.is_closed(file) or attempts_left == 0:
                        raise
                else:
                    self._open = stack.pop_all()
                    return
            time.sleep(PAUSE_S)  # the headers may have been read between two writes of a running writer

    def _read_headers(self, file: h5py.File) -> None:
        path = self.path
        if "format" not in file.attrs or guard.text_attribute(file, "format") != layout.FORMAT:
            raise TraceError(f"{path} is an HDF5 file, but not a trace of linksim")
        version = guard.integer_attribute(file, "format_version")
        if version != layout.VERSION:
            raise TraceError(f"{path} has version {version} of the trace format; this linksim reads version {layout.VERSION}")
        scenario = guard.text_dataset(file, "scenario")
        self.metadata = RunMetadata(
            scenario_yaml=scenario,
            seed=guard.integer_attribute(file, "seed"),
            versions=_names(file, "versions"),
            models=_names(file, "models"),
            components=_components(file),
            parameters=_parameters(file),
            metrics=_metrics(file),
        )
        self.scenario_yaml = self.metadata.scenario_yaml
        self.seed = self.metadata.seed
        self.versions = self.metadata.versions
        self.models = self.metadata.models
        self.complete = bool(guard.integer_attribute(file, "complete"))
        self.repaired = "repaired" in file.attrs and bool(guard.integer_attribute(file, "repaired"))
        self.fingerprint = guard.text_attribute(file, "fingerprint")
        counters = guard.get_group(file, COMMITTED)
        tables = {record: self.metadata.columns(record) for record in TABLES if guard.has_link(file, record.table)}
        self._tables = {record.table: _stored(path, file, counters, record, known) for record, known in tables.items()}
        if not self._tables:
            raise TraceError(f"{path} contains none of the tables of a trace")
        found = [(name, column, d) for name, stored in self._tables.items() for column, d in stored.columns.values()]
        guard.check_declared_size(path, [d for _, _, d in found])
        self.compression: Compression = "gzip" if any(d.compression for _, _, d in found) else "none"
        self.shapes: Mapping[ColumnKey, tuple[int, ...]] = {(name, column.name): d.shape[1:] for name, column, d in found if d.ndim > 1}

    def tables(self) -> tuple[str, ...]:
        """Return the names of the tables in the file."""
        return tuple(self._tables)

    def rows(self, name: str) -> int:
        """Return the number of committed rows of a table. Raises TraceError for an unknown table."""
        if name not in self._tables:
            raise TraceError(f"{self.path} has no table {name!r}; {suggest(name, self._tables)}")
        return self._tables[name].rows

    def table(self, name: str, start: int = 0, stop: int | None = None) -> TraceTable:
        """Return the committed rows `start` to `stop` of a table, with the semantics of a Python slice.

        Only these rows are read, so a large trace can be processed in parts. Raises TraceError for an unknown table and for values that a
        trace must not have: a negative time, a code without a word.
        """
        first, last, _ = slice(start, stop).indices(self.rows(name))
        stored = self._tables[name].columns
        with guard.wrap_read_errors(self.path):
            values = {key: dataset[first : max(first, last)] for key, (_, dataset) in stored.items()}
            for key, (column, _) in stored.items():
                layout.check_values(column, column.meanings, values[key])
        return TraceTable(name, MappingProxyType(values), MappingProxyType({key: column for key, (column, _) in stored.items()}))

    def meanings(self) -> Mapping[ColumnKey, tuple[str, ...]]:
        """Return the words of every code in the file, by (table, column)."""
        kinds = ((name, column) for name, stored in self._tables.items() for column, _ in stored.columns.values())
        return {(name, column.name): column.meanings for name, column in kinds if column.meanings}

    def close(self) -> None:
        """Close the file."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def open_trace(path: str | Path) -> Trace:
    """Open a trace for reading: a finished one, one whose writer was killed, or one that is being written.

    Raises TraceError, with a message of one line, for a file that is missing, damaged, of another format or version, or that refers to
    other files or declares far more values than it stores.

    >>> open_trace("no-such-trace.h5")
    Traceback (most recent call last):
        ...
    linksim.errors.TraceError: no-such-trace.h5 does not exist
    """
    return Trace(Path(path))


def _names(file: h5py.File, attribute: str) -> Mapping[str, str]:
    """Return an attribute that holds a JSON object of texts."""
    return _mapping(guard.text_attribute(file, attribute), attribute)


def _mapping(text: str, attribute: str) -> Mapping[str, str]:
    """Return a JSON object of printable texts as a read-only mapping. Raises TraceError for any other JSON."""
    read = json.loads(text)
    if not isinstance(read, dict) or not all(isinstance(x, str) and x.isprintable() for pair in read.items() for x in pair):
        raise TraceError(f"attribute {attribute!r} of / does not map names to printable texts")
    return MappingProxyType(read)


def _stored(path: Path, file: h5py.File, counters: h5py.Group, record: type[Record], known: tuple[Column, ...]) -> _Stored:
    """Return the known columns of a table. Unknown columns in the file are ignored; known columns may be missing."""
    group = guard.get_group(file, record.table)
    rows = int(guard.column_dataset(counters, record.table, np.dtype(np.uint64), 0)[()])
    file_bytes = path.stat().st_size  # read after the counter, because the file may grow in between
    found = {}
    for column in known:
        if guard.has_link(group, column.name):
            dimensions = 1 + len(AXES) if (record.table, column.name) in layout.ARRAYS else 1
            dataset = guard.column_dataset(group, column.name, column.dtype, dimensions)
            guard.check_extent(dataset, rows, file_bytes)
            found[column.name] = (replace(column, meanings=_meanings(column, dataset)), dataset)
    if not found:
        raise TraceError(f"{group.name} contains none of the columns of the table")
    return _Stored(rows, found)


def _components(file: h5py.File) -> Mapping[str, str]:
    """Return the components from outside that the run used; none in a file without the dataset."""
    if not guard.has_link(file, "components"):
        return MappingProxyType({})
    return _mapping(guard.text_dataset(file, "components"), "components")


def _parameters(file: h5py.File) -> tuple[Bound, ...]:
    """Return the negotiated parameters of the run, which the datasets of the table `frames` declare."""
    if not guard.has_link(file, FrameSent.table):
        return ()
    return tuple(_bound(dataset) for dataset in guard.datasets(guard.get_group(file, FrameSent.table)) if "negotiated" in dataset.attrs)


def _bound(dataset: h5py.Dataset) -> Bound:
    """Return the negotiated parameter of a column of `frames`. Raises TraceError for a name or a range that no parameter has."""
    name = guard.text_attribute(dataset, "negotiated")
    lowest, highest = guard.integers_attribute(dataset, "valid_range", 2)
    known = {column.name for column in columns(FrameSent)}
    fits = dataset.name == f"/{FrameSent.table}/{name}" and name.isidentifier() and name not in known
    if not fits or not 0 <= lowest <= highest <= MAX_VALUE:
        raise TraceError(f"{dataset.name} is not the column of a negotiated parameter {name!r} within {lowest}..{highest}")
    return Bound(name, lowest, highest, guard.text_attribute(dataset, "units"), guard.text_attribute(dataset, "long_name"))


def _metrics(file: h5py.File) -> tuple[MetricColumn, ...]:
    """Return the metrics of the run, which the datasets of the table `scores` declare."""
    if not guard.has_link(file, ImageScore.table):
        return ()
    return tuple(_metric(dataset) for dataset in guard.datasets(guard.get_group(file, ImageScore.table)) if "metric" in dataset.attrs)


def _metric(dataset: h5py.Dataset) -> MetricColumn:
    """Return the metric of a column of `scores`. Raises TraceError for a name that no metric has."""
    name = guard.text_attribute(dataset, "metric")
    known = {column.name for column in columns(ImageScore)}
    if dataset.name != f"/{ImageScore.table}/{name}" or not name.isidentifier() or name in known:
        raise TraceError(f"{dataset.name} is not the column of a metric {name!r}")
    return MetricColumn(name, guard.text_attribute(dataset, "units"), guard.text_attribute(dataset, "long_name"))


def _meanings(column: Column, dataset: h5py.Dataset) -> tuple[str, ...]:
    """Return the words of a code as stored, with blanks where the record's words have them. Raises TraceError for another unit."""
    unit = guard.text_attribute(dataset, "units") if "units" in dataset.attrs else ""
    if unit != column.unit:
        raise TraceError(f"{dataset.name} has unit {unit!r}; a trace has {column.unit!r}")
    if "flag_meanings" not in dataset.attrs:
        return ()
    spelling = {word.replace(" ", "_"): word for word in column.meanings}
    return tuple(spelling.get(flag, flag) for flag in guard.text_attribute(dataset, "flag_meanings").split(" "))
