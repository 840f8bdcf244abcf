"""The adversarial jammer: its power, its phase, its energy, and its effect compared with noise of the same power."""

from typing import Any

import numpy as np
import pytest
import torch
from conftest import RecordCollector
from numpy.typing import NDArray
from torch import Tensor

from linksim import operations
from linksim.attacks.perturbation import perturbation
from linksim.enums import Node
from linksim.errors import LinksimError
from linksim.jammers import perturb
from linksim.link import OfflineLink
from linksim.nets.weights import load_model
from linksim.phy.noise import Noise, item_keys
from linksim.records import ConstellationPoint, FrameSent, ImageScore, JammingInterval, Reception
from linksim.rng import Streams
from linksim.scenario.load import load_scenario
from linksim.scenario.schema import LinkOptions
from linksim.schemes.deepjscc import DeepJscc
from linksim.simulate.run import run
from linksim.worker import Operation, Worker

CHANNEL_USES = 2048  # of a frame of four images


def normals(batch: int, channel_uses: int) -> Tensor:
    return Noise(torch.tensor(item_keys(Streams(5).key("x"), 0, batch))).complex(channel_uses)


def power(symbols: Tensor) -> Tensor:
    return symbols.abs().square().mean(dim=1)


def test_the_perturbation_of_a_linear_receiver_is_the_principal_singular_vector() -> None:
    matrix = normals(24, 24)
    clean, start = normals(6, 24), normals(6, 24)

    def receive(received: Tensor) -> Tensor:
        return torch.view_as_real(received @ matrix.T)

    found = perturbation(receive, clean, torch.full((6, 1), 0.3), start, 400)
    strongest = torch.linalg.svd(matrix).Vh[0].conj()
    match = (found @ strongest.conj()).abs() / found.norm(dim=1)
    assert (match > 0.99).all()
    torch.testing.assert_close(power(found), torch.ones(6), atol=1e-5, rtol=0)


def test_a_universal_perturbation_has_unit_power() -> None:
    matrix = normals(24, 24)
    found = perturbation(lambda received: (received @ matrix.T).abs(), normals(50, 24), torch.full((50, 1), 0.3), normals(1, 24), 10)
    assert found.shape == (1, 24)
    assert power(found).item() == pytest.approx(1.0, abs=1e-5)


def test_a_constant_receiver_leaves_the_start_unchanged() -> None:
    start = normals(2, 24)
    found = perturbation(lambda received: received.abs() * 0, normals(2, 24), torch.ones(2, 1), start, 3)
    torch.testing.assert_close(found * start.norm(dim=1, keepdim=True), start * found.norm(dim=1, keepdim=True))


def test_every_item_has_exactly_the_set_power(small_models: None) -> None:
    """Items of two images, with a gain per channel use and a different power per item."""
    codec: Any = load_model("codec-cifar10-6", "codec").network
    receiver = perturb.undefended_receiver(OfflineLink(DeepJscc(codec)))
    operation = perturb.per_frame(perturb.PerturbationOptimiser(receiver, "zero-forcing", 3), 4)
    worker, levels, keys = Worker(), torch.tensor([0.01, 0.1, 1.0, 10.0, 100.0]), item_keys(Streams(1).key("x"), 0, 5)
    gain = normals(5, 2 * codec.channel_uses)
    sent = worker.promise(Operation("send", lambda symbols: {"symbols": symbols}, 8), normals(5, 2 * codec.channel_uses))
    made = worker.promise(operation, sent, gain, np.full(5, 0.1, np.float32), levels, keys)
    jamming = worker.value(worker.promise(operations.adversarial_jamming(), made, levels[:, None].repeat(1, gain.shape[1]), gain.sgn()))
    torch.testing.assert_close(power(jamming), levels, atol=0, rtol=1e-5)


def options(jammer: dict[str, Any], **keys: Any) -> dict[str, LinkOptions]:
    spec = {"jammer": {"kind": "adversarial", "steps": 3, "num_captured": 4, **jammer}, "session": {"probe_interval_ms": 0}}
    return {"one": LinkOptions.model_validate(spec | keys)}


@pytest.mark.parametrize("universal", [True, False])
def test_the_jammer_radiates_during_the_payload_of_every_frame(simulate: Any, universal: bool) -> None:
    """It starts after the 32 pilots and the header, at Bob and at Eve, and its energy is power times duration."""
    channel = {"bob": {"csi": "pilots"}}
    groups = options({"universal": universal, "jsr_bob_db": -10, "jsr_eve_db": -13}, eve={"attack": "inverse-network"}, channel=channel)
    result, kept = simulate(groups, frames=3)
    assert result.warnings == ()
    frames = kept.of(FrameSent)
    starts = [f.time_ns + (32 + f.header_channel_uses) * 1000 for f in frames]
    ends = [f.time_ns + f.airtime_ns for f in frames]
    assert [(j.time_ns, j.end_ns) for j in kept.of(JammingInterval)] == list(zip(starts, ends, strict=True))
    assert [j.energy for j in kept.of(JammingInterval)] == [pytest.approx(0.1 * CHANNEL_USES * 1e-6)] * 3
    for r in kept.of(Reception):
        assert r.jammed_fraction == pytest.approx(CHANNEL_USES / (CHANNEL_USES + 32 + 420))
        assert r.mean_jsr == pytest.approx(r.jammed_fraction * (0.1 if r.receiver == Node.BOB else 10**-1.3), rel=1e-5)


