"""The simulation is repeatable and independent of the evaluation of promises; links, groups and receivers do not influence each other."""

import itertools
from dataclasses import astuple
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from linksim.data.sources import ImageDataset
from linksim.enums import MessageKind, Node
from linksim.errors import LinksimError
from linksim.records import ControlSent, FrameSent, ImageScore, KeptImage, LinkCreated, Reception
from linksim.scenario.schema import LinkOptions

PROBED: dict[str, Any] = {
    "channel": {
        "bob": {"snr": {"kind": "gauss-markov", "mean_db": 9.0, "std_db": 3.0, "coherence_ms": 20.0}, "csi": "pilots"},
        "eve": {"snr": {"kind": "constant", "mean_db": 12.0}, "fading": {"kind": "rayleigh", "coherence_ms": 5.0}},
    },
    "eve": {"attack": "inverse-network"},
    "jammer": {"kind": "pulsed", "period_ms": 30.0, "on_ms": 10.0},
    "session": {"probe_interval_ms": 10.0},
}
BLANK_DIGITS = ImageDataset(np.zeros((10, 28, 28, 1), np.uint8), np.arange(10), tuple("0123456789"))  # images of the shape of MNIST
SEALED = PROBED | {"scheme": ["permutation", "deepjscc"]}
DERIVED = PROBED | {"scheme": [{"name": "permutation", "keys": "derived"}, "deepjscc"]}


def options(spec: dict[str, Any], **more: Any) -> LinkOptions:
    return LinkOptions.model_validate(spec | more)


def two() -> dict[str, LinkOptions]:
    return {"open": options(PROBED, links=2), "sealed": options(SEALED, links=2)}


def test_the_same_scenario_gives_the_same_records(simulate: Any) -> None:
    (one, first), (other, second) = simulate(two()), simulate(two())
    assert one.fingerprint == other.fingerprint
    assert [repr(r) for r in first.records] == [repr(r) for r in second.records]


def test_another_seed_or_replication_gives_other_records(simulate: Any) -> None:
    received = [[r.snr_db for r in simulate(two(), **keys)[1].of(Reception)] for keys in ({}, {"seed": 2}, {"replication": 1})]
    assert all(not set(one) & set(other) for one, other in [received[:2], received[1:], received[::2]])


def test_lazy_and_eager_evaluation_give_the_same_records(simulate: Any) -> None:
    (lazy, kept_lazy), (eager, kept_eager) = (simulate(two(), compute={"evaluation": how}) for how in ("lazy", "eager"))
    assert lazy.fingerprint == eager.fingerprint
    for kind in (FrameSent, ControlSent):
        assert kept_lazy.of(kind) == kept_eager.of(kind)

    def receptions(kept: Any) -> NDArray[np.float64]:
        rows = sorted(kept.of(Reception), key=lambda r: (r.time_ns, r.link, r.receiver))
        return np.array([astuple(row) for row in rows], np.float64)

    np.testing.assert_allclose(receptions(kept_lazy), receptions(kept_eager), atol=1e-5)  # the radiated power is a network's output

    def scores(kept: Any) -> dict[tuple[int, ...], tuple[float, float]]:
        return {(q.link, q.frame, q.image, q.receiver): (q.psnr_db, q.ssim) for q in kept.of(ImageScore)}

    one, other = scores(kept_lazy), scores(kept_eager)
    assert one.keys() == other.keys()
    np.testing.assert_allclose([one[k] for k in one], [other[k] for k in one], atol=2e-3)


@pytest.mark.parametrize("spec", [PROBED, SEALED])
def test_an_additional_link_leaves_the_others_unchanged(simulate: Any, spec: dict[str, Any]) -> None:
    def of_link_0(links: int) -> list[str]:
        _, kept = simulate({"one": options(spec, links=links)})
        kinds = (FrameSent, Reception, ControlSent, ImageScore)
        return sorted(repr(r) for kind in kinds for r in kept.of(kind) if r.link == 0)

    def rounded(rows: list[str]) -> list[str]:  # the batch size may change the last bits of a network's output
        ends = {"ImageScore": "mse", "Reception": "power"}
        return [row.split(ends.get(row.partition("(")[0], "\0"))[0] for row in rows]

    assert rounded(of_link_0(1)) == rounded(of_link_0(3))


def test_an_additional_group_leaves_the_others_unchanged(simulate: Any) -> None:
    alone = simulate({"open": options(PROBED)})[1]
    beside = simulate({"open": options(PROBED), "sealed": options(SEALED)})[1]
    for kind in (FrameSent, Reception, ControlSent):
        assert alone.of(kind) == [r for r in beside.of(kind) if r.link == 0]


def test_groups_have_the_same_channel(simulate: Any) -> None:
    _, kept = simulate({"a": options(PROBED), "b": options(PROBED)})
    a, b = ([(r.time_ns, r.snr_db, r.receiver) for r in kept.of(Reception) if r.link == link] for link in (0, 1))
    assert a == b


