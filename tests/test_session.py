"""The control plane in the running world: it agrees, repeats what is lost, gives up in bounded time, and never uses a wrong term."""

from collections import Counter
from typing import Any

import pytest

from linksim.records import ALICE, BOB, DUPLICATE, FORGERY, MESSAGES, REPLAY, ControlSent, FrameSent, ImageScore
from linksim.scenario.schema import LinkOptions

HELLO, ACCEPT, PROBE, REPORT, CONFIRM, KEY, ACK = (
    MESSAGES.index(name) for name in ("hello", "accept", "probe", "report", "confirm", "key", "ack")
)
DECODED, NO_PARAMETERS, NOT_SENT, PARAMETER_MISMATCH = range(4)
DERIVED = [{"name": "permutation", "keys": "derived"}, "deepjscc"]


def options(snr_db: float = 15.0, **more: Any) -> dict[str, LinkOptions]:
    spec = {"channel": {"bob": {"snr": {"kind": "constant", "mean_db": snr_db}}}, "scheme": ["permutation", "deepjscc"]} | more
    return {"one": LinkOptions.model_validate(spec)}


def kinds(kept: Any) -> list[int]:
    return [r.message for r in kept.of(ControlSent)]


def test_a_clean_link_speaks_in_the_order_of_the_protocol(simulate: Any) -> None:
    _, kept = simulate(options(), frames=2)
    assert kinds(kept) == [HELLO, ACCEPT, PROBE, REPORT, CONFIRM, KEY, ACK, KEY, ACK]
    assert {r.outcome for r in kept.of(ControlSent)} == {0}
    assert [r.sender for r in kept.of(ControlSent)] == [ALICE, BOB, ALICE, BOB, ALICE, ALICE, BOB, ALICE, BOB]


def test_alice_encodes_for_what_bob_measured(simulate: Any) -> None:
    _, kept = simulate(options(snr_db=15.0), frames=2)
    for frame in kept.of(FrameSent):
        assert frame.assumed_snr_db == pytest.approx(15.0, abs=2.0)
        assert frame.epoch == 1
    unprobed = simulate(options(session={"probe_interval_ms": 0}, alice={"assumed_snr_db": 3.0}), frames=1)[1]
    assert unprobed.of(FrameSent)[0].assumed_snr_db == 3.0


def test_derived_keys_cost_no_message(simulate: Any) -> None:
    scheme = [{"name": "permutation", "keys": "derived"}, "deepjscc"]
    _, kept = simulate(options(scheme=scheme), frames=3)
    assert KEY not in kinds(kept)
    assert [f.outcome for f in kept.of(FrameSent)] == [DECODED] * 3


def test_a_plain_link_without_probes_needs_no_session(simulate: Any) -> None:
    _, kept = simulate(options(scheme="deepjscc", session={"probe_interval_ms": 0}))
    assert kept.of(ControlSent) == []


@pytest.mark.parametrize("keys", ["table", "derived"])
def test_both_ends_restore_what_was_shuffled(simulate: Any, keys: str) -> None:
    """Bob's images of the defended link are those of the undefended one: the same codec, the same noise power."""
    scheme = [{"name": "permutation", "keys": keys}, "deepjscc"]
    (_, sealed), (_, plain) = simulate(options(40.0, scheme=scheme), frames=6), simulate(options(40.0, scheme="deepjscc"), frames=6)
    one, other = ({(q.frame, q.item): q.psnr_db for q in kept.of(ImageScore)} for kept in (sealed, plain))
    assert one.keys() == other.keys()
    assert max(abs(one[k] - other[k]) for k in one) < 0.5


