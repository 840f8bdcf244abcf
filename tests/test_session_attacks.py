"""Attacks on a session without its keys: forged and replayed headers, old NACKs, clocks that run ahead, and replays of HELLO."""

from dataclasses import replace
from typing import Any

import pytest
from session_pair import Pair
from test_session_faults import DERIVED, pair, quiet

from linksim.control_plane import data_header, wire
from linksim.control_plane.handshake import CHALLENGE, HandshakeInitiator, HandshakeResponder, StaleHello
from linksim.control_plane.messages import FIRST_CHALLENGE, Accept, Challenge, Clear, Confirm, Hello, Nack, NackReason, Report
from linksim.enums import ControlOutcome, HeaderOutcome, Node, Origin
from linksim.errors import LinksimError
from linksim.frames import ControlFrame, ReceivedMessage
from linksim.secrecy import LAST_COUNTER, AuthenticationError, KeyPair, SessionKeys, make_static_tag

HOUR_NS = 3_600_000_000_000
ALICE, BOB, EVE = (KeyPair(bytes([n]) * 32) for n in (1, 2, 3))
OTHER_KEYS = SessionKeys(*(bytes([n]) * 32 for n in range(10, 16)))


def message(raw: bytes, sender: int, origin: int = Origin.FORGERY) -> ReceivedMessage:
    return ReceivedMessage(ControlFrame(raw, sender, raw[0] & 15, 0, 0, False), raw, 0, 0, 0, 10.0, 10.0, origin)


def parsed(raw: bytes) -> Any:
    found = wire.parse(raw)
    assert isinstance(found, Clear)
    return found


# Headers of data frames ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Report.kind, Confirm.kind])
@pytest.mark.parametrize("keys", [None, OTHER_KEYS], ids=["without a tag", "with other keys"])
def test_frames_of_a_stranger_change_nothing(kind: int, keys: SessionKeys | None) -> None:
    """From the second round on REPORT or CONFIRM is lost, so Bob has offers that Alice does not use yet.

    A stranger sends data frames of the epoch that he offered last, and of the one after it. All of Alice's frames are decoded.
    """
    made = pair(lambda copy: [] if copy.frame.message == kind and copy.frame.sequence > 2 else [(0, copy)], frames=200, scheme=DERIVED)
    in_force: set[int] = set()

    def watch(frame: int) -> None:
        before = made.bob._offers.epoch, made.bob._offers.negotiated
        newest = next(reversed(made.bob._offers._open), made.bob._offers.epoch)
        for number in (frame, frame + 1, 10**6 + frame):
            for epoch in (newest, (newest + 1) % 65536):
                made.data(data_header.encode(0, epoch, number, 0, keys), None)
        assert (made.bob._offers.epoch, made.bob._offers.negotiated) == before
        in_force.add(made.bob._offers.epoch)

    made.watch = watch
    made.run()
    assert (made.decoded, made.refused, made.wrong) == (200, 0, 0)
    assert made.headers == {HeaderOutcome.DECODED: 200, HeaderOutcome.FORGED: 200 * 6}
    assert (len(in_force) < 4) == (kind == Report.kind)  # the PROBE after a lost CONFIRM carries the epoch


def test_a_repeated_header_is_refused() -> None:
    made = pair(frames=40, **quiet())
    past: list[bytes] = []
    receive = made.data

    def data(raw: bytes, sent: Any) -> None:
        receive(raw, sent)
        past.append(raw)
        for old in past[-3:]:
            receive(old, None)

    made.data = data  # type: ignore[method-assign]
    made.run()
    assert (made.decoded, made.wrong) == (40, 0)
    assert made.headers[HeaderOutcome.FORGED] == 3 * 40 - 3


def test_a_header_of_an_open_offer_selects_its_parameters_and_does_not_put_them_in_force() -> None:
    """CONFIRM is lost. Bob decodes the frame with the offered values, and keeps those in force."""
    made = pair(lambda copy: [] if copy.frame.message == Confirm.kind and copy.frame.sequence else [(0, copy)], frames=1, scheme=DERIVED)
    made.run()
    assert made.decoded == 1
    assert (made.alice.epoch, made.bob._offers.epoch) == (1, 0)
    assert made.alice.negotiated == made.bob._offers.find(1) != made.bob._offers.negotiated


