"""The control plane's messages: one frozen dataclass per kind, `encode` and `decode` of its body side by side.

docs/wire-format.md is the contract; `simulation.wire` makes frames of them:

    clear   head 1 | epoch 2 | sequence 4 | body | CRC-32 4                               HELLO, ACCEPT, NACK
    sealed  head 1 | epoch 2 | counter 4 | AEAD(sequence 4 | body) | tag 16 | CRC-32 4    PROBE, REPORT, CONFIRM, KEY, ACK

Big-endian throughout. The head is the version (high nibble) and the kind (low nibble, its place in `records.MESSAGES`). Bodies of the clear
kinds end with a tag that proves the sender. The link is not on the wire: the air is the link's own.
"""

import struct
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, ClassVar, Self

from linksim.records import MESSAGES
from linksim.secrecy import KEY_BYTES, TAG_BYTES

VERSION = 2
MOST_PAIRS = 128
DATA = 15  # what ACK calls a data frame; no kind of message has this number
DISAGREED, DAMAGED = range(2)  # why Bob did not take a data frame, as NACK says it
UINT16, UINT32, UINT64 = 2**16 - 1, 2**32 - 1, 2**64 - 1
REPORTED_DB = 100.0  # a report says no more than this and no less than its negative

HEAD = struct.Struct(">BH")
SEQUENCE = struct.Struct(">I")


def within(lowest: float, highest: float) -> Any:
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
        for name, lowest, highest in self._ranges():
            value = getattr(self, name)
            measure = len(value) if value.__class__ in (bytes, tuple) else value
            if not lowest <= measure <= highest:  # so written that NaN is refused
                raise ValueError(f"{name} must be within {lowest}..{highest}, got {measure}")

    def encode(self) -> bytes:
        """The body."""
        return self.body.pack(*(getattr(self, name) for name, _, _ in self._ranges()[2:]))

    def _ranges(self) -> "Ranges":
        return ranges(type(self))  # type: ignore[arg-type]  # mypy asks the class for its instances' hash

    @classmethod
    def decode(cls, epoch: int, sequence: int, body: bytes) -> Self:
        """Undo `encode`. Raises ValueError for a value out of range; the length is right (see `wire.parse`)."""
        return cls(epoch, sequence, *cls.body.unpack(body))


Ranges = tuple[tuple[str, float, float], ...]


@cache
def ranges(kind: type[Message]) -> Ranges:
    """(name, lowest, highest) of each field of a kind, in their order."""
    return tuple((part.name, part.metadata["lowest"], part.metadata["highest"]) for part in fields(kind))


def head(kind: int, epoch: int) -> bytes:
    """The first three bytes of every frame."""
    return HEAD.pack(VERSION << 4 | kind, epoch)


class Tagged(Message):
    """A clear message; its body ends with the tag that proves its sender."""

    __slots__ = ()

    def clear(self) -> bytes:
        """The frame without its checksum."""
        return head(self.kind, self.epoch) + SEQUENCE.pack(self.sequence) + self.encode()

    def covered(self) -> bytes:
        """What the tag vouches for: all that stands before it."""
        return self.clear()[:-TAG_BYTES]


@dataclass(frozen=True, slots=True)
class Hello(Tagged):
    """Alice opens a session.

    sent_ns    when: a HELLO older than the last one accepted is a replay
    ephemeral  her ephemeral public key
    tag        over `covered()`, see `secrecy.make_hello_tag`
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
    tag        over `covered()`, see `secrecy.make_accept_tag`
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

    snr_db         measured on its pilots, in dB; carried as whole hundredths
    offered_epoch  number of the terms that Alice may begin: those in force, with the steps below
    t_d, t_plus    diffusion steps that he asks for, and those that he adds to them; 0 where the scheme has none
    """

    kind = MESSAGES.index("report")
    body = struct.Struct(">hHHH")
    snr_db: float = within(-REPORTED_DB, REPORTED_DB)
    offered_epoch: int = within(0, UINT16)
    t_d: int = within(0, UINT16)
    t_plus: int = within(0, UINT16)

    def encode(self) -> bytes:
        return self.body.pack(round(100 * self.snr_db), self.offered_epoch, self.t_d, self.t_plus)

    @classmethod
    def decode(cls, epoch: int, sequence: int, body: bytes) -> Self:
        hundredths, *others = cls.body.unpack(body)
        return cls(epoch, sequence, hundredths / 100, *others)


@dataclass(frozen=True, slots=True)
class Confirm(Message):
    """Alice settles the terms. Where Bob has them already, and only there, he answers with ACK.

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
    """A message or a data frame arrived; `sequence` is that of the message, or the number of the data frame.

    acknowledged  kind of the message, any but ACK itself, or `DATA`
    """

    kind = MESSAGES.index("ack")
    body = struct.Struct(">B")
    acknowledged: int = within(0, DATA)

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        if self.acknowledged == self.kind or len(MESSAGES) <= self.acknowledged < DATA:
            raise ValueError(f"kind {self.acknowledged} is not acknowledged")


@dataclass(frozen=True, slots=True)
class Nack(Tagged):
    """Bob could not take a data frame; `sequence` is its number, `epoch` the one under which it came.

    Not sealed: he must be able to say it when he has lost the session.

    attempt  0 for the frame's first transmission
    reason   `DISAGREED`: he has no terms for it; `DAMAGED`: its checksum failed
    tag      over `covered()`, see `secrecy.make_nack_tag`
    """

    kind = MESSAGES.index("nack")
    body = struct.Struct(f">BB{TAG_BYTES}s")
    attempt: int = within(0, 255)
    reason: int = within(DISAGREED, DAMAGED)
    tag: bytes = within(TAG_BYTES, TAG_BYTES)


Clear = Hello | Accept | Nack
Sealed = Probe | Report | Confirm | Key | Ack
