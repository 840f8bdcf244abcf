"""The training loop: it runs a training task, writes checkpoints, and resumes bit for bit after an interruption.

    task (`training.task`) --> trainer: network, optimiser, step, average --> `train`: steps, checkpoints, progress

No random state is kept between steps (see `training.order`), so a checkpoint holds the weights, their running average, the state of the
optimiser and the step. Checkpoints are replaced atomically.
"""

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from linksim.errors import ModelError
from linksim.interrupts import deferred
from linksim.nets.layers import draw_weights
from linksim.nets.processors import training_precision
from linksim.nets.tensor_checks import check_finite, check_tensors
from linksim.nets.weights import autocast, build
from linksim.progress import progress_line, rate, times
from linksim.training.checkpoint import (
    Checkpoint,
    optimiser_tensors,
    read_checkpoint,
    refuse_divergence,
    restore_optimiser,
    restoring,
    write_checkpoint,
)
from linksim.training.task import Recipe, TrainingTask

CHECKPOINT_EVERY_S = 30.0  # wall-clock time between two checkpoints
REPORT_EVERY = 20  # steps between two reports of progress
UNITS = {"training": "steps", "grid": "cells", "measuring": "evaluations"}  # of each stage


@dataclass(frozen=True)
class TrainingProgress:
    """Progress of a training task.

    stage        "training"; "grid" for the measurement of a table; "measuring" for the evaluation of scores
    step, steps  completed and total training steps, cells or evaluations
    loss         mean loss since the last report; 0 unless training
    seconds      wall-clock training time in seconds, including earlier runs
    """

    stage: Literal["training", "grid", "measuring"]
    step: int
    steps: int
    loss: float
    seconds: float

    def line(self) -> str:
        """Return one line for a terminal: a progress bar, the loss, the rate, the elapsed time and the estimated remaining time.

        >>> TrainingProgress("training", 500, 1_000, loss=0.0125, seconds=60.0).line().split()[-1]
        'left'
        """
        loss = f"loss {self.loss:.5g}" if self.stage == "training" else ""
        unit = UNITS[self.stage]
        clock = (rate(self.step, self.seconds, unit), times(self.seconds, self.step, self.steps)) if self.stage != "measuring" else ()
        return progress_line(self.step, self.steps, unit, f"{self.stage:9} ", (loss, *clock))


ProgressCallback = Callable[[TrainingProgress], None]


class AnyTrainer(Protocol):
    """Protocol of the trainers that the loop runs: `Trainer`, and `ddpg_trainer.DdpgTrainer`.

    task      recipe of the training
    finished  whether all steps are completed
    step     completed steps
    seconds  wall-clock training time in seconds, including earlier runs
    """

    step: int
    seconds: float

    @property
    def task(self) -> Recipe: ...

    @property
    def finished(self) -> bool: ...

    def train_step(self) -> Tensor:
        """Run one step and return its loss, a tensor without dimensions."""

    def save(self, path: Path) -> None:
        """Write a checkpoint. The file is replaced atomically."""


