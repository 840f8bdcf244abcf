"""Frames of the control plane: conversion of messages to bytes and back.

    message --> frame, encode_sealed --> bytes --> parse --> clear message, whose tag its receiver must verify
                                                        --> SealedFrame --> decode_sealed --> message

`parse` accepts any bytes, and raises MalformedFrame for all that are no frame of this version: a checksum, length, kind or value that is
wrong. Whether a frame is authentic and new is decided afterwards, by `decode_sealed` or by the receiver of a clear message, so a damaged
frame is never taken for a forgery. The docstring of `control_plane.messages` shows the layout.
"""

import zlib
from dataclasses import dataclass
from typing import TypeVar

from linksim.control_plane.messages import (
    VERSION,
    Accept,
    Ack,
    Challenge,
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
from linksim.enums import MessageKind
from linksim.secrecy import COUNTER_BYTES, TAG_BYTES, Decryptor, Encryptor
from linksim.wire_layout import HEAD, MAX_PAIRS, MAX_VALUES, PARAMETER, SEQUENCE

_CLEAR = HEAD.size + SEQUENCE.size
_SEALED = _CLEAR + COUNTER_BYTES + TAG_BYTES
_CRC = 4


class MalformedFrame(Exception):  # noqa: N818 - an event of the link, not a fault of the program
    """Bytes that are no message: they were damaged on the way, or do not follow this format."""


@dataclass(frozen=True, slots=True)
class SealedFrame:
    """A sealed message as it was received.

    kind    a value of `enums.MessageKind`; kind and epoch are not encrypted, but the tag authenticates them
    epoch   0..65535
    sealed  counter, ciphertext and tag, see `secrecy.Encryptor`
    """

    kind: int
    epoch: int
    sealed: bytes


MessageT = TypeVar("MessageT", bound=Message)
_CLEAR_KINDS: dict[int, type[Clear]] = {message.kind: message for message in (Hello, Accept, Nack, Challenge)}
_SEALED_KINDS: dict[int, type[Sealed]] = {message.kind: message for message in (Probe, Report, Confirm, Key, Ack)}


def frame(message: Clear) -> bytes:
    """Return the frame of a clear message.

    >>> parse(frame(Nack(1, 2, 0, 1, bytes(16)))).sequence
    2
    """
    return append_checksum(message.clear())


def encode_sealed(message: Sealed, encryptor: Encryptor) -> bytes:
    """Return the frame of a sealed message. A retransmission must be sealed again, because the peer accepts each counter once."""
    associated = head(message.kind, message.epoch)
    return append_checksum(associated + encryptor.encrypt(SEQUENCE.pack(message.sequence) + message.encode(), associated, message.epoch))


def parse(raw: bytes) -> Clear | SealedFrame:
    """Return the message in any bytes.

    Raises MalformedFrame, and no other exception, for a wrong checksum, version, kind, length or value.
    """
    if len(raw) < _CLEAR + _CRC:
        raise MalformedFrame(f"a frame has at least {_CLEAR + _CRC} bytes, got {len(raw)}")
    content = raw[:-_CRC]
    if zlib.crc32(content) != int.from_bytes(raw[-_CRC:], "big"):
        raise MalformedFrame("the checksum is wrong")
    first, epoch = HEAD.unpack_from(content)
    version, kind = divmod(first, 16)
    if version != VERSION or kind >= len(MessageKind):
        raise MalformedFrame(f"allowed: version {VERSION} with kinds 0..{len(MessageKind) - 1}, got version {version} and kind {kind}")
    if kind in _SEALED_KINDS:
        _check_length(_SEALED_KINDS[kind], len(content) - _SEALED)
        return SealedFrame(kind, epoch, content[HEAD.size :])
    _check_length(_CLEAR_KINDS[kind], len(content) - _CLEAR)
    return _decode(_CLEAR_KINDS[kind], epoch, content[HEAD.size :])


def decode_sealed(sealed_frame: SealedFrame, decryptor: Decryptor) -> Sealed:
    """Decrypt a sealed frame.

    Raises AuthenticationError if it does not come from the peer or was decrypted before, MalformedFrame for a value out of range.
    """
    plain = decryptor.decrypt(sealed_frame.sealed, head(sealed_frame.kind, sealed_frame.epoch), sealed_frame.epoch)
    return _decode(_SEALED_KINDS[sealed_frame.kind], sealed_frame.epoch, plain)


def append_checksum(content: bytes) -> bytes:
    """Return `content` followed by its CRC-32, which ends every frame.

    >>> append_checksum(b"123456789")[-4:].hex()
    'cbf43926'
    """
    return content + zlib.crc32(content).to_bytes(_CRC, "big")


def _decode(message: type[MessageT], epoch: int, plain: bytes) -> MessageT:
    try:
        return message.decode(epoch, SEQUENCE.unpack_from(plain)[0], plain[SEQUENCE.size :])
    except ValueError as error:
        raise MalformedFrame(str(error)) from None


def _check_length(message: type[Message], size: int) -> None:
    """Raise MalformedFrame for a body of the wrong length. KEY grows by the pair, REPORT by the negotiated parameter."""
    extra, allowed = size - message.body.size, range(1)
    if message is Key:
        allowed = range(Key.pair.size, (MAX_PAIRS + 1) * Key.pair.size, Key.pair.size)
    elif message is Report:
        allowed = range(0, (MAX_VALUES + 1) * PARAMETER.size, PARAMETER.size)
    if extra not in allowed:
        raise MalformedFrame(f"a body of {size} bytes is not allowed in {message.kind.name}")
