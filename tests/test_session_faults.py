"""What a session must survive: each fault by itself, and the orders of events in which terms could part."""

from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from session_pair import Pair, drawn_steps
from test_session_soak import options

from linksim.control_plane import wire
from linksim.control_plane.faults import flip
from linksim.control_plane.frame_parameters import MAX_REMEMBERED, ParameterOffers
from linksim.control_plane.handshake import HandshakeInitiator
from linksim.control_plane.messages import DAMAGED, Accept, Ack, Confirm, Hello, Key, Nack, Probe, Report
from linksim.frames import DataFrame, ReceivedMessage
from linksim.records import AS_SENT, DUPLICATE, FORGERY, REPLAY
from linksim.scenario.schema import LinkOptions
from linksim.secrecy import KeyPair

FRAMES = 150
DERIVED = [{"name": "permutation", "keys": "derived"}, "deepjscc"]


class Script:
    """Faults that a test writes itself: `meet(copy)` gives what comes of each control frame, as `Faults.meet` does."""

    def __init__(self, meet: Callable[[ReceivedMessage], list[tuple[int, ReceivedMessage]]]) -> None:
        self.meet = meet


def pair(meet: Callable[[ReceivedMessage], list[tuple[int, ReceivedMessage]]] | None = None, frames: int = FRAMES, **more: Any) -> Pair:
    made = Pair(LinkOptions.model_validate(options({}).model_dump() | more), frames)
    made.bob.choose = drawn_steps(1)
    if meet is not None:
        made.pipe.faults = Script(meet)  # type: ignore[assignment]
    return made


def quiet(faults: dict[str, float] | None = None) -> dict[str, Any]:
    """A session that never probes, with keys that follow from it: after the handshake Alice says nothing that Bob would answer."""
    return {"scheme": DERIVED, "session": options(faults or {}, probe_interval_ms=0.0).session.model_dump()}


@pytest.mark.parametrize(
    "faults",
    [
        {"loss": 0.3},
        {"reorder": 0.5, "duplicate": 0.5, "max_delay_ms": 2.0},
        {"replay": 1.0},
        {"flip": 0.3},
        {"truncate": 0.3},
        {"forge": 1.0},
        {"alice_restart_ms": 5.0},
        {"bob_restart_ms": 15.0},
        {"alice_restart_ms": 12.0, "bob_restart_ms": 12.0},
    ],
    ids=lambda faults: " ".join(faults),
)
@pytest.mark.parametrize("told", [True, False], ids=["told keys", "derived keys"])
def test_each_fault_is_survived(faults: dict[str, float], told: bool) -> None:
    spec = options(faults).model_dump() | ({} if told else quiet(faults))
    made = Pair(LinkOptions.model_validate(spec), FRAMES)
    made.bob.choose = drawn_steps(1)
    made.run()
    assert made.wrong == 0
    assert made.accepted(FORGERY) == 0
    assert made.decoded >= 0.8 * FRAMES
    assert made.decoded + made.unknown + made.held == FRAMES
    assert made.decoded == FRAMES or faults.keys() - {"replay", "forge", "duplicate", "reorder"}
    for fault, origin in (("forge", FORGERY), ("replay", REPLAY)):
        assert fault not in faults or made.of_origin(origin) >= 4


@pytest.mark.parametrize("good", [False, True], ids=["checksum wrong", "checksum made good"])
def test_no_flipped_bit_gets_through(good: bool) -> None:
    """Before every frame of a session come all its variants with one bit flipped; nothing is accepted but the frame."""

    def meet(copy: ReceivedMessage) -> list[tuple[int, ReceivedMessage]]:
        content = copy.raw[:-4] if good else copy.raw
        changed = (flip(content, bit) for bit in range(8 * len(content)))
        variants = [replace(copy, raw=wire.checked(raw) if good else raw, origin=FORGERY) for raw in changed]
        return [*((0, variant) for variant in variants), (1, copy)]

    made = pair(meet, frames=3).run()
    assert made.accepted(FORGERY) == 0 < made.of_origin(FORGERY)
    assert made.decoded == 3
    sent = {kind for kind, origin, _ in made.fates if origin == AS_SENT}
    assert sent == {message.kind for message in (Hello, Accept, Probe, Report, Confirm, Key, Ack)}


