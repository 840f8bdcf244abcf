"""The control plane in a running simulation: it agrees, retransmits lost messages, gives up in bounded time, uses no wrong parameters."""

from collections import Counter
from typing import Any

import pytest

from linksim.enums import ControlOutcome, MessageKind, Node, Origin, Outcome
from linksim.records import ControlSent, FrameSent, ImageScore
from linksim.scenario.schema import LinkOptions

UNCODED = {"control_coding": "none", "control_repeats": 4, "header_repeats": 8}
DERIVED = [{"name": "permutation", "keys": "derived"}, "deepjscc"]


def options(snr_db: float = 15.0, **more: Any) -> dict[str, LinkOptions]:
    spec = {"channel": {"bob": {"snr": {"kind": "constant", "mean_db": snr_db}}}, "scheme": ["permutation", "deepjscc"]} | more
    return {"one": LinkOptions.model_validate(spec)}


def kinds(kept: Any) -> list[int]:
    return [r.message for r in kept.of(ControlSent)]


def test_messages_follow_the_order_of_the_protocol(simulate: Any) -> None:
    _, kept = simulate(options(), frames=2)
    assert [MessageKind(kind).name for kind in kinds(kept)] == ["HELLO", "ACCEPT", "PROBE", "REPORT", "CONFIRM", "KEY", "ACK", "KEY", "ACK"]
    assert {r.outcome for r in kept.of(ControlSent)} == {ControlOutcome.ACCEPTED}
    assert [Node(r.sender).name for r in kept.of(ControlSent)] == ["ALICE", "BOB", "ALICE", "BOB", "ALICE", "ALICE", "BOB", "ALICE", "BOB"]


def test_alice_encodes_for_the_snr_that_bob_measured(simulate: Any) -> None:
    _, kept = simulate(options(snr_db=15.0), frames=2)
    for frame in kept.of(FrameSent):
        assert frame.assumed_snr_db == pytest.approx(15.0, abs=2.0)
        assert frame.epoch == 1
    unprobed = simulate(options(session={"probe_interval_ms": 0}, alice={"assumed_snr_db": 3.0}), frames=1)[1]
    assert unprobed.of(FrameSent)[0].assumed_snr_db == 3.0


def test_derived_keys_need_no_message(simulate: Any) -> None:
    scheme = [{"name": "permutation", "keys": "derived"}, "deepjscc"]
    _, kept = simulate(options(scheme=scheme), frames=3)
    assert MessageKind.KEY not in kinds(kept)
    assert [f.outcome for f in kept.of(FrameSent)] == [Outcome.DECODED] * 3


def test_a_deepjscc_link_without_probes_needs_no_session(simulate: Any) -> None:
    _, kept = simulate(options(scheme="deepjscc", session={"probe_interval_ms": 0}))
    assert kept.of(ControlSent) == []


@pytest.mark.parametrize("keys", ["transmitted", "derived"])
def test_bob_restores_permuted_images(simulate: Any, keys: str) -> None:
    """Bob's images are those of the link without permutation, with the same codec and the same noise power."""
    scheme = [{"name": "permutation", "keys": keys}, "deepjscc"]
    (_, permuted), (_, plain) = simulate(options(40.0, scheme=scheme), frames=6), simulate(options(40.0, scheme="deepjscc"), frames=6)
    one, other = ({(q.frame, q.image): q.psnr_db for q in kept.of(ImageScore)} for kept in (permuted, plain))
    assert one.keys() == other.keys()
    assert max(abs(one[k] - other[k]) for k in one) < 0.5


def test_lost_messages_are_retransmitted(simulate: Any) -> None:
    """At 0 dB with four repeats about every second message is lost: the bit error probability is Q(sqrt(8)) = 0.2 %.

    The headers of data frames have eight repeats, of which none is lost.
    """
    _, kept = simulate(options(0.0, radio=UNCODED), frames=10)
    lost = [r for r in kept.of(ControlSent) if r.outcome == ControlOutcome.LOST]
    assert len(lost) > 10
    assert max(r.attempt for r in kept.of(ControlSent)) >= 1
    outcomes = Counter(f.outcome for f in kept.of(FrameSent))
    assert sum(outcomes.values()) == 10
    assert outcomes[Outcome.DECODED] > 0
    assert set(outcomes) <= {Outcome.DECODED, Outcome.NOT_SENT}


