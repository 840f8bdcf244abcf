"""The layout of a trace: names, format version, and the mapping from the fields of a record to datasets, as in docs/trace-format.md."""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_type_hints

import h5py
import numpy as np
from numpy.typing import NDArray

from linksim.errors import TraceError
from linksim.negotiation import Bound
from linksim.records import TABLES, Column, MetricColumn, Record, columns

FORMAT = "linksim-trace"
VERSION = 3
COMMITTED = "committed"  # group of the counters of committed rows
ROW = "row"  # dimension that all columns of a table share
AXES = ("colour", "height", "width")  # further dimensions of an image column
BLOCK = 512  # rows of a table that are written together
FINGERPRINT_BYTES = 128
LIBVER = ("v110", "v110")  # first file format with SWMR; the upper bound makes newer HDF5 versions write the same bytes

ColumnKey = tuple[str, str]  # table, column
Compression = Literal["none", "gzip"]

ARRAYS: frozenset[ColumnKey] = frozenset(  # columns whose rows are arrays
    (record.table, column.name)
    for record in TABLES
    for hints in [get_type_hints(record)]
    for column in columns(record)
    if hints[column.field] == NDArray[np.uint8]
)


@dataclass(frozen=True)
class RunMetadata:
    """Metadata that a trace stores about its run, sufficient to repeat the run.

    scenario_yaml  scenario as YAML, with all defaults filled in
    seed           seed of all random streams, 0..2**63 - 1
    versions       version of linksim, Python and each package, by name
    models         sha256 of each trained model, by name
    components     components from outside the package, see `linksim.provenance.used_components`
    parameters     negotiated parameters of the schemes, which have a column each in `frames` and `decisions`
    metrics        metrics of the scenario, which have a column each in `scores`
    """

    scenario_yaml: str
    seed: int
    versions: Mapping[str, str]
    models: Mapping[str, str]
    components: Mapping[str, str] = field(default_factory=dict)
    parameters: tuple[Bound, ...] = ()
    metrics: tuple[MetricColumn, ...] = ()

    def columns(self, record: type[Record]) -> tuple[Column, ...]:
        """Return the columns of a table of this run, with those of negotiated parameters and metrics."""
        return columns(record, self.parameters, self.metrics)


def create(
    path: Path,
    metadata: RunMetadata,
    shapes: Mapping[ColumnKey, tuple[int, ...]],
    meanings: Mapping[ColumnKey, tuple[str, ...]],
    compression: Compression,
) -> h5py.File:
    """Create a trace with all of its groups, datasets and attributes, and open it; none can be added in SWMR mode.

    path         path of the file, which must not exist
    shapes       shape of a row of each array column
    meanings     words of the codes that the records leave open
    compression  "gzip" or "none"

    The file is built in memory and written as a whole, because HDF5 may end the process when a disk is full while it creates objects.
    Raises ValueError if `shapes` or `meanings` do not fit the tables, TraceError if a negotiated parameter or a metric has the name of
    another column, OSError if the file exists or cannot be written.
    """
    image = _empty_tables(metadata.parameters, metadata.metrics, tuple(shapes.items()), tuple(meanings.items()), compression)
    with _in_memory(image) as memory:
        _write_metadata(memory, metadata)
        memory.flush()
        image = memory.id.get_file_image()
    with path.open("xb") as file:
        file.write(image)
    return h5py.File(path, "r+", libver=LIBVER, locking="best-effort")


@lru_cache(maxsize=8)
def _empty_tables(
    parameters: tuple[Bound, ...],
    metrics: tuple[MetricColumn, ...],
    shaped: tuple[tuple[ColumnKey, tuple[int, ...]], ...],
    worded: tuple[tuple[ColumnKey, tuple[str, ...]], ...],
    compression: Compression,
) -> bytes:
    """Return the bytes of a file with the tables of a run and nothing else: a tenth of a second, once for all runs of the same columns.

    parameters, metrics  as in `RunMetadata`
    shaped, worded       items of `shapes` and `meanings`, see `create`
    """
    shapes, meanings = dict(shaped), dict(worded)
    tables = {record: columns(record, parameters, metrics) for record in TABLES}
    if shapes.keys() != ARRAYS or any(len(shape) != len(AXES) for shape in shapes.values()):
        raise ValueError(f"shapes must give ({', '.join(AXES)}) of {sorted(ARRAYS)}, got {dict(shapes)}")
    unknown = meanings.keys() - {(record.table, column.name) for record, found in tables.items() for column in found}
    if unknown:
        raise ValueError(f"meanings are given for unknown columns: {sorted(unknown)}")
    for record, found in tables.items():
        names = Counter([ROW, *(column.name for column in found)])
        if twice := [name for name, count in names.items() if count > 1]:
            what = "a negotiated parameter or metric must not have the name of another column of the trace"
            raise TraceError(f"{what}: {record.table}.{twice[0]}")
    with h5py.File("trace", "w", libver=LIBVER, driver="core", backing_store=False) as memory:
        for record, found in tables.items():
            _add_table(memory, record, found, parameters, shapes, meanings, compression)
        counters = memory.create_group(COMMITTED, track_order=True)
        for record in TABLES:
            counters.create_dataset(record.table, data=np.uint64(0))
        memory.flush()
        image: bytes = memory.id.get_file_image()
    return image


