"""Tests of the generators: round trips, gradients, the prior of the latent code, training, and the distance of two sets of images."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_tasks import CPU, SyntheticData, assert_resumes, declare_tasks, ignore
from torch import Tensor

from linksim.data.evaluation_weights import weights_file
from linksim.data.sources import ImageDataset
from linksim.metrics import mse
from linksim.nets.cards import Card
from linksim.nets.generator import Eigenfaces, NoiseMaps, StyleGenerator
from linksim.nets.layers import draw_weights
from linksim.nets.weights import build, load_model
from linksim.rng import Streams
from linksim.training.eigenfaces import EigenfacesTask, principal_components
from linksim.training.generator import GeneratorTask
from linksim.training.generator_scores import draw_latents, frechet_distance
from linksim.training.loop import Trainer
from linksim.training.order import to_images
from linksim.training.pipeline import train_model

needs_lpips = pytest.mark.skipif(weights_file("lpips") is None, reason="needs the weights of LPIPS: set LINKSIM_DATA")
EIGENFACES: dict[str, object] = {"side": 32, "coarse": 16, "latents": 12}
STYLE: dict[str, object] = {**EIGENFACES, "width": 8, "inner": 8, "stem": 8, "blocks": 2}


@dataclass(frozen=True)
class TinyEigenfaces(SyntheticData, EigenfacesTask):
    """The task of eigenfaces on synthetic images."""


@dataclass(frozen=True)
class TinyGenerator(SyntheticData, GeneratorTask):
    """The task of the generator on synthetic images."""


def tiny_generator(steps: int = 4) -> GeneratorTask:
    return TinyGenerator("samples", {"layout": "style", **STYLE}, steps, init_from="eigenfaces", batch=4, part=32, average=0.9)


@pytest.fixture
def make_model(own_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Card]:
    """Return a function that trains a tiny task by name and stores the model in an empty folder."""
    tasks = {"eigenfaces": TinyEigenfaces("samples", {"layout": "eigenfaces", **EIGENFACES}), "generator": tiny_generator()}
    declare_tasks(monkeypatch, tasks)
    return lambda name: train_model(name, "cpu", tmp_path / "work", own_models, ignore)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def fitted(coarse: int = 32) -> Eigenfaces:
    task = TinyEigenfaces("samples", {"layout": "eigenfaces", **EIGENFACES, "coarse": coarse})
    network = build(task.kind, task.config)
    task.prepare(network)
    assert isinstance(network, Eigenfaces)
    return network.requires_grad_(False)


def style_generator() -> StyleGenerator:
    generator = StyleGenerator(**STYLE)  # type: ignore[arg-type]
    draw_weights(generator, torch.Generator().manual_seed(1))
    return generator.requires_grad_(False)


def test_components_are_those_of_the_covariance_matrix() -> None:
    rows = drawn(400, 20) * torch.linspace(3.0, 1.0, 20) + 2.0
    mean, deviations, components = principal_components(rows.clone(), drawn(20, 20, seed=1), count=4)
    values, vectors = torch.linalg.eigh(torch.cov(rows.T, correction=0))
    torch.testing.assert_close(mean, rows.mean(0))
    torch.testing.assert_close(deviations, values.flip(0)[:4].sqrt(), rtol=1e-4, atol=0)
    torch.testing.assert_close((components @ vectors.flip(1)[:, :4]).abs(), torch.eye(4), rtol=0, atol=1e-3)


def test_latent_codes_of_the_fitted_faces_have_zero_mean_and_unit_covariance() -> None:
    faces, images = fitted(), to_images(SyntheticData().load_dataset("train").images)
    z, noise = faces.embed(torch.cat([images, images.flip(3)]))
    assert noise.shape == (192, 0)
    torch.testing.assert_close(z.mean(0), torch.zeros(12), rtol=0, atol=1e-3)
    torch.testing.assert_close(torch.cov(z.T, correction=0), torch.eye(12), rtol=0, atol=1e-2)


@pytest.mark.parametrize("coarse", [32, 16])
def test_a_projection_repeated_changes_little(coarse: int) -> None:
    """At full size the projection is exact; the detour over a smaller size is nearly so."""
    faces, images = fitted(coarse), to_images(SyntheticData().load_dataset("train").images)
    once = faces.regenerate(images)
    assert mse(faces.regenerate(once), once).max() < (1e-8 if coarse == 32 else 1e-3)
    assert (mse(once, images) < mse(images.mean(0, keepdim=True), images)).all()


def test_generator_is_deterministic_and_works_item_by_item() -> None:
    generator, z = style_generator(), drawn(3, 12)
    noise = drawn(3, generator.noise_size, seed=1)
    images = generator.generate(z, noise)
    assert images.shape == (3, 3, 32, 32)
    torch.testing.assert_close(generator.generate(z[1:2], noise[1:2]), images[1:2])
    assert not torch.allclose(generator.generate(z, 2 * noise), images, atol=1e-3)


def test_embedding_has_the_sizes_of_the_inputs() -> None:
    generator = style_generator()
    z, noise = generator.embed(torch.rand(2, 3, 32, 32))
    assert (z.shape, noise.shape) == ((2, 12), (2, generator.noise_size))
    assert generator.generate(z, noise).shape == generator.regenerate(torch.rand(2, 3, 32, 32)).shape


def test_gradients_reach_latent_code_and_every_noise_value() -> None:
    generator = style_generator()
    generator.eigenfaces.components.copy_(torch.linalg.qr(drawn(768, 12)).Q.T)
    z, noise = drawn(1, 12).requires_grad_(), drawn(1, generator.noise_size).requires_grad_()
    gradients = torch.autograd.grad(generator.generate(z, noise).square().sum(), (z, noise))
    assert all((gradient != 0).all() for gradient in gradients)


def test_networks_see_a_crop_as_a_part_of_the_image() -> None:
    """Away from its edges, the result on a crop is that on the whole image."""
    generator, images, z = style_generator(), torch.rand(1, 3, 32, 32), drawn(1, 12)
    noise = NoiseMaps(drawn(1, 2, 8, 8), drawn(1, 1, 16, 16))
    whole = generator.synthesis(images, z, noise)
    part = generator.synthesis(images[..., 4:, 4:], z, NoiseMaps(noise.quarter[..., 1:, 1:], noise.half[..., 2:, 2:]))
    torch.testing.assert_close(part[..., 24:, 24:], whole[..., 28:, 28:], rtol=0, atol=1e-5)


def test_samples_are_standard_normal() -> None:
    generator = style_generator()
    z, noise = draw_latents(generator, Streams(1), "samples", 0, 200, CPU)
    assert (z.shape, noise.shape) == ((200, 12), (200, generator.noise_size))
    assert abs(noise.mean().item()) < 0.02
    assert abs(noise.std().item() - 1) < 0.02


def test_distance_of_normal_distributions_is_the_closed_form() -> None:
    first, second = (drawn(20_000, 3, seed=seed).double() for seed in (1, 2))
    scales = torch.tensor([1.0, 2.0, 0.5])
    expected = 3 * 0.25 + (scales - 1).square().sum().item()
    assert frechet_distance(first, second * scales + 0.5) == pytest.approx(expected, abs=0.05)
    assert frechet_distance(first, first) == pytest.approx(0.0, abs=1e-9)


@needs_lpips
def test_generators_are_trained_measured_and_stored(make_model: Callable[[str], Card]) -> None:
    cards = {name: make_model(name) for name in ("eigenfaces", "generator")}
    for name, card in cards.items():
        assert load_model(name, "generator").card == card
        assert [score.metric for score in card.scores] == ["psnr_of_mean_mse_db", "ms_ssim", "lpips", "frechet_distance"]
    assert cards["generator"].training["init_from_sha256"] == cards["eigenfaces"].sha256
    trained, faces = (load_model(name, "generator").network for name in ("generator", "eigenfaces"))
    assert isinstance(trained, StyleGenerator)
    torch.testing.assert_close(trained.eigenfaces.state_dict(), faces.state_dict())


@needs_lpips
def test_training_resumes_and_reduces_the_loss(make_model: Callable[[str], Card], tmp_path: Path) -> None:
    make_model("eigenfaces")
    assert_resumes(tiny_generator(), tmp_path, steps=4)
    task = tiny_generator(60)
    trainer = Trainer(task, build(task.kind, task.config), CPU)
    losses = torch.stack([trainer.train_step() for _ in range(60)])
    assert losses[-10:].mean() < 0.9 * losses[:10].mean()


def test_eigenfaces_use_the_training_images() -> None:
    @dataclass(frozen=True)
    class TwoSplits(EigenfacesTask):
        def load_dataset(self, split: str) -> ImageDataset:
            value = {"train": 51, "test": 255}[split]
            return ImageDataset(np.full((40, 32, 32, 3), value, np.uint8), np.zeros(40, np.int64), ("face",))

    task = TwoSplits("samples", {"layout": "eigenfaces", **EIGENFACES})
    network = build(task.kind, task.config)
    task.prepare(network)
    assert isinstance(network, Eigenfaces)
    torch.testing.assert_close(network.mean, torch.full((768,), 0.2))
