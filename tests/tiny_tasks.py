"""Training tasks for tests: tiny networks, few steps, and fixed random images."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from linksim import registry
from linksim.data.sources import ImageDataset
from linksim.nets.weights import build
from linksim.registry import Component
from linksim.training.classifier import ClassifierTask
from linksim.training.codec import CodecTask
from linksim.training.inverter import InverterTask
from linksim.training.loop import Trainer, TrainingProgress
from linksim.training.task import TrainingTask
from linksim.training.tasks import AnyTask

torch.set_num_threads(1)  # such small networks do not benefit from more threads

CPU = torch.device("cpu")
NAMES = tuple("abcdefghij")
PIXELS = np.random.default_rng(7).integers(0, 256, (96, 8, 8, 3), np.uint8).repeat(4, axis=1).repeat(4, axis=2)
DATASET = ImageDataset(PIXELS, np.arange(96, dtype=np.int64) % 10, NAMES)
CODEC: dict[str, object] = {"channels": 4, "stem": 4, "width": 8, "inner": 4, "blocks": 1}
INVERTER: dict[str, object] = {"channels": 4, "stem": 4, "width": 8, "inner": 4}


class SyntheticData:
    """Mixin before a training task among the bases of a tiny one: it replaces the images by `DATASET`."""

    def load_dataset(self, split: str) -> ImageDataset:
        return DATASET


@dataclass(frozen=True)
class TinyCodec(SyntheticData, CodecTask):
    """The codec task on `DATASET`."""


@dataclass(frozen=True)
class TinyClassifier(SyntheticData, ClassifierTask):
    """The classifier task on `DATASET`."""


@dataclass(frozen=True)
class TinyInverter(SyntheticData, InverterTask):
    """The inverter task on `DATASET`."""


def tiny_codec(steps: int = 120) -> TrainingTask:
    return TinyCodec("samples", CODEC, steps, batch=8, average=0.99)


def tiny_classifier(steps: int = 12) -> TrainingTask:
    return TinyClassifier("samples", {"widths": (24, 24, 24)}, ((steps, 1.0),), batch=16)


def tiny_inverter(steps: int = 12, shuffled: bool = False) -> InverterTask:
    return TinyInverter(
        "samples", INVERTER, steps, "codec", classifier="classifier", batch=8, permute=shuffled, substitution_ratio=0.5 * shuffled
    )


def declare_tasks(monkeypatch: pytest.MonkeyPatch, tasks: Mapping[str, AnyTask]) -> None:
    """Replace all training tasks by these."""
    registry.components("training-task")  # the tasks of the package are declared when they are first looked up
    declared = {name: Component("training-task", name, None, lambda task=task: task, "") for name, task in tasks.items()}
    monkeypatch.setitem(registry._components, "training-task", declared)


def trainer_of(task: TrainingTask) -> Trainer:
    return Trainer(task, build(task.kind, task.config), CPU)


def ignore(progress: TrainingProgress) -> None:
    """Discard a progress report."""


def assert_resumes(task: TrainingTask, folder: Path, steps: int) -> tuple[Trainer, Trainer]:
    """Assert that a task stopped half-way has the losses of an uninterrupted one. Returns the resumed and the uninterrupted trainer."""
    straight, stopped, resumed = trainer_of(task), trainer_of(task), trainer_of(task)
    losses = [straight.train_step() for _ in range(steps)]
    for _ in range(steps // 2):
        stopped.train_step()
    stopped.save(folder / "c.safetensors")
    resumed.load(folder / "c.safetensors")
    assert torch.equal(torch.stack([resumed.train_step() for _ in range(steps - steps // 2)]), torch.stack(losses[steps // 2 :]))
    return resumed, straight