def test_lost_messages_are_sent_again(simulate: Any) -> None:
    """At 0 dB with four repeats about every second message is lost: a bit fails with probability Q(sqrt(8)) = 0.2 %."""
    _, kept = simulate(options(0.0, radio={"control_coding": "none", "control_repeats": 4}), frames=10)
    lost = [r for r in kept.of(ControlSent) if r.outcome == 1]
    assert len(lost) > 10
    assert max(r.attempt for r in kept.of(ControlSent)) >= 1
    outcomes = Counter(f.outcome for f in kept.of(FrameSent))
    assert sum(outcomes.values()) == 10
    assert outcomes[DECODED] > 0
    assert set(outcomes) <= {DECODED, NOT_SENT}


def test_a_dead_channel_holds_every_frame_and_ends(simulate: Any) -> None:
    result, kept = simulate(options(-25.0, session={"max_transmissions": 3}), frames=5)
    assert [f.outcome for f in kept.of(FrameSent)] == [NOT_SENT] * 5
    assert kept.of(ImageScore) == []
    assert kinds(kept) == [HELLO] * 15  # five frames, three attempts each
    assert {r.outcome for r in kept.of(ControlSent)} == {1}
    assert result.warnings == ()


def test_a_probe_round_that_fails_leaves_the_parameters_as_they_were(simulate: Any) -> None:
    """A jammer that sets in after the handshake drowns all control messages: Alice goes on with what she knew."""
    jammer = {"kind": "barrage", "jsr_bob_db": 30.0, "start_ms": 16.0}
    radio = {"control_coding": "none", "control_repeats": 8}
    spec = {"scheme": "deepjscc", "radio": radio, "jammer": jammer, "session": {"max_transmissions": 2, "probe_interval_ms": 5.0}}
    _, kept = simulate(options(15.0, **spec), frames=6)
    frames = kept.of(FrameSent)
    assert [f.outcome for f in frames] == [DECODED] * 6
    assert any(r.outcome == 1 and r.message == PROBE for r in kept.of(ControlSent))
    assert {(f.epoch, f.assumed_snr_db) for f in frames if f.time_ns > 16_000_000} == {(frames[0].epoch, frames[0].assumed_snr_db)}


@pytest.mark.parametrize(("snr_db", "max_transmissions"), [(0.0, 8), (1.0, 2), (2.0, 3)])
def test_over_a_lossy_channel_the_epochs_never_part(simulate: Any, snr_db: float, attempts: int) -> None:
    """CONFIRM, KEY, REPORT and ACK are lost in every order, and still no frame comes under terms that Bob does not have."""
    spec = {
        "radio": {"control_coding": "none", "control_repeats": 4},
        "session": {"max_transmissions": attempts},
        "alice": {"images_per_frame": 2},
    }
    _, kept = simulate(options(snr_db, **spec), frames=80, classifier=None)
    outcomes = [f.outcome for f in kept.of(FrameSent)]
    assert NO_PARAMETERS not in outcomes
    assert DECODED in outcomes[60:]


FAULTS = {"loss": 0.2, "duplicate": 0.2, "reorder": 0.2, "replay": 0.2, "flip": 0.1, "truncate": 0.1, "forge": 0.3}


def test_over_a_real_air_with_faults_no_frame_is_decoded_with_other_parameters(simulate: Any) -> None:
    faults = FAULTS | {"alice_restart_ms": 170.0, "bob_restart_ms": 230.0}
    spec = options(session={"faults": faults}, alice={"images_per_frame": 2})
    _, kept = simulate(spec, frames=60, classifier=None)
    outcomes = Counter(f.outcome for f in kept.of(FrameSent))
    assert outcomes[PARAMETER_MISMATCH] == 0
    assert outcomes[DECODED] > 30
    control = kept.of(ControlSent)
    assert {r.origin for r in control} == {0, DUPLICATE, REPLAY, FORGERY}
    assert not [r for r in control if r.origin == FORGERY and r.outcome == 0]
    assert {r.channel_uses for r in control if r.origin} == {0}  # nobody's air was taken
    assert simulate(spec, frames=60, classifier=None)[1].of(ControlSent) == control


