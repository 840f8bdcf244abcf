"""The bytes of an HDF5 file whose writer was killed or still writes, without the mark that says so.

HDF5 opens such a file in its SWMR mode alone, and in that mode it waits for a damaged piece to become whole, twice as long each time,
in effect for ever. A reader that trusts nothing must not wait so: it reads the same bytes in the ordinary mode, where damage is an error.
"""

import io
import os
import struct
from pathlib import Path
from typing import Any

SIGNATURE = b"\x89HDF\r\n\x1a\n"
SUPERBLOCK = struct.Struct("<8s4B4QI")  # signature; version, offset and length sizes, flags; base, extension, end, root; checksum
SUPERBLOCK_VERSION = 3  # the one that has flags
ROOM = 1 << 30  # bytes by which the file may seem longer: its writer takes room before it says so, and may go on while we read


def is_open_for_writing(head: bytes) -> bool:
    """Do the first bytes of a file carry the mark of a writer?"""
    return len(head) >= SUPERBLOCK.size and head[8] == SUPERBLOCK_VERSION and head[11] != 0


class UnlockedFile(io.RawIOBase):
    """A file opened for reading that shows no mark. Beyond its end, where its writer may have taken room, it reads zeros."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        self._end = os.fstat(self._descriptor).st_size + ROOM
        head = os.pread(self._descriptor, SUPERBLOCK.size, 0)
        fields = list(SUPERBLOCK.unpack(head))
        if checksum(head[:-4]) != fields[-1]:
            raise OSError("its first bytes are damaged")
        fields[4], fields[7] = 0, self._end
        fields[-1] = checksum(SUPERBLOCK.pack(*fields)[:-4])
        self._head = SUPERBLOCK.pack(*fields)
        self._place = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._end}[whence]
        return self._place

    def tell(self) -> int:
        return self._place

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        target = memoryview(buffer).cast("B")
        raw = os.pread(self._descriptor, len(target), self._place)
        own = self._head[self._place : self._place + len(target)]
        target[:] = (own + raw[len(own) :]).ljust(len(target), b"\0")
        self._place += len(target)
        return len(target)

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()


def checksum(head: bytes) -> int:
    """Of a superblock's first 44 bytes, as HDF5 takes it: `hashlittle` of Bob Jenkins' lookup3.c (May 2006, public domain)."""
    words: tuple[int, ...] = struct.unpack("<11I", head)
    a = b = c = 0xDEADBEEF + len(head)
    for i in (0, 3, 6):
        a, b, c = _mix(a + words[i], b + words[i + 1], c + words[i + 2])
    a, b = a + words[9], b + words[10]
    for first, second, third in ((14, 11, 25), (16, 4, 14)):
        c = (c ^ b) - _turn(b, first)
        a = (a ^ c) - _turn(c, second)
        b = (b ^ a) - _turn(a, third)
    return ((c ^ b) - _turn(b, 24)) & 0xFFFFFFFF


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    for first, second, third in ((4, 6, 8), (16, 19, 4)):
        a, c = (a - c) ^ _turn(c, first), c + b
        b, a = (b - a) ^ _turn(a, second), a + c
        c, b = (c - b) ^ _turn(b, third), b + a
    return a, b, c


def _turn(word: int, by: int) -> int:
    """Rotate to the left; of a number of any length its lowest 32 bits count."""
    word &= 0xFFFFFFFF
    return word << by | word >> 32 - by
