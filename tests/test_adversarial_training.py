"""Adversarial training of a classifier: its attack is one, its training repeats itself, and it goes on from what it is told."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import write_model
from tiny_tasks import CPU, NAMES, assert_goes_on, trainer_of
from torch.nn import functional

from linksim.attacks.source import BOUND
from linksim.data.sources import ImageDataset
from linksim.nets.weights import load_model
from linksim.training.adversarial_training import ATTACKED, AdversarialTask
from linksim.training.order import to_images

COLOURS = np.array(list(product((48, 128, 208), repeat=3)))[:10, None, None]  # levels that no attack reaches from each other
GRAIN = np.random.default_rng(4).integers(-20, 21, (96, 32, 32, 3))
PICTURES = ImageDataset((COLOURS[np.arange(96) % 10] + GRAIN).astype(np.uint8), np.arange(96, dtype=np.int64) % 10, NAMES)


@dataclass(frozen=True)
class TinyRobust(AdversarialTask):
    """Its images have a colour for each class, and grain, so that they can be told apart in a few steps."""

    def pictures(self, split: str) -> ImageDataset:
        return PICTURES


@pytest.fixture
def task(own_models: Path) -> AdversarialTask:
    write_model(own_models, "init_from", "classifier", {"widths": [24, 24, 24]})
    return TinyRobust("samples", {"widths": [24, 24, 24]}, ((24, 1.0),), batch=16, init_from="init_from", bfloat16=False)


def test_it_goes_on_from_the_trained_classifier_and_leaves_its_whitening(task: AdversarialTask) -> None:
    trainer, init_from = trainer_of(task), load_model("init_from", "classifier").network.state_dict()
    for name, value in trainer.network.state_dict().items():
        torch.testing.assert_close(value, init_from[name], msg=name)
    trainer.learn()
    after = trainer.network.state_dict()
    assert torch.equal(after["whiten.weight"], init_from["whiten.weight"])
    assert not torch.equal(after["head.weight"], init_from["head.weight"])


def test_the_attack_raises_the_loss_of_its_batch_within_the_bound(task: AdversarialTask) -> None:
    """Above what noise of the same size does to it."""
    network = trainer_of(task).network.eval()
    images, labels = to_images(PICTURES.images[:16]), torch.from_numpy(PICTURES.labels[:16])
    attacked = task._attacked(network, images, labels, 0)
    noisy = (images + BOUND * torch.randn(images.shape, generator=torch.Generator().manual_seed(1)).sign()).clamp(0.0, 1.0)
    clean, by_chance, by_design = (functional.cross_entropy(network.eval()(x), labels).item() for x in (images, noisy, attacked))
    assert (attacked - images).abs().max() <= BOUND + 1e-6
    assert 0 <= attacked.min() <= attacked.max() <= 1
    assert by_design > max(clean, by_chance)


def test_the_attack_leaves_the_network_as_it_was(task: AdversarialTask) -> None:
    """Running statistics included: only a step of learning moves them."""
    network = trainer_of(task).network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    task._attacked(network, to_images(PICTURES.images[:8]), torch.from_numpy(PICTURES.labels[:8]), 0)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(weight.grad is None for weight in network.parameters())


def test_a_task_that_was_stopped_goes_on_bit_for_bit(task: AdversarialTask, tmp_path: Path) -> None:
    assert_goes_on(task, tmp_path, steps=4)


def test_what_it_learns_withstands_the_attack(task: AdversarialTask) -> None:
    trainer = trainer_of(task)
    images, labels = to_images(PICTURES.images), torch.from_numpy(PICTURES.labels)

    def accuracy() -> float:
        (score,) = task.measure(trainer.network.eval(), ATTACKED, images, labels, CPU)
        return score.value

    before = accuracy()
    while not trainer.finished:
        trainer.learn()
    assert accuracy() > before + 0.2


def test_its_card_tells_whose_weights_it_goes_on_from(task: AdversarialTask) -> None:
    assert task.recipe["init_from_sha256"] == load_model("init_from", "classifier").card.sha256
