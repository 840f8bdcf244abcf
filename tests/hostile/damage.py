"""Damages of HDF5 files: random bytes, lost blocks, cut ends, and changed object headers whose checksum is right again."""

import random
import struct
from collections.abc import Callable

SIGNATURES = (b"OHDR", b"OCHK", b"EAHD", b"EAIB", b"EADB", b"EASB", b"FAHD", b"FADB", b"BTHD", b"BTLF", b"FRHP", b"FHDB", b"FSHD")
NUMBERS = (0, 1, 2, 8, 255, 2**15, 2**31 - 1, 2**32 - 1, 2**62, 2**63 - 1, 2**64 - 1)
MASK = 0xFFFFFFFF
BLOCK = 4096  # bytes that a disk loses together


def damaged(raw: bytes, draw: random.Random) -> bytes:
    """Return a file with one to four damages."""
    for _ in range(draw.choice([1, 1, 2, 4])):
        raw = draw.choice(DAMAGES)(raw, draw) if raw else raw
    return raw


def object_headers(raw: bytes) -> list[tuple[int, int]]:
    """Return the range of bytes of each object header of version 2, from its signature up to its checksum."""
    found, start = [], raw.find(b"OHDR")
    while start >= 0 and start + 48 < len(raw):
        flags = raw[start + 5]
        size_at = start + 6 + 16 * bool(flags & 32) + 4 * bool(flags & 16)
        width = 1 << (flags & 3)
        end = size_at + width + int.from_bytes(raw[size_at : size_at + width], "little")
        if end + 4 <= len(raw) and raw[end : end + 4] == struct.pack("<I", hash_of(raw[start:end])):
            found.append((start, end))
        start = raw.find(b"OHDR", start + 4)
    return found


def hash_of(raw: bytes) -> int:
    """Return HDF5's checksum of metadata: `hashlittle` of lookup3.c (Bob Jenkins, 2006, public domain)."""
    a = b = c = (0xDEADBEEF + len(raw)) & MASK
    at = 0
    while len(raw) - at > 12:
        x, y, z = struct.unpack_from("<3I", raw, at)
        a, b, c, at = (a + x) & MASK, (b + y) & MASK, (c + z) & MASK, at + 12
        for by in (4, 6, 8, 16, 19, 4):
            a, c = ((a - c) ^ _rotated(c, by)) & MASK, (c + b) & MASK
            a, b, c = b, c, a
    if at == len(raw):
        return c
    x, y, z = struct.unpack("<3I", raw[at:].ljust(12, b"\0"))
    a, b, c = (a + x) & MASK, (b + y) & MASK, (c + z) & MASK
    for by in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - _rotated(b, by)) & MASK
        a, b, c = b, c, a
    return b


def _rotated(word: int, by: int) -> int:
    return (word << by | word >> 32 - by) & MASK


def _place(raw: bytes, draw: random.Random) -> int:
    """Return a place in a file, mostly among its metadata."""
    if draw.random() < 0.6:
        start = raw.find(draw.choice(SIGNATURES), draw.randrange(len(raw)))
        if start >= 0:
            return min(start + draw.randrange(120), len(raw) - 1)
    return draw.randrange(min(len(raw), 2048) if draw.random() < 0.5 else len(raw))


def _put(raw: bytes, at: int, new: bytes) -> bytes:
    return raw[:at] + new[: len(raw) - at] + raw[at + len(new) :]


def _flip(raw: bytes, draw: random.Random) -> bytes:
    for _ in range(draw.choice([1, 8, 64])):
        at = _place(raw, draw)
        raw = _put(raw, at, bytes([raw[at] ^ 1 << draw.randrange(8)]))
    return raw


def _number(raw: bytes, draw: random.Random) -> bytes:
    width = draw.choice([1, 2, 4, 8])
    return _put(raw, _place(raw, draw), (draw.choice(NUMBERS) % 256**width).to_bytes(width, "little"))


def _block(raw: bytes, draw: random.Random) -> bytes:
    size = draw.choice([16, 512, BLOCK])
    at = _place(raw, draw) // size * size
    return _put(raw, at, draw.choice([bytes(size), b"\xff" * size, draw.randbytes(size), raw[draw.randrange(len(raw)) :][:size]]))


def _cut(raw: bytes, draw: random.Random) -> bytes:
    return raw[: draw.choice([draw.randrange(len(raw)), draw.randrange(len(raw)) // BLOCK * BLOCK, max(0, len(raw) - draw.randrange(64))])]


def _extend(raw: bytes, draw: random.Random) -> bytes:
    return draw.choice([raw + draw.randbytes(draw.randrange(5000)), raw + raw[:BLOCK], draw.randbytes(512) + raw])


def _swap(raw: bytes, draw: random.Random) -> bytes:
    one, other = sorted(draw.randrange(len(raw)) // 512 * 512 for _ in range(2))
    return _put(_put(raw, one, raw[other : other + 512]), other, raw[one : one + 512])


def _header(raw: bytes, draw: random.Random) -> bytes:
    """Change one field of an object header and correct its checksum."""
    headers = object_headers(raw)
    if not headers:
        return _flip(raw, draw)
    start, end = draw.choice(headers)
    width = draw.choice([1, 1, 2, 4, 8])
    at = draw.randrange(start + 6, end)
    number = (draw.choice(NUMBERS) % 256**width).to_bytes(width, "little")
    new = draw.choice([draw.randbytes(width), number, bytes([raw[at] ^ 1 << draw.randrange(8)])])
    content = _put(raw[start:end], at - start, new)
    return raw[:start] + content + struct.pack("<I", hash_of(content)) + raw[end + 4 :]


DAMAGES: list[Callable[[bytes, random.Random], bytes]] = [_flip, _number, _block, _cut, _extend, _swap, _header, _header, _header]
