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

from linksim.adapt.curve import write_curve
from linksim.adapt.mdp import REACH
from linksim.errors import ModelError
from linksim.nets.cards import MEASURED, Card, Score, read_card, write_card
from linksim.nets.policy import Actor
from linksim.nets.weights import build, forget_parts, pick_device, sha256_of
from linksim.registry import suggest
from linksim.train.apprentice import Apprentice
from linksim.train.ddpg import DdpgLesson
from linksim.train.lesson import Recipe
from linksim.train.lessons import LESSONS, AnyLesson
from linksim.train.loop import Progress, Report, Trainee, train
from linksim.train.measure import alike, measure, stored_as
from linksim.train.survey import Survey, conduct


def find_lesson(name: str) -> AnyLesson:
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

    Raises ModelError for a name without a lesson, and for another recipe's or a damaged checkpoint.
    """
    lesson, checkpoint = find_lesson(name), work_folder / f"{name}.safetensors"
    if isinstance(lesson, Survey):
        return take_survey(name, lesson, pick_device(device), work_folder, models_folder, report, fresh)
    if isinstance(lesson, DdpgLesson):
        return train_policy(name, lesson, checkpoint, models_folder, report, fresh)
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
    return store_card(lesson, weights, "float16" if tensors is halved else "float32", scores, trainee.seconds, trainee.device)


def train_policy(name: str, lesson: DdpgLesson, checkpoint: Path, folder: Path, report: Report, fresh: bool) -> Card:
    """The same for a policy. It learns on the CPU, whatever there is: its networks are small. Its curve is left beside the checkpoint."""
    apprentice = Apprentice(lesson)
    if checkpoint.exists() and not fresh:
        apprentice.load(checkpoint)
    train(apprentice, checkpoint, report)
    write_curve(apprentice.curve, checkpoint.with_suffix(".csv"))
    weights = folder / f"{name}.safetensors"
    write_weights(apprentice.result(), weights)
    kept = Actor(REACH)
    kept.load_state_dict(apprentice.result())
    return store_card(lesson, weights, "float32", lesson.scores(kept), apprentice.seconds, torch.device("cpu"))


def take_survey(name: str, survey: Survey, device: torch.device, work: Path, folder: Path, report: Report, fresh: bool) -> Card:
    """The same for what is measured rather than trained: cells that are through are kept in NAME.cells, and the table is NAME.h5."""
    figures, seconds = conduct(survey, device, work / f"{name}.cells", report, fresh)
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / f"{name}{MEASURED[survey.kind]}"
    return store_card(survey, table, "float64", survey.conclude(figures, table), seconds, device)


def store_card(lesson: Recipe, file: Path, dtype: str, scores: tuple[Score, ...], seconds: float, device: torch.device) -> Card:
    """Write the card of a part beside its file, and read parts anew from now on."""
    card = Card(
        name=file.stem,
        kind=lesson.kind,
        config=lesson.config,
        lesson={"seed": lesson.seed, "steps": lesson.steps} | lesson.recipe,
        wall_s=round(seconds, 1),
        device=described(device),
        versions={"python": platform.python_version(), "torch": str(torch.__version__), "numpy": np.__version__},
        dtype=dtype,
        sha256=sha256_of(file),
        scores=scores,
        best={},
    )
    path = file.with_suffix(".yaml")
    if path.exists() and (earlier := read_card(path)).sha256 == card.sha256:
        card = replace(card, best=earlier.best)  # the same weights: what was tuned still holds
    write_card(card, path)
    forget_parts()
    return read_card(path)


def write_weights(tensors: dict[str, Tensor], path: Path) -> None:
    """Write a weights' file whole or not at all."""
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
