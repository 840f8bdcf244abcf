"""Lessons so small that a test can run them: tiny networks, a few steps, pictures that are random but fixed."""

from dataclasses import dataclass

import numpy as np
import torch

from linksim.data.sources import Pictures
from linksim.nets.weights import build
from linksim.train.classifier import ClassifierLesson
from linksim.train.codec import CodecLesson
from linksim.train.inverter import InverterLesson
from linksim.train.lesson import Lesson
from linksim.train.loop import Progress, Trainee

torch.set_num_threads(1)  # such small networks gain nothing from more

CPU = torch.device("cpu")
NAMES = tuple("abcdefghij")
PIXELS = np.random.default_rng(7).integers(0, 256, (96, 8, 8, 3), np.uint8).repeat(4, axis=1).repeat(4, axis=2)
PICTURES = Pictures(PIXELS, np.arange(96, dtype=np.int64) % 10, NAMES)
CODEC: dict[str, object] = {"channels": 4, "stem": 4, "width": 8, "inner": 4, "blocks": 1}
INVERTER: dict[str, object] = {"channels": 4, "stem": 4, "width": 8, "inner": 4}


@dataclass(frozen=True)
class TinyCodec(CodecLesson):
    def pictures(self, split: str) -> Pictures:
        return PICTURES


@dataclass(frozen=True)
class TinyClassifier(ClassifierLesson):
    def pictures(self, split: str) -> Pictures:
        return PICTURES


@dataclass(frozen=True)
class TinyInverter(InverterLesson):
    def pictures(self, split: str) -> Pictures:
        return PICTURES


def tiny_codec(steps: int = 120) -> Lesson:
    return TinyCodec("samples", CODEC, steps, batch=8, average=0.99)


def tiny_classifier(steps: int = 12) -> Lesson:
    return TinyClassifier("samples", {"widths": (24, 24, 24)}, ((steps, 1.0),), batch=16)


def tiny_inverter(steps: int = 12, shuffled: bool = False) -> InverterLesson:
    return TinyInverter("samples", INVERTER, steps, "codec", judge="classifier", batch=8, permuted=shuffled, substituted=0.5 * shuffled)


def trainee_of(lesson: Lesson) -> Trainee:
    return Trainee(lesson, build(lesson.kind, lesson.config), CPU)


def ignore(progress: Progress) -> None:
    """A report that nobody reads."""