def _in_memory(image: bytes) -> h5py.File:
    """Open the bytes of a file in memory, for changes that reach no disk."""
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fapl_core(backing_store=False)
    access.set_libver_bounds(h5py.h5f.LIBVER_V110, h5py.h5f.LIBVER_V110)
    access.set_file_image(image)
    return h5py.File(h5py.h5f.open(b"trace", h5py.h5f.ACC_RDWR, access))


def _write_metadata(file: h5py.File, metadata: RunMetadata) -> None:
    """Write the scenario, as a dataset because an attribute is limited to 64 KiB, and the attributes of the file.

    There must be at most eight attributes: HDF5 keeps that many in the header of the root group, where `finish` overwrites two in place.
    """
    scenario = fixed_text(metadata.scenario_yaml)
    file.create_dataset("scenario", data=scenario).attrs["long_name"] = fixed_text("scenario with all defaults filled in")
    components = fixed_text(json.dumps(dict(metadata.components), sort_keys=True))
    file.create_dataset("components", data=components).attrs["long_name"] = fixed_text("components from outside the package, with sha256")
    file.attrs["format"] = fixed_text(FORMAT)
    file.attrs["format_version"] = np.int64(VERSION)
    file.attrs["seed"] = np.int64(metadata.seed)
    file.attrs["versions"] = fixed_text(json.dumps(dict(metadata.versions), sort_keys=True))
    file.attrs["models"] = fixed_text(json.dumps(dict(metadata.models), sort_keys=True))
    file.attrs["complete"] = np.uint8(0)
    file.attrs["fingerprint"] = fixed_text("", FINGERPRINT_BYTES)


def fixed_text(value: str, size: int = 0) -> NDArray[np.bytes_]:
    """Encode a text as UTF-8 of fixed length: `size` bytes, or its own length if 0. Raises ValueError for a text longer than `size` bytes.

    HDF5 keeps strings of variable length in a heap, and it may hang on a damaged heap.
    """
    raw = value.encode()
    if 0 < size < len(raw):
        raise ValueError(f"a text may have at most {size} bytes, got {len(raw)}: {value!r}")
    return np.array(raw, h5py.string_dtype("utf-8", size or max(1, len(raw))))


def finish(file: h5py.File, fingerprint: str, complete: bool) -> None:
    """Overwrite the attributes `fingerprint` and `complete`; this is possible in SWMR mode. Raises ValueError for a long fingerprint."""
    for name, value in (("fingerprint", fixed_text(fingerprint, FINGERPRINT_BYTES)), ("complete", np.array(complete, np.uint8))):
        attribute = h5py.h5a.open(file.id, name.encode())
        attribute.write(value, mtype=attribute.get_type())