def test_a_header_that_is_too_short_or_damaged_is_lost() -> None:
    made = pair(frames=3, **quiet())
    made.run()
    raw = data_header.encode(0, 0, 7, 0, OTHER_KEYS)
    for damaged in (b"", raw[:-1], raw + b"\0", bytes([raw[0] ^ 1]) + raw[1:]):
        made.data(damaged, None)
    assert made.headers == {HeaderOutcome.DECODED: 3, HeaderOutcome.LOST: 4}


# NACK ----------------------------------------------------------------------------------------------------------------


def opened(frames: int = 5) -> Pair:
    made = pair(frames=frames, **quiet())
    made.run()
    return made


def refusal(made: Pair, header: bytes) -> bytes:
    """The NACK with which Bob refuses a data frame with this header."""
    sent: list[bytes] = []
    made.pipe.send_control = lambda frame: iter([sent.append(frame.raw)])  # type: ignore[assignment, return-value]
    list(made.bob.refuse(data_header.parse(header), NackReason.NO_PARAMETERS))
    return sent[0]


def test_a_nack_is_valid_in_its_session_only() -> None:
    """Bob's NACK of a frame with the same number, epoch and transmission in another session is refused."""
    made = opened()
    assert made.alice._secure_state is not None
    own, other = (data_header.encode(0, made.alice.epoch, 4, 0, keys) for keys in (made.alice._secure_state.keys, OTHER_KEYS))
    for header, outcome in ((other, ControlOutcome.REFUSED), (own, ControlOutcome.ACCEPTED), (own, ControlOutcome.REFUSED)):
        before = made.outcomes[Nack.kind, Origin.REPLAY, outcome]
        made.alice._receive(message(refusal(made, header), Node.BOB, Origin.REPLAY))
        assert made.outcomes[Nack.kind, Origin.REPLAY, outcome] == before + 1


def test_a_forged_header_makes_no_handshake_even_if_bob_has_lost_the_session() -> None:
    """Bob cannot verify headers after his restart, so he answers a stranger's. Alice refuses that NACK: the header is not hers."""
    made = opened()
    made.bob.restart()
    forged = data_header.encode(0, made.alice.epoch, 4, 0, OTHER_KEYS)
    assert made.bob.open_header(forged)[0] == HeaderOutcome.DECODED
    state = made.alice.state
    made.alice._receive(message(refusal(made, forged), Node.BOB))
    assert made.outcomes[Nack.kind, Origin.FORGERY, ControlOutcome.REFUSED] == 1
    assert made.alice.state is state


# HELLO ---------------------------------------------------------------------------------------------------------------


def test_alice_opens_sessions_after_her_clock_ran_an_hour_ahead() -> None:
    """Her HELLO of one hour later was accepted. Her clock is right again; she restarts twice, and no frame is lost."""
    made = pair(frames=30)
    ahead = HandshakeInitiator(made.alice._me, KeyPair(bytes([9]) * 32), made.bob.identity, 0, 0, HOUR_NS).frame
    made.bob_receives(message(ahead, Node.ALICE, Origin.SENT))

    def watch(frame: int) -> None:
        if frame in (10, 20):
            made.alice.restart()

    made.watch = watch
    made.run()
    assert (made.decoded, made.wrong, made.refused) == (30, 0, 0)
    assert made.pipe.sent[Challenge.kind, True] == 3
    assert made.pipe.sent[Hello.kind, True] == 6  # one with the time, one with the number, for each session


def responder() -> HandshakeResponder:
    ephemerals = iter(range(20, 250))
    return HandshakeResponder(BOB, lambda: KeyPair(bytes([next(ephemerals)]) * 32), ALICE.public, bytes(32))


def initiator(seed: int, freshness: int) -> HandshakeInitiator:
    return HandshakeInitiator(ALICE, KeyPair(bytes([seed]) * 32), BOB.public, 0, seed, freshness)


def accepted(bob: HandshakeResponder, alice: HandshakeInitiator) -> SessionKeys:
    keys = bob.keys(parsed(alice.frame), alice.frame)
    assert keys is not None
    assert keys == alice.keys(parsed(bob.frame))
    return keys


