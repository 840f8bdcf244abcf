"""The control plane's messages as bytes: one frozen dataclass per kind, `encode` and `decode` side by side.

docs/wire-format.md is the contract:

    clear   head 1 | epoch 2 | sequence 4 | body | CRC-32 4                               PROBE, HELLO, ACCEPT
    sealed  head 1 | epoch 2 | counter 4 | AEAD(sequence 4 | body) | tag 16 | CRC-32 4    REPORT, CONFIRM, KEY, ACK

Big-endian throughout. The head is the version (high nibble) and the kind (low nibble, its place in `records.MESSAGES`). `parse` takes any
bytes and gives a message or raises Malformed; what it gives of the sealed kinds is an `Envelope`, which `unseal` opens. The lane is not
on the wire: the air is the lane's own.
"""

import struct
import zlib
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self, TypeVar

from linksim.records import MESSAGES
from linksim.secrecy import COUNTER_BYTES, KEY_BYTES, TAG_BYTES, Opener, Sealer

VERSION = 1
MOST_PAIRS = 128
UINT16, UINT32, UINT64 = 2**16 - 1, 2**32 - 1, 2**64 - 1

_HEAD = struct.Struct(">BH")
_SEQUENCE = struct.Struct(">I")
_CLEAR = _HEAD.size + _SEQUENCE.size
_SEALED = _CLEAR + COUNTER_BYTES + TAG_BYTES
_CRC = 4


class Malformed(Exception):  # noqa: N818 - an event of the link, not a fault of the program
    """Bytes that are no message: damaged on the way, or made by nobody who speaks this format."""


def within(lowest: int, highest: int) -> Any:
    """Field of a message whose value lies in lowest..highest; for bytes and tuples it is their length that does."""
    return field(metadata={"lowest": lowest, "highest": highest})


@dataclass(frozen=True, slots=True)
class Message:
    """What all kinds have. A value out of range raises ValueError when the message is made, at either end.

    kind      place in `records.MESSAGES`
    body      how the kind's own fields stand on the wire, in their order
    epoch     number of the agreed terms that the sender works under
    sequence  number of the exchange: an answer has that of what it answers, a repeat that of the first try
    """

    kind: ClassVar[int]
    body: ClassVar[struct.Struct]
    epoch: int = within(0, UINT16)
    sequence: int = within(0, UINT32)

    def __post_init__(self) -> None:
        for part in fields(self):
            value = getattr(self, part.name)
            measure = len(value) if isinstance(value, bytes | tuple) else value
            lowest, highest = part.metadata["lowest"], part.metadata["highest"]
            if not lowest <= measure <= highest:  # so written that NaN is refused
                raise ValueError(f"{part.name} must be within {lowest}..{highest}, got {measure}")

    def encode(self) -> bytes:
        """The body."""
        return self.body.pack(*(getattr(self, part.name) for part in fields(self)[2:]))

    @classmethod
    def decode(cls, epoch: int, sequence: int, body: bytes) -> Self:
        """Undo `encode`. Raises ValueError for a value out of range; the length is right (see `parse`)."""
        return cls(epoch, sequence, *cls.body.unpack(body))


class Tagged(Message):
    """A message whose body ends with the tag that proves its sender."""

    __slots__ = ()

    def covered(self) -> bytes:
        """What the tag vouches for: all that stands before it."""
        return _clear(self)[:-TAG_BYTES]


@dataclass(frozen=True, slots=True)
class Hello(Tagged):
    """Alice opens a session.

    sent_ns    when: a HELLO older than the last one accepted is a replay
    ephemeral  her ephemeral public key
    tag        over `covered()`, see `secrecy.prove_hello`
    """

    kind = MESSAGES.index("hello")
    body = struct.Struct(f">Q{KEY_BYTES}s{TAG_BYTES}s")
    sent_ns: int = within(0, UINT64)
    ephemeral: bytes = within(KEY_BYTES, KEY_BYTES)
    tag: bytes = within(TAG_BYTES, TAG_BYTES)


@dataclass(frozen=True, slots=True)
class Accept(Tagged):
    """Bob takes it up.

    ephemeral  his ephemeral public key
    tag        over `covered()`, see `secrecy.prove_accept`
    """

    kind = MESSAGES.index("accept")
    body = struct.Struct(f">{KEY_BYTES}s{TAG_BYTES}s")
    ephemeral: bytes = within(KEY_BYTES, KEY_BYTES)
    tag: bytes = within(TAG_BYTES, TAG_BYTES)


@dataclass(frozen=True, slots=True)
class Probe(Message):
    """Alice asks how the channel is.

    pilots  known symbols in front of the message on the air
    """

    kind = MESSAGES.index("probe")
    body = struct.Struct(">H")
    pilots: int = within(2, 4096)


@dataclass(frozen=True, slots=True)
class Report(Message):
    """Bob answers a PROBE; `sequence` is that of the PROBE.

    snr_db  measured on its pilots, in dB; carried as whole hundredths
    """

    kind = MESSAGES.index("report")
    body = struct.Struct(">h")
    snr_db: float = within(-100, 100)

    def encode(self) -> bytes:
        return self.body.pack(round(100 * self.snr_db))

    @classmethod
    def decode(cls, epoch: int, sequence: int, body: bytes) -> Self:
        return cls(epoch, sequence, cls.body.unpack(body)[0] / 100)


