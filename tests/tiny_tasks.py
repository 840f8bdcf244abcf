"""Training tasks so small that a test can run them: tiny networks, a few steps, images that are random but fixed."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from linksim.data.sources import ImageDataset
from linksim.nets.weights import build
from linksim.training.classifier import ClassifierTask
from linksim.training.codec import CodecTask
from linksim.training.inverter import InverterTask
from linksim.training.loop import Progress, Trainer
from linksim.training.task import TrainingTask

torch.set_num_threads(1)  # such small networks gain nothing from more

CPU = torch.device("cpu")
NAMES = tuple("abcdefghij")
PIXELS = np.random.default_rng(7).integers(0, 256, (96, 8, 8, 3), np.uint8).repeat(4, axis=1).repeat(4, axis=2)
PICTURES = ImageDataset(PIXELS, np.arange(96, dtype=np.int64) % 10, NAMES)
CODEC: dict[str, object] = {"channels": 4, "stem": 4, "width": 8, "inner": 4, "blocks": 1}
INVERTER: dict[str, object] = {"channels": 4, "stem": 4, "width": 8, "inner": 4}


class OfPictures:
    """Before a training task among the bases of a tiny one: it learns from `PICTURES`."""

    def pictures(self, split: str) -> ImageDataset:
        return PICTURES


@dataclass(frozen=True)
class TinyCodec(OfPictures, CodecTask):
    """The training task, of `PICTURES`."""


@dataclass(frozen=True)
class TinyClassifier(OfPictures, ClassifierTask):
    """The training task, of `PICTURES`."""


@dataclass(frozen=True)
class TinyInverter(OfPictures, InverterTask):
    """The training task, of `PICTURES`."""


def tiny_codec(steps: int = 120) -> TrainingTask:
    return TinyCodec("samples", CODEC, steps, batch=8, average=0.99)


def tiny_classifier(steps: int = 12) -> TrainingTask:
    return TinyClassifier("samples", {"widths": (24, 24, 24)}, ((steps, 1.0),), batch=16)


def tiny_inverter(steps: int = 12, shuffled: bool = False) -> InverterTask:
    return TinyInverter(
        "samples", INVERTER, steps, "codec", classifier="classifier", batch=8, permuted=shuffled, substituted=0.5 * shuffled
    )


def trainer_of(task: TrainingTask) -> Trainer:
    return Trainer(task, build(task.kind, task.config), CPU)


def ignore(progress: Progress) -> None:
    """A report that nobody reads."""


def assert_goes_on(task: TrainingTask, folder: Path, steps: int) -> tuple[Trainer, Trainer]:
    """Stopped half-way, a training task has the losses of one that was not. -> the trainee that went on, and the one that was never stopped"""
    straight, stopped, resumed = trainer_of(task), trainer_of(task), trainer_of(task)
    losses = [straight.learn() for _ in range(steps)]
    for _ in range(steps // 2):
        stopped.learn()
    stopped.save(folder / "c.safetensors")
    resumed.load(folder / "c.safetensors")
    assert torch.equal(torch.stack([resumed.learn() for _ in range(steps - steps // 2)]), torch.stack(losses[steps // 2 :]))
    return resumed, straight
