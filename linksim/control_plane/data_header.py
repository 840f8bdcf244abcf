"""The header of a data frame: what a receiver must know about it, as bytes, with a tag by which Bob knows that Alice sent it.

    with a session     head 1 | epoch 2 | frame 4 | transmission 1 | tag 4 | CRC-32 4     16 bytes
    without a session  head 1 | epoch 2 | frame 4 | transmission 1 | CRC-32 4             12 bytes

The head holds the version (high nibble) and `messages.DATA` (low nibble), which is no kind of message. The tag covers the number of the
link, which is not transmitted, and all bytes before it. Its key is the `header` key of the session, so a tag of another session or link is
wrong. It has 32 bits: a forged header is accepted with a probability of 2^-32 per attempt, and an attempt costs the airtime of a header. A
longer tag would cost 4 channel uses per byte.

A link without a session has nothing to protect the header with. Its CRC-32 detects transmission errors and no forgery.

The header is not encrypted. A receiver without keys that decodes it learns the epoch, the number of the frame and of the transmission.
"""

import zlib
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct

from linksim.control_plane.messages import DATA, VERSION
from linksim.control_plane.wire import MalformedFrame, append_checksum
from linksim.secrecy import SessionKeys, compare_tags, make_header_tag
from linksim.wire_layout import CRC_BYTES, DATA_HEADER, header_bytes

_HEAD = VERSION << 4 | DATA
_LINK = Struct(">I")
_SIZES = (header_bytes(session=True), header_bytes(session=False))


@dataclass(frozen=True, slots=True)
class DataHeader:
    """A received header whose checksum is right.

    epoch    number of the agreed parameters with which Alice encoded the frame, 0..65535
    frame    number of the frame on its link, 0..2^32 - 1
    attempt  number of the transmission, 0 for the first, 0..255
    tag      4 bytes, empty on a link without a session
    """

    epoch: int
    frame: int
    attempt: int
    tag: bytes

    def verify(self, link: int, keys: SessionKeys) -> None:
        """Raise AuthenticationError unless the sender holds these session keys."""
        compare_tags(header_tag(keys, link, self.epoch, self.frame, self.attempt), self.tag)


def encode(link: int, epoch: int, frame: int, attempt: int, keys: SessionKeys | None) -> bytes:
    """Return the header of a transmission of a data frame.

    keys  keys of the session, None on a link without one

    >>> encode(0, 1, 2, 0, None).hex()
    '4f000100000002006cf5be0f'
    """
    tag = b"" if keys is None else header_tag(keys, link, epoch, frame, attempt)
    return append_checksum(DATA_HEADER.pack(_HEAD, epoch, frame, attempt) + tag)


@lru_cache(maxsize=64)  # Bob and Eve read the same bytes at about the same time
def parse(raw: bytes) -> DataHeader:
    """Return the header in any bytes. Raises MalformedFrame, and no other exception, for a wrong length, checksum or version."""
    if len(raw) not in _SIZES:
        raise MalformedFrame(f"a header has {_SIZES[0]} or {_SIZES[1]} bytes, got {len(raw)}")
    content = raw[:-CRC_BYTES]
    if zlib.crc32(content) != int.from_bytes(raw[-CRC_BYTES:], "big"):
        raise MalformedFrame("the checksum is wrong")
    head, epoch, frame, attempt = DATA_HEADER.unpack_from(content)
    if head != _HEAD:
        raise MalformedFrame(f"the first byte of a header must be {_HEAD:#x}, got {head:#x}")
    return DataHeader(epoch, frame, attempt, content[DATA_HEADER.size :])


def header_tag(keys: SessionKeys, link: int, epoch: int, frame: int, attempt: int) -> bytes:
    """Return the tag of a header, 4 bytes."""
    return make_header_tag(keys, _LINK.pack(link) + DATA_HEADER.pack(_HEAD, epoch, frame, attempt))