def test_no_sealed_message_is_taken_twice() -> None:
    made = pair(lambda copy: [(0, copy), (1, replace(copy, origin=DUPLICATE)), (10_000_000, replace(copy, origin=DUPLICATE))]).run()
    taken = {kind for kind, origin, outcome in made.fates if (origin, outcome) == (DUPLICATE, 0)}
    assert taken == {Hello.kind}  # a repeated HELLO gets the same ACCEPT
    assert made.decoded == FRAMES


@pytest.mark.parametrize("kind", [Report.kind, Confirm.kind, Ack.kind])
@pytest.mark.parametrize("lost", ["all", "every second", "all but the late"])
def test_steps_never_part_when_an_answer_is_lost(kind: int, lost: str) -> None:
    """Bob asks for other steps at every round. REPORT, CONFIRM or ACK is lost, or comes so late that another round has begun."""
    count = 0

    def meet(copy: ReceivedMessage) -> list[tuple[int, ReceivedMessage]]:
        nonlocal count
        if copy.frame.message != kind:
            return [(0, copy)]
        count += 1
        if lost == "all but the late":
            return [(700_000 * (count % 4), copy)]
        return [] if lost == "all" or count % 2 else [(0, copy)]

    made = pair(meet).run()
    assert made.wrong == 0
    assert made.unknown == 0
    assert count > 20
    if kind == Confirm.kind or lost == "every second":
        assert made.decoded == FRAMES  # a data frame or KEY tells as much as CONFIRM
    if lost == "all" and kind == Ack.kind:
        assert made.held == FRAMES


def test_a_data_frame_of_an_epoch_that_bob_does_not_have_is_refused_and_agreed_anew() -> None:
    made = pair(frames=40)

    def watch(frame: int) -> None:
        if frame == 10:
            made.alice.epoch = 999

    made.watch = watch
    made.run()
    assert (made.wrong, made.unknown) == (0, 1)
    assert made.decoded == 39
    assert made.pipe.sent[Nack.kind, True] == 1
    assert made.pipe.sent[Hello.kind, True] == 2


def test_without_protection_wrong_steps_and_keys_are_used_and_told() -> None:
    """Each message is sent once and three of ten are lost. A KEY is lost with probability 0.3, so of the frames about as many are wrong."""
    spec = {"max_transmissions": 1, "desynchronisation": "allowed"}
    made = Pair(options({"loss": 0.3}, **spec), 2000)
    made.bob.choose = drawn_steps(1)
    made.run()
    assert made.decoded + made.wrong + made.unknown + made.held == 2000
    assert 0.25 < made.wrong / (made.wrong + made.decoded) < 0.45
    kept = Pair(options({"loss": 0.3}, attempts=1), 2000).run()
    assert kept.wrong == kept.unknown == 0
    assert 0.4 < kept.decoded / 2000 < 0.55  # KEY and ACK both come: 0.49


# Identities and restarts -----------------------------------------------------------------------------------------------


def test_a_forged_identity_opens_no_session() -> None:
    """Eve says HELLO to Bob under her own identity, and ACCEPT to Alice with her own ephemeral key."""
    eve = KeyPair(bytes(31) + b"\x05")

    def meet(copy: ReceivedMessage) -> list[tuple[int, ReceivedMessage]]:
        if copy.frame.message == Hello.kind:
            hers = HandshakeInitiator(eve, eve, made.bob.identity, 0, copy.frame.sequence, copy.start_ns + 1).frame
            return [(0, replace(copy, raw=hers, origin=FORGERY))]
        return [(0, copy)]

    made = pair(meet, frames=2)
    made.run()
    assert made.held == 2
    assert made.fates == {(Hello.kind, FORGERY, 2): 8}  # four attempts for each frame, and Bob never answers


