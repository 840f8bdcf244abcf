"""Tests of the training task that fine-tunes the denoiser of DiffuSeC through the link, and of the phases of the ViT codec task."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from tiny_models import UNET, VIT, write_diffusec_models, write_model
from tiny_tasks import SyntheticData, trainer_of

from linksim.diffusion import timesteps
from linksim.nets.unet import UNet
from linksim.nets.vit import VitJscc
from linksim.nets.weights import build
from linksim.training.denoiser import DenoiserTask
from linksim.training.link_denoiser import LinkDenoiserTask, purification_loss
from linksim.training.loop import TrainingProgress, train
from linksim.training.task import TrainingTask
from linksim.training.vit import VitTask


@dataclass(frozen=True)
class TinyVit(SyntheticData, VitTask):
    """The ViT codec task on `DATASET`."""


@dataclass(frozen=True)
class TinyDenoiser(SyntheticData, DenoiserTask):
    """The denoiser task on `DATASET`."""


@dataclass(frozen=True)
class TinyLinkDenoiser(SyntheticData, LinkDenoiserTask):
    """The link denoiser task on `DATASET`."""


@pytest.fixture
def models(own_models: Path) -> Path:
    """A models folder with the models that the tasks need."""
    write_diffusec_models(own_models)
    write_model(own_models, "denoiser-cifar10", "denoiser", UNET)
    return own_models


def test_the_loss_of_eq_35_is_zero_for_a_copy_and_has_both_terms() -> None:
    images = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    assert purification_loss(images, images).item() == pytest.approx(0.0, abs=1e-6)
    shifted = images + 0.1
    assert purification_loss(shifted, images).item() > 0.2 * 0.01 / 0.06  # contribution of the squared error alone


@pytest.mark.usefixtures("models")
def test_a_partial_reverse_process_stops_after_the_given_calls() -> None:
    """Without calls an image is at its initial step, after all but one at the last stop. Items with few steps need fewer calls."""
    task = TinyLinkDenoiser("samples", UNET, 10, batch=4, num_denoiser_calls=5)
    network = build("denoiser", UNET)
    assert isinstance(network, UNet)
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    t_d, t_p = torch.tensor([50, 50, 2, 1]), torch.tensor([100, 100, 3, 1])
    x, here = task._partially_denoised(network, images, t_d, t_p, torch.tensor([0, 4, 2, 0]), 0)
    assert here.tolist() == [100, timesteps(torch.tensor([100]), 5)[4, 0].item(), 1, 1]
    assert x.shape == images.shape
    assert x.isfinite().all()


@pytest.mark.usefixtures("models")
def test_every_layer_receives_gradients_in_bfloat16_after_calls_without_gradient() -> None:
    """Some releases of torch cache casts made without gradients, and the weights would receive none."""
    trainer = trainer_of(TinyLinkDenoiser("samples", UNET, 1, batch=8, average=None, bfloat16=True))
    trainer.train_step()
    assert [name for name, weight in trainer.network.named_parameters() if weight.grad is None] == []


@pytest.mark.usefixtures("models")
def test_every_image_is_measured_with_different_noise() -> None:
    """The last batch may be shorter than the others."""
    task, network = TinyLinkDenoiser("samples", UNET, 1), build("denoiser", UNET)
    assert isinstance(network, UNet)
    grey = torch.full((3, 3, 32, 32), 0.5)
    first, last = (task._transmit(network, grey[:count], 20, 5, 3.0, index).flatten(1) for index, count in ((0, 3), (1, 2)))
    assert torch.cdist(first, last).min() > 0.1


@pytest.mark.usefixtures("models")
def test_both_denoiser_tasks_lower_their_loss(tmp_path: Path) -> None:
    losses: dict[str, list[float]] = {}
    tasks: dict[str, TrainingTask] = {
        "clean": TinyDenoiser("samples", UNET, ((60, 1.0), (20, 0.5)), batch=8, average=None, bfloat16=False, peak_rate=5e-3),
        "link": TinyLinkDenoiser("samples", UNET, 80, batch=8, average=None, bfloat16=False, peak_rate=5e-3),
    }
    for name, task in tasks.items():
        reports: list[TrainingProgress] = []
        train(trainer_of(task), tmp_path / f"{name}.safetensors", reports.append)
        losses[name] = [progress.loss for progress in reports]
    assert losses["clean"][-1] < 0.95 * losses["clean"][0]
    assert losses["link"][-1] < 0.95 * losses["link"][0]


def test_each_phase_of_the_codec_trains_only_its_layers() -> None:
    task = TinyVit("samples", VIT, phases=(2, 2, 2, 2, 2), batch=8, average=None, bfloat16=False)
    trainer = trainer_of(task)
    assert isinstance(trainer.network, VitJscc)
    moved = []
    for phase in range(5):
        before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
        for _ in range(2):
            trainer.train_step()
        changed = {name for name, value in trainer.network.state_dict().items() if not torch.equal(value, before[name])}
        moved.append({".".join(name.split(".")[:2]) for name in changed})
        assert [task._phase(2 * phase + step) for step in (0, 1)] == [phase, phase]
    assert moved[0] == {"encoder.semantic", "decoder.semantic"}
    assert moved[1] == {"encoder.channel", "decoder.channel"}
    assert moved[2] == moved[3] == moved[4] == moved[0] | moved[1]


def test_refining_weights_the_errors_of_settling_by_the_snr() -> None:
    network, found = build("codec", VIT), []
    for snr_db in (6.0, 18.0):
        tasks = (TinyVit("samples", VIT, phases, batch=8, snr_db=(snr_db, snr_db)) for phases in ((0, 0, 0, 1, 0), (0, 0, 0, 0, 1)))
        found.append([task.loss(network, 0, torch.device("cpu")).item() for task in tasks])
    assert found[0][0] == pytest.approx(found[0][1])
    assert found[1][0] < 0.8 * found[1][1]


def test_the_channel_code_keeps_tokens_separate() -> None:
    network = build("codec", VIT)
    assert isinstance(network, VitJscc)
    assert (network.rows, network.channel_uses) == (16, 64)
    symbols = torch.zeros(1, 64, dtype=torch.complex64)
    touched = symbols.clone()
    touched[0, 5 * 4] = 1.0  # a symbol of the sixth token, which is row 1, column 1 of the patches
    with torch.no_grad():
        reference, other = (network.decoder(chunk, torch.tensor([10.0])) for chunk in (symbols, touched))
    changed = (reference != other).any(dim=1)[0].nonzero()
    assert changed.min(dim=0).values.tolist() == [8, 8]
    assert changed.max(dim=0).values.tolist() == [15, 15]
