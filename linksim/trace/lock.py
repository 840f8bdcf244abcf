"""The advisory lock of a trace: its writer holds it, so that the trace is neither repaired nor replaced while it is being written.

The lock belongs to the file, not to its name, and ends with the process. It is an open-file-description lock of Linux (fcntl(2)), which is
independent of the locks of HDF5 and of other descriptors of the same file; other systems have no lock. Like every lock of this kind it does
not work across the machines of a network file system that does not pass it on.
"""

import fcntl
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from linksim.errors import TraceError


@contextmanager
def locked(path: Path, shared: bool = False) -> Iterator[int]:
    """Hold the lock of the file at `path`, and yield the descriptor that holds it.

    shared  several processes may hold the lock at once, but not together with a writer

    Raises TraceError if another process, or another writer of this one, holds the lock; OSError if the file cannot be opened.
    """
    descriptor = os.open(path, (os.O_RDONLY if shared else os.O_RDWR) | os.O_CLOEXEC)
    try:
        try:
            _lock(descriptor, shared)
        except BlockingIOError:
            raise TraceError(f"{path} is being written, repaired or replaced by another process; wait until it has ended") from None
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int, shared: bool) -> None:
    """Lock the whole file. Raises BlockingIOError if the lock is held elsewhere."""
    if sys.platform == "linux":
        kind = fcntl.F_RDLCK if shared else fcntl.F_WRLCK
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack("hhqqi", kind, os.SEEK_SET, 0, 0, 0))


def is_at(descriptor: int, path: Path) -> bool:
    """Return whether `path` is the file of an open descriptor, and not another file that was put there, or a link to it."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False))
    except OSError:
        return False