def _add_table(
    file: h5py.File,
    record: type[Record],
    found: Sequence[Column],
    parameters: Sequence[Bound],
    shapes: Mapping[ColumnKey, tuple[int, ...]],
    meanings: Mapping[ColumnKey, tuple[str, ...]],
    compression: Compression,
) -> None:
    """Create the group of a table with its empty columns. Units, descriptions, codes and fill values are attributes as in netCDF and CF."""
    group = file.create_group(record.table, track_order=True)
    group.attrs["title"] = fixed_text(record.title)
    row = _add_dataset(group, ROW, np.dtype(np.int64), (), compression)
    row.attrs["long_name"] = fixed_text("number of the row")
    row.attrs["units"] = fixed_text("1")
    row.make_scale(ROW)
    ranges = {bound.name: (bound.lowest, bound.highest) for bound in parameters}
    for column in found:
        shape = shapes.get((record.table, column.name), ())
        dataset = _add_dataset(group, column.name, column.dtype, shape, compression)
        dataset.attrs["long_name"] = fixed_text(column.description)
        dataset.attrs["units"] = fixed_text(column.unit)
        if column.optional:
            dataset.attrs["_FillValue"] = np.array(column.fill, column.dtype)
        if column.keyed_by:
            dataset.attrs[column.keyed_by] = fixed_text(column.key)
        if column.keyed_by == "negotiated":
            dataset.attrs["valid_range"] = np.array(ranges[column.key], column.dtype)
        words = meanings.get((record.table, column.name), column.meanings)
        if words:
            dataset.attrs["flag_values"] = np.arange(len(words)).astype(column.dtype)
            dataset.attrs["flag_meanings"] = fixed_text(flag_meanings(words))
        dataset.dims[0].attach_scale(row)
        for place, (axis, size) in enumerate(zip(AXES, shape, strict=False), start=1):
            scale = group.create_dataset(axis, data=np.arange(size))
            scale.attrs["units"] = fixed_text("1")
            scale.make_scale(axis)
            dataset.dims[place].attach_scale(scale)


def _add_dataset(group: h5py.Group, name: str, dtype: np.dtype[Any], shape: tuple[int, ...], compression: Compression) -> h5py.Dataset:
    """Create an empty column with chunks of at most 64 KiB.

    Long chunks reduce the updates of the chunk index, which cost more than the rows themselves. Compressed chunks hold one block: a chunk
    that is compressed a second time leaves unused space in the file.
    """
    row_bytes = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    rows = max(1, min(BLOCK if compression == "gzip" else 2048, 65536 // row_bytes))
    filters = {"compression": "gzip", "compression_opts": 4, "shuffle": True} if compression == "gzip" else {}
    return group.create_dataset(name, (0, *shape), dtype, maxshape=(None, *shape), chunks=(rows, *shape), **filters)


def flag_meanings(words: tuple[str, ...]) -> str:
    """Return the CF attribute `flag_meanings`: the words separated by blanks, with underscores for blanks within a word.

    Raises ValueError if words are empty, equal or contain other white space.

    >>> flag_meanings(("decoded", "not sent"))
    'decoded not_sent'
    """
    flags = [word.replace(" ", "_") for word in words]
    if "" in flags or len(set(flags)) < len(flags) or any(len(flag.split()) != 1 for flag in flags):
        raise ValueError(f"the words of a code must be distinct and not empty, got {words}")
    return " ".join(flags)


def check_values(column: Column, words: tuple[str, ...], values: NDArray[Any]) -> None:
    """Raise ValueError for a negative time or duration, or for a code without a word.

    column  description of the column
    words   words of the codes 0, 1, ..., () for a column that is not a code
    values  values of any number of rows
    """
    if not len(values):
        return
    if column.unit == "ns" and values.min() < 0:
        raise ValueError(f"{column.name} holds {values.min()} ns; a time must be at least 0")
    if words and not 0 <= values.min() <= values.max() < len(words):
        raise ValueError(f"{column.name} holds a code in {values.min()}..{values.max()}; the words are those of 0..{len(words) - 1}")


@contextmanager
def wrap_errors(path: Path, what: str, kinds: tuple[type[Exception], ...] = (OSError, RuntimeError)) -> Iterator[None]:
    """Convert exceptions of the types `kinds` into a TraceError with the message "`path` `what`: reason"."""
    try:
        yield
    except kinds as error:
        system = re.search(r"error message = '([^']*)'", str(error))  # the message of the operating system inside that of HDF5
        found = system[1] if system else getattr(error, "strerror", None) or str(error)
        reason = " ".join(found.split()) or type(error).__name__
        raise TraceError(f"{path} {what}: {reason}") from error


def abandon(file: h5py.File) -> None:
    """Close a file after a failed write and discard the changes that HDF5 still holds in memory. The file must not be used any more.

    HDF5 writes these changes when it closes the file and ends the process if the disk is full, so the file's descriptor is redirected to
    the null device first. HDF5 may fail to close the file even so; whatever it writes later goes to the null device, too.
    """
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, file.id.get_vfd_handle())
    os.close(null)
    with suppress(OSError, RuntimeError):
        file.close()
