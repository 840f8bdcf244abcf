"""The integer codes of records, frames and messages. The trace stores a member's number and, once per column, the words of all members.

The order of the members is part of the formats: numbers are stored in traces and sent in control messages. New members go to the end.
"""

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


class ImageRole(Code):
    """The role of an image in a covert pair."""

    HOST = 0
    PRIVATE = 1


class Origin(Code):
    """How a copy of a control frame came about.

    SENT       the sender's own transmission
    DUPLICATE  the same frame again, delivered by a fault of the link
    REPLAY     an earlier frame, repeated by an attacker
    FORGERY    a frame made or changed by an attacker without the keys
    """

    SENT = 0
    DUPLICATE = 1
    REPLAY = 2
    FORGERY = 3


class Outcome(Code):
    """What became of a data frame.

    DECODED             Bob decoded all images with the parameters with which Alice encoded them
    NO_PARAMETERS       Bob had no parameters, or no key, for the frame and decoded nothing
    NOT_SENT            Alice had no agreement with Bob and gave the frame up
    PARAMETER_MISMATCH  Bob decoded the frame with other parameters or keys than Alice's
    DAMAGED             the checksum of at least one image failed (schemes with a checksum only)
    HEADER_LOST         Bob did not receive the frame's header, or refused it, and decoded nothing
    """

    DECODED = 0
    NO_PARAMETERS = 1
    NOT_SENT = 2
    PARAMETER_MISMATCH = 3
    DAMAGED = 4
    HEADER_LOST = 5


class HeaderOutcome(Code):
    """What became of the header of a data frame at one receiver.

    DECODED  its checksum is right, and so is its tag if the receiver holds session keys
    LOST     its checksum failed
    FORGED   its checksum is right and its tag is wrong, or it repeats an earlier header
    """

    DECODED = 0
    LOST = 1
    FORGED = 2


class ControlOutcome(Code):
    """What became of a copy of a control frame.

    ACCEPTED  its content was used
    LOST      its checksum failed, or it never arrived
    REFUSED   it was received intact, but its authentication failed or it was out of place
    """

    ACCEPTED = 0
    LOST = 1
    REFUSED = 2


class MessageKind(Code):
    """The kinds of control message; the value is the low nibble of a frame's first byte (docs/wire-format.md).

    PROBE      pilots, from which Bob measures the SNR
    REPORT     the measured SNR, and the negotiated parameters that Bob offers under a new epoch
    CONFIRM    Alice uses the offered parameters from now on
    KEY        indices of the keys of the next data frame
    ACK        a KEY, a data frame, or a CONFIRM that needs an answer, has arrived
    HELLO      begins the key agreement
    ACCEPT     completes it
    NACK       a data frame could not be decoded
    CHALLENGE  a number that the next HELLO must contain, because the clock of the last one was behind
    """

    PROBE = 0
    REPORT = 1
    CONFIRM = 2
    KEY = 3
    ACK = 4
    HELLO = 5
    ACCEPT = 6
    NACK = 7
    CHALLENGE = 8
