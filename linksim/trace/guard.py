"""What a file must be before anything in it is read. A trace may come from anybody: it must not name other files or claim to be huge.

HDF5 follows external links and reads external and virtual datasets without a word, and gives a dataset that was never stored the size that
it claims. So everything that is read is first asked for here.
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
from linksim.trace.layout import faults
from linksim.trace.swmr_recovery import SIGNATURE, SUPERBLOCK, UnlockedFile, is_open_for_writing

DECLARED_LIMIT = 4 << 30  # bytes that a file may claim, unless it holds them
DECLARED_RATIO = 1000  # ... or holds this part of them, compressed
CHUNK_LIMIT = 64 << 20  # bytes that HDF5 must hold to read a single value
_FAULTS = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, MemoryError, RecursionError)


def reading(path: Path) -> AbstractContextManager[None]:
    """Whatever HDF5 says of a damaged file becomes one TraceError."""
    return faults(path, "cannot be read as a trace", _FAULTS)


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """The file, read-only, whether its writer has closed it, was killed or still writes. Raises TraceError."""
    if not path.is_file():
        raise TraceError(f"{path} is not there" if not path.exists() else f"{path} is not a file")
    with ExitStack() as stack:
        with reading(path):
            with path.open("rb") as raw:
                head = raw.read(SUPERBLOCK.size)
            if not head.startswith(SIGNATURE):
                raise TraceError(f"{path} is not an HDF5 file, as a trace is")
            if is_open_for_writing(head):
                source: UnlockedFile | Path = stack.enter_context(UnlockedFile(path))
            else:
                source = path
            file = stack.enter_context(h5py.File(source, "r", locking="best-effort"))
        yield file


def is_finished(file: h5py.File) -> bool:
    """Has its writer closed it? Such a file does not change any more."""
    return bool(file.driver != "fileobj")


def has(parent: h5py.Group, name: str) -> bool:
    """Is there a link of that name? `name in parent` would follow it."""
    return bool(parent.id.link_options.exists(name.encode()))


def group(parent: h5py.Group, name: str) -> h5py.Group:
    """The group of that name. Raises TraceError for anything else."""
    found = _member(parent, name)
    if not isinstance(found, h5py.Group):
        raise TraceError(f"{_place(parent, name)} is no group")
    return found


def dataset(parent: h5py.Group, name: str, dtype: np.dtype[Any], dimensions: int) -> h5py.Dataset:
    """The dataset of that name, type and number of dimensions, with its values inside the file. Raises TraceError for anything else."""
    found = _values(parent, name)
    if found.dtype != dtype or found.ndim != dimensions:
        raise TraceError(f"{found.name} is {found.dtype} in {found.ndim} dimensions, a trace has {dtype} in {dimensions}")
    if found.chunks and math.prod(found.chunks) * dtype.itemsize > CHUNK_LIMIT:
        raise TraceError(f"{found.name} comes in chunks of more than {CHUNK_LIMIT >> 20} MiB")
    return found


def long_text(parent: h5py.Group, name: str) -> str:
    """A dataset that is one text. Raises TraceError for anything else."""
    found = _values(parent, name)
    kind = found.id.get_type()
    if found.shape != () or not _is_text(kind) or found.id.get_storage_size() != kind.get_size():
        raise TraceError(f"{found.name} is not one text of fixed length")
    return bytes(found[()]).decode()


def _values(parent: h5py.Group, name: str) -> h5py.Dataset:
    place, found = _place(parent, name), _member(parent, name)
    if not isinstance(found, h5py.Dataset):
        raise TraceError(f"{place} is no dataset")
    plan = found.id.get_create_plist()
    if plan.get_layout() == h5d.VIRTUAL or plan.get_external_count():
        raise TraceError(f"{place} takes its values from another file, which a trace must not")
    filters = {plan.get_filter(i)[0] for i in range(plan.get_nfilters())}
    if filters - {h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE}:
        raise TraceError(f"{place} is packed with a filter other than gzip and shuffle")
    return found


def held(column: h5py.Dataset, rows: int, file_bytes: int) -> None:
    """Are the first `rows` rows really in the file? Raises TraceError."""
    place = column.name
    if len(column) < rows:
        raise TraceError(f"{place} has {len(column)} rows, its counter says {rows}")
    if not rows or not math.prod(column.shape[1:]):
        return
    if not column.chunks:
        raise TraceError(f"{place} is not stored in chunks")
    needed = rows * math.prod(column.shape[1:]) * column.dtype.itemsize
    if column.id.get_storage_size() * (DECLARED_RATIO if column.compression else 1) < needed:
        raise TraceError(f"{place} claims {rows} rows and stores fewer")
    last = column.id.get_chunk_info_by_coord((rows - 1, *(0 for _ in column.shape[1:])))
    if last.byte_offset is None or last.byte_offset + last.size > file_bytes:
        raise TraceError(f"{place} claims {rows} rows, of which the last are not in the file")


def bounded(path: Path, datasets: Iterable[h5py.Dataset]) -> None:
    """Refuse a file that claims to be far larger than it is. Raises TraceError."""
    sizes = [(math.prod(d.shape) * d.dtype.itemsize, d.id.get_storage_size()) for d in datasets]
    declared, stored = (sum(column) for column in zip(*sizes, strict=True)) if sizes else (0, 0)
    if declared > DECLARED_LIMIT and declared > DECLARED_RATIO * stored:
        raise TraceError(f"{path} claims {declared} bytes of values and stores {stored}; at most {DECLARED_RATIO} times as many are read")


def text(owner: h5py.Group | h5py.Dataset, name: str) -> str:
    """An attribute that is one text, of characters that a terminal can be trusted with. Raises TraceError."""
    kind = _scalar(owner, name)
    if not _is_text(kind):
        raise TraceError(f"attribute {name!r} of {owner.name} is no text of fixed length")
    value = bytes(owner.attrs[name]).decode()
    if not value.isprintable():
        raise TraceError(f"attribute {name!r} of {owner.name} has characters that cannot be printed")
    return value


def integer(owner: h5py.Group | h5py.Dataset, name: str) -> int:
    """An attribute that is one integer. Raises TraceError."""
    if not isinstance(_scalar(owner, name), h5t.TypeIntegerID):
        raise TraceError(f"attribute {name!r} of {owner.name} is no integer")
    return int(owner.attrs[name])


def _scalar(owner: h5py.Group | h5py.Dataset, name: str) -> h5t.TypeID:
    """The type of an attribute that is a single value."""
    if name not in owner.attrs:
        raise TraceError(f"{owner.name} has no attribute {name!r}")
    attribute = h5a.open(owner.id, name.encode())
    if attribute.get_space().get_simple_extent_type() != h5s.SCALAR:
        raise TraceError(f"attribute {name!r} of {owner.name} is not a single value")
    return attribute.get_type()


def _is_text(kind: h5t.TypeID) -> bool:
    """Is it of fixed length? One of variable length lies in a heap, and HDF5 may look for it in a damaged heap for ever."""
    return isinstance(kind, h5t.TypeStringID) and not kind.is_variable_str()


def _member(parent: h5py.Group, name: str) -> Any:
    place = _place(parent, name)
    if not has(parent, name):
        raise TraceError(f"{place} is not there")
    if parent.id.link_options.get_info(name.encode()).type != h5l.TYPE_HARD:
        raise TraceError(f"{place} is a link to somewhere else, which a trace must not have")
    return parent[name]


def _place(parent: h5py.Group, name: str) -> str:
    return f"{parent.name.rstrip('/')}/{name}"
