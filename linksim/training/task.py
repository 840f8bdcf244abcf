"""Protocols of the training tasks, which describe how a model is trained. The training loop depends on these protocols only."""

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
        """Keyword arguments of the network."""

    @property
    def recipe(self) -> dict[str, object]:
        """All other settings that determine the result, for the card: dataset, batch size, rates. A checkpoint requires the same recipe."""

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names of the test conditions, as on the card."""


class TrainingTask(Recipe, Protocol):
    """A recipe for a network that is trained on images.

    average   decay of the running average of the weights, which becomes the result, or None for the last weights
    bfloat16  compute in bfloat16 on a CPU, too
    """

    @property
    def average(self) -> float | None: ...

    @property
    def bfloat16(self) -> bool: ...

    def load_dataset(self, split: str) -> ImageDataset:
        """Return the dataset of a split, "train" or "test"."""

    def prepare(self, network: nn.Module) -> None:
        """Set the weights that are fitted or copied instead of drawn, before the first step."""

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        """Return the optimiser of the network."""

    def rate(self, step: int) -> float:
        """Return the factor on the learning rates of all groups at this step."""

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        """Return the loss of one step."""

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        """Return the scores under one condition. Repeated calls use the same noise.

        images  float [n, colours, h, w] in 0..1
        labels  int64 [n]
        """
