"""The messages of the control plane: one frozen dataclass per kind, with `encode` and `decode` of its body.

docs/wire-format.md specifies the format. `control_plane.wire` converts messages to frames:

    clear   head 1 | epoch 2 | sequence 4 | body | CRC-32 4                               HELLO, ACCEPT, NACK, CHALLENGE
    sealed  head 1 | epoch 2 | counter 4 | AEAD(sequence 4 | body) | tag 16 | CRC-32 4    PROBE, REPORT, CONFIRM, KEY, ACK

All numbers are big-endian. The head holds the version (high nibble) and the kind (low nibble, a value of `enums.MessageKind`). The body of
a clear message ends with a tag that authenticates its sender. The link is not part of a message, because every link has its own air.
"""

import struct
from dataclasses import dataclass, field, fields
from enum import IntEnum
from functools import cache
from typing import Any, ClassVar, Self

from linksim import wire_layout
from linksim.enums import MessageKind
from linksim.secrecy import KEY_BYTES, TAG_BYTES
from linksim.wire_layout import HEAD, MAX_PAIRS, MAX_VALUES, SEQUENCE

VERSION = 4
DATA = 15  # code of a data frame in ACK; no kind of message has this value
UINT16, UINT32, UINT64 = 2**16 - 1, 2**32 - 1, 2**64 - 1
FIRST_CHALLENGE = 2**63  # challenges are numbers from here on, times of sending are below
MAX_REPORTED_DB = 100.0  # a report carries an SNR of -100 to 100 dB


class NackReason(IntEnum):
    """The reason why Bob did not accept a data frame, as NACK carries it."""

    NO_PARAMETERS = 0  # he has no agreed parameters for it
    DAMAGED = 1  # the checksum of at least one of its images failed


def within(lowest: float, highest: float) -> Any:
    """Return a message field whose value must lie in lowest..highest. For bytes and tuples the range applies to the length."""
    return field(metadata={"lowest": lowest, "highest": highest})


@dataclass(frozen=True, slots=True)
class Message:
    """Base of all messages. A value out of range raises ValueError when the message is made, at the sender and at the receiver.

    kind      the message's kind
    body      layout of the kind's own fields on the wire, in their order
    epoch     number of the agreed parameters that the sender uses
    sequence  number of the exchange; an answer carries that of the message it answers, a retransmission that of the first transmission
    """

    kind: ClassVar[MessageKind]
    body: ClassVar[struct.Struct]
    epoch: int = within(0, UINT16)
    sequence: int = within(0, UINT32)

    def __post_init__(self) -> None:
        for name, lowest, highest in self._ranges():
            value = getattr(self, name)
            measure = len(value) if value.__class__ in (bytes, tuple) else value
            if not lowest <= measure <= highest:  # this form also rejects NaN
                raise ValueError(f"{name} must be within {lowest}..{highest}, got {measure}")

    def encode(self) -> bytes:
        """Return the body."""
        return self.body.pack(*(getattr(self, name) for name, _, _ in self._ranges()[2:]))

    def _ranges(self) -> "Ranges":
        return ranges(type(self))  # type: ignore[arg-type]  # mypy checks the hash of the instances

    @classmethod
    def decode(cls, epoch: int, sequence: int, body: bytes) -> Self:
        """Return the message with this body. Raises ValueError for a value out of range. `wire.parse` has checked the length."""
        return cls(epoch, sequence, *cls.body.unpack(body))


Ranges = tuple[tuple[str, float, float], ...]


@cache
def ranges(kind: type[Message]) -> Ranges:
    """Return (name, lowest, highest) of each field of a kind, in their order.

    >>> ranges(Confirm)
    (('epoch', 0, 65535), ('sequence', 0, 4294967295), ('agreed_epoch', 0, 65535))
    """
    return tuple((each.name, each.metadata["lowest"], each.metadata["highest"]) for each in fields(kind))


def head(kind: int, epoch: int) -> bytes:
    """Return the first three bytes of a frame.

    >>> head(MessageKind.ACCEPT, 258).hex()
    '460102'
    """
    return HEAD.pack(VERSION << 4 | kind, epoch)


class Tagged(Message):
    """A clear message. Its body ends with a tag that authenticates its sender."""

    __slots__ = ()

    def clear(self) -> bytes:
        """Return the frame without its checksum."""
        return head(self.kind, self.epoch) + SEQUENCE.pack(self.sequence) + self.encode()

    def covered(self) -> bytes:
        """Return the bytes that the tag authenticates: all bytes before it."""
        return self.clear()[:-TAG_BYTES]


@dataclass(frozen=True, slots=True)
class Hello(Tagged):
    """Alice opens a session.

    freshness  shows that this HELLO is no replay: time of sending in ns, below 2^63, or the number of Bob's CHALLENGE, from 2^63 on
    ephemeral  Alice's ephemeral public key, 32 bytes
    tag        16 bytes over `covered()`, see `secrecy.make_hello_tag`
    """

    kind = MessageKind.HELLO
    body = wire_layout.BODIES["hello"]
    freshness: int = within(0, UINT64)
    ephemeral: bytes = within(KEY_BYTES, KEY_BYTES)
    tag: bytes = within(TAG_BYTES, TAG_BYTES)


