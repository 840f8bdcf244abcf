"""Validation of a file before its contents are read. A trace may be hostile: it must not refer to other files or declare huge datasets.

HDF5 silently follows external links and reads external and virtual datasets, and it allocates the declared size of a dataset even if no
values are stored. Therefore the reader accesses every object of a file through the functions of this module.

    danger                                       function that excludes it
    a link to another file                       get_group, column_dataset, text_dataset: hard links only
    values in another file, or from a filter     column_dataset, text_dataset: neither external nor virtual, only gzip and shuffle
    values that are declared but not stored      check_extent for the committed rows, check_declared_size for the file
    a damaged heap of strings                    text_attribute, text_dataset: texts of fixed length only
    text that controls a terminal                text_attribute: printable characters only

Every function raises TraceError, with a message of one line, for an object that is missing or is not what it must be.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5l, h5s, h5t, h5z

from linksim.errors import TraceError
from linksim.trace.layout import wrap_errors
from linksim.trace.swmr_recovery import SIGNATURE, SUPERBLOCK, UnlockedFile, is_open_for_writing

DECLARED_LIMIT = 4 << 30  # bytes that a file may always declare
DECLARED_RATIO = 1000  # a file may declare more if it stores at least 1 / DECLARED_RATIO of it
CHUNK_LIMIT = 64 << 20  # bytes of a chunk; HDF5 loads a whole chunk to read a single value
_READ_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, MemoryError, RecursionError)


def wrap_read_errors(path: Path) -> AbstractContextManager[None]:
    """Return a context manager that converts the exceptions which HDF5 raises for a damaged file into a TraceError."""
    return wrap_errors(path, "cannot be read as a trace", _READ_ERRORS)


@contextmanager
def open_read_only(path: Path) -> Iterator[h5py.File]:
    """Open a trace read-only. The file may be closed, left by a killed writer or still growing.

    A closed file is opened by HDF5 itself, another one through `swmr_recovery.UnlockedFile`. Raises TraceError for a file that is missing
    or is not HDF5.
    """
    with ExitStack() as stack:
        with wrap_read_errors(path):
            if not path.is_file():
                raise TraceError(f"{path} does not exist" if not path.exists() else f"{path} is not a file")
            with path.open("rb") as raw:
                head = raw.read(SUPERBLOCK.size)
            if not head.startswith(SIGNATURE):
                raise TraceError(f"{path} is not an HDF5 file, and every trace is one")
            if is_open_for_writing(head):
                file_object: UnlockedFile | Path = stack.enter_context(UnlockedFile(path))
            else:
                file_object = path
            file = stack.enter_context(h5py.File(file_object, "r", locking="best-effort"))
        yield file


def is_closed(file: h5py.File) -> bool:
    """Return whether the writer has closed the file; such a file no longer changes. `file` is one that `open_read_only` has opened."""
    return bool(file.driver != "fileobj")


def has_link(parent: h5py.Group, name: str) -> bool:
    """Return whether the group has a link of that name. The expression `name in parent` would follow the link."""
    return bool(parent.id.links.exists(name.encode()))


def get_group(parent: h5py.Group, name: str) -> h5py.Group:
    """Return the subgroup of that name. Raises TraceError if there is no such group."""
    found = _member(parent, name)
    if not isinstance(found, h5py.Group):
        raise TraceError(f"{_path(parent, name)} is not a group")
    return found


def datasets(group: h5py.Group) -> Iterator[h5py.Dataset]:
    """Yield the datasets of a group in the order of their creation. Other objects and soft or external links are skipped."""
    for name in group:
        if group.id.links.get_info(name.encode()).type == h5l.TYPE_HARD and isinstance(found := group[name], h5py.Dataset):
            yield found


def column_dataset(parent: h5py.Group, name: str, dtype: np.dtype[Any], dimensions: int) -> h5py.Dataset:
    """Return the dataset of that name. Raises TraceError for another type or number of dimensions, or values outside the file.

    parent      group of the table
    dtype       type of the column, with its byte order
    dimensions  1, or 4 for a column of images
    """
    found = _values(parent, name)
    if found.dtype != dtype or found.ndim != dimensions:
        raise TraceError(f"{found.name} has type {found.dtype} and {found.ndim} dimensions; a trace has {dtype} and {dimensions}")
    if found.chunks and math.prod(found.chunks) * dtype.itemsize > CHUNK_LIMIT:
        raise TraceError(f"{found.name} has chunks of more than {CHUNK_LIMIT >> 20} MiB")
    return found


def text_dataset(parent: h5py.Group, name: str) -> str:
    """Return the text of a scalar dataset. Raises TraceError if the dataset is not one text of fixed length."""
    found = _values(parent, name)
    kind = found.id.get_type()
    if found.shape != () or not _is_text(kind) or found.id.get_storage_size() != kind.get_size():
        raise TraceError(f"{found.name} is not one text of fixed length")
    return bytes(found[()]).decode()


def _values(parent: h5py.Group, name: str) -> h5py.Dataset:
    """Return a dataset whose values are stored in this file. Raises TraceError for any other object."""
    path, found = _path(parent, name), _member(parent, name)
    if not isinstance(found, h5py.Dataset):
        raise TraceError(f"{path} is not a dataset")
    plan = found.id.get_create_plist()
    if plan.get_layout() == h5d.VIRTUAL or plan.get_external_count():
        raise TraceError(f"{path} takes its values from another file, which a trace must not do")
    filters = {plan.get_filter(i)[0] for i in range(plan.get_nfilters())}
    if filters - {h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE}:
        raise TraceError(f"{path} uses a filter other than gzip and shuffle")
    return found


def check_extent(column: h5py.Dataset, rows: int, file_bytes: int) -> None:
    """Check that the committed rows of a column are stored in the file. Raises TraceError otherwise.

    column      dataset [rows, ...]
    rows        number of committed rows; the dataset may have more
    file_bytes  size of the file in bytes, determined after the number of rows was read

    An uncompressed column must store as many bytes as its rows have, a compressed one at least a thousandth of them, and its last chunk
    must end within the file: a file that was cut off keeps its chunk index.
    """
    name = column.name
    if len(column) < rows:
        raise TraceError(f"{name} has {len(column)} rows, its counter says {rows}")
    if not rows or not math.prod(column.shape[1:]):
        return
    if not column.chunks:
        raise TraceError(f"{name} is not stored in chunks")
    needed = rows * math.prod(column.shape[1:]) * column.dtype.itemsize
    if column.id.get_storage_size() * (DECLARED_RATIO if column.compression else 1) < needed:
        raise TraceError(f"{name} declares {rows} rows and stores fewer")
    last = column.id.get_chunk_info_by_coord((rows - 1, *(0 for _ in column.shape[1:])))
    if last.byte_offset is None or last.byte_offset + last.size > file_bytes:
        raise TraceError(f"{name} declares {rows} rows, of which the last are not in the file")


def check_declared_size(path: Path, datasets: Iterable[h5py.Dataset]) -> None:
    """Check that a file does not declare far more values than it stores: above 4 GiB, at most 1000 times as many. Raises TraceError.

    path      file, for the message
    datasets  all columns of its tables
    """
    sizes = [(math.prod(d.shape) * d.dtype.itemsize, d.id.get_storage_size()) for d in datasets]
    declared, stored = (sum(column) for column in zip(*sizes, strict=True)) if sizes else (0, 0)
    if declared > DECLARED_LIMIT and declared > DECLARED_RATIO * stored:
        raise TraceError(
            f"{path} declares {declared} bytes of values and stores {stored}; the limit is {DECLARED_RATIO} times the stored size"
        )


def text_attribute(owner: h5py.Group | h5py.Dataset, name: str) -> str:
    """Return an attribute that is one text of printable characters. Raises TraceError for any other attribute."""
    kind = _scalar(owner, name)
    if not _is_text(kind):
        raise TraceError(f"attribute {name!r} of {owner.name} is not a text of fixed length")
    value = bytes(owner.attrs[name]).decode()
    if not value.isprintable():
        raise TraceError(f"attribute {name!r} of {owner.name} has unprintable characters")
    return value


def integers_attribute(owner: h5py.Group | h5py.Dataset, name: str, count: int) -> tuple[int, ...]:
    """Return an attribute that is an array of `count` integers. Raises TraceError for any other attribute."""
    attribute = _attribute(owner, name)
    if attribute.get_space().shape != (count,) or not isinstance(attribute.get_type(), h5t.TypeIntegerID):
        raise TraceError(f"attribute {name!r} of {owner.name} is not an array of {count} integers")
    return tuple(owner.attrs[name].tolist())


def integer_attribute(owner: h5py.Group | h5py.Dataset, name: str) -> int:
    """Return an attribute that is one integer. Raises TraceError for any other attribute."""
    if not isinstance(_scalar(owner, name), h5t.TypeIntegerID):
        raise TraceError(f"attribute {name!r} of {owner.name} is not an integer")
    return int(owner.attrs[name])


def _scalar(owner: h5py.Group | h5py.Dataset, name: str) -> h5t.TypeID:
    """Return the type of a scalar attribute. Raises TraceError if it is missing or not scalar."""
    attribute = _attribute(owner, name)
    if attribute.get_space().get_simple_extent_type() != h5s.SCALAR:
        raise TraceError(f"attribute {name!r} of {owner.name} is not a single value")
    return attribute.get_type()


def _attribute(owner: h5py.Group | h5py.Dataset, name: str) -> h5a.AttrID:
    """Return an attribute without reading its value. Raises TraceError if it is missing."""
    if name not in owner.attrs:
        raise TraceError(f"{owner.name} has no attribute {name!r}")
    return h5a.open(owner.id, name.encode())


def _is_text(kind: h5t.TypeID) -> bool:
    """Return whether a type is a string of fixed length. HDF5 may hang on the damaged heap of other strings."""
    return isinstance(kind, h5t.TypeStringID) and not kind.is_variable_str()


def _member(parent: h5py.Group, name: str) -> Any:
    """Return the object behind a hard link. Raises TraceError if there is no such link, or a soft or external one."""
    path = _path(parent, name)
    if not has_link(parent, name):
        raise TraceError(f"{path} is missing")
    if parent.id.links.get_info(name.encode()).type != h5l.TYPE_HARD:
        raise TraceError(f"{path} is a soft or external link, which a trace must not have")
    return parent[name]


def _path(parent: h5py.Group, name: str) -> str:
    """Path of a member in the file, for messages."""
    return f"{parent.name.rstrip('/')}/{name}"
