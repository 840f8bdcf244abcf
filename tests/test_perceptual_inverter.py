"""Tests of the closed-box inverse network with a perceptual distance and a generator: what Eve trains on, and what her card states."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import write_model
from tiny_tasks import CODEC, CPU, DATASET, INVERTER, SyntheticData, assert_resumes, declare_tasks, ignore, tiny_codec, trainer_of

from linksim.data.evaluation_weights import weights_file
from linksim.nets.cards import Card
from linksim.nets.codecs import Codec, to_features
from linksim.nets.generator import Eigenfaces, Generator
from linksim.nets.inverters import Inverter, LinearInverse
from linksim.nets.weights import build, load_model
from linksim.training.eigenfaces import EigenfacesTask
from linksim.training.linear_inverter import LinearInverterTask, ridge_regression
from linksim.training.order import to_images
from linksim.training.perceptual_inverter import PerceptualInverterTask
from linksim.training.pipeline import store, train_model

pytestmark = pytest.mark.skipif(weights_file("lpips") is None, reason="needs the weights of LPIPS: set LINKSIM_DATA")
QUERIES = 20


@dataclass(frozen=True)
class TinyInverter(SyntheticData, PerceptualInverterTask):
    """The task on synthetic images."""


@dataclass(frozen=True)
class TinyLinear(SyntheticData, LinearInverterTask):
    """The task of the linear inverse on synthetic images."""


@dataclass(frozen=True)
class TinyEigenfaces(SyntheticData, EigenfacesTask):
    """The task of eigenfaces on synthetic images."""


TASK = TinyInverter("samples", INVERTER, 6, "codec", num_captured_frames=QUERIES, batch=4)
WITH_GENERATOR = replace(TASK, generator="generator")


@pytest.fixture
def make_model(own_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Card]:
    """Return a function that trains a tiny task by name. A codec and a generator are present."""
    write_model(own_models, "codec", "codec", CODEC)
    write_model(
        own_models, "generator", "generator", {"side": 32, "coarse": 8, "latents": 6, "width": 8, "inner": 8, "stem": 8, "blocks": 1}
    )
    declare_tasks(monkeypatch, {"codec": tiny_codec(6), "direct": TASK, "generative": WITH_GENERATOR})
    return lambda name: train_model(name, "cpu", tmp_path / "work", own_models, ignore)


def test_cards_name_codec_and_generator(make_model: Callable[[str], Card]) -> None:
    plain, generative = make_model("direct"), make_model("generative")
    assert plain.training["codec_sha256"] == load_model("codec", "codec").card.sha256
    assert plain.training["generator"] is None
    assert generative.training["generator"] == "generator"
    assert generative.training["generator_sha256"] == load_model("generator", "generator").card.sha256
    assert [score.metric for score in plain.scores] == 4 * ["psnr_of_mean_mse_db", "ms_ssim", "lpips"]


@pytest.mark.parametrize("task", [TASK, WITH_GENERATOR])
def test_training_resumes(task: TinyInverter, make_model: Callable[[str], Card], tmp_path: Path) -> None:
    assert_resumes(task, tmp_path, steps=4)


def test_eve_has_the_answers_to_her_queries_and_no_others(make_model: Callable[[str], Card]) -> None:
    codec = load_model("codec", "codec").network
    assert isinstance(codec, Codec)
    queries = TASK._queries
    assert len(queries) == QUERIES
    assert all((query == DATASET.images).all(axis=(1, 2, 3)).any() for query in queries)
    symbols = codec.encode(to_images(queries), torch.full((QUERIES,), 10.0))
    torch.testing.assert_close(TASK._symbols, symbols)


def test_squares_of_images_and_features_cover_the_same_place(make_model: Callable[[str], Card]) -> None:
    """In an image whose pixels are their place, the features of a square are those at its place."""
    network = build(TASK.kind, TASK.config)
    assert isinstance(network, Inverter)
    places = torch.arange(64.0).view(1, 1, 8, 8).expand(2, 4, 8, 8)
    images = places[:, :3].repeat_interleave(4, 2).repeat_interleave(4, 3)
    symbols = torch.view_as_complex(places.permute(0, 2, 3, 1).reshape(2, -1, 2).contiguous())
    part, chosen = replace(TASK, part=16)._squares(network, images, symbols, step=3)
    assert part.shape == (2, 3, 16, 16)
    assert torch.equal(part[:, :, ::4, ::4], to_features(chosen, 4)[:, :3])


def test_the_generator_is_behind_the_network_and_stays_as_it_is(make_model: Callable[[str], Card]) -> None:
    generator = load_model("generator", "generator").network
    assert isinstance(generator, Generator)
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    trainer = trainer_of(WITH_GENERATOR)
    weights = [weight.clone() for weight in trainer.network.parameters()]
    for _ in range(2):
        trainer.train_step()
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())
    assert all(not torch.equal(new, old) for new, old in zip(trainer.network.parameters(), weights, strict=True))
    assert isinstance(trainer.network, Inverter)
    symbols = torch.view_as_complex(torch.from_numpy(np.random.default_rng(1).standard_normal((2, 128, 2), np.float32)))
    images = WITH_GENERATOR._reconstruct(trainer.network, symbols.to(CPU))
    torch.testing.assert_close(images, generator.regenerate(trainer.network(symbols)))


def test_regression_gives_the_coefficients_of_a_linear_encoder() -> None:
    """Without noise exactly; with noise, the covariance of signal and noise decides."""
    draw = torch.Generator().manual_seed(1)
    z, mixing = torch.randn(300, 5, generator=draw), torch.randn(5, 40, generator=draw)
    for count in (300, 30):  # more and fewer examples than inputs
        weight, bias = ridge_regression(z[:count] @ mixing + 1.0, z[:count], 1e-6)
        torch.testing.assert_close((z @ mixing + 1.0) @ weight.T + bias, z, rtol=0, atol=1e-3)
    noise = torch.randn(300, 40, generator=draw)
    errors = [((z @ mixing + noise) @ w.T + b - z).square().mean() for w, b in (ridge_regression(z @ mixing, z, v) for v in (1e-4, 1.0))]
    assert errors[1] < errors[0]


def test_the_linear_inverse_is_fitted_to_the_queries(make_model: Callable[[str], Card], own_models: Path) -> None:
    eigenfaces = TinyEigenfaces("samples", {"layout": "eigenfaces", "side": 32, "coarse": 16, "latents": 12})
    config: dict[str, object] = {"layout": "linear", "channels": 4, "coarse": 16, "latents": 4}
    task = TinyLinear("samples", config, codec="codec", num_captured_frames=80, eigenfaces="faces", fitted_at_db=60.0)
    store("faces", trainer_of(eigenfaces), own_models, ignore)
    card = store("linear", trainer_of(task), own_models, ignore)
    assert card.training["eigenfaces_sha256"] == load_model("faces", "generator").card.sha256
    network, faces = (load_model(name, kind).network for name, kind in (("linear", "inverter"), ("faces", "generator")))
    assert isinstance(network, LinearInverse)
    assert isinstance(faces, Eigenfaces)
    z = network.regression(torch.view_as_real(task._symbols).flatten(1))
    torch.testing.assert_close(z, faces.embed(to_images(task._queries))[0][:, :4], rtol=0, atol=0.1)