@dataclass(frozen=True, slots=True)
class Accept(Tagged):
    """Bob accepts a session.

    ephemeral  Bob's ephemeral public key, 32 bytes
    tag        16 bytes over `covered()`, see `secrecy.make_accept_tag`
    """

    kind = MessageKind.ACCEPT
    body = wire_layout.BODIES["accept"]
    ephemeral: bytes = within(KEY_BYTES, KEY_BYTES)
    tag: bytes = within(TAG_BYTES, TAG_BYTES)


@dataclass(frozen=True, slots=True)
class Probe(Message):
    """Alice requests a measurement of the channel.

    pilots  number of known symbols in front of the message on the air
    """

    kind = MessageKind.PROBE
    body = wire_layout.BODIES["probe"]
    pilots: int = within(2, 4096)


@dataclass(frozen=True, slots=True)
class Report(Message):
    """Bob answers a PROBE. `sequence` is that of the PROBE.

    snr_db         SNR in dB, measured on the pilots; the wire carries hundredths of a dB
    offered_epoch  number of the offered parameters, which Alice may use from now on
    values         offered values of the negotiated parameters, in the order of the scheme's declaration
    """

    kind = MessageKind.REPORT
    body = wire_layout.BODIES["report"]  # the values follow
    snr_db: float = within(-MAX_REPORTED_DB, MAX_REPORTED_DB)
    offered_epoch: int = within(0, UINT16)
    values: tuple[int, ...] = within(0, MAX_VALUES)

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        if not all(0 <= value <= UINT16 for value in self.values):
            raise ValueError(f"a negotiated value must be within 0..{UINT16}, got {self.values}")

    def encode(self) -> bytes:
        fixed = self.body.pack(round(100 * self.snr_db), self.offered_epoch)
        return fixed + b"".join(map(wire_layout.PARAMETER.pack, self.values))

    @classmethod
    def decode(cls, epoch: int, sequence: int, body: bytes) -> Self:
        hundredths, offered_epoch = cls.body.unpack_from(body)
        values = tuple(value for (value,) in wire_layout.PARAMETER.iter_unpack(body[cls.body.size :]))
        return cls(epoch, sequence, hundredths / 100, offered_epoch, values)


@dataclass(frozen=True, slots=True)
class Confirm(Message):
    """Alice confirms the offered parameters. Bob answers with ACK only if they are in force already.

    agreed_epoch  number of the parameters that both use from now on
    """

    kind = MessageKind.CONFIRM
    body = wire_layout.BODIES["confirm"]
    agreed_epoch: int = within(0, UINT16)


@dataclass(frozen=True, slots=True)
class Key(Message):
    """Alice transmits the permutation keys of a data frame.

    frame  number of the data frame
    pairs  one (p, s) per pair of images: indices of a permutation and of a substitution in the shared sets, 0..65535 each
    """

    kind = MessageKind.KEY
    body = wire_layout.BODIES["key"]  # number of the frame, followed by the pairs
    pair: ClassVar[struct.Struct] = wire_layout.PAIR
    frame: int = within(0, UINT32)
    pairs: tuple[tuple[int, int], ...] = within(1, MAX_PAIRS)

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
    """A message or a data frame arrived. `sequence` is that of the message, or the number of the data frame.

    acknowledged  kind of the message, any except ACK, or `DATA`
    """

    kind = MessageKind.ACK
    body = wire_layout.BODIES["ack"]
    acknowledged: int = within(0, DATA)

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        if self.acknowledged == self.kind or len(MessageKind) <= self.acknowledged < DATA:
            raise ValueError(f"kind {self.acknowledged} cannot be acknowledged")


@dataclass(frozen=True, slots=True)
class Nack(Tagged):
    """Bob did not accept a data frame. `sequence` is its number, `epoch` the epoch that it carried.

    NACK is not sealed, because Bob must be able to send it after he has lost the session. Its tag also covers the tag of the header that he
    received, which only the ends of that session can compute. So it is valid for one transmission of one session.

    attempt  number of the transmission, 0 for the frame's first
    reason   a `NackReason`
    tag      16 bytes over `covered()` and the tag of the header, see `secrecy.make_static_tag`
    """

    kind = MessageKind.NACK
    body = wire_layout.BODIES["nack"]
    attempt: int = within(0, 255)
    reason: int = within(NackReason.NO_PARAMETERS, NackReason.DAMAGED)
    tag: bytes = within(TAG_BYTES, TAG_BYTES)


@dataclass(frozen=True, slots=True)
class Challenge(Tagged):
    """Bob asks Alice to repeat HELLO with a number of his, because the time of her HELLO is not newer than that of the last one.

    number  number that the next HELLO carries instead of a time, from 2^63 on
    tag     16 bytes over `covered()` and the bytes of the HELLO that it answers, see `secrecy.make_static_tag`
    """

    kind = MessageKind.CHALLENGE
    body = wire_layout.BODIES["challenge"]
    number: int = within(FIRST_CHALLENGE, UINT64)
    tag: bytes = within(TAG_BYTES, TAG_BYTES)


Clear = Hello | Accept | Nack | Challenge
Sealed = Probe | Report | Confirm | Key | Ack