def challenge_of(bob: HandshakeResponder, alice: HandshakeInitiator) -> Challenge:
    with pytest.raises(StaleHello):
        bob.keys(parsed(alice.frame), alice.frame)
    found = parsed(bob.challenge(parsed(alice.frame), alice.frame))
    assert isinstance(found, Challenge)
    alice.verify(found)
    return found


def test_a_stale_hello_is_accepted_with_the_number_of_its_challenge() -> None:
    bob, late = responder(), initiator(5, 10)
    accepted(bob, initiator(4, HOUR_NS))
    answer = late.answer(challenge_of(bob, late), 7)
    assert accepted(bob, answer) != OTHER_KEYS
    assert bob.keys(parsed(answer.frame), answer.frame) is None  # a repetition gets the same ACCEPT


def test_a_number_is_valid_for_one_handshake() -> None:
    """The HELLO that answered a challenge is replayed after the next handshake. Neither it nor any old HELLO is accepted again."""
    bob, late, later = responder(), initiator(5, 10), initiator(6, 20)
    first = initiator(4, HOUR_NS)
    accepted(bob, first)
    answer = late.answer(challenge_of(bob, late), 7)
    accepted(bob, answer)
    accepted(bob, later.answer(challenge_of(bob, later), 8))
    for old in (first, late, answer, later):
        with pytest.raises(StaleHello):
            bob.keys(parsed(old.frame), old.frame)
    accepted(bob, initiator(7, HOUR_NS + 1))  # a later time is sufficient as before


def test_replays_between_challenge_and_answer_do_not_void_the_challenge() -> None:
    bob, late, old = responder(), initiator(5, 10), initiator(6, 20)
    accepted(bob, initiator(4, HOUR_NS))
    challenge = challenge_of(bob, late)
    assert challenge_of(bob, old).number != challenge.number
    accepted(bob, late.answer(challenge, 7))


def test_a_number_is_valid_for_one_ephemeral_key() -> None:
    bob, late = responder(), initiator(5, 10)
    accepted(bob, initiator(4, HOUR_NS))
    other = initiator(6, challenge_of(bob, late).number)
    with pytest.raises(StaleHello):
        bob.keys(parsed(other.frame), other.frame)


def test_alice_refuses_a_challenge_that_is_not_bobs_or_not_for_her_hello() -> None:
    bob, late, other = responder(), initiator(5, 10), initiator(6, 20)
    accepted(bob, initiator(4, HOUR_NS))
    challenge = challenge_of(bob, late)
    untagged = Challenge(0, 5, FIRST_CHALLENGE, bytes(16))
    forged = replace(untagged, tag=make_static_tag(EVE, ALICE.public, CHALLENGE, untagged.covered() + late.frame))
    for wrong in (forged, replace(challenge, number=challenge.number ^ 1), replace(challenge, sequence=4), challenge_of(bob, other)):
        with pytest.raises(AuthenticationError):
            late.verify(wrong)
    late.verify(challenge)


def test_a_challenge_and_an_accept_without_a_handshake_are_refused() -> None:
    made = opened()
    for raw in (wire.frame(Challenge(0, 0, FIRST_CHALLENGE, bytes(16))), wire.frame(Accept(0, 0, EVE.public, bytes(16)))):
        made.alice._receive(message(raw, Node.BOB))
    forged = {outcome for (_, origin, outcome), count in made.outcomes.items() if origin == Origin.FORGERY and count}
    assert forged == {ControlOutcome.REFUSED}


def test_after_a_restart_the_numbers_differ() -> None:
    made = opened()
    secrets = [made.bob._responder._secret]
    for _ in range(2):
        made.bob.restart()
        secrets.append(made.bob._responder._secret)
    assert len(set(secrets)) == 3


# Counters -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["alice", "bob"])
def test_a_session_without_counters_ends_the_run_with_one_message(end: str) -> None:
    made = pair(frames=5)

    def watch(frame: int) -> None:
        if frame == 2:
            getattr(made, end)._secure_state.encryptor._counter = LAST_COUNTER

    made.watch = watch
    with pytest.raises(LinksimError, match=rf"^link 0: {end} has sealed 4,294,967,296 messages in one session, .* fewer frames, or"):
        made.run()
    assert made.decoded + made.refused + made.suppressed < 5
