"""The trace reader: opens finished, unfinished and growing traces, and trusts none of them."""

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
from linksim.records import TABLES, Column, Record, columns
from linksim.registry import suggest
from linksim.trace import guard, layout
from linksim.trace.layout import AXES, COMMITTED, Compression, Key, RunAbout

ATTEMPTS = 5
PAUSE_S = 0.01


@dataclass(frozen=True)
class Table:
    """Rows of a table.

    name     of the table
    columns  name -> values [rows] or, for an array column, [rows, ...], in the order of the record's fields
    kinds    name -> unit, long name and words of the column
    """

    name: str
    columns: Mapping[str, NDArray[Any]]
    kinds: Mapping[str, Column]

    def __getitem__(self, column: str) -> NDArray[Any]:
        """The values of a column. Raises TraceError, with the nearest name, for one that is not there."""
        self._kind(column)
        return self.columns[column]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def meanings(self, column: str) -> tuple[str, ...]:
        """The words of a code's values 0, 1, ...; () for a column that is no code."""
        return self._kind(column).meanings

    def units(self, column: str) -> str:
        """Its unit, "" for pure numbers and names."""
        return self._kind(column).unit

    def _kind(self, column: str) -> Column:
        if column not in self.kinds:
            raise TraceError(f"table {self.name!r} has no column {column!r}; {suggest(column, self.kinds)}")
        return self.kinds[column]


@dataclass(frozen=True)
class _Stored:
    """A table in the file: its committed rows and its columns."""

    rows: int
    columns: Mapping[str, tuple[Column, h5py.Dataset]]


