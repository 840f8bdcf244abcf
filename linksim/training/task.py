"""Protocols of the training tasks, which describe how a model is trained. The training loop depends on these protocols only.

A task holds no state of its training: methods receive the network and the step, and take random values from streams that the seed and the
step determine. `docs/training.md` explains how to add one.
"""

from typing import Protocol

import torch
from torch import Tensor, nn

from linksim.data.sources import ImageDataset
from linksim.nets.cards import Score


class Recipe(Protocol):
    """Properties of all training tasks. All random values of a task are functions of its seed and the step.

    kind   kind of model: "codec", "classifier", "denoiser", ...
    seed   seed of all random streams
    steps  total number of steps
    """

    @property
    def kind(self) -> str: ...

    @property
    def seed(self) -> int: ...

    @property
    def steps(self) -> int: ...

    @property
    def config(self) -> dict[str, object]:
        """Keyword arguments of the network (`nets.weights.build`), or axes of the table."""

    @property
    def recipe(self) -> dict[str, object]:
        """All other settings that determine the result, for the card: dataset, batch size, rates. A checkpoint requires the same recipe.

        Values are of types that YAML and JSON have. A task that uses another model adds the digest of its weights.
        """

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names of the test conditions. On the card, what a score is of may follow the name: "AWGN at 5 dB, Bob's host"."""


class TrainingTask(Recipe, Protocol):
    """A recipe for a network that is trained on images.

    average   decay per step of the running average of the weights, which becomes the result, 0..1, or None for the last weights
    bfloat16  compute in bfloat16 on a CPU that has it, too
    clip_norm  largest norm of the gradient, None for no limit; with a limit, a step whose gradient is not finite changes nothing
    """

    @property
    def average(self) -> float | None: ...

    @property
    def bfloat16(self) -> bool: ...

    @property
    def clip_norm(self) -> float | None: ...

    def load_dataset(self, split: str) -> ImageDataset:
        """Return the dataset of a split, "train" or "test". Raises DataError if it is missing."""

    def prepare(self, network: nn.Module) -> None:
        """Set the weights that are fitted or copied instead of drawn, before the first step."""

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        """Return the optimiser of the network."""

    def rate(self, step: int) -> float:
        """Return the factor, at least 0, on the learning rates of all parameter groups at this step, 0..steps - 1."""

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        """Return the loss of one step, a tensor without dimensions with a gradient.

        network  in training mode, on `device`
        step     number of the step, 0..steps - 1, which determines images and noise
        """

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        """Return the scores under one condition. Repeated calls use the same noise.

        network    in evaluation mode, on `device`
        condition  one of `conditions`
        images     float [n, colours, h, w] in 0..1
        labels     int64 [n], on the CPU
        """
