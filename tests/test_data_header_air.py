"""Headers of data frames in a running simulation: their airtime, their losses, and what Bob, Eve and the trace make of them."""

from typing import Any

import numpy as np
import pytest

from linksim.control_plane import data_header
from linksim.enums import HeaderOutcome, MessageKind, Node, Outcome
from linksim.frames import UNKNOWN_EPOCH, DataFrame, ReceivedFrame
from linksim.nodes.eve import as_received, readable
from linksim.phy.header_error import coded_loss
from linksim.records import ControlSent, FrameSent, ImageScore, Reception
from linksim.scenario.schema import LinkOptions

PAYLOAD = 4 * 512
FAST = {"classifier": None, "trace": {"images": 0}}


def options(bob_db: float = 20.0, eve_db: float = 20.0, **more: Any) -> dict[str, LinkOptions]:
    channel = {name: {"snr": {"kind": "constant", "mean_db": db}} for name, db in (("bob", bob_db), ("eve", eve_db))}
    return {"one": LinkOptions.model_validate({"channel": channel, "session": {"probe_interval_ms": 0}} | more)}


@pytest.mark.parametrize(
    ("more", "header"),
    [
        ({}, 2 * 210),
        ({"radio": {"header_repeats": 3}}, 3 * 210),
        ({"session": {}}, 2 * 226),
        ({"radio": {"control_coding": "none"}}, 2 * 96),
        ({"session": {}, "radio": {"control_coding": "none", "header_repeats": 5}}, 5 * 128),
    ],
)
def test_the_header_takes_airtime(simulate: Any, more: dict[str, Any], header: int) -> None:
    _, kept = simulate(options(**more), frames=2)
    for frame in kept.of(FrameSent):
        assert (frame.header_channel_uses, frame.channel_uses) == (header, PAYLOAD + header)
        assert frame.airtime_ns == 1000 * frame.channel_uses


def test_a_frame_whose_header_is_lost_is_lost_for_bob(simulate: Any) -> None:
    """Without a session at -5 dB, about 23 % of the headers are lost (4 standard deviations of 400 frames); Eve at 20 dB loses none."""
    _, kept = simulate(options(-5.0, eve="inverse-network", alice={"images_per_frame": 1}), frames=400, **FAST)
    receptions = kept.of(Reception)
    lost = {r.frame for r in receptions if r.receiver == Node.BOB and r.header == HeaderOutcome.LOST}
    expected = coded_loss(12, 2 * 10**-0.5)
    assert len(lost) / 400 == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / 400))
    assert {f.frame for f in kept.of(FrameSent) if f.outcome == Outcome.HEADER_LOST} == lost
    assert {f.outcome for f in kept.of(FrameSent) if f.frame not in lost} == {Outcome.DECODED}
    assert {s.frame for s in kept.of(ImageScore) if s.receiver == Node.BOB} == set(range(400)) - lost
    assert {r.header for r in receptions if r.receiver == Node.EVE} == {HeaderOutcome.DECODED}
    assert {s.frame for s in kept.of(ImageScore) if s.receiver == Node.EVE} == set(range(400))
    assert kept.of(ControlSent) == []  # without its header Bob cannot refuse a frame


def test_eve_reconstructs_frames_whose_header_she_lost(simulate: Any) -> None:
    _, kept = simulate(options(eve_db=-12.0, eve="inverse-network"), frames=20)
    assert {r.header for r in kept.of(Reception) if r.receiver == Node.EVE} == {HeaderOutcome.LOST}
    assert {s.frame for s in kept.of(ImageScore) if s.receiver == Node.EVE} == set(range(20))


def test_a_jammer_of_headers_alone_destroys_frames(simulate: Any) -> None:
    """It jams the first 420 us of every frame. The payload, which is received as without a jammer, is lost with the header."""
    jammer = {"kind": "reactive", "target": "data", "delay_us": 0.0, "dwell_us": 420.0, "jsr_bob_db": 40.0}
    _, kept = simulate(options(jammer=jammer), frames=10)
    assert {f.outcome for f in kept.of(FrameSent)} == {Outcome.HEADER_LOST}
    after = simulate(options(jammer=jammer | {"delay_us": 420.0}), frames=10)[1]
    assert {f.outcome for f in after.of(FrameSent)} == {Outcome.DECODED}
    for r in kept.of(Reception):
        assert r.jammed_fraction * (PAYLOAD + 420) == pytest.approx(420)


def test_arq_repeats_a_frame_whose_header_was_lost(simulate: Any) -> None:
    """A jammer destroys every second header. Bob answers nothing, and Alice retransmits after her timeout."""
    jammer = {"kind": "reactive", "target": "data", "delay_us": 0.0, "dwell_us": 452.0, "jsr_bob_db": 40.0, "miss_probability": 0.5}
    arq = {"name": "digital", "arq": {"max_transmissions": 8}}
    _, kept = simulate(options(scheme=arq, jammer=jammer, alice={"images_per_frame": 1}), frames=12, **FAST)
    frames = kept.of(FrameSent)
    lost = [f for f in frames if f.outcome == Outcome.HEADER_LOST]
    assert len(lost) > 3
    assert all((f.frame, f.attempt + 1) in {(g.frame, g.attempt) for g in frames} for f in lost if f.attempt < 7)
    assert {f.frame for f in frames if f.outcome == Outcome.DECODED} == set(range(12))


def test_bob_without_a_session_answers_headers_and_alice_opens_a_new_one(simulate: Any) -> None:
    """Bob restarts. He cannot verify the next header, and his NACK is valid in the session of that header.

    The NACK of the last frame may still be on the air when the run ends.
    """
    session = {"probe_interval_ms": 1000.0, "faults": {"bob_restart_ms": 30.0}}
    scheme = [{"name": "permutation", "keys": "derived"}, "deepjscc"]
    _, kept = simulate(options(session=session, scheme=scheme), frames=30)
    outcomes = [f.outcome for f in kept.of(FrameSent)]
    answered = sum(r.message == MessageKind.NACK for r in kept.of(ControlSent))
    refused = outcomes.count(Outcome.NO_PARAMETERS)
    assert refused - (outcomes[-1] == Outcome.NO_PARAMETERS) <= answered <= refused
    assert answered > 2
    assert set(outcomes) == {Outcome.DECODED, Outcome.NO_PARAMETERS}
    assert {r.header for r in kept.of(Reception)} == {HeaderOutcome.DECODED}


def test_eves_copy_holds_what_she_received() -> None:
    raw = data_header.encode(0, 7, 3, 1, None)
    frame = DataFrame(3, 7, raw, 1, 1, 8, object(), 1)  # type: ignore[arg-type]  # promises are not evaluated
    copy = ReceivedFrame(frame, raw, 0, 8, 8, 0, "received", np.ones((1, 1), np.complex64), np.ones(1, np.float32), 0.0, "mmse")  # type: ignore[arg-type]
    for header, epoch in ((raw, 7), (b"", UNKNOWN_EPOCH), (raw[:-1] + b"\0", UNKNOWN_EPOCH)):
        seen = as_received(copy._replace(header=header), readable(header))
        assert (seen.frame.epoch, seen.frame.header, seen.frame.symbols) == (epoch, header, "received")
