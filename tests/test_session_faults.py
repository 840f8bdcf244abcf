"""Faults that a session must survive: each kind by itself, and the orders of events in which the parameters of both ends could differ."""

from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from session_pair import Pair, TwoNumbers, drawn_values, options

from linksim.control_plane import data_header, wire
from linksim.control_plane.faults import flip_bit
from linksim.control_plane.frame_parameters import MAX_OFFERS, AgreedParameters, ParameterOffers
from linksim.control_plane.handshake import HandshakeInitiator
from linksim.control_plane.messages import Accept, Ack, Confirm, Hello, Key, Nack, NackReason, Probe, Report
from linksim.enums import HeaderOutcome, Node, Origin
from linksim.frames import ReceivedMessage
from linksim.scenario.schema import LinkOptions
from linksim.secrecy import KeyPair

FRAMES = 150
DERIVED = [{"name": "permutation", "keys": "derived"}, "deepjscc"]


class Script:
    """Faults that a test defines: `apply(copy)` returns what reaches the receiver of each control frame, like `FaultInjector.apply`."""

    def __init__(self, apply: Callable[[ReceivedMessage], list[tuple[int, ReceivedMessage]]]) -> None:
        self.apply = apply


def pair(apply: Callable[[ReceivedMessage], list[tuple[int, ReceivedMessage]]] | None = None, frames: int = FRAMES, **more: Any) -> Pair:
    made = Pair(LinkOptions.model_validate(options({}).model_dump() | more), frames)
    made.bob.choose = drawn_values(1)
    if apply is not None:
        made.pipe.faults = Script(apply)  # type: ignore[assignment]
    return made


def quiet(faults: dict[str, float] | None = None) -> dict[str, Any]:
    """Options of a session without probes and with derived keys: after the handshake Alice sends nothing that Bob would answer."""
    return {"scheme": DERIVED, "session": options(faults or {}, probe_interval_ms=0.0).session.model_dump()}


@pytest.mark.parametrize(
    "faults",
    [
        {"loss": 0.3},
        {"reorder": 0.5, "duplicate": 0.5, "max_delay_ms": 2.0},
        {"replay": 1.0},
        {"bit_flip": 0.3},
        {"truncate": 0.3},
        {"forge": 1.0},
        {"alice_restart_ms": 5.0},
        {"bob_restart_ms": 15.0},
        {"alice_restart_ms": 12.0, "bob_restart_ms": 12.0},
    ],
    ids=lambda faults: " ".join(faults),
)
@pytest.mark.parametrize("transmitted", [True, False], ids=["transmitted keys", "derived keys"])
def test_a_session_survives_each_fault(faults: dict[str, float], transmitted: bool) -> None:
    spec = options(faults).model_dump() | ({} if transmitted else quiet(faults))
    made = Pair(LinkOptions.model_validate(spec), FRAMES)
    made.bob.choose = drawn_values(1)
    made.run()
    assert made.wrong == 0
    assert made.accepted(Origin.FORGERY) == 0
    assert made.decoded >= 0.8 * FRAMES
    assert made.decoded + made.refused + made.suppressed == FRAMES
    assert made.decoded == FRAMES or faults.keys() - {"replay", "forge", "duplicate", "reorder"}
    for fault, origin in (("forge", Origin.FORGERY), ("replay", Origin.REPLAY)):
        assert fault not in faults or made.of_origin(origin) >= 4


@pytest.mark.parametrize("corrected", [False, True], ids=["wrong checksum", "corrected checksum"])
def test_no_frame_with_a_flipped_bit_is_accepted(corrected: bool) -> None:
    """All variants with one flipped bit precede every frame of a session; only the frame itself is accepted."""

    def apply(copy: ReceivedMessage) -> list[tuple[int, ReceivedMessage]]:
        content = copy.raw[:-4] if corrected else copy.raw
        changed = (flip_bit(content, bit) for bit in range(8 * len(content)))
        variants = [replace(copy, raw=wire.append_checksum(raw) if corrected else raw, origin=Origin.FORGERY) for raw in changed]
        return [*((0, variant) for variant in variants), (1, copy)]

    made = pair(apply, frames=3).run()
    assert made.accepted(Origin.FORGERY) == 0 < made.of_origin(Origin.FORGERY)
    assert made.decoded == 3
    sent = {kind for kind, origin, _ in made.outcomes if origin == Origin.SENT}
    assert sent == {message.kind for message in (Hello, Accept, Probe, Report, Confirm, Key, Ack)}