def test_no_frame_is_sent_over_an_unusable_channel_and_the_run_ends(simulate: Any) -> None:
    result, kept = simulate(options(-25.0, session={"max_transmissions": 3}), frames=5)
    assert [f.outcome for f in kept.of(FrameSent)] == [Outcome.NOT_SENT] * 5
    assert kept.of(ImageScore) == []
    assert kinds(kept) == [MessageKind.HELLO] * 15  # five frames, three transmissions each
    assert {r.outcome for r in kept.of(ControlSent)} == {ControlOutcome.LOST}
    assert result.warnings == ()


def test_a_failed_probe_round_leaves_the_parameters_unchanged(simulate: Any) -> None:
    """A jammer that starts after the handshake destroys all control messages. Alice continues with the old parameters.

    It reacts to control frames alone, as a barrage would destroy the headers of data frames as well.
    """
    jammer = {"kind": "reactive", "target": "control", "delay_us": 0.0, "jsr_bob_db": 30.0, "start_ms": 16.0}
    radio = {"control_coding": "none", "control_repeats": 8}
    spec = {"scheme": "deepjscc", "radio": radio, "jammer": jammer, "session": {"max_transmissions": 2, "probe_interval_ms": 5.0}}
    _, kept = simulate(options(15.0, **spec), frames=6)
    frames = kept.of(FrameSent)
    assert [f.outcome for f in frames] == [Outcome.DECODED] * 6
    assert any(r.outcome == ControlOutcome.LOST and r.message == MessageKind.PROBE for r in kept.of(ControlSent))
    assert {(f.epoch, f.assumed_snr_db) for f in frames if f.time_ns > 16_000_000} == {(frames[0].epoch, frames[0].assumed_snr_db)}


@pytest.mark.parametrize(("snr_db", "max_transmissions"), [(0.0, 8), (1.0, 2), (2.0, 3)])
def test_over_a_lossy_channel_bob_knows_every_epoch(simulate: Any, snr_db: float, max_transmissions: int) -> None:
    """CONFIRM, KEY, REPORT and ACK are lost in every order, but no frame arrives for which Bob has no parameters."""
    spec = {
        "radio": UNCODED,
        "session": {"max_transmissions": max_transmissions},
        "alice": {"images_per_frame": 2},
    }
    _, kept = simulate(options(snr_db, **spec), frames=80, classifier=None)
    outcomes = [f.outcome for f in kept.of(FrameSent)]
    assert Outcome.NO_PARAMETERS not in outcomes
    assert Outcome.DECODED in outcomes[60:]


FAULTS = {"loss": 0.2, "duplicate": 0.2, "reorder": 0.2, "replay": 0.2, "bit_flip": 0.1, "truncate": 0.1, "forge": 0.3}


def test_over_a_real_air_with_faults_no_frame_is_decoded_with_other_parameters(simulate: Any) -> None:
    faults = FAULTS | {"alice_restart_ms": 170.0, "bob_restart_ms": 230.0}
    spec = options(session={"faults": faults}, alice={"images_per_frame": 2})
    _, kept = simulate(spec, frames=60, classifier=None)
    outcomes = Counter(f.outcome for f in kept.of(FrameSent))
    assert outcomes[Outcome.PARAMETER_MISMATCH] == 0
    assert outcomes[Outcome.DECODED] > 30
    control = kept.of(ControlSent)
    assert {r.origin for r in control} == set(Origin)
    assert not [r for r in control if r.origin == Origin.FORGERY and r.outcome == ControlOutcome.ACCEPTED]
    assert {r.channel_uses for r in control if r.origin} == {0}  # injected copies take no airtime
    assert simulate(spec, frames=60, classifier=None)[1].of(ControlSent) == control


