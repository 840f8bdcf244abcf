"""From lesson to model: train a part, or go on with it, measure it, and store its weights and card."""

import itertools
import os
import platform
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from linksim.errors import ModelError
from linksim.nets.cards import Card, Score, read_card, write_card
from linksim.nets.weights import build, forget_parts, pick_device, sha256_of
from linksim.registry import suggest
from linksim.train.lesson import Lesson
from linksim.train.lessons import LESSONS
from linksim.train.loop import Progress, Report, Trainee, train
from linksim.train.measure import alike, measure, stored_as

LARGEST_BYTES = 25_000_000  # of a weights' file: models travel with the package


def find_lesson(name: str) -> Lesson:
    """Raises ModelError, with the nearest name, for a part that has no lesson."""
    if name not in LESSONS:
        raise ModelError(f"no lesson {name!r}; {suggest(name, LESSONS)}")
    return LESSONS[name]


def train_part(name: str, device: str, work_folder: Path, models_folder: Path, report: Report, fresh: bool = False) -> Card:
    """All of `linksim train NAME`: train, measure, store. A finished checkpoint goes straight to measuring.

    device         "auto", "cpu" or "cuda"
    work_folder    holds the checkpoint NAME.safetensors
    models_folder  gets NAME.safetensors and NAME.yaml
    report         hears of every 20 training steps and every measurement
    fresh          start anew though there is a checkpoint

    Raises ModelError for a name without a lesson, another recipe's or a damaged checkpoint, or weights that are too large.
    """
    lesson, checkpoint = find_lesson(name), work_folder / f"{name}.safetensors"
    trainee = Trainee(lesson, build(lesson.kind, lesson.config), pick_device(device))
    if checkpoint.exists() and not fresh:
        trainee.load(checkpoint)
    train(trainee, checkpoint, report)
    return store(name, trainee, models_folder, report)


def store(name: str, trainee: Trainee, folder: Path, report: Report) -> Card:
    """Measure what was learnt and write it: in float16 where no score tells the difference, else in float32."""
    lesson, network = trainee.lesson, trainee.network
    pictures, learnt = lesson.pictures("test"), trainee.result()
    measurements = 2 * len(lesson.conditions)
    through = itertools.count(1)

    def scored(tensors: dict[str, Tensor]) -> tuple[Score, ...]:
        network.load_state_dict(tensors)
        return measure(lesson, network, pictures, trainee.device, done=lambda _: report(progress(next(through))))

    def progress(done: int) -> Progress:
        return Progress("measuring", done, measurements, 0.0, trainee.seconds)

    halved = stored_as(learnt, network, torch.float16)
    full_scores, half_scores = scored(learnt), scored(halved)
    tensors, scores = (halved, half_scores) if alike(half_scores, full_scores) else (learnt, full_scores)
    weights = folder / f"{name}.safetensors"
    write_weights(tensors, weights)
    card = Card(
        name=name,
        kind=lesson.kind,
        config=lesson.config,
        lesson={"seed": lesson.seed, "steps": lesson.steps} | lesson.recipe,
        wall_s=round(trainee.seconds, 1),
        device=described(trainee.device),
        versions={"python": platform.python_version(), "torch": str(torch.__version__), "numpy": np.__version__},
        dtype="float16" if tensors is halved else "float32",
        sha256=sha256_of(weights),
        scores=scores,
        best={},
    )
    path = folder / f"{name}.yaml"
    if path.exists() and (earlier := read_card(path)).sha256 == card.sha256:
        card = replace(card, best=earlier.best)  # the same weights: what was tuned still holds
    write_card(card, path)
    forget_parts()
    return read_card(path)


def write_weights(tensors: dict[str, Tensor], path: Path) -> None:
    """Write a weights' file whole or not at all. Raises ModelError for one above `LARGEST_BYTES`."""
    size = sum(value.numel() * value.element_size() for value in tensors.values())
    if size > LARGEST_BYTES:
        raise ModelError(f"{path}: {size / 1e6:.1f} MB of weights, allowed are {LARGEST_BYTES / 1e6:.0f}; choose a smaller network")
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".part")
    save_file(tensors, fresh)
    os.replace(fresh, path)


def described(device: torch.device) -> str:
    """Device in words, for the card: bits depend on it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"cpu, {platform.machine()}, {torch.backends.cpu.get_cpu_capability()}, {threads} thread{'s' * (threads > 1)}"