def test_no_sealed_message_is_accepted_twice() -> None:
    made = pair(
        lambda copy: [(0, copy), (1, replace(copy, origin=Origin.DUPLICATE)), (10_000_000, replace(copy, origin=Origin.DUPLICATE))]
    ).run()
    accepted_twice = {kind for kind, origin, outcome in made.outcomes if (origin, outcome) == (Origin.DUPLICATE, 0)}
    assert accepted_twice == {Hello.kind}  # a repeated HELLO gets the same ACCEPT
    assert made.decoded == FRAMES


@pytest.mark.parametrize("kind", [Report.kind, Confirm.kind, Ack.kind])
@pytest.mark.parametrize("lost", ["all", "every second", "all but the late"])
def test_steps_agree_when_an_answer_is_lost(kind: int, lost: str) -> None:
    """Bob offers other steps in every round. REPORT, CONFIRM or ACK is lost, or arrives after the next round has begun."""
    count = 0

    def apply(copy: ReceivedMessage) -> list[tuple[int, ReceivedMessage]]:
        nonlocal count
        if copy.frame.message != kind:
            return [(0, copy)]
        count += 1
        if lost == "all but the late":
            return [(700_000 * (count % 4), copy)]
        return [] if lost == "all" or count % 2 else [(0, copy)]

    made = pair(apply).run()
    assert made.wrong == 0
    assert made.refused == 0
    assert count > 20
    if kind == Confirm.kind or lost == "every second":
        assert made.decoded == FRAMES  # a data frame or KEY has the same effect as CONFIRM
    if lost == "all" and kind == Ack.kind:
        assert made.suppressed == FRAMES


def test_a_data_frame_of_an_unknown_epoch_is_refused_and_a_new_handshake_follows() -> None:
    made = pair(frames=40)

    def watch(frame: int) -> None:
        if frame == 10:
            made.alice.epoch = 999

    made.watch = watch
    made.run()
    assert (made.wrong, made.refused) == (0, 1)
    assert made.decoded == 39
    assert made.pipe.sent[Nack.kind, True] == 1
    assert made.pipe.sent[Hello.kind, True] == 2


def test_without_protection_wrong_steps_and_keys_are_used() -> None:
    """Each message is sent once and lost with probability 0.3. About the same share of the frames is decoded with wrong keys.

    A few headers are refused: Alice has keys from an ACCEPT, Bob has already pending keys of her next HELLO, whose ACCEPT is lost.
    """
    spec = {"max_transmissions": 1, "desynchronisation": "allowed"}
    made = Pair(options({"loss": 0.3}, **spec), 2000)
    made.bob.choose = drawn_values(1)
    made.run()
    assert made.decoded + made.wrong + made.refused + made.suppressed + made.headers[HeaderOutcome.FORGED] == 2000
    assert made.headers[HeaderOutcome.FORGED] < 40
    assert 0.25 < made.wrong / (made.wrong + made.decoded) < 0.45
    kept = Pair(options({"loss": 0.3}, max_transmissions=1), 2000).run()
    assert kept.wrong == kept.refused == 0
    assert 0.4 < kept.decoded / 2000 < 0.55  # KEY and ACK both arrive with probability 0.49


# Identities and restarts -----------------------------------------------------------------------------------------------


def test_a_forged_identity_opens_no_session() -> None:
    """Eve replaces every HELLO by her own, with her own identity and ephemeral key."""
    eve = KeyPair(bytes(31) + b"\x05")

    def apply(copy: ReceivedMessage) -> list[tuple[int, ReceivedMessage]]:
        if copy.frame.message == Hello.kind:
            forged = HandshakeInitiator(eve, eve, made.bob.identity, 0, copy.frame.sequence, copy.start_ns + 1).frame
            return [(0, replace(copy, raw=forged, origin=Origin.FORGERY))]
        return [(0, copy)]

    made = pair(apply, frames=2)
    made.run()
    assert made.suppressed == 2
    assert made.outcomes == {(Hello.kind, Origin.FORGERY, 2): 8}  # four transmissions per frame, and Bob never answers


def test_an_old_hello_replayed_after_a_restart_puts_no_keys_in_force() -> None:
    """Bob restarts and receives Alice's old HELLO and old sealed messages before she sends anything. He accepts the HELLO, but decodes
    nothing before Alice's own handshake, which is not disturbed."""
    past: list[ReceivedMessage] = []

    def apply(copy: ReceivedMessage) -> list[tuple[int, ReceivedMessage]]:
        past.append(copy)
        return [(0, copy)]

    made = pair(apply, frames=30, **quiet())
    replayed: list[int] = []

    def watch(frame: int) -> None:
        if frame == 10:
            made.bob.restart()
            for copy in past[:]:
                if copy.frame.sender == Node.ALICE:
                    made.pipe.after(1, partial(made.bob_receives, replace(copy, origin=Origin.REPLAY)))
                    replayed.append(copy.frame.message)

    made.watch = watch
    made.run()
    assert replayed == [Hello.kind, Confirm.kind]
    assert (made.wrong, made.suppressed) == (0, 0)
    assert 1 <= made.refused <= 4  # until the NACK finds the air idle
    assert made.decoded == 30 - made.refused
    assert made.outcomes[Confirm.kind, Origin.REPLAY, 2] == 1


