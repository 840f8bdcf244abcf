"""Tests of the training task of a classifier of purified images: what its batches consist of, and the models that it starts from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import CLASSIFIER, UNET, write_model
from tiny_tasks import SyntheticData, assert_resumes, trainer_of
from torch import Tensor

from linksim.attacks.source import EPSILON
from linksim.nets.weights import load_model
from linksim.training.classifier import CLEAN
from linksim.training.measure import measure
from linksim.training.purified_classifier import PURIFIED, PurifiedTask


@dataclass(frozen=True)
class TinyPurified(SyntheticData, PurifiedTask):
    """The task on the synthetic images."""


@dataclass(frozen=True)
class TinyUnpurified(TinyPurified):
    """The same without purification. It keeps the steps of the last batch in `seen`."""

    seen: tuple[list[Tensor], ...] = ([],)

    def purified(self, images: Tensor, steps: Tensor, draw: np.random.Generator) -> Tensor:
        self.seen[0][:] = [steps]
        return images


@pytest.fixture(autouse=True)
def models(own_models: Path) -> Path:
    """A folder with the models that the task needs."""
    write_model(own_models, "start", "classifier", CLASSIFIER)
    write_model(own_models, "denoiser-cifar10", "denoiser", UNET)
    return own_models


def tiny(task: type[PurifiedTask] = TinyPurified, batch: int = 9) -> PurifiedTask:
    return task("samples", CLASSIFIER, ((4, 0.2),), batch=batch, init_from="start", bfloat16=False)


def test_a_third_of_a_batch_stays_a_third_is_purified_and_a_third_is_attacked_first() -> None:
    task, inputs = tiny(TinyUnpurified), list[Tensor]()
    assert isinstance(task, TinyUnpurified)
    trainer = trainer_of(task)
    trainer.network.register_forward_pre_hook(lambda network, args: inputs.append(args[0].detach()))
    trainer.train_step()
    seen, (images, _) = inputs[-1], task._batches(0)
    assert torch.equal(seen[:6], images[:6])
    assert 0 < (seen[6:] - images[6:]).abs().max() <= EPSILON + 1e-6
    assert task.seen[0][0].shape == (6,)
    assert bool(((task.diffusion_steps[0] <= task.seen[0][0]) & (task.seen[0][0] <= task.diffusion_steps[1])).all())


def test_purified_images_are_near_the_image_after_a_step_and_depend_on_the_generator() -> None:
    task, images = tiny(), torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    near, far, again, other = (
        task.purified(images, torch.full((4,), step), np.random.default_rng(seed)) for step, seed in ((1, 1), (50, 1), (50, 1), (50, 2))
    )
    assert 0 <= far.min() <= far.max() <= 1
    assert (near - images).abs().mean() < 0.02 < (far - images).abs().mean()
    assert torch.equal(far, again)
    assert not torch.equal(far, other)


def test_training_starts_from_the_classifier_and_names_both_models(models: Path) -> None:
    task = tiny()
    start, denoiser = load_model("start", "classifier"), load_model("denoiser-cifar10", "denoiser")
    for name, value in trainer_of(task).network.state_dict().items():
        torch.testing.assert_close(value, start.network.state_dict()[name], msg=name)
    assert (task.recipe["init_from_sha256"], task.recipe["denoiser_sha256"]) == (start.card.sha256, denoiser.card.sha256)


def test_an_interrupted_training_resumes(tmp_path: Path) -> None:
    assert_resumes(tiny(), tmp_path, 4)


def test_accuracies_are_measured_with_the_same_noise_every_time() -> None:
    task = tiny()
    network, dataset = trainer_of(task).network, task.load_dataset("test")
    first, again = (measure(task, network, dataset, torch.device("cpu")) for _ in range(2))
    assert first == again
    assert [score.condition for score in first] == [CLEAN, PURIFIED]
