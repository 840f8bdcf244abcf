"""Frames of the control plane: messages to bytes and back. `parse` takes any bytes and gives a message or raises Malformed.

What it gives of the sealed kinds is an `Envelope`, which `unseal` opens. The layout stands at the top of `simulation.messages`.
"""

import zlib
from dataclasses import dataclass
from typing import TypeVar

from linksim.control_plane.messages import (
    HEAD,
    MOST_PAIRS,
    SEQUENCE,
    VERSION,
    Accept,
    Ack,
    Clear,
    Confirm,
    Hello,
    Key,
    Message,
    Nack,
    Probe,
    Report,
    Sealed,
    head,
)
from linksim.records import MESSAGES
from linksim.secrecy import COUNTER_BYTES, TAG_BYTES, Decryptor, Encryptor

_CLEAR = HEAD.size + SEQUENCE.size
_SEALED = _CLEAR + COUNTER_BYTES + TAG_BYTES
_CRC = 4


class MalformedFrame(Exception):  # noqa: N818 - an event of the link, not a fault of the program
    """Bytes that are no message: damaged on the way, or made by nobody who speaks this format."""


@dataclass(frozen=True, slots=True)
class SealedFrame:
    """A sealed message as it was received.

    kind    place in `records.MESSAGES`; it and the epoch can be read by all, and the tag vouches for both
    epoch   0..65535
    sealed  counter, ciphertext and tag, see `secrecy.Encryptor`
    """

    kind: int
    epoch: int
    sealed: bytes


Kind = TypeVar("Kind", bound=Message)
_CLEAR_KINDS: dict[int, type[Clear]] = {message.kind: message for message in (Hello, Accept, Nack)}
_SEALED_KINDS: dict[int, type[Sealed]] = {message.kind: message for message in (Probe, Report, Confirm, Key, Ack)}


def frame(message: Clear) -> bytes:
    """A clear message -> the bytes that go on the air."""
    return checked(message.clear())


def encode_sealed(message: Sealed, encryptor: Encryptor) -> bytes:
    """A sealed message -> the bytes that go on the air. A repeat is sealed anew: the peer opens no counter twice."""
    associated = head(message.kind, message.epoch)
    return checked(associated + encryptor.encrypt(SEQUENCE.pack(message.sequence) + message.encode(), associated, message.epoch))


def parse(raw: bytes) -> Clear | SealedFrame:
    """Any bytes -> the message they are. Raises Malformed, and nothing else, for a wrong checksum, version, kind, length or value."""
    if len(raw) < _CLEAR + _CRC:
        raise MalformedFrame(f"{len(raw)} bytes are too few")
    content = raw[:-_CRC]
    if zlib.crc32(content) != int.from_bytes(raw[-_CRC:], "big"):
        raise MalformedFrame("the checksum does not fit")
    first, epoch = HEAD.unpack_from(content)
    version, kind = divmod(first, 16)
    if version != VERSION or kind >= len(MESSAGES):
        raise MalformedFrame(f"version {version}, kind {kind}: this is version {VERSION} with kinds 0..{len(MESSAGES) - 1}")
    if kind in _SEALED_KINDS:
        _fits(_SEALED_KINDS[kind], len(content) - _SEALED)
        return SealedFrame(kind, epoch, content[HEAD.size :])
    _fits(_CLEAR_KINDS[kind], len(content) - _CLEAR)
    return _decode(_CLEAR_KINDS[kind], epoch, content[HEAD.size :])


def decode_sealed(envelope: SealedFrame, decryptor: Decryptor) -> Sealed:
    """Open an envelope. Raises Refused where it is not the peer's or was opened before, Malformed for a value out of range."""
    plain = decryptor.decrypt(envelope.sealed, head(envelope.kind, envelope.epoch), envelope.epoch)
    return _decode(_SEALED_KINDS[envelope.kind], envelope.epoch, plain)


def checked(content: bytes) -> bytes:
    """With the CRC-32 that every frame ends with."""
    return content + zlib.crc32(content).to_bytes(_CRC, "big")


def _decode(message: type[Kind], epoch: int, plain: bytes) -> Kind:
    try:
        return message.decode(epoch, SEQUENCE.unpack_from(plain)[0], plain[SEQUENCE.size :])
    except ValueError as fault:
        raise MalformedFrame(str(fault)) from None


def _fits(message: type[Message], size: int) -> None:
    """A body has one length, but for KEY's, which grows by the pair."""
    extra = size - message.body.size
    allowed = range(Key.pair.size, (MOST_PAIRS + 1) * Key.pair.size, Key.pair.size) if message is Key else range(1)
    if extra not in allowed:
        raise MalformedFrame(f"a {MESSAGES[message.kind]} has no body of {size} bytes")
