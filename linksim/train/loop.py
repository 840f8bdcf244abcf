"""The training loop: runs a lesson, checkpoints it, goes on bit for bit after a kill.

Nothing random is kept between steps (see `train.order`), so a checkpoint is weights, their running average, the optimiser's state and
the step. It is written to a new file that then takes the old one's place: a kill at any moment leaves a whole checkpoint.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from linksim.errors import ModelError
from linksim.nets.layers import draw_weights
from linksim.train.lesson import Lesson

CHECKPOINT_EVERY_S = 30.0
REPORT_EVERY = 20  # steps


@dataclass(frozen=True)
class Progress:
    """Where a lesson stands.

    stage         what is going on
    step, steps   training steps, or measurements, done and to do
    loss          mean over the steps since the last report; 0 when measuring
    seconds       wall-clock time of training so far, earlier attempts included
    """

    stage: Literal["training", "measuring"]
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
        return f"{bar}  loss {self.loss:.5g}  {clock_face(self.seconds)} so far, {clock_face(left_s)} left"


Report = Callable[[Progress], None]


class Trainee:
    """A network in training with all that a checkpoint holds."""

    def __init__(self, lesson: Lesson, network: nn.Module, device: torch.device) -> None:
        self.lesson, self.device = lesson, device
        draw_weights(network, torch.Generator().manual_seed(lesson.seed))
        lesson.prepare(network)
        self.network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
        self.optimiser = lesson.optimiser(network)
        self.base_rates = [group["lr"] for group in self.optimiser.param_groups]
        self.average = {k: v.clone() for k, v in network.state_dict().items()} if lesson.average else {}
        self.step, self.seconds = 0, 0.0

    @property
    def finished(self) -> bool:
        return self.step >= self.lesson.steps

    def learn(self) -> Tensor:
        """One step -> its loss. On a GPU in bfloat16, with float32 weights."""
        for group, base in zip(self.optimiser.param_groups, self.base_rates, strict=True):
            group["lr"] = base * self.lesson.rate(self.step)
        self.network.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            loss = self.lesson.loss(self.network, self.step, self.device)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.optimiser.step()
        self.step += 1
        if self.lesson.average:
            self._move_average(min(self.lesson.average, (1 + self.step) / (10 + self.step)))
        return loss.detach()

    def _move_average(self, decay: float) -> None:
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - decay)
            else:
                self.average[name].copy_(value)

    def result(self) -> dict[str, Tensor]:
        """The weights to keep: the running average where the lesson wants one."""
        return {k: v.detach().cpu().contiguous() for k, v in (self.average or self.network.state_dict()).items()}

    def save(self, path: Path) -> None:
        """Write the checkpoint. It replaces the old one only once it is whole."""
        tensors = {f"network/{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"average/{k}": v for k, v in self.average.items()}
        for place, kept in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{place}/{k}": torch.as_tensor(v) for k, v in kept.items() if v is not None}
        about = {"step": self.step, "seconds": self.seconds, "recipe": fingerprint(self.lesson)}
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".part")
        whole = {k: v.detach().cpu().clone(memory_format=torch.contiguous_format) for k, v in tensors.items()}
        save_file(whole, fresh, metadata={"about": json.dumps(about)})
        os.replace(fresh, path)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint of the same lesson. Raises ModelError for another's, or a damaged one."""
        try:
            with safe_open(path, "pt") as stored:
                about = json.loads(stored.metadata()["about"])
                tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118  # not a dict
            recipe, self.step, self.seconds = about["recipe"], int(about["step"]), float(about["seconds"])
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as fault:
            raise ModelError(f"{path}: not a checkpoint ({fault}); delete it to train from the start") from fault
        if recipe != fingerprint(self.lesson):
            raise ModelError(f"{path}: made by another recipe than today's; delete it to train from the start")
        self.network.load_state_dict(_under("network/", tensors))
        self.average = {k: v.to(self.device) for k, v in _under("average/", tensors).items()}
        self._load_optimiser(_under("optimiser/", tensors))

    def _load_optimiser(self, tensors: dict[str, Tensor]) -> None:
        """What stands beside a weight takes the weight's memory layout: fused optimisers pair elements by their place in memory."""
        weights = [weight for group in self.optimiser.param_groups for weight in group["params"]]
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            place, key = name.split("/")
            weight = weights[int(place)]
            state.setdefault(int(place), {})[key] = torch.empty_like(weight).copy_(value) if value.shape == weight.shape else value
        self.optimiser.load_state_dict({"state": state, "param_groups": self.optimiser.state_dict()["param_groups"]})


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def clock_face(seconds: float) -> str:
    """3725.4 -> "1:02:05"."""
    return str(timedelta(seconds=round(seconds)))


def fingerprint(lesson: Lesson) -> str:
    """Text that changes when the recipe does."""
    return json.dumps([lesson.kind, lesson.seed, lesson.steps, lesson.config, lesson.recipe], default=str)


def train(trainee: Trainee, checkpoint: Path, report: Report) -> None:
    """Run the lesson to its end from where it stands, checkpointing as it goes and in the end. A finished one is left alone."""
    if trainee.finished:
        return
    steps = trainee.lesson.steps
    started, saved, losses = time.monotonic() - trainee.seconds, time.monotonic(), list[Tensor]()
    with torch.backends.cudnn.flags(enabled=True, deterministic=True):  # or a GPU would not repeat itself
        while not trainee.finished:
            losses.append(trainee.learn())
            trainee.seconds = time.monotonic() - started
            if trainee.step % REPORT_EVERY == 0 or trainee.finished:
                report(Progress("training", trainee.step, steps, torch.stack(losses).mean().item(), trainee.seconds))
                losses.clear()
            if time.monotonic() - saved > CHECKPOINT_EVERY_S:
                trainee.save(checkpoint)
                saved = time.monotonic()
    trainee.save(checkpoint)