def arrived(kept: Any, receiver: int, frame: int) -> NDArray[np.complex128]:
    """The perturbation after equalisation, complex [channel_uses]."""
    rows = [s for s in kept.of(ConstellationPoint) if (s.receiver, s.frame) == (receiver, frame)]
    return np.array([complex(s.equalised_re - s.tx_re, s.equalised_im - s.tx_im) for s in rows])


@pytest.mark.parametrize(
    ("phase", "receiver", "aligned"), [("aligned", Node.BOB, True), ("aligned", Node.EVE, False), ("random", Node.BOB, False)]
)
def test_a_universal_perturbation_is_equal_in_all_frames_up_to_its_phase(simulate: Any, phase: str, receiver: int, aligned: bool) -> None:
    """Over fading paths the ratio of the perturbations of two frames is a constant, which is positive if they arrive in phase."""
    fading = {"snr": {"kind": "constant", "mean_db": 60.0}, "fading": {"kind": "rayleigh", "coherence_ms": 2.0}}
    groups = options({"phase": phase, "jsr_eve_db": 0.0}, channel={"bob": fading, "eve": fading}, eve={"attack": "inverse-network"})
    groups = {"one": groups["one"].model_copy(update={"alice": groups["one"].alice.model_copy(update={"images_per_frame": 1})})}
    _, kept = simulate(groups, frames=7)
    first, other = arrived(kept, receiver, 0), arrived(kept, receiver, 3)
    ratio = np.vdot(first, other) / np.vdot(first, first)
    assert np.abs(other - ratio * first).max() < 0.05 * np.abs(other).max()
    assert (abs(np.angle(ratio)) < 0.01) == aligned


def test_the_phase_of_a_frame_does_not_depend_on_earlier_frames(simulate: Any) -> None:
    """A jammer that starts with the third frame has the same phase in the fourth frame as one that starts with the run."""
    from_start, later = (simulate(options({"phase": "random", "start_ms": start_ms}), frames=5)[1] for start_ms in (0.0, 4.0))
    assert [r.jammed_fraction > 0 for r in later.of(Reception)] == [False, False, True, True, True]
    np.testing.assert_array_equal(arrived(from_start, Node.BOB, 3), arrived(later, Node.BOB, 3))


def test_only_whole_frames_are_jammed(simulate: Any) -> None:
    _, kept = simulate(options({"energy_budget_s": 2.9 * CHANNEL_USES * 1e-6}), frames=5)
    payload = CHANNEL_USES / (CHANNEL_USES + 420)  # share of a frame without its header
    assert [r.jammed_fraction for r in kept.of(Reception)] == [pytest.approx(payload)] * 2 + [0, 0, 0]
    assert sum(j.energy for j in kept.of(JammingInterval)) == pytest.approx(2 * CHANNEL_USES * 1e-6)


def test_an_energy_budget_below_one_frame_is_reported(simulate: Any) -> None:
    result, _ = simulate(options({"energy_budget_s": 0.5 * CHANNEL_USES * 1e-6}))
    assert result.warnings == ("group 'one': its jammer has too small an energy budget for a frame; it changed nothing in this run",)


def test_a_receiver_without_a_gradient_is_rejected(simulate: Any) -> None:
    with pytest.raises(
        LinksimError, match=r"group 'one': an adversarial jammer needs a differentiable receiver, which scheme 'digital' does not have"
    ):
        simulate(options({}, scheme=["digital"]))


def test_a_surrogate_of_another_size_is_rejected(simulate: Any) -> None:
    with pytest.raises(LinksimError, match=r"surrogate 'inverter-cifar10-6' takes 512 symbols per image, the link transmits 256"):
        simulate(options({"threat_model": "surrogate"}, scheme=[{"name": "digital", "channel_uses": 256}]))


@pytest.mark.slow
def test_perturbations_degrade_images_more_than_noise_of_the_same_power() -> None:
    """With the shipped weights and scenario, PSNR falls by more than twice as many dB, and by over 6 dB more at signal power.

    It also falls more for a jammer that knows every frame, that knows only an inverse network, or that does not arrive in phase.
    """
    scenario = load_scenario("adversarial-jammer", ["frames=3", "classifier=null", "trace.images=0", "trace.constellation_frames=0"])
    listener = RecordCollector()
    run(scenario, (listener,))
    names = [name for name, group in scenario.groups.items() for _ in range(group.links)]
    psnr = {name: np.mean([q.psnr_db for q in listener.of(ImageScore) if names[q.link] == name]) for name in scenario.groups}
    fall = {name: psnr["quiet"] - value for name, value in psnr.items()}
    for jsr in ("-20dB", "-10dB", "-0dB"):
        assert fall[f"adversarial{jsr}"] > 2 * fall[f"gaussian{jsr}"] > 0
    assert fall["adversarial-0dB"] > fall["gaussian-0dB"] + 6
    for name in ("per-frame-10dB", "surrogate-10dB", "random-phase-10dB"):
        assert fall[name] > fall["gaussian-10dB"] + 2
