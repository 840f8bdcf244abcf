"""Tests of the detection of covert communication and of the reveal attack: facts on synthetic signals, and tiny training tasks."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import write_model
from tiny_tasks import CODEC, CPU, DATASET, INVERTER, SyntheticData, assert_resumes, declare_tasks, ignore, tiny_codec
from torch import Tensor

from linksim.attacks.covert_detection import EnergyDetector, threshold
from linksim.attacks.reveal import fit_ridge
from linksim.data.evaluation_weights import weights_file
from linksim.link import over_the_air
from linksim.nets.cards import Card
from linksim.nets.hiders import HidingKey, draw_hiding_key, permuted
from linksim.nets.linear_hiders import LinearHider
from linksim.phy.baseband import ReceivedSymbols
from linksim.rng import Streams
from linksim.statistics import Interval, auc
from linksim.training.covert_detection_tasks import COVERT_DETECTION, HIDERS
from linksim.training.covert_queries import Transmitter, thirds
from linksim.training.covert_tasks import COVERT
from linksim.training.detector import DetectorTask
from linksim.training.order import to_images
from linksim.training.pipeline import train_model
from linksim.training.revealer import RevealerTask

CHANNELS, SIDE, TILE, USES = 4, 32, 8, 128
LINEAR: dict[str, object] = {"layout": "linear", "channels": CHANNELS, "side": SIDE, "tile": TILE}
SIZE, HALF = 2 * USES, USES


def gaussian(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


BASIS = torch.linalg.qr(gaussian(SIZE, SIZE, seed=99)).Q


def complex_of(values: Tensor) -> Tensor:
    return torch.view_as_complex(values.view(len(values), -1, 2).contiguous())


def signals(count: int, seed: int) -> Tensor:
    """Complex signals of about unit power, of which few components have most of it; the energy of the weak ones differs by signal."""
    spread, detail = torch.logspace(1.5, -3, SIZE).sqrt(), gaussian(count, 1, seed=seed + 1_000).mul(0.2).exp()
    values = (gaussian(count, SIZE, seed=seed) * torch.where(torch.arange(SIZE) < HALF, spread, spread * detail)) @ BASIS
    symbols = complex_of(values)
    return symbols / symbols.abs().square().mean().sqrt()


def received(symbols: Tensor, snr_db: float, seed: int) -> ReceivedSymbols:
    noise = torch.randn(symbols.shape, dtype=symbols.dtype, generator=torch.Generator().manual_seed(seed))
    return over_the_air(symbols, snr_db, noise)


# Area under the curve


def area(negatives: Tensor, positives: Tensor) -> Interval:
    return auc(negatives.numpy(), positives.numpy(), np.random.default_rng(1), resamples=1_000)


def test_equal_distributions_have_an_area_of_one_half() -> None:
    found = area(gaussian(400, seed=1), gaussian(400, seed=2))
    assert found.low < 0.5 < found.high
    assert found.high - found.low < 0.1


def test_the_area_of_shifted_normal_distributions_is_the_closed_form() -> None:
    found = area(gaussian(1_000, seed=1), gaussian(1_000, seed=2) + 1.0)
    assert found.low < 0.76025 < found.high  # normal distribution function at 1 / sqrt(2)


def test_the_area_is_that_of_the_ranks() -> None:
    negatives, positives = gaussian(30, seed=1), gaussian(20, seed=2)
    ranks = torch.cat([negatives, positives]).argsort().argsort()[30:] + 1.0
    assert area(negatives, positives).value == pytest.approx((ranks.sum().item() - 20 * 21 / 2) / (30 * 20))
    assert area(negatives, positives).value == pytest.approx(1.0 - area(positives, negatives).value)


# Energy detector


@pytest.fixture(scope="module")
def detector() -> EnergyDetector:
    return EnergyDetector(signals(6_000, 1), CHANNELS, SIDE, TILE)


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 60.0])
def test_plain_signals_have_the_standard_statistic(detector: EnergyDetector, snr_db: float) -> None:
    found = detector(received(signals(2_000, 2), snr_db, 3))
    assert found.mean().item() == pytest.approx(0.0, abs=0.15)
    assert found.std().item() == pytest.approx(1.0, abs=0.15)
    again = detector(received(signals(2_000, 4), snr_db, 5))
    curve = area(found, again)
    assert curve.low < 0.5 < curve.high
    assert (again > threshold(found, 0.05)).float().mean().item() == pytest.approx(0.05, abs=0.025)


def test_the_containers_of_a_swap_are_detected(detector: EnergyDetector) -> None:
    hider = LinearHider(channels=CHANNELS, side=SIDE, tile=TILE, share=0.15)
    hider.fit(signals(6_000, 1))
    containers = hider.hide(signals(400, 6), signals(400, 7))
    plain = signals(400, 8)
    assert area(detector(received(plain, 100.0, 1)), detector(received(containers, 100.0, 2))).value == 1.0
    keyed = hider.hide(signals(400, 6), signals(400, 7), draw_hiding_key(np.random.default_rng(1), 400, hider.places))
    assert area(detector(received(plain, 10.0, 1)), detector(received(keyed, 10.0, 2))).low > 0.9


def test_items_of_different_noise_do_not_depend_on_each_other(detector: EnergyDetector) -> None:
    first, second = received(signals(5, 2), 0.0, 3), received(signals(5, 2), 20.0, 3)
    symbols, gain, noise_power = (
        torch.cat([getattr(part, name) for part in (first, second)]) for name in ("symbols", "gain", "noise_power")
    )
    both = ReceivedSymbols(symbols, gain, noise_power)
    torch.testing.assert_close(detector(both), torch.cat([detector(first), detector(second)]))


# Ridge regression


def hidden_linearly(count: int, seed: int, key: HidingKey | None = None) -> tuple[Tensor, Tensor]:
    """Containers and private signals of a linear hiding: the signals have half of the components, the container has those of both."""
    host, private = gaussian(2, count, HALF, seed=seed)
    placed = permuted(private[:, None], key)[:, 0]
    return complex_of(host @ BASIS[:HALF] + placed @ BASIS[HALF:]), complex_of(private @ BASIS[:HALF])


def error_of(fitted: Callable[[Tensor], Tensor], containers: Tensor, private: Tensor) -> float:
    """Squared error relative to the power of the private signals."""
    return ((fitted(containers) - private).abs().square().mean() / private.abs().square().mean()).item()


@pytest.mark.parametrize(("pairs", "low", "high"), [(600, 0.0, 1e-4), (60, 0.3, 1.0)])
def test_ridge_recovers_a_linear_hiding_from_enough_pairs(pairs: int, low: float, high: float) -> None:
    found = fit_ridge(*hidden_linearly(pairs, 1), CHANNELS, TILE)
    assert low <= error_of(found, *hidden_linearly(100, 2)) < high


def test_tiles_multiply_the_equations() -> None:
    """Four tiles that hide in the same way need a quarter of the pairs; a map of the whole signal does not recover it from them."""
    containers, private = (torch.cat(torch.split(part, 150), dim=1) for part in hidden_linearly(600, 1))
    rows = torch.cat([containers, private]).view(-1, 4, 8, 8, CHANNELS // 2)  # tiles next to each other, as in a feature map
    placed = rows.view(-1, 2, 2, 8, 8, CHANNELS // 2).transpose(2, 3).reshape(len(rows), -1)
    fitted = {tile: fit_ridge(placed[:100], placed[150:250], CHANNELS, tile) for tile in (8, 16)}
    errors = {tile: error_of(found, placed[100:150], placed[250:]) for tile, found in fitted.items()}
    assert errors[8] < 1e-4
    assert errors[16] > 0.3


def test_ridge_learns_nothing_if_every_item_has_a_key() -> None:
    draw = np.random.default_rng(1)
    found = fit_ridge(*hidden_linearly(600, 1, draw_hiding_key(draw, 600, HALF)), CHANNELS, TILE)
    assert error_of(found, *hidden_linearly(100, 2, draw_hiding_key(draw, 100, HALF))) > 0.95
    assert found.snr_db < 1.0


def test_a_given_strength_is_used() -> None:
    assert fit_ridge(*hidden_linearly(50, 1), CHANNELS, TILE, strength=0.5).strength == 0.5


def test_the_snr_of_the_estimates_is_that_of_new_pairs() -> None:
    containers, private = hidden_linearly(2_000, 1)
    scale = private.abs().square().mean().sqrt()
    found = fit_ridge(received(containers / scale, 10.0, 3).symbols, private / scale, CHANNELS, TILE)
    containers, private = hidden_linearly(400, 2)
    error = error_of(found, received(containers / scale, 10.0, 4).symbols, private / scale)
    assert found.snr_db == pytest.approx(-10 * np.log10(error), abs=0.5)


# Training tasks


@dataclass(frozen=True)
class TinyDetector(SyntheticData, DetectorTask):
    """The task on synthetic images."""


@dataclass(frozen=True)
class TinyRevealer(SyntheticData, RevealerTask):
    """The task on synthetic images."""


DETECTOR = TinyDetector("samples", {"channels": 4, "side": 32, "width": 16}, 60, "codec", "hider", num_frames=120, batch=16)
REVEALER = TinyRevealer("samples", INVERTER, 6, "codec", num_captured_frames=20, batch=4, hider="hider")


@pytest.fixture
def make_model(own_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Card]:
    """Return a function that trains a tiny task by name. A codec, and a linear hider whose basis is the identity, are present."""
    write_model(own_models, "codec", "codec", CODEC | {"encoder_knows_snr": False})
    write_model(own_models, "hider", "hider", LINEAR)
    declare_tasks(monkeypatch, {"codec": tiny_codec(6), "detector": DETECTOR, "revealer": REVEALER})
    return lambda name: train_model(name, "cpu", tmp_path / "work", own_models, ignore)


def test_a_detector_learns(make_model: Callable[[str], Card]) -> None:
    card = make_model("detector")
    scores = {score.condition: score for score in card.scores}
    assert [score.metric for score in card.scores] == ["auc", "auc"]
    assert scores["AWGN at 20 dB to Eve"].value > 0.9
    assert scores["AWGN at 20 dB to Eve"].samples == 2 * (len(DATASET.images) // 3)
    assert {"codec_sha256", "hider_sha256"} <= card.training.keys()


@pytest.mark.usefixtures("make_model")
def test_training_of_a_detector_resumes(tmp_path: Path) -> None:
    assert_resumes(DETECTOR, tmp_path, steps=4)


@pytest.mark.usefixtures("make_model")
def test_half_of_the_frames_are_containers() -> None:
    transmitter = Transmitter.load("codec", "hider", keyed=False, natural=False, device=CPU)
    encoded = transmitter.encode(to_images(DATASET.images))
    nearest = (DETECTOR._frames[:, None] - encoded).abs().square().mean(dim=2).amin(dim=1)
    assert len(nearest) == DETECTOR.num_frames
    assert bool((nearest[:60] < 1e-6).all())
    assert bool((nearest[60:] > 1e-2).all())


@pytest.mark.usefixtures("make_model")
def test_keys_of_queries_are_new_for_every_container(own_models: Path) -> None:
    open_, keyed = (Transmitter.load("codec", "hider", keyed=keyed, natural=False, device=CPU) for keyed in (False, True))
    signal = open_.encode(to_images(DATASET.images[:1])).expand(3, -1)
    first, second = (transmitter.hide(signal, signal, Streams(1)("keys")) for transmitter in (open_, keyed))
    assert torch.equal(first[0], first[1])
    assert not torch.equal(second[0], second[1])
    write_model(own_models, "paper", "hider", {"layout": "invertible", "channels": CHANNELS, "side": SIDE, "blocks": 1, "hidden": 4})
    with pytest.raises(ValueError, match="hider 'paper' takes no keys"):
        Transmitter.load("codec", "paper", keyed=True, natural=False, device=CPU)
    with pytest.raises(ValueError, match="hider 'paper' is not a linear one"):
        Transmitter.load("codec", "paper", keyed=False, natural=True, device=CPU)


def test_an_evaluation_has_three_equal_parts_without_a_common_image() -> None:
    plain, hosts, private = thirds(torch.arange(1_500))
    assert len(plain) == len(hosts) == len(private) == 500
    assert len(set(torch.cat([plain, hosts, private]).tolist())) == 1_500


@pytest.mark.skipif(weights_file("lpips") is None, reason="needs the weights of LPIPS: set LINKSIM_DATA")
def test_a_revealer_is_trained_on_containers_of_its_images(make_model: Callable[[str], Card]) -> None:
    card = make_model("revealer")
    assert card.training["hider"] == "hider"
    assert [score.metric for score in card.scores] == 4 * ["psnr_of_mean_mse_db", "ms_ssim", "lpips"]
    transmitter = Transmitter.load("codec", "hider", keyed=False, natural=False, device=CPU)
    hider = transmitter.hider
    hidden = hider.reveal(REVEALER._symbols, torch.full((20,), 60.0)).private
    private = hider.reveal(transmitter.encode(to_images(REVEALER._queries)), torch.full((20,), 60.0)).host
    likeness = (hidden * private.conj()).sum(1).real / (hidden.norm(dim=1) * private.norm(dim=1))
    assert likeness.min() > 0.99


def test_every_task_is_for_a_hider_with_a_task() -> None:
    assert set(HIDERS.values()) <= COVERT.keys()
    assert all(name.split("-")[2] in HIDERS for name in COVERT_DETECTION)