def test_an_old_hello_replayed_after_a_restart_puts_no_keys_in_force() -> None:
    """Bob restarts; before Alice says anything he hears her old HELLO and her old sealed messages again. He accepts, and decodes nothing
    until Alice has shaken hands herself; her handshake is not disturbed."""
    past: list[ReceivedMessage] = []

    def meet(copy: ReceivedMessage) -> list[tuple[int, ReceivedMessage]]:
        past.append(copy)
        return [(0, copy)]

    made = pair(meet, frames=30, **quiet())
    replayed: list[int] = []

    def watch(frame: int) -> None:
        if frame == 10:
            made.bob.restart()
            for copy in past[:]:
                if copy.frame.sender == 2:
                    made.pipe.after(1, partial(made._bob_hears, replace(copy, origin=REPLAY)))
                    replayed.append(copy.frame.message)

    made.watch = watch
    made.run()
    assert replayed == [Hello.kind, Confirm.kind]
    assert (made.wrong, made.held) == (0, 0)
    assert 1 <= made.unknown <= 4  # until the NACK finds the air free
    assert made.decoded == 30 - made.unknown
    assert made.fates[Confirm.kind, REPLAY, 2] == 1


@pytest.mark.parametrize("end", ["alice", "bob", "both"])
@pytest.mark.parametrize("more", [{}, quiet()], ids=["told keys", "derived keys"])
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

    def meet(copy: ReceivedMessage) -> list[tuple[int, ReceivedMessage]]:
        if copy.frame.message == Nack.kind:
            past.append(copy)
        return [(0, copy), *((1, replace(old, origin=REPLAY)) for old in past[:1] if copy.frame.sender == 0)]

    made = pair(meet, frames=60)

    def watch(frame: int) -> None:
        if frame in (10, 20):
            made.bob.restart()

    made.watch = watch
    made.run()
    assert past
    assert made.accepted(REPLAY) == 0 < made.of_origin(REPLAY)


# Data frames with ARQ, and the parts ------------------------------------------------------------------------------------


def delivery(answers: list[str], attempts: int = 4) -> tuple[bool, list[int]]:
    """Data frame 0, to whose attempts Bob answers so, "late" being a NACK of the attempt before: whether it was delivered, and the
    attempts made."""
    made = pair(frames=0)
    done: list[bool] = []
    tried: list[int] = []

    def send(attempt: int) -> Generator[Any, Any, None]:
        tried.append(attempt)
        yield made.simulation.env.timeout(1000)
        for answer in answers[attempt].split():
            frame = DataFrame(0, made.alice.epoch, 1, 1, 1, None, attempt - (answer == "lazy"))  # type: ignore[arg-type]
            made.simulation.env.process(made.bob.acknowledge(frame) if answer == "ack" else made.bob.refuse(frame, DAMAGED))

    def alice() -> Generator[Any, Any, None]:
        assert (yield from made.alice.activate(0)) is not None
        done.append((yield from made.alice.deliver(0, send, attempts)))

    made.simulation.env.run(until=made.simulation.env.process(alice()))
    return done[0], tried


@pytest.mark.parametrize(
    ("answers", "delivered", "max_transmissions"),
    [(["ack"], True, 1), (["nack", "ack"], True, 2), (["", "nack", "ack"], True, 3), (["nack"] * 4, False, 4), ([""] * 4, False, 4)],
)
def test_a_data_frame_is_repeated_until_it_is_acknowledged(answers: list[str], delivered: bool, attempts: int) -> None:
    assert delivery(answers) == (delivered, list(range(attempts)))


@pytest.mark.parametrize("answers", [["", "late ack"], ["", "late nack", "ack"]])
def test_a_nack_that_comes_late_begins_no_attempt(answers: list[str]) -> None:
    assert delivery(answers) == (True, list(range(len(answers))))


def test_an_offer_has_its_own_number_and_voids_those_before_it() -> None:
    offers = ParameterOffers(65_534, (0, 0))
    numbers = [offers.offer((n, 0)) for n in range(MAX_REMEMBERED + 2)]
    assert numbers[:3] == [65_535, 0, 1]
    assert not offers.activate(numbers[1])  # the two oldest are void
    assert offers.activate(numbers[5])
    assert (offers.epoch, offers.steps) == (numbers[5], (5, 0))
    assert not offers.activate(numbers[4])
    assert offers.activate(numbers[-1])
    assert offers.offer((1, 1)) == numbers[-1] + 1


def test_no_offer_has_the_number_in_force_even_after_all_others() -> None:
    offers = ParameterOffers(7, (0, 0))
    assert 7 not in {offers.offer((0, 0)) for _ in range(70_000)}