def test_eve_changes_nothing_for_bob(simulate: Any) -> None:
    with_eve, without = simulate({"one": options(PROBED)})[1], simulate({"one": options(PROBED, eve="none")})[1]
    bobs = [[r for r in kept.of(Reception) if r.receiver == Node.BOB] for kept in (with_eve, without)]
    assert bobs[0] == bobs[1]
    assert not [r for r in without.of(Reception) if r.receiver == Node.EVE]


def test_every_frame_is_recorded_once_and_every_image_scored_for_each_receiver(simulate: Any) -> None:
    result, kept = simulate(two(), frames=5)
    assert [r.group for r in kept.of(LinkCreated)] == [0, 0, 1, 1]
    assert sorted((r.link, r.frame) for r in kept.of(FrameSent)) == [(link, f) for link in range(4) for f in range(5)]
    assert sorted((q.link, q.frame, q.image, q.receiver) for q in kept.of(ImageScore)) == [
        (link, f, i, receiver) for link in range(4) for f in range(5) for i in range(4) for receiver in (Node.BOB, Node.EVE)
    ]
    assert {name: items for name, _, items in result.operations}["load_images"] == 2 * 5 * 4 + 2 * 5 * 2


def test_frames_do_not_overlap_and_last_for_their_airtime(simulate: Any) -> None:
    _, kept = simulate({"one": options(PROBED, radio={"symbol_rate_hz": 2e6})})
    sent = sorted([(r.time_ns, r.airtime_ns, r.channel_uses) for r in (*kept.of(FrameSent), *kept.of(ControlSent))])
    assert all(airtime == round(channel_uses / 2e6 * 1e9) for _, airtime, channel_uses in sent)
    assert all(start + airtime <= later for (start, airtime, _), (later, _, _) in itertools.pairwise(sent))


def test_processing_and_propagation_take_simulated_time(simulate: Any) -> None:
    def span(**keys: Any) -> int:
        spec = {"session": {"probe_interval_ms": 0}, "channel": {"bob": {"propagation_us": keys.pop("propagation_us", 0.0)}}} | keys
        return int(simulate({"one": LinkOptions.model_validate(spec)}, frames=1)[0].simulated_ns)

    idle = {"fixed_us": 0.0, "per_image_us": 0.0}
    bare = span(alice={"processing": idle}, bob={"processing": idle})
    assert bare == (4 * 512 + 420) * 1000  # four images of 512 channel uses and a header of 420, at 1 MHz
    assert span(alice={"processing": {"fixed_us": 100.0, "per_image_us": 10.0}}, bob={"processing": idle}) == bare + 140_000
    assert span(alice={"processing": idle}, bob={"processing": {"fixed_us": 0.0, "per_image_us": 50.0}}) == bare + 200_000
    assert span(alice={"processing": idle}, bob={"processing": idle}, propagation_us=7.0) == bare + 7_000


def test_images_are_kept_with_every_receivers_reconstruction(simulate: Any) -> None:
    _, kept = simulate(two(), trace={"images": 6})
    images = kept.of(KeptImage)
    assert sorted({(p.link < 2, p.node) for p in images}) == [(g, n) for g in (False, True) for n in (Node.BOB, Node.EVE, Node.ALICE)]
    assert len(images) == 2 * 6 * 3
    assert all(p.pixels.shape == (3, 32, 32) and p.pixels.dtype == np.uint8 for p in images)


def test_a_run_ends_at_its_time_limit_with_a_warning(simulate: Any) -> None:
    result, kept = simulate({"one": options(PROBED)}, frames=10_000, max_time_s=0.05)
    assert result.simulated_ns == 50_000_000
    assert result.warnings == ("the run ended at its limit of 0.05 s before all frames were sent",)
    assert 5 < len(kept.of(FrameSent)) < 50


def test_a_dataset_of_another_image_shape_is_refused(simulate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("linksim.simulate.assembly.load", lambda dataset, split: BLANK_DIGITS)  # MNIST is not part of the package
    with pytest.raises(LinksimError, match=r"takes images of 32 x 32 pixels in 3 colours; dataset 'mnist' has 28 x 28 in 1"):
        simulate({"one": options(PROBED)}, dataset="mnist")


def test_a_slow_bob_answers_control_messages_and_causes_a_warning(simulate: Any) -> None:
    """His networks take longer than frames: data frames are queued, control messages are not."""
    slow = options(SEALED, bob={"processing": {"fixed_us": 50_000.0}})
    result, kept = simulate({"one": slow}, frames=64)
    assert [f.outcome for f in kept.of(FrameSent)] == [0] * 64
    assert len([r for r in kept.of(ControlSent) if r.message == MessageKind.REPORT]) >= 20  # probe rounds continued
    assert len(result.warnings) == 1
    assert "Bob's networks are slower than frames arrive" in result.warnings[0]
