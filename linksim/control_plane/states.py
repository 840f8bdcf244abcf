"""The states of a session at Alice's and at Bob's end, and the transitions between them.

Alice                 keys   Bob's answer   next handshake        events
NO_SESSION            no     -              before any frame      ACCEPTED -> UNPROVEN
UNPROVEN              yes    none yet       not due               OPENED -> ESTABLISHED, EXCHANGE_FAILED -> UNPROVEN_SUSPECT
UNPROVEN_SUSPECT      yes    none yet       after a pause         ACCEPTED -> UNPROVEN, OPENED -> ESTABLISHED, REFUSED -> UNPROVEN_REFUSED
UNPROVEN_REFUSED      yes    none yet       before the next frame ACCEPTED -> UNPROVEN, OPENED -> REFUSED
ESTABLISHED           yes    opened         not due               EXCHANGE_FAILED, HANDSHAKE_FAILED -> SUSPECT, REFUSED -> REFUSED,
                                                                  ACCEPTED -> UNPROVEN
SUSPECT               yes    opened         after a pause         ACCEPTED -> UNPROVEN, OPENED -> ESTABLISHED, REFUSED -> REFUSED
REFUSED               yes    opened         before the next frame ACCEPTED -> UNPROVEN

Bob                   keys   pending keys                         events
NO_SESSION            no     no                                   HELLO -> PENDING
PENDING               no     yes                                  PROOF -> ESTABLISHED
ESTABLISHED           yes    no                                   HELLO -> REKEYING
REKEYING              yes    yes                                  PROOF -> ESTABLISHED

RESTART leads to NO_SESSION from every state. The tables below also contain the events that leave a state unchanged. A handshake under way
is no state of its own, because the old session stays in force until ACCEPT arrives. So ACCEPTED and HANDSHAKE_FAILED are possible in
ESTABLISHED, when a late message of Bob is opened during a handshake. An event that a table does not define in a state cannot happen there;
it is a programming error.
"""

from collections.abc import Mapping
from enum import Enum, auto
from typing import TypeVar


class TransitionError(RuntimeError):
    """An event that is not defined in the current state."""


class AliceState(Enum):
    """The state of a session at Alice's end."""

    NO_SESSION = auto()  # no keys
    UNPROVEN = auto()  # keys from ACCEPT; no message of Bob was opened with them
    UNPROVEN_SUSPECT = auto()  # as UNPROVEN, and an exchange failed
    UNPROVEN_REFUSED = auto()  # as UNPROVEN, and Bob refused a data frame
    ESTABLISHED = auto()  # a message of Bob was opened with the keys
    SUSPECT = auto()  # as ESTABLISHED, and an exchange failed
    REFUSED = auto()  # as ESTABLISHED, and Bob refused a data frame

    @property
    def proven(self) -> bool:
        """Whether a message of Bob was opened with the keys in force."""
        return self in (AliceState.ESTABLISHED, AliceState.SUSPECT, AliceState.REFUSED)

    @property
    def suspect(self) -> bool:
        """Whether a new handshake is due after a pause."""
        return self in (AliceState.UNPROVEN_SUSPECT, AliceState.SUSPECT)

    @property
    def needs_handshake(self) -> bool:
        """Whether a new handshake is due before the next data frame."""
        return self in (AliceState.NO_SESSION, AliceState.UNPROVEN_REFUSED, AliceState.REFUSED)


class AliceEvent(Enum):
    """An event at Alice's end."""

    RESTART = auto()  # she loses everything but her identity
    ACCEPTED = auto()  # an authentic ACCEPT of the handshake under way
    OPENED = auto()  # a sealed message of Bob, opened with the keys in force
    EXCHANGE_FAILED = auto()  # all transmissions of PROBE, KEY or CONFIRM remained without answer
    HANDSHAKE_FAILED = auto()  # all transmissions of HELLO remained without answer
    REFUSED = auto()  # an authentic NACK: Bob has no parameters for a data frame of this session


class BobState(Enum):
    """The state of a session at Bob's end."""

    NO_SESSION = auto()  # no keys
    PENDING = auto()  # keys of an accepted HELLO, not yet proven by Alice
    ESTABLISHED = auto()  # keys in force
    REKEYING = auto()  # keys in force, and pending keys of a newer HELLO


class BobEvent(Enum):
    """An event at Bob's end."""

    RESTART = auto()  # he loses everything but his identity
    HELLO = auto()  # an authentic HELLO that is newer than the last one
    PROOF = auto()  # a sealed message of Alice, opened with the pending keys