@pytest.mark.parametrize("end", ["alice", "bob", "both"])
@pytest.mark.parametrize("more", [{}, quiet()], ids=["transmitted keys", "derived keys"])
def test_a_restart_costs_a_few_frames(end: str, more: dict[str, Any]) -> None:
    made = pair(frames=30, **more)

    def watch(frame: int) -> None:
        if frame == 10:
            for node in (made.alice, made.bob):
                if end in ("both", "alice" if node is made.alice else "bob"):
                    node.restart()

    made.watch = watch
    made.run()
    assert made.wrong == 0
    assert made.decoded >= 26
    assert made.pipe.sent[Hello.kind, True] == 2


def test_an_old_nack_is_refused() -> None:
    past: list[ReceivedMessage] = []

    def apply(copy: ReceivedMessage) -> list[tuple[int, ReceivedMessage]]:
        if copy.frame.message == Nack.kind:
            past.append(copy)
        return [(0, copy), *((1, replace(old, origin=Origin.REPLAY)) for old in past[:1] if copy.frame.sender == Node.BOB)]

    made = pair(apply, frames=60)

    def watch(frame: int) -> None:
        if frame in (10, 20):
            made.bob.restart()

    made.watch = watch
    made.run()
    assert past
    assert made.accepted(Origin.REPLAY) == 0 < made.of_origin(Origin.REPLAY)


# Data frames with ARQ, and single objects --------------------------------------------------------------------------------


def delivery(answers: list[str], max_transmissions: int = 4) -> tuple[bool, list[int]]:
    """Deliver data frame 0. `answers` lists Bob's answers to each transmission; "late" is a NACK of the transmission before.

    Returns whether it was delivered, and the numbers of the transmissions.
    """
    made = pair(frames=0)
    done: list[bool] = []
    tried: list[int] = []
    agreed: list[AgreedParameters] = []

    def send(attempt: int) -> Generator[Any, Any, None]:
        tried.append(attempt)
        yield made.simulation.env.timeout(1000)
        for answer in answers[attempt].split():
            header = data_header.parse(made.alice.header(0, attempt - (answer == "late"), agreed[0]))
            made.simulation.env.process(made.bob.acknowledge(header) if answer == "ack" else made.bob.refuse(header, NackReason.DAMAGED))

    def alice() -> Generator[Any, Any, None]:
        found = yield from made.alice.activate(0)
        assert found is not None
        agreed.append(found)
        done.append((yield from made.alice.deliver(0, send, max_transmissions)))

    made.simulation.env.run(until=made.simulation.env.process(alice()))
    return done[0], tried


@pytest.mark.parametrize(
    ("answers", "delivered", "transmissions"),
    [(["ack"], True, 1), (["nack", "ack"], True, 2), (["", "nack", "ack"], True, 3), (["nack"] * 4, False, 4), ([""] * 4, False, 4)],
)
def test_a_data_frame_is_repeated_until_it_is_acknowledged(answers: list[str], delivered: bool, transmissions: int) -> None:
    assert delivery(answers) == (delivered, list(range(transmissions)))


@pytest.mark.parametrize("answers", [["", "late ack"], ["", "late nack", "ack"]])
def test_a_late_nack_triggers_no_transmission(answers: list[str]) -> None:
    assert delivery(answers) == (True, list(range(len(answers))))


def test_an_offer_has_a_number_of_its_own_and_voids_earlier_offers() -> None:
    offers = ParameterOffers(65_534, TwoNumbers(0, 0))
    numbers = [offers.offer(TwoNumbers(n, 0)) for n in range(MAX_OFFERS + 2)]
    assert numbers[:3] == [65_535, 0, 1]
    assert not offers.activate(numbers[1])  # the two oldest offers are void
    assert offers.activate(numbers[5])
    assert (offers.epoch, offers.negotiated) == (numbers[5], TwoNumbers(5, 0))
    assert not offers.activate(numbers[4])
    assert offers.activate(numbers[-1])
    assert offers.offer(TwoNumbers(1, 1)) == numbers[-1] + 1


def test_no_offer_has_the_number_in_force() -> None:
    offers = ParameterOffers(7, (0, 0))
    assert 7 not in {offers.offer((0, 0)) for _ in range(70_000)}
