"""From training task to model: training or resuming, measuring the scores, and storing weights and card.

    task --> trainer --> [train or resume] --> weights --> [int8, float16 or float32, scores] --> NAME.safetensors, NAME.yaml
    grid --> [measure the missing cells] --> table ------> [scores of the table] ------------------> NAME.h5, NAME.yaml

Each function can be repeated: a finished checkpoint is not trained again. A model is replaced (`training.publication`) once its scores are
measured and finite, so a training that diverges leaves the former model as it is.
"""

import itertools
from pathlib import Path

import torch
from torch import Tensor

from linksim.adapt.learning_curve import write_curve
from linksim.data.sources import ImageDataset
from linksim.errors import ModelError
from linksim.nets.cards import NO_NETWORK, TABLE_SUFFIXES, Card, Score
from linksim.nets.compact import pack, unpack
from linksim.nets.weights import build, pick_device
from linksim.registry import components, suggest
from linksim.training.card_blocks import cost_of
from linksim.training.checkpoint import refuse_divergence, save_tensors
from linksim.training.ddpg import DdpgTask
from linksim.training.ddpg_trainer import DdpgTrainer
from linksim.training.grid_measurement import GridMeasurement, run_grid
from linksim.training.loop import ProgressCallback, Trainer, TrainingProgress, train
from linksim.training.loss_log import logging_losses
from linksim.training.measure import cast, measure, within_tolerance
from linksim.training.order import take_first
from linksim.training.publication import publish
from linksim.training.tasks import AnyTask


def find_task(name: str) -> AnyTask:
    """Return the training task of a name, from the components of kind "training-task".

    Raises ModelError, with the nearest name, if there is none.

    >>> import linksim.training.tasks  # declares the tasks of the package
    >>> find_task("codec-cifar10-6").steps
    24000
    """
    known = {component.name: component for component in components("training-task")}
    if name not in known:
        raise ModelError(f"no training task {name!r}; {suggest(name, known)}")
    task: AnyTask = known[name].load()()
    return task


def train_model(name: str, device: str, work_folder: Path, models_folder: Path, report: ProgressCallback, fresh: bool = False) -> Card:
    """Train, measure and store a model, as `linksim train NAME` does, and return its card. A finished checkpoint is not trained again.

    name           name of the training task and of the model
    device         "auto", "cpu" or "cuda"
    work_folder    folder of the checkpoint NAME.safetensors and of the losses, NAME.losses.csv
    models_folder  folder for NAME.safetensors and NAME.yaml
    report         callback, called every `loop.REPORT_EVERY` training steps and after every measurement
    fresh          ignore an existing checkpoint

    Raises ModelError if there is no such training task or device, if a model that the task uses is missing, or if the checkpoint is damaged
    or belongs to another recipe, and DataError if the dataset is missing.
    """
    task, checkpoint = find_task(name), work_folder / f"{name}.safetensors"
    if isinstance(task, GridMeasurement):
        return run_measurement(name, task, pick_device(device), work_folder, models_folder, report, fresh)
    if isinstance(task, DdpgTask):
        return train_policy(name, task, checkpoint, models_folder, report, fresh)
    trainer = Trainer(task, build(task.kind, task.config), pick_device(device))
    if checkpoint.exists() and not fresh:
        trainer.load(checkpoint)
    if not trainer.finished:
        with logging_losses(work_folder / f"{name}.losses.csv", trainer.step, report) as log:
            train(trainer, checkpoint, log)
    return store(name, trainer, models_folder, report)


def store(name: str, trainer: Trainer, folder: Path, report: ProgressCallback) -> Card:
    """Store a trained network in the first format, of int8, float16 and float32, in which no score changes by more than its tolerance.

    The decision takes as many training images as there are test images; the scores on the card are those of the test images.

    name     name of the model
    trainer  trainer after its last step
    folder   folder of weights and card
    report   callback, called after every measured condition

    Returns the card, whose scores are those of the stored weights. Raises ModelError, and leaves the former model, if a weight or a score
    is not finite.
    """
    task, network, trained = trainer.task, trainer.network, trainer.result()
    refuse_divergence(trained)
    test = task.load_dataset("test")
    seen = take_first(task.load_dataset("train"), len(test.images))
    completed, passes = itertools.count(1), 3  # over all conditions: as trained, in a smaller format, and on the test images

    def scored(tensors: dict[str, Tensor], dataset: ImageDataset) -> tuple[Score, ...]:
        network.load_state_dict(unpack(tensors))
        return measure(task, network, dataset, trainer.device, done=lambda _: report(progress(next(completed))))

    def progress(done: int) -> TrainingProgress:
        return TrainingProgress("measuring", done, passes * len(task.conditions), 0.0, trainer.seconds)

    weights = set(dict(network.named_parameters()))
    smaller = {"int8": pack(trained, weights), "float16": cast(trained, weights, torch.float16)}
    full_scores = scored(trained, seen)
    dtype, tensors = "float32", trained
    for shorter, reduced in smaller.items():
        if within_tolerance(scored(reduced, seen), full_scores):
            dtype, tensors = shorter, reduced
            break
        passes = 2 + len(smaller)
    scores = scored(tensors, test)

    def write(path: Path) -> tuple[Score, ...]:
        save_tensors(tensors, path)
        return scores

    return publish(task, folder / f"{name}.safetensors", write, dtype, cost_of(network, task.kind), trainer.seconds, trainer.device)


def train_policy(name: str, task: DdpgTask, checkpoint: Path, folder: Path, report: ProgressCallback, fresh: bool) -> Card:
    """Train, measure and store a policy, on the CPU because the networks are small. The curve is written next to the checkpoint."""
    trainer = DdpgTrainer(task)
    if checkpoint.exists() and not fresh:
        trainer.load(checkpoint)
    train(trainer, checkpoint, report)
    write_curve(trainer.curve, checkpoint.with_suffix(".csv"))
    actor, trained = task.actor(), trainer.result()
    refuse_divergence(trained)
    actor.load_state_dict(trained)

    def write(path: Path) -> tuple[Score, ...]:
        save_tensors(trained, path)
        return task.scores(actor)

    weights, cost = folder / f"{name}.safetensors", cost_of(actor, task.kind)
    return publish(task, weights, write, "float32", cost, trainer.seconds, torch.device("cpu"))


def run_measurement(
    name: str, grid: GridMeasurement, device: torch.device, work: Path, folder: Path, report: ProgressCallback, fresh: bool
) -> Card:
    """Measure and store a table, and return its card. Completed cells are stored in NAME.cells, the table in NAME.h5.

    work    folder of the cells
    folder  folder of table and card
    fresh   discard stored cells
    """
    values, seconds = run_grid(grid, device, work / f"{name}.cells", report, fresh)

    def write(path: Path) -> tuple[Score, ...]:
        try:
            return grid.finalise(values, path)
        except ValueError as fault:
            raise ModelError(f"{name}: the measured table is not valid ({fault}); the model in {folder} stays as it is") from fault

    table = folder / f"{name}{TABLE_SUFFIXES[grid.kind]}"
    return publish(grid, table, write, "float64", NO_NETWORK, seconds, device)