_A, _AE = AliceState, AliceEvent
ALICE_TRANSITIONS: Mapping[tuple[AliceState, AliceEvent], AliceState] = {
    **{(state, _AE.RESTART): _A.NO_SESSION for state in _A},
    (_A.NO_SESSION, _AE.ACCEPTED): _A.UNPROVEN,
    (_A.NO_SESSION, _AE.EXCHANGE_FAILED): _A.NO_SESSION,  # she restarted during the exchange
    (_A.NO_SESSION, _AE.HANDSHAKE_FAILED): _A.NO_SESSION,
    (_A.UNPROVEN, _AE.OPENED): _A.ESTABLISHED,
    (_A.UNPROVEN, _AE.EXCHANGE_FAILED): _A.UNPROVEN_SUSPECT,
    (_A.UNPROVEN_SUSPECT, _AE.ACCEPTED): _A.UNPROVEN,
    (_A.UNPROVEN_SUSPECT, _AE.OPENED): _A.ESTABLISHED,
    (_A.UNPROVEN_SUSPECT, _AE.EXCHANGE_FAILED): _A.UNPROVEN_SUSPECT,
    (_A.UNPROVEN_SUSPECT, _AE.HANDSHAKE_FAILED): _A.UNPROVEN_SUSPECT,
    (_A.UNPROVEN_SUSPECT, _AE.REFUSED): _A.UNPROVEN_REFUSED,
    (_A.UNPROVEN_REFUSED, _AE.ACCEPTED): _A.UNPROVEN,
    (_A.UNPROVEN_REFUSED, _AE.OPENED): _A.REFUSED,
    (_A.UNPROVEN_REFUSED, _AE.EXCHANGE_FAILED): _A.UNPROVEN_REFUSED,
    (_A.UNPROVEN_REFUSED, _AE.HANDSHAKE_FAILED): _A.UNPROVEN_REFUSED,
    (_A.UNPROVEN_REFUSED, _AE.REFUSED): _A.UNPROVEN_REFUSED,
    (_A.ESTABLISHED, _AE.ACCEPTED): _A.UNPROVEN,
    (_A.ESTABLISHED, _AE.OPENED): _A.ESTABLISHED,
    (_A.ESTABLISHED, _AE.EXCHANGE_FAILED): _A.SUSPECT,
    (_A.ESTABLISHED, _AE.HANDSHAKE_FAILED): _A.SUSPECT,
    (_A.ESTABLISHED, _AE.REFUSED): _A.REFUSED,
    (_A.SUSPECT, _AE.ACCEPTED): _A.UNPROVEN,
    (_A.SUSPECT, _AE.OPENED): _A.ESTABLISHED,
    (_A.SUSPECT, _AE.EXCHANGE_FAILED): _A.SUSPECT,
    (_A.SUSPECT, _AE.HANDSHAKE_FAILED): _A.SUSPECT,
    (_A.SUSPECT, _AE.REFUSED): _A.REFUSED,
    (_A.REFUSED, _AE.ACCEPTED): _A.UNPROVEN,
    (_A.REFUSED, _AE.OPENED): _A.REFUSED,
    (_A.REFUSED, _AE.EXCHANGE_FAILED): _A.REFUSED,
    (_A.REFUSED, _AE.HANDSHAKE_FAILED): _A.REFUSED,
    (_A.REFUSED, _AE.REFUSED): _A.REFUSED,
}

_B, _BE = BobState, BobEvent
BOB_TRANSITIONS: Mapping[tuple[BobState, BobEvent], BobState] = {
    **{(state, _BE.RESTART): _B.NO_SESSION for state in _B},
    (_B.NO_SESSION, _BE.HELLO): _B.PENDING,
    (_B.PENDING, _BE.HELLO): _B.PENDING,
    (_B.PENDING, _BE.PROOF): _B.ESTABLISHED,
    (_B.ESTABLISHED, _BE.HELLO): _B.REKEYING,
    (_B.REKEYING, _BE.HELLO): _B.REKEYING,
    (_B.REKEYING, _BE.PROOF): _B.ESTABLISHED,
}

State = TypeVar("State", AliceState, BobState)
Event = TypeVar("Event", AliceEvent, BobEvent)


def next_state(transitions: Mapping[tuple[State, Event], State], state: State, event: Event) -> State:
    """Return the state after an event. Raises TransitionError if the table does not define the event in this state.

    >>> next_state(BOB_TRANSITIONS, BobState.PENDING, BobEvent.PROOF)
    <BobState.ESTABLISHED: 3>
    """
    try:
        return transitions[state, event]
    except KeyError:
        raise TransitionError(f"event {event.name} is not defined in state {state.name}") from None
