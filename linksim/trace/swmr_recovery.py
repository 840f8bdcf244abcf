"""Access to an HDF5 file whose writer was killed or is still running, in the ordinary mode of HDF5.

The superblock of such a file is marked as open for writing, and HDF5 opens it only in SWMR mode. In that mode HDF5 reads a damaged block
again and again with doubling delays, practically without end. This module presents the same bytes without the mark, so that HDF5 opens the
file in the ordinary mode, in which a damaged block is an error.

The superblock is that of version 3 (HDF5 File Format Specification, II.A), which the writer's file format implies. Two of its fields are
changed, and its checksum with them:

    consistency flags    0: no writer
    end-of-file address  beyond the end, because a killed writer has not updated it; the missing bytes read as zeros

The reader does not take these zeros for values: it compares the extent of every column with the size of the file (`guard.check_extent`).
"""

import io
import os
import struct
from pathlib import Path
from typing import Any

SIGNATURE = b"\x89HDF\r\n\x1a\n"
SUPERBLOCK = struct.Struct("<8s4B4QI")  # signature; version, offset and length sizes, flags; base, extension, end, root; checksum
SUPERBLOCK_VERSION = 3  # the only version with consistency flags
SIZE_MARGIN = 1 << 30  # bytes added to the file size, because the writer allocates space before it records it and may go on writing


def is_open_for_writing(head: bytes) -> bool:
    """Return whether the first bytes of a file mark it as open for writing.

    head  at least the 48 bytes of the superblock; a shorter head is not marked
    """
    return len(head) >= SUPERBLOCK.size and head[8] == SUPERBLOCK_VERSION and head[11] != 0


class UnlockedFile(io.RawIOBase):
    """A read-only file object whose superblock has no mark. Bytes beyond the end of the file read as zeros.

    It implements what h5py's driver `fileobj` calls. Reads go to the file each time, so rows become visible while the writer adds them.
    Raises OSError for a superblock with a wrong checksum.

    path  path of a file for which `is_open_for_writing` holds
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        self._end = os.fstat(self._descriptor).st_size + SIZE_MARGIN
        head = os.pread(self._descriptor, SUPERBLOCK.size, 0)
        fields = list(SUPERBLOCK.unpack(head))
        if checksum(head[:-4]) != fields[-1]:
            raise OSError("the superblock is damaged")
        fields[4], fields[7] = 0, self._end
        fields[-1] = checksum(SUPERBLOCK.pack(*fields)[:-4])
        self._head = SUPERBLOCK.pack(*fields)
        self._position = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._end}[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        target = memoryview(buffer).cast("B")
        raw = os.pread(self._descriptor, len(target), self._position)
        head = self._head[self._position : self._position + len(target)]
        target[:] = (head + raw[len(head) :]).ljust(len(target), b"\0")
        self._position += len(target)
        return len(target)

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()


def checksum(head: bytes) -> int:
    """Return HDF5's checksum of the first 44 bytes of a superblock: `hashlittle` of lookup3.c (Bob Jenkins, May 2006, public domain).

    >>> import h5py
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     h5py.File(Path(folder) / "empty.h5", "w", libver="v110").close()
    ...     head = (Path(folder) / "empty.h5").read_bytes()[: SUPERBLOCK.size]
    >>> checksum(head[:-4]) == SUPERBLOCK.unpack(head)[-1]
    True
    """
    words: tuple[int, ...] = struct.unpack("<11I", head)
    a = b = c = 0xDEADBEEF + len(head)
    for i in (0, 3, 6):
        a, b, c = _mix(a + words[i], b + words[i + 1], c + words[i + 2])
    a, b = a + words[9], b + words[10]
    for first, second, third in ((14, 11, 25), (16, 4, 14)):
        c = (c ^ b) - _rotate_left(b, first)
        a = (a ^ c) - _rotate_left(c, second)
        b = (b ^ a) - _rotate_left(a, third)
    return ((c ^ b) - _rotate_left(b, 24)) & 0xFFFFFFFF


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    """The macro `mix` of lookup3.c. Sums are not reduced to 32 bits here; `_rotate_left` uses the lowest 32 bits of its argument."""
    for first, second, third in ((4, 6, 8), (16, 19, 4)):
        a, c = (a - c) ^ _rotate_left(c, first), c + b
        b, a = (b - a) ^ _rotate_left(a, second), a + c
        c, b = (c - b) ^ _rotate_left(b, third), b + a
    return a, b, c


def _rotate_left(word: int, by: int) -> int:
    """Rotate the lowest 32 bits of `word` to the left."""
    word &= 0xFFFFFFFF
    return word << by | word >> 32 - by
