"""The training loop: runs a training task, checkpoints it, goes on bit for bit after a kill.

Nothing random is kept between steps (see `train.order`), so a checkpoint is weights, their running average, the optimiser's state and
the step. It is written to a new file that then takes the old one's place: a kill at any moment leaves a whole checkpoint.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from linksim.nets.layers import draw_weights
from linksim.training.checkpoint import Checkpoint, optimiser_tensors, read_checkpoint, restore_optimiser, write_checkpoint
from linksim.training.task import Recipe, TrainingTask

CHECKPOINT_EVERY_S = 30.0
REPORT_EVERY = 20  # steps


@dataclass(frozen=True)
class Progress:
    """Where a training task stands.

    stage         what is going on; a survey measures for as long as others train
    step, steps   training steps, or measurements, done and to do
    loss          mean over the steps since the last report; 0 unless training
    seconds       wall-clock time of training so far, earlier attempts included
    """

    stage: Literal["training", "measuring", "surveying"]
    step: int
    steps: int
    loss: float
    seconds: float

    def line(self) -> str:
        """One line for a terminal: a bar, the loss, the time it took so far and will still take at this pace."""
        share = self.step / self.steps
        bar = f"{self.stage:9} [{'#' * round(24 * share):24}] {self.step:,}/{self.steps:,}"
        if self.stage == "measuring":
            return bar
        left_s = self.seconds * (1 / share - 1)
        loss = f"loss {self.loss:.5g}  " if self.stage == "training" else ""
        return f"{bar}  {loss}{clock_face(self.seconds)} so far, {clock_face(left_s)} left"


Report = Callable[[Progress], None]


class Learns(Protocol):
    """What the loop trains.

    step     steps done
    seconds  of wall-clock time that they took, earlier attempts included
    """

    step: int
    seconds: float

    @property
    def task(self) -> Recipe: ...

    @property
    def finished(self) -> bool: ...

    def learn(self) -> Tensor:
        """One step -> its loss."""

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all."""


class Trainer:
    """A network in training with all that a checkpoint holds."""

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
        return self.step >= self.task.steps

    def learn(self) -> Tensor:
        """One step -> its loss. On a GPU in bfloat16, with float32 weights; on a CPU where the training task says so."""
        for group, base in zip(self.optimiser.param_groups, self.base_rates, strict=True):
            group["lr"] = base * self.task.rate(self.step)
        self.network.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda" or self.task.bfloat16):
            loss = self.task.loss(self.network, self.step, self.device)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.optimiser.step()
        self.step += 1
        if self.task.average:
            self._move_average(min(self.task.average, (1 + self.step) / (10 + self.step)))
        return loss.detach()

    def _move_average(self, decay: float) -> None:
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - decay)
            else:
                self.average[name].copy_(value)

    def result(self) -> dict[str, Tensor]:
        """The weights to keep: the running average where the training task wants one."""
        return {k: v.detach().cpu().contiguous() for k, v in (self.average or self.network.state_dict()).items()}

    def save(self, path: Path) -> None:
        """Write the checkpoint. It replaces the old one only once it is whole."""
        tensors = {f"network/{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"average/{k}": v for k, v in self.average.items()}
        tensors |= {f"optimiser/{k}": v for k, v in optimiser_tensors(self.optimiser).items()}
        write_checkpoint(Checkpoint(fingerprint(self.task), self.step, self.seconds, tensors), path)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint of the same training task. Raises ModelError for another's, or a damaged one."""
        kept = read_checkpoint(path, fingerprint(self.task))
        self.step, self.seconds = kept.step, kept.seconds
        self.network.load_state_dict(kept.under("network/"))
        self.average = {k: v.to(self.device) for k, v in kept.under("average/").items()}
        restore_optimiser(self.optimiser, kept.under("optimiser/"))


def clock_face(seconds: float) -> str:
    """3725.4 -> "1:02:05"."""
    return str(timedelta(seconds=round(seconds)))


def fingerprint(task: Recipe) -> str:
    """Text that changes when the recipe does."""
    return json.dumps([task.kind, task.seed, task.steps, task.config, task.recipe], default=str)


def train(trainer: Learns, checkpoint: Path, report: Report) -> None:
    """Run the training task to its end from where it stands, checkpointing as it goes and in the end. A finished one is left alone."""
    if trainer.finished:
        return
    steps = trainer.task.steps
    started, saved, losses = time.monotonic() - trainer.seconds, time.monotonic(), list[Tensor]()
    with torch.backends.cudnn.flags(enabled=True, deterministic=True):  # or a GPU would not repeat itself
        while not trainer.finished:
            losses.append(trainer.learn())
            trainer.seconds = time.monotonic() - started
            if trainer.step % REPORT_EVERY == 0 or trainer.finished:
                report(Progress("training", trainer.step, steps, torch.stack(losses).mean().item(), trainer.seconds))
                losses.clear()
            if time.monotonic() - saved > CHECKPOINT_EVERY_S:
                trainer.save(checkpoint)
                saved = time.monotonic()
    trainer.save(checkpoint)