class Trace:
    """An open trace, as it stood when it was opened or last refreshed; use it in a `with` statement. Made by `open_trace`.

    path         of the file
    about        what the run was; `scenario_yaml`, `seed`, `versions` and `models` are its fields
    complete     did the run come to its end?
    repaired     is this the clean copy of an unfinished trace?
    fingerprint  of the run's events, "" while it runs
    compression  "gzip" or "none"
    shapes       (table, column) -> shape of a row of an array column
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open = ExitStack()
        self.refresh()

    def refresh(self) -> None:
        """Look at the file again: a trace that is being written has grown. Raises TraceError."""
        self._open.close()
        for patience in range(ATTEMPTS, 0, -1):
            with ExitStack() as stack, guard.reading(self.path):
                file = stack.enter_context(guard.opened(self.path))
                try:
                    self._look(file)
                except Exception:
                    if guard.is_finished(file) or patience == 1:
                        raise
                else:
                    self._open = stack.pop_all()
                    return
            time.sleep(PAUSE_S)  # the look may have fallen between two writes of a living writer

    def _look(self, file: h5py.File) -> None:
        path = self.path
        if "format" not in file.attrs or guard.text(file, "format") != layout.FORMAT:
            raise TraceError(f"{path} is an HDF5 file, but no trace of linksim")
        version = guard.integer(file, "format_version")
        if version != layout.VERSION:
            raise TraceError(f"{path} has version {version} of the trace format; this linksim reads version {layout.VERSION}")
        scenario = guard.long_text(file, "scenario")
        self.about = RunAbout(scenario, guard.integer(file, "seed"), _names(file, "versions"), _names(file, "models"))
        self.scenario_yaml = self.about.scenario_yaml
        self.seed = self.about.seed
        self.versions = self.about.versions
        self.models = self.about.models
        self.complete = bool(guard.integer(file, "complete"))
        self.repaired = "repaired" in file.attrs and bool(guard.integer(file, "repaired"))
        self.fingerprint = guard.text(file, "fingerprint")
        counters = guard.group(file, COMMITTED)
        self._tables = {record.table: _stored(path, file, counters, record) for record in TABLES if guard.has(file, record.table)}
        if not self._tables:
            raise TraceError(f"{path} has none of the tables of a trace")
        found = [(name, column, d) for name, stored in self._tables.items() for column, d in stored.columns.values()]
        guard.bounded(path, [d for _, _, d in found])
        self.compression: Compression = "gzip" if any(d.compression for _, _, d in found) else "none"
        self.shapes: Mapping[Key, tuple[int, ...]] = {(name, column.name): d.shape[1:] for name, column, d in found if d.ndim > 1}

    def tables(self) -> tuple[str, ...]:
        """The names of the tables that the file has."""
        return tuple(self._tables)

    def rows(self, name: str) -> int:
        """Committed rows of a table. Raises TraceError for an unknown table."""
        if name not in self._tables:
            raise TraceError(f"{self.path} has no table {name!r}; {suggest(name, self._tables)}")
        return self._tables[name].rows

    def table(self, name: str, start: int = 0, stop: int | None = None) -> Table:
        """Committed rows `start` to `stop` (as in a Python slice, to the last without it) of a table. Raises TraceError."""
        first, last, _ = slice(start, stop).indices(self.rows(name))
        stored = self._tables[name].columns
        with guard.reading(self.path):
            values = {key: dataset[first : max(first, last)] for key, (_, dataset) in stored.items()}
            for key, (column, _) in stored.items():
                layout.check(column, column.meanings, values[key])
        return Table(name, MappingProxyType(values), MappingProxyType({key: column for key, (column, _) in stored.items()}))

    def meanings(self) -> Mapping[Key, tuple[str, ...]]:
        """(table, column) -> words, for every code of the file."""
        kinds = ((name, column) for name, stored in self._tables.items() for column, _ in stored.columns.values())
        return {(name, column.name): column.meanings for name, column in kinds if column.meanings}

    def close(self) -> None:
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def open_trace(path: str | Path) -> Trace:
    """Open a trace for reading: a finished one, one whose writer was killed, or one that is being written.

    Raises TraceError, in one line, for a file that is missing, damaged, of another format or version, or that would lead the reader out of
    the file or out of memory.
    """
    return Trace(Path(path))


def _names(file: h5py.File, attribute: str) -> Mapping[str, str]:
    read = json.loads(guard.text(file, attribute))
    if not isinstance(read, dict) or not all(isinstance(x, str) and x.isprintable() for pair in read.items() for x in pair):
        raise TraceError(f"attribute {attribute!r} of / does not map names to words")
    return MappingProxyType(read)


def _stored(path: Path, file: h5py.File, counters: h5py.Group, record: type[Record]) -> _Stored:
    """The columns that this linksim knows. One of a later version may be there besides, one of this version may be missing."""
    group = guard.group(file, record.table)
    rows = int(guard.dataset(counters, record.table, np.dtype(np.uint64), 0)[()])
    file_bytes = path.stat().st_size  # after the counter, or a growing file looks too short
    found = {}
    for column in columns(record):
        if guard.has(group, column.name):
            dimensions = 1 + len(AXES) if (record.table, column.name) in layout.ARRAYS else 1
            dataset = guard.dataset(group, column.name, column.dtype, dimensions)
            guard.held(dataset, rows, file_bytes)
            found[column.name] = (replace(column, meanings=_words(column, dataset)), dataset)
    if not found:
        raise TraceError(f"{group.name} has none of its columns")
    return _Stored(rows, found)


def _words(column: Column, dataset: h5py.Dataset) -> tuple[str, ...]:
    """The words of a code, those that the record knows in the record's spelling."""
    unit = guard.text(dataset, "units") if "units" in dataset.attrs else ""
    if unit != column.unit:
        raise TraceError(f"{dataset.name} is in {unit!r}, a trace has it in {column.unit!r}")
    if "flag_meanings" not in dataset.attrs:
        return ()
    spelling = {word.replace(" ", "_"): word for word in column.meanings}
    return tuple(spelling.get(flag, flag) for flag in guard.text(dataset, "flag_meanings").split(" "))