def test_faults_leave_the_channel_and_the_images_as_they_were(simulate: Any) -> None:
    """The draws of faults disturb no other stream: the images that come are those of the faultless link at the same instants."""
    clean, faulty = (
        simulate(options(40.0, session={"probe_interval_ms": 0, "faults": faults}, scheme=DERIVED), frames=4)[1].of(ImageScore)
        for faults in ({}, {"forge": 1.0, "replay": 1.0})
    )
    assert clean == faulty


def test_desync_allowed_decodes_with_other_parameters_and_says_so(simulate: Any) -> None:
    """Each KEY is sent once and 40 % are lost: those frames are decoded with the pairs of another."""
    session = {"max_transmissions": 1, "probe_interval_ms": 0, "desynchronisation": "allowed", "faults": {"loss": 0.4}}
    _, kept = simulate(options(40.0, session=session, alice={"images_per_frame": 2}), frames=60)
    outcomes = {f.frame: f.outcome for f in kept.of(FrameSent)}
    assert 10 < sum(outcome == PARAMETER_MISMATCH for outcome in outcomes.values()) < 40
    mse: dict[int, list[float]] = {DECODED: [], PARAMETER_MISMATCH: []}
    for q in kept.of(ImageScore):
        mse[outcomes[q.frame]].append(q.mse)
    assert len(mse[DECODED]) > 20 < len(mse[PARAMETER_MISMATCH])


def test_a_jammer_of_control_frames_alone_holds_data_and_spoils_none(simulate: Any) -> None:
    """It answers every control frame and no data frame. Frames whose KEY comes through all the same are decoded as ever."""
    jammer = {"kind": "reactive", "target": "control", "jsr_bob_db": 10.0, "miss_probability": 0.5}
    session = {"max_transmissions": 3}
    _, kept = simulate(options(15.0, jammer=jammer, session=session, alice={"images_per_frame": 2}), frames=40, classifier=None)
    outcomes = Counter(f.outcome for f in kept.of(FrameSent))
    assert set(outcomes) <= {DECODED, NOT_SENT, NO_PARAMETERS}
    assert outcomes[DECODED] >= 5 <= outcomes[NOT_SENT]
    assert sum(r.outcome == 1 for r in kept.of(ControlSent)) > 40


def test_unlike_permutations_in_a_stack_are_each_what_they_say(simulate: Any) -> None:
    def received(outer: dict[str, Any], inner: dict[str, Any]) -> list[float]:
        layers = [{"name": "permutation", "keys": "derived"} | outer, {"name": "permutation", "keys": "derived"} | inner, "deepjscc"]
        return [q.mse for q in simulate(options(20.0, scheme=layers, eve="inverse-network"), frames=2)[1].of(ImageScore) if q.receiver == 1]

    assert received({}, {}) == received({}, {})
    assert received({}, {}) != received({}, {"substitution_ratio": 0.0})
    assert received({}, {}) != received({"substitution_ratio": 0.0}, {})


def test_only_table_keys_are_told(simulate: Any) -> None:
    """A stack of a derived and a table permutation tells the pairs of the second alone: four images make one outer and two inner pairs."""
    layers = [{"name": "permutation", "keys": "derived"}, {"name": "permutation", "keys": "table"}, "deepjscc"]
    _, kept = simulate(options(scheme=layers), frames=2)
    assert {r.size for r in kept.of(ControlSent) if r.message == KEY} == {35 + 4 * 2}
    assert [f.outcome for f in kept.of(FrameSent)] == [DECODED] * 2


def test_control_airtime_is_that_of_its_bits(simulate: Any) -> None:
    _, kept = simulate(options(radio={"control_coding": "none", "control_repeats": 5, "pilots": 64}), frames=1)
    for r in kept.of(ControlSent):
        assert r.channel_uses == 8 * r.size * 5 + (64 if r.message == PROBE else 0)
