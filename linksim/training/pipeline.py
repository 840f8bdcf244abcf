"""From training task to model: train a part, or go on with it, measure it, and store its weights and card."""

import itertools
import os
import platform
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from linksim.adapt.learning_curve import write_curve
from linksim.adapt.mdp import MAX_ACTION
from linksim.errors import ModelError
from linksim.nets.cards import MEASURED, Card, Score, read_card, write_card
from linksim.nets.policy import Actor
from linksim.nets.weights import build, clear_model_cache, pick_device, sha256_of
from linksim.registry import suggest
from linksim.training.ddpg import DdpgTask
from linksim.training.ddpg_trainer import DdpgTrainer
from linksim.training.grid_measurement import GridMeasurement, run_grid
from linksim.training.loop import Progress, Report, Trainer, train
from linksim.training.measure import cast, measure, within_tolerance
from linksim.training.task import Recipe
from linksim.training.tasks import TASKS, AnyTask


def find_task(name: str) -> AnyTask:
    """Raises ModelError, with the nearest name, for a part that has no training task."""
    if name not in TASKS:
        raise ModelError(f"no training task {name!r}; {suggest(name, TASKS)}")
    return TASKS[name]


def train_model(name: str, device: str, work_folder: Path, models_folder: Path, report: Report, fresh: bool = False) -> Card:
    """All of `linksim train NAME`: train, measure, store. A finished checkpoint goes straight to measuring.

    device         "auto", "cpu" or "cuda"
    work_folder    holds the checkpoint NAME.safetensors
    models_folder  gets NAME.safetensors and NAME.yaml
    report         hears of every 20 training steps and every measurement
    fresh          start anew though there is a checkpoint

    Raises ModelError for a name without a training task, and for another recipe's or a damaged checkpoint.
    """
    task, checkpoint = find_task(name), work_folder / f"{name}.safetensors"
    if isinstance(task, GridMeasurement):
        return run_measurement(name, task, pick_device(device), work_folder, models_folder, report, fresh)
    if isinstance(task, DdpgTask):
        return train_policy(name, task, checkpoint, models_folder, report, fresh)
    trainer = Trainer(task, build(task.kind, task.config), pick_device(device))
    if checkpoint.exists() and not fresh:
        trainer.load(checkpoint)
    train(trainer, checkpoint, report)
    return store(name, trainer, models_folder, report)


def store(name: str, trainer: Trainer, folder: Path, report: Report) -> Card:
    """Measure what was learnt and write it: in float16 where no score tells the difference, else in float32."""
    task, network = trainer.task, trainer.network
    pictures, learnt = task.pictures("test"), trainer.result()
    measurements = 2 * len(task.conditions)
    through = itertools.count(1)

    def scored(tensors: dict[str, Tensor]) -> tuple[Score, ...]:
        network.load_state_dict(tensors)
        return measure(task, network, pictures, trainer.device, done=lambda _: report(progress(next(through))))

    def progress(done: int) -> Progress:
        return Progress("measuring", done, measurements, 0.0, trainer.seconds)

    halved = cast(learnt, network, torch.float16)
    full_scores, half_scores = scored(learnt), scored(halved)
    tensors, scores = (halved, half_scores) if within_tolerance(half_scores, full_scores) else (learnt, full_scores)
    weights = folder / f"{name}.safetensors"
    write_weights(tensors, weights)
    return store_card(task, weights, "float16" if tensors is halved else "float32", scores, trainer.seconds, trainer.device)


def train_policy(name: str, task: DdpgTask, checkpoint: Path, folder: Path, report: Report, fresh: bool) -> Card:
    """The same for a policy. It learns on the CPU, whatever there is: its networks are small. Its curve is left beside the checkpoint."""
    trainer = DdpgTrainer(task)
    if checkpoint.exists() and not fresh:
        trainer.load(checkpoint)
    train(trainer, checkpoint, report)
    write_curve(trainer.curve, checkpoint.with_suffix(".csv"))
    weights = folder / f"{name}.safetensors"
    write_weights(trainer.result(), weights)
    kept = Actor(MAX_ACTION)
    kept.load_state_dict(trainer.result())
    return store_card(task, weights, "float32", task.scores(kept), trainer.seconds, torch.device("cpu"))


def run_measurement(name: str, grid: GridMeasurement, device: torch.device, work: Path, folder: Path, report: Report, fresh: bool) -> Card:
    """The same for what is measured rather than trained: cells that are through are kept in NAME.cells, and the table is NAME.h5."""
    figures, seconds = run_grid(grid, device, work / f"{name}.cells", report, fresh)
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / f"{name}{MEASURED[grid.kind]}"
    return store_card(grid, table, "float64", grid.finalise(figures, table), seconds, device)


def store_card(task: Recipe, file: Path, dtype: str, scores: tuple[Score, ...], seconds: float, device: torch.device) -> Card:
    """Write the card of a part beside its file, and read parts anew from now on."""
    card = Card(
        name=file.stem,
        kind=task.kind,
        config=task.config,
        training={"seed": task.seed, "steps": task.steps} | task.recipe,
        wall_s=round(seconds, 1),
        device=described(device),
        versions={"python": platform.python_version(), "torch": str(torch.__version__), "numpy": np.__version__},
        dtype=dtype,
        sha256=sha256_of(file),
        scores=scores,
        runtime={},
    )
    path = file.with_suffix(".yaml")
    if path.exists() and (earlier := read_card(path)).sha256 == card.sha256:
        card = replace(card, runtime=earlier.runtime)  # the same weights: what was tuned still holds
    write_card(card, path)
    clear_model_cache()
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