class Trainer:
    """Trainer of a network.

    The constructor draws the initial weights from the seed of the task and then lets the task fit or copy some of them.

    task        the training task
    network     the network, on `device`, channels last, with float32 weights
    device      device of the training
    optimiser   the optimiser of the task
    base_rates  learning rates of its parameter groups at a schedule factor of 1
    average     running average of the weights, empty if the task has none
    step        completed steps
    seconds     wall-clock training time in seconds, including earlier runs
    """

    def __init__(self, task: TrainingTask, network: nn.Module, device: torch.device) -> None:
        self.task, self.device = task, device
        draw_weights(network, torch.Generator().manual_seed(task.seed))
        task.prepare(network)
        self.network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
        self.optimiser = task.optimiser(network)
        self.base_rates = [group["lr"] for group in self.optimiser.param_groups]
        self.average = {k: v.clone() for k, v in network.state_dict().items()} if task.average else {}
        self.step, self.seconds = 0, 0.0

    @property
    def finished(self) -> bool:
        """Whether all steps of the task are completed."""
        return self.step >= self.task.steps

    def train_step(self) -> Tensor:
        """Run one step and return its loss. Weights are float32; the networks run in the precision of `training_precision`.

        The running average begins with a small decay, (1 + step) / (10 + step), so that the initial weights are forgotten.
        """
        for group, base in zip(self.optimiser.param_groups, self.base_rates, strict=True):
            group["lr"] = base * self.task.rate(self.step)
        self.network.train()
        with autocast(self.device, training_precision(self.device, self.task.bfloat16)):
            loss = self.task.loss(self.network, self.step, self.device)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        if self._clipped():
            self.optimiser.step()
        self.step += 1
        if self.task.average:
            self._move_average(min(self.task.average, (1 + self.step) / (10 + self.step)))
        return loss.detach()

    def _clipped(self) -> bool:
        """Limit the norm of the gradient, if the task has a limit, and return whether the optimiser may use it.

        A gradient that is not finite leaves weights and optimiser as they are. A training that stays without finite gradients ends with
        the error for its loss.
        """
        if self.task.clip_norm is None:
            return True
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.task.clip_norm)
        return bool(norm.isfinite())

    def _move_average(self, decay: float) -> None:
        """Set average = decay average + (1 - decay) weights. Integer buffers, such as counters of batches, are copied."""
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - decay)
            else:
                self.average[name].copy_(value)

    def result(self) -> dict[str, Tensor]:
        """Return the final weights by name, on the CPU: the running average if the task has one."""
        return {k: v.detach().cpu().contiguous() for k, v in (self.average or self.network.state_dict()).items()}

    def save(self, path: Path) -> None:
        """Write a checkpoint. The file is replaced atomically. Raises ModelError, and leaves it, if the weights are not finite."""
        refuse_divergence(self.network.state_dict())
        tensors = {f"network/{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"average/{k}": v for k, v in self.average.items()}
        tensors |= {f"optimiser/{k}": v for k, v in optimiser_tensors(self.optimiser).items()}
        write_checkpoint(Checkpoint(fingerprint(self.task), self.step, self.seconds, tensors), path)

    def load(self, path: Path) -> None:
        """Resume from a checkpoint of the same training task. Raises ModelError if it is damaged or belongs to another task."""
        checkpoint = read_checkpoint(path, fingerprint(self.task))
        with restoring(path):
            for group in ("network/", "average/") if self.task.average else ("network/",):
                check_tensors(self.network, checkpoint.with_prefix(group))
            self.network.load_state_dict(checkpoint.with_prefix("network/"))
            self.average = {k: v.to(self.device) for k, v in checkpoint.with_prefix("average/").items()}
            restore_optimiser(self.optimiser, checkpoint.with_prefix("optimiser/"))
        self.step, self.seconds = checkpoint.step, checkpoint.seconds


def fingerprint(task: Recipe) -> str:
    """Return a text that identifies a recipe: equal recipes have equal fingerprints.

    It is the JSON of kind, seed, steps, config and recipe. A checkpoint stores it as it is, because the text shows what has changed.
    """
    return json.dumps([task.kind, task.seed, task.steps, task.config, task.recipe], default=str)


def train(trainer: AnyTrainer, checkpoint: Path, report: ProgressCallback) -> None:
    """Run the remaining steps of a training task. Does nothing if it is finished.

    trainer     trainer, new or after loading a checkpoint
    checkpoint  file that is written every `CHECKPOINT_EVERY_S` seconds and at the end
    report      callback, called every `REPORT_EVERY` steps

    SIGINT, SIGTERM and SIGHUP end the training after the step in progress, with a checkpoint, before they take their usual effect; a second
    one takes effect at once, and the previous checkpoint stays. Raises ModelError, and leaves the previous checkpoint, if the training
    diverges.
    """
    if trainer.finished:
        return
    steps = trainer.task.steps
    started, saved, losses = time.monotonic() - trainer.seconds, time.monotonic(), list[Tensor]()
    deterministic = torch.backends.cudnn.flags(enabled=True, deterministic=True)  # required for reproducible results on a GPU
    with deterministic, deferred(second_ends=True) as interrupted:
        while not (trainer.finished or interrupted()):
            losses.append(trainer.train_step())
            trainer.seconds = time.monotonic() - started
            if trainer.step % REPORT_EVERY == 0 or trainer.finished:
                loss = torch.stack(losses).mean().item()
                if not math.isfinite(loss):
                    found = f"the mean loss up to step {trainer.step} is {loss}"
                    raise ModelError(f"{checkpoint.stem}: the training has diverged, {found}; the last checkpoint stays as it is")
                report(TrainingProgress("training", trainer.step, steps, loss, trainer.seconds))
                losses.clear()
            if time.monotonic() - saved > CHECKPOINT_EVERY_S:
                trainer.save(checkpoint)
                saved = time.monotonic()
        trainer.save(checkpoint)


def trained_network(task: TrainingTask, device: torch.device) -> nn.Module:
    """Train a network without checkpoints and return it in evaluation mode. Equal tasks give equal networks.

    Raises ModelError if a trained weight is not finite.
    """
    trainer = Trainer(task, build(task.kind, dict(task.config)), device)
    while not trainer.finished:
        trainer.train_step()
    weights = trainer.result()
    check_finite(weights)
    network: nn.Module = trainer.network.eval()
    network.load_state_dict(weights)
    return network
