"""From training task to model: training or resuming, measuring the scores, and storing weights and card."""

import itertools
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
from linksim.files import atomic_write
from linksim.nets.cards import TABLE_SUFFIXES, Card, ModelCost, Score, read_card, write_card
from linksim.nets.policy import Actor
from linksim.nets.weights import build, clear_model_cache, pick_device, sha256_of
from linksim.registry import components, suggest
from linksim.training.card_blocks import NO_NETWORK, cost_of, training_data
from linksim.training.ddpg import DdpgTask
from linksim.training.ddpg_trainer import DdpgTrainer
from linksim.training.grid_measurement import GridMeasurement, run_grid
from linksim.training.loop import ProgressCallback, Trainer, TrainingProgress, train
from linksim.training.measure import cast, measure, within_tolerance
from linksim.training.task import Recipe
from linksim.training.tasks import AnyTask


def find_task(name: str) -> AnyTask:
    """Return the training task of a name, from the components of kind "training-task".

    Raises ModelError, with the nearest name, if there is none.
    """
    known = {component.name: component for component in components("training-task")}
    if name not in known:
        raise ModelError(f"no training task {name!r}; {suggest(name, known)}")
    task: AnyTask = known[name].load()()
    return task


def train_model(name: str, device: str, work_folder: Path, models_folder: Path, report: ProgressCallback, fresh: bool = False) -> Card:
    """Train, measure and store a model, as `linksim train NAME` does. If the checkpoint is finished, training is skipped.

    device         "auto", "cpu" or "cuda"
    work_folder    folder of the checkpoint NAME.safetensors
    models_folder  folder for NAME.safetensors and NAME.yaml
    report         callback, called every `loop.REPORT_EVERY` training steps and after every measurement
    fresh          ignore an existing checkpoint

    Raises ModelError if there is no such training task, or if the checkpoint is damaged or belongs to another recipe.
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


def store(name: str, trainer: Trainer, folder: Path, report: ProgressCallback) -> Card:
    """Measure a trained network and store it, in float16 if no score changes by more than its tolerance, else in float32."""
    task, network = trainer.task, trainer.network
    dataset, trained = task.load_dataset("test"), trainer.result()
    measurements = 2 * len(task.conditions)
    completed = itertools.count(1)

    def scored(tensors: dict[str, Tensor]) -> tuple[Score, ...]:
        network.load_state_dict(tensors)
        return measure(task, network, dataset, trainer.device, done=lambda _: report(progress(next(completed))))

    def progress(done: int) -> TrainingProgress:
        return TrainingProgress("measuring", done, measurements, 0.0, trainer.seconds)

    halved = cast(trained, network, torch.float16)
    full_scores, half_scores = scored(trained), scored(halved)
    tensors, scores = (halved, half_scores) if within_tolerance(half_scores, full_scores) else (trained, full_scores)
    weights = folder / f"{name}.safetensors"
    write_weights(tensors, weights)
    dtype = "float16" if tensors is halved else "float32"
    return store_card(task, weights, dtype, cost_of(network), scores, trainer.seconds, trainer.device)


def train_policy(name: str, task: DdpgTask, checkpoint: Path, folder: Path, report: ProgressCallback, fresh: bool) -> Card:
    """Train, measure and store a policy, on the CPU because the networks are small. The curve is written next to the checkpoint."""
    trainer = DdpgTrainer(task)
    if checkpoint.exists() and not fresh:
        trainer.load(checkpoint)
    train(trainer, checkpoint, report)
    write_curve(trainer.curve, checkpoint.with_suffix(".csv"))
    weights = folder / f"{name}.safetensors"
    write_weights(trainer.result(), weights)
    actor = Actor(MAX_ACTION)
    actor.load_state_dict(trainer.result())
    return store_card(task, weights, "float32", cost_of(actor), task.scores(actor), trainer.seconds, torch.device("cpu"))


def run_measurement(
    name: str, grid: GridMeasurement, device: torch.device, work: Path, folder: Path, report: ProgressCallback, fresh: bool
) -> Card:
    """Measure and store a table. Completed cells are stored in NAME.cells, the table in NAME.h5."""
    values, seconds = run_grid(grid, device, work / f"{name}.cells", report, fresh)
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / f"{name}{TABLE_SUFFIXES[grid.kind]}"
    return store_card(grid, table, "float64", NO_NETWORK, grid.finalise(values, table), seconds, device)


def store_card(
    task: Recipe, file: Path, dtype: str, cost: ModelCost, scores: tuple[Score, ...], seconds: float, device: torch.device
) -> Card:
    """Write the card of a model next to its file, and clear the model cache. Tuned settings are kept if the file is unchanged."""
    card = Card(
        name=file.stem,
        kind=task.kind,
        config=task.config,
        training={"seed": task.seed, "steps": task.steps} | task.recipe,
        data=training_data(task),
        wall_s=round(seconds, 1),
        device=describe_device(device),
        versions={"python": platform.python_version(), "torch": str(torch.__version__), "numpy": np.__version__},
        dtype=dtype,
        sha256=sha256_of(file),
        cost=cost,
        scores=scores,
        runtime={},
    )
    path = file.with_suffix(".yaml")
    if path.exists() and (earlier := read_card(path)).sha256 == card.sha256:
        card = replace(card, runtime=earlier.runtime)  # the weights are unchanged, so the tuned settings remain valid
    write_card(card, path)
    clear_model_cache()
    return read_card(path)


def write_weights(tensors: dict[str, Tensor], path: Path) -> None:
    """Write a file of weights, which is replaced atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        save_file(tensors, temporary)


def describe_device(device: torch.device) -> str:
    """Return a description of the device for the card, because the last bits of the results depend on it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"cpu, {platform.machine()}, {torch.backends.cpu.get_cpu_capability()}, {threads} thread{'s' * (threads > 1)}"