def test_faults_change_neither_the_channel_nor_the_images(simulate: Any) -> None:
    """The draws of faults disturb no other stream: images and times are those of the link without faults."""
    clean, faulty = (
        simulate(options(40.0, session={"probe_interval_ms": 0, "faults": faults}, scheme=DERIVED), frames=4)[1].of(ImageScore)
        for faults in ({}, {"forge": 1.0, "replay": 1.0})
    )
    assert clean == faulty


def test_allowed_desynchronisation_decodes_with_other_parameters_and_records_it(simulate: Any) -> None:
    """Each KEY is sent once and lost with probability 0.4. The frame is then decoded with the pairs of another frame."""
    session = {"max_transmissions": 1, "probe_interval_ms": 0, "desynchronisation": "allowed", "faults": {"loss": 0.4}}
    _, kept = simulate(options(40.0, session=session, alice={"images_per_frame": 2}), frames=60)
    outcomes = {f.frame: f.outcome for f in kept.of(FrameSent)}
    assert 10 < sum(outcome == Outcome.PARAMETER_MISMATCH for outcome in outcomes.values()) < 40
    mse: dict[int, list[float]] = {Outcome.DECODED: [], Outcome.PARAMETER_MISMATCH: []}
    for q in kept.of(ImageScore):
        mse[outcomes[q.frame]].append(q.mse)
    assert len(mse[Outcome.DECODED]) > 20 < len(mse[Outcome.PARAMETER_MISMATCH])


def test_a_jammer_of_control_frames_suppresses_data_frames_and_damages_none(simulate: Any) -> None:
    """The jammer reacts to control frames alone. Frames whose KEY arrives are decoded."""
    jammer = {"kind": "reactive", "target": "control", "jsr_bob_db": 10.0, "miss_probability": 0.5}
    session = {"max_transmissions": 3}
    _, kept = simulate(options(15.0, jammer=jammer, session=session, alice={"images_per_frame": 2}), frames=40, classifier=None)
    outcomes = Counter(f.outcome for f in kept.of(FrameSent))
    assert set(outcomes) <= {Outcome.DECODED, Outcome.NOT_SENT, Outcome.NO_PARAMETERS}
    assert outcomes[Outcome.DECODED] >= 5 <= outcomes[Outcome.NOT_SENT]
    assert sum(r.outcome == ControlOutcome.LOST for r in kept.of(ControlSent)) > 40


def test_permutations_with_different_options_in_a_stack_keep_their_own_options(simulate: Any) -> None:
    def received(outer: dict[str, Any], inner: dict[str, Any]) -> list[float]:
        layers = [{"name": "permutation", "keys": "derived"} | outer, {"name": "permutation", "keys": "derived"} | inner, "deepjscc"]
        return [
            q.mse
            for q in simulate(options(20.0, scheme=layers, eve="inverse-network"), frames=2)[1].of(ImageScore)
            if q.receiver == Node.EVE
        ]

    assert received({}, {}) == received({}, {})
    assert received({}, {}) != received({}, {"substitution_ratio": 0.0})
    assert received({}, {}) != received({"substitution_ratio": 0.0}, {})


def test_key_carries_transmitted_keys_alone(simulate: Any) -> None:
    """With derived and transmitted keys in a stack, KEY carries the pairs of the second layer: four images make two of them."""
    layers = [{"name": "permutation", "keys": "derived"}, {"name": "permutation", "keys": "transmitted"}, "deepjscc"]
    _, kept = simulate(options(scheme=layers), frames=2)
    assert {r.size_bytes for r in kept.of(ControlSent) if r.message == MessageKind.KEY} == {35 + 4 * 2}
    assert [f.outcome for f in kept.of(FrameSent)] == [Outcome.DECODED] * 2


def test_control_airtime_follows_from_the_number_of_bits(simulate: Any) -> None:
    _, kept = simulate(options(radio={"control_coding": "none", "control_repeats": 5, "pilots": 64}), frames=1)
    for r in kept.of(ControlSent):
        assert r.channel_uses == 8 * r.size_bytes * 5 + (64 if r.message == MessageKind.PROBE else 0)
