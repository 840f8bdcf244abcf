"""The integer codes of records, frames and messages. The trace stores a member's number and, once per column, the words of all members."""

from enum import IntEnum


class Code(IntEnum):
    """Base of the codes: consecutive integers from 0, each with a word for the trace.

    >>> Outcome.NO_PARAMETERS.word
    'no parameters'
    >>> ControlOutcome.words()
    ('accepted', 'lost', 'refused')
    """

    @property
    def word(self) -> str:
        """The member's name in lower case, with blanks for underscores."""
        return self.name.lower().replace("_", " ")

    @classmethod
    def words(cls) -> tuple[str, ...]:
        """The words of the values 0, 1, 2, ..."""
        return tuple(member.word for member in cls)


class Node(Code):
    """A node of a link. The receivers of data frames, Bob and Eve, come first."""

    BOB = 0
    EVE = 1
    ALICE = 2


class ImageOwner(Code):
    """The owner of a kept image: a node, or `SOURCE` for Alice's image after an attack on the source, which is what she sends."""

    BOB = Node.BOB
    EVE = Node.EVE
    ALICE = Node.ALICE
    SOURCE = 3


class Origin(Code):
    """How a copy of a control frame came about. `SENT` is the sender's own transmission; the link's faults make all others."""

    SENT = 0
    DUPLICATE = 1
    REPLAY = 2
    FORGERY = 3


class Outcome(Code):
    """What became of a data frame. `DAMAGED`: the checksum of at least one of its images failed."""

    DECODED = 0
    NO_PARAMETERS = 1
    NOT_SENT = 2
    PARAMETER_MISMATCH = 3
    DAMAGED = 4


class ControlOutcome(Code):
    """What became of a copy of a control frame. `REFUSED`: it was received intact, but its authentication failed or it was out of place."""

    ACCEPTED = 0
    LOST = 1
    REFUSED = 2


class MessageKind(Code):
    """The kinds of control message; the value is the low nibble of a frame's first byte (docs/wire-format.md)."""

    PROBE = 0
    REPORT = 1
    CONFIRM = 2
    KEY = 3
    ACK = 4
    HELLO = 5
    ACCEPT = 6
    NACK = 7
