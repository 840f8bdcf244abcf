"""Tests of adversarial training: the attack, reproducibility, and initialisation from a trained classifier."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import write_model
from tiny_tasks import CPU, NAMES, assert_resumes, trainer_of
from torch.nn import functional

from linksim.attacks.source import EPSILON
from linksim.data.sources import ImageDataset
from linksim.nets.weights import load_model
from linksim.training.adversarial_training import ATTACKED, AdversarialTask
from linksim.training.order import to_images

COLOURS = np.array(list(product((48, 128, 208), repeat=3)))[:10, None, None]  # distances between levels exceed the attack bound
GRAIN = np.random.default_rng(4).integers(-20, 21, (96, 32, 32, 3))
DATASET = ImageDataset((COLOURS[np.arange(96) % 10] + GRAIN).astype(np.uint8), np.arange(96, dtype=np.int64) % 10, NAMES)


@dataclass(frozen=True)
class TinyRobust(AdversarialTask):
    """Each class has its own colour, with noise, so that a few steps suffice."""

    def load_dataset(self, split: str) -> ImageDataset:
        return DATASET


@pytest.fixture
def task(own_models: Path) -> AdversarialTask:
    write_model(own_models, "init_from", "classifier", {"widths": [24, 24, 24]})
    return TinyRobust("samples", {"widths": [24, 24, 24]}, ((24, 1.0),), batch=16, init_from="init_from", bfloat16=False)


def test_training_starts_from_the_trained_classifier_and_keeps_its_whitening(task: AdversarialTask) -> None:
    trainer, init_from = trainer_of(task), load_model("init_from", "classifier").network.state_dict()
    for name, value in trainer.network.state_dict().items():
        torch.testing.assert_close(value, init_from[name], msg=name)
    trainer.train_step()
    after = trainer.network.state_dict()
    assert torch.equal(after["whiten.weight"], init_from["whiten.weight"])
    assert not torch.equal(after["head.weight"], init_from["head.weight"])


def test_the_attack_raises_the_loss_of_its_batch_within_the_bound(task: AdversarialTask) -> None:
    """The increase exceeds that due to noise of the same amplitude."""
    network = trainer_of(task).network.eval()
    images, labels = to_images(DATASET.images[:16]), torch.from_numpy(DATASET.labels[:16])
    attacked = task._attacked(network, images, labels, 0)
    noisy = (images + EPSILON * torch.randn(images.shape, generator=torch.Generator().manual_seed(1)).sign()).clamp(0.0, 1.0)
    clean, by_chance, by_design = (functional.cross_entropy(network.eval()(x), labels).item() for x in (images, noisy, attacked))
    assert (attacked - images).abs().max() <= EPSILON + 1e-6
    assert 0 <= attacked.min() <= attacked.max() <= 1
    assert by_design > max(clean, by_chance)


def test_the_attack_does_not_change_the_network(task: AdversarialTask) -> None:
    """Only a training step changes the running statistics."""
    network = trainer_of(task).network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    task._attacked(network, to_images(DATASET.images[:8]), torch.from_numpy(DATASET.labels[:8]), 0)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(weight.grad is None for weight in network.parameters())


def test_an_interrupted_task_resumes_bit_for_bit(task: AdversarialTask, tmp_path: Path) -> None:
    assert_resumes(task, tmp_path, steps=4)


def test_training_increases_the_accuracy_under_attack(task: AdversarialTask) -> None:
    trainer = trainer_of(task)
    images, labels = to_images(DATASET.images), torch.from_numpy(DATASET.labels)

    def accuracy() -> float:
        (score,) = task.measure(trainer.network.eval(), ATTACKED, images, labels, CPU)
        return score.value

    before = accuracy()
    while not trainer.finished:
        trainer.train_step()
    assert accuracy() > before + 0.2


def test_the_recipe_identifies_the_initial_weights(task: AdversarialTask) -> None:
    assert task.recipe["init_from_sha256"] == load_model("init_from", "classifier").card.sha256
