"""The layout of a trace: its names, its version, and how a field of a record becomes a dataset. docs/trace-format.md is the contract."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_type_hints

import h5py
import numpy as np
from numpy.typing import NDArray

from linksim.errors import TraceError
from linksim.records import TABLES, Column, Record, columns

FORMAT = "linksim-trace"
VERSION = 1
COMMITTED = "committed"  # the group of the counters
ROW = "row"  # the dimension that the columns of a table share
AXES = ("colour", "height", "width")  # the further dimensions of an image
BLOCK = 256  # rows of a table that are written at once
FINGERPRINT_BYTES = 128
LIBVER = ("v110", "v110")  # the first file format with SWMR; both bounds, so that a newer HDF5 writes the same bytes

Key = tuple[str, str]  # table, column
Compression = Literal["none", "gzip"]

ARRAYS: frozenset[Key] = frozenset(  # the columns whose rows hold an array, and not a number
    (record.table, column.name)
    for record in TABLES
    for hints in [get_type_hints(record)]
    for column in columns(record)
    if hints[column.name] not in (int, float)
)


@dataclass(frozen=True)
class RunAbout:
    """What a trace says about its run, so that it can be run again.

    scenario_yaml  the scenario, fully resolved
    seed           of all random streams, 0..2**63 - 1
    versions       name -> version of what ran it: linksim, python, numpy, ...
    models         name of a trained model -> its sha256
    """

    scenario_yaml: str
    seed: int
    versions: Mapping[str, str]
    models: Mapping[str, str]


def create(
    path: Path, about: RunAbout, shapes: Mapping[Key, tuple[int, ...]], meanings: Mapping[Key, tuple[str, ...]], compression: Compression
) -> h5py.File:
    """A new file with every group, dataset and attribute that it will ever have: SWMR allows no more of them later.

    Raises ValueError where `shapes` and `meanings` do not fit the tables, OSError where the file cannot be made.
    """
    if shapes.keys() != ARRAYS or any(len(shape) != len(AXES) for shape in shapes.values()):
        raise ValueError(f"shapes must give ({', '.join(AXES)}) of {sorted(ARRAYS)}, got {dict(shapes)}")
    unknown = meanings.keys() - {(record.table, column.name) for record in TABLES for column in columns(record)}
    if unknown:
        raise ValueError(f"meanings are given for columns that are not there: {sorted(unknown)}")
    file = h5py.File(path, "w", libver=LIBVER, locking="best-effort")
    try:
        _describe(file, about)
        for record in TABLES:
            _add_table(file, record, shapes, meanings, compression)
        counters = file.create_group(COMMITTED, track_order=True)
        for record in TABLES:
            counters.create_dataset(record.table, data=np.uint64(0))
    except BaseException:
        abandon(file)
        path.unlink()
        raise
    return file


def _describe(file: h5py.File, about: RunAbout) -> None:
    """The scenario, a dataset because it may be longer than the 64 KiB of an attribute, and the attributes of the file.

    The attributes are at most eight: so many lie in the root's header, where `finish` overwrites two in place.
    """
    scenario = text(about.scenario_yaml)
    file.create_dataset("scenario", data=scenario).attrs["long_name"] = text("the scenario, every default filled in")
    file.attrs["format"] = text(FORMAT)
    file.attrs["format_version"] = np.int64(VERSION)
    file.attrs["seed"] = np.int64(about.seed)
    file.attrs["versions"] = text(json.dumps(dict(about.versions), sort_keys=True))
    file.attrs["models"] = text(json.dumps(dict(about.models), sort_keys=True))
    file.attrs["complete"] = np.uint8(0)
    file.attrs["fingerprint"] = text("", FINGERPRINT_BYTES)


def text(value: str, size: int = 0) -> NDArray[np.bytes_]:
    """UTF-8 of fixed length (its own, or `size` bytes). HDF5 keeps texts of variable length in a heap, and a damaged heap makes it hang."""
    raw = value.encode()
    if 0 < size < len(raw):
        raise ValueError(f"at most {size} bytes are kept, got {len(raw)}: {value!r}")
    return np.array(raw, h5py.string_dtype("utf-8", size or max(1, len(raw))))


def finish(file: h5py.File, fingerprint: str, complete: bool) -> None:
    """Say how the run ended, in the attributes that `create` made room for; allowed in SWMR mode. Raises ValueError for a long print."""
    for name, value in (("fingerprint", text(fingerprint, FINGERPRINT_BYTES)), ("complete", np.array(complete, np.uint8))):
        attribute = h5py.h5a.open(file.id, name.encode())
        attribute.write(value, mtype=attribute.get_type())


def _add_table(
    file: h5py.File,
    record: type[Record],
    shapes: Mapping[Key, tuple[int, ...]],
    meanings: Mapping[Key, tuple[str, ...]],
    compression: Compression,
) -> None:
    group = file.create_group(record.table, track_order=True)
    group.attrs["title"] = text(record.about)
    row = _add_dataset(group, ROW, np.dtype(np.int64), (), compression)
    row.attrs["long_name"] = text("number of the row")
    row.make_scale(ROW)
    for column in columns(record):
        shape = shapes.get((record.table, column.name), ())
        dataset = _add_dataset(group, column.name, column.dtype, shape, compression)
        dataset.attrs["long_name"] = text(column.about)
        if column.unit:
            dataset.attrs["units"] = text(column.unit)
        words = meanings.get((record.table, column.name), column.meanings)
        if words:
            dataset.attrs["flag_values"] = np.arange(len(words)).astype(column.dtype)
            dataset.attrs["flag_meanings"] = text(flag_meanings(words))
        dataset.dims[0].attach_scale(row)
        for place, (axis, size) in enumerate(zip(AXES, shape, strict=False), start=1):
            scale = group.create_dataset(axis, data=np.arange(size))
            scale.make_scale(axis)
            dataset.dims[place].attach_scale(scale)


def _add_dataset(
    group: h5py.Group, name: str, dtype: np.dtype[Any], shape: tuple[int, ...], compression: Compression
) -> h5py.Dataset:
    """An empty column, in chunks of at most 64 KiB.

    Long chunks make fewer changes to the index of chunks, and a changed index costs more than the rows. gzip chunks are as long as a block:
    one that is compressed twice leaves its first form behind in the file.
    """
    row_bytes = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    rows = max(1, min(BLOCK if compression == "gzip" else 2048, 65536 // row_bytes))
    filters = {"compression": "gzip", "compression_opts": 4, "shuffle": True} if compression == "gzip" else {}
    return group.create_dataset(name, (0, *shape), dtype, maxshape=(None, *shape), chunks=(rows, *shape), **filters)


def flag_meanings(words: tuple[str, ...]) -> str:
    """The CF attribute: words between blanks, an underscore for a blank within one. Raises ValueError where words would run together."""
    flags = [word.replace(" ", "_") for word in words]
    if "" in flags or len(set(flags)) < len(flags) or any(len(flag.split()) != 1 for flag in flags):
        raise ValueError(f"the words of a code must differ and not be empty, got {words}")
    return " ".join(flags)


def check(column: Column, words: tuple[str, ...], values: NDArray[Any]) -> None:
    """No time and no duration is negative, every code has a word. Raises ValueError."""
    if not len(values):
        return
    if column.unit == "ns" and values.min() < 0:
        raise ValueError(f"{column.name} holds {values.min()} ns; a time is at least 0")
    if words and not 0 <= values.min() <= values.max() < len(words):
        raise ValueError(f"{column.name} holds a code in {values.min()}..{values.max()}; it has words for 0..{len(words) - 1}")


@contextmanager
def faults(path: Path, what: str, kinds: tuple[type[Exception], ...] = (OSError, RuntimeError)) -> Iterator[None]:
    """What the disk or HDF5 refuses, as one TraceError: "`path` `what`: reason"."""
    try:
        yield
    except kinds as fault:
        told = re.search(r"error message = '([^']*)'", str(fault))  # the system's own words, within HDF5's many
        reason = told[1] if told else " ".join(str(fault).split()) or type(fault).__name__
        raise TraceError(f"{path} {what}: {reason}") from fault


def abandon(file: h5py.File) -> None:
    """Close a file that the disk refuses or nobody wants. HDF5 insists on writing what it holds, and on a full disk it takes the process
    down with it when it cannot; so it writes into the void.
    """
    void = os.open(os.devnull, os.O_RDWR)
    os.dup2(void, file.id.get_vfd_handle())
    os.close(void)
    file.close()


def temporary_beside(path: Path) -> Path:
    """Where a file is made that will be `path` once it is whole."""
    return path.with_name(path.name + ".new")


def publish(temporary: Path, path: Path, overwrite: bool) -> None:
    """Give the file its name in one step. Raises FileExistsError where the name is taken and `overwrite` is not set."""
    if not overwrite and os.path.lexists(path):
        raise FileExistsError("a file of this name has appeared meanwhile")
    os.replace(temporary, path)