@dataclass(frozen=True, slots=True)
class Confirm(Message):
    """Alice settles the terms.

    agreed_epoch  number of the terms that both use from now on
    """

    kind = MESSAGES.index("confirm")
    body = struct.Struct(">H")
    agreed_epoch: int = within(0, UINT16)


@dataclass(frozen=True, slots=True)
class Key(Message):
    """Alice says how a data frame is shuffled.

    frame  number of that data frame
    pairs  one (p, s) per two images: which permutation and which substitution of the shared sets, 0..65535 each
    """

    kind = MESSAGES.index("key")
    body = struct.Struct(">I")  # the frame's number; the pairs follow
    pair: ClassVar[struct.Struct] = struct.Struct(">HH")
    frame: int = within(0, UINT32)
    pairs: tuple[tuple[int, int], ...] = within(1, MOST_PAIRS)

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        if not all(0 <= choice <= UINT16 for pair in self.pairs for choice in pair):
            raise ValueError(f"p and s must be within 0..{UINT16}, got {self.pairs}")

    def encode(self) -> bytes:
        return self.body.pack(self.frame) + b"".join(self.pair.pack(p, s) for p, s in self.pairs)

    @classmethod
    def decode(cls, epoch: int, sequence: int, body: bytes) -> Self:
        return cls(epoch, sequence, cls.body.unpack_from(body)[0], tuple(cls.pair.iter_unpack(body[cls.body.size :])))


@dataclass(frozen=True, slots=True)
class Ack(Message):
    """A message arrived; `sequence` is that of the message.

    acknowledged  its kind, any but ACK itself
    """

    kind = MESSAGES.index("ack")
    body = struct.Struct(">B")
    acknowledged: int = within(0, len(MESSAGES) - 1)

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        if self.acknowledged == self.kind:
            raise ValueError("an ACK is not acknowledged")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A sealed message as it was heard.

    kind    place in `records.MESSAGES`; it and the epoch can be read by all, and the tag vouches for both
    epoch   0..65535
    sealed  counter, ciphertext and tag, see `secrecy.Sealer`
    """

    kind: int
    epoch: int
    sealed: bytes


Clear = Hello | Accept | Probe
Sealed = Report | Confirm | Key | Ack
Kind = TypeVar("Kind", bound=Message)
_CLEAR_KINDS: dict[int, type[Clear]] = {message.kind: message for message in (Hello, Accept, Probe)}
_SEALED_KINDS: dict[int, type[Sealed]] = {message.kind: message for message in (Report, Confirm, Key, Ack)}


def frame(message: Clear) -> bytes:
    """A clear message -> the bytes that go on the air."""
    return _checked(_clear(message))


def seal(message: Sealed, sealer: Sealer) -> bytes:
    """A sealed message -> the bytes that go on the air. A repeat is sealed anew: the peer opens no counter twice."""
    head = _head(message.kind, message.epoch)
    return _checked(head + sealer.seal(_SEQUENCE.pack(message.sequence) + message.encode(), head, message.epoch))


def parse(raw: bytes) -> Clear | Envelope:
    """Any bytes -> the message they are. Raises Malformed, and nothing else, for a wrong checksum, version, kind, length or value."""
    if len(raw) < _CLEAR + _CRC:
        raise Malformed(f"{len(raw)} bytes are too few")
    content = raw[:-_CRC]
    if zlib.crc32(content) != int.from_bytes(raw[-_CRC:], "big"):
        raise Malformed("the checksum does not fit")
    head, epoch = _HEAD.unpack_from(content)
    version, kind = divmod(head, 16)
    if version != VERSION or kind >= len(MESSAGES):
        raise Malformed(f"version {version}, kind {kind}: this is version {VERSION} with kinds 0..{len(MESSAGES) - 1}")
    if kind in _SEALED_KINDS:
        _fits(_SEALED_KINDS[kind], len(content) - _SEALED)
        return Envelope(kind, epoch, content[_HEAD.size :])
    _fits(_CLEAR_KINDS[kind], len(content) - _CLEAR)
    return _decode(_CLEAR_KINDS[kind], epoch, content[_HEAD.size :])


def unseal(envelope: Envelope, opener: Opener) -> Sealed:
    """Open an envelope. Raises Refused where it is not the peer's or was opened before, Malformed for a value out of range."""
    plain = opener.open(envelope.sealed, _head(envelope.kind, envelope.epoch), envelope.epoch)
    return _decode(_SEALED_KINDS[envelope.kind], envelope.epoch, plain)


def _decode(message: type[Kind], epoch: int, plain: bytes) -> Kind:
    try:
        return message.decode(epoch, _SEQUENCE.unpack_from(plain)[0], plain[_SEQUENCE.size :])
    except ValueError as fault:
        raise Malformed(str(fault)) from None


def _fits(message: type[Message], size: int) -> None:
    """A body has one length, but for KEY's, which grows by the pair."""
    extra = size - message.body.size
    allowed = range(Key.pair.size, (MOST_PAIRS + 1) * Key.pair.size, Key.pair.size) if message is Key else range(1)
    if extra not in allowed:
        raise Malformed(f"a {MESSAGES[message.kind]} has no body of {size} bytes")


def _head(kind: int, epoch: int) -> bytes:
    return _HEAD.pack(VERSION << 4 | kind, epoch)


def _clear(message: Message) -> bytes:
    return _head(message.kind, message.epoch) + _SEQUENCE.pack(message.sequence) + message.encode()


def _checked(content: bytes) -> bytes:
    return content + zlib.crc32(content).to_bytes(_CRC, "big")
