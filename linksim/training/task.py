"""What a training task is: the training recipe of one part. The loop knows nothing but this."""

from typing import Protocol

import torch
from torch import Tensor, nn

from linksim.data.sources import ImageDataset
from linksim.nets.cards import Score


class Recipe(Protocol):
    """What any training task tells of itself. Everything random in it is a function of its seed and the step.

    kind   registered kind of part: "codec", "classifier", "denoiser", ...
    steps  training steps from start to end
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
        """What else decides the result, and the card should tell: data, batch, rates. A checkpoint goes on under the same recipe only."""

    @property
    def conditions(self) -> tuple[str, ...]:
        """What the part is measured under, in the card's words."""


class TrainingTask(Recipe, Protocol):
    """A recipe for a network that learns from images.

    average   decay of the running average of the weights that is kept in the end, or None for the last weights
    bfloat16  whether it computes in bfloat16 on a CPU too
    """

    @property
    def average(self) -> float | None: ...

    @property
    def bfloat16(self) -> bool: ...

    def pictures(self, split: str) -> ImageDataset:
        """The data: split "train" or "test"."""

    def prepare(self, network: nn.Module) -> None:
        """Before the first step: what is fitted rather than trained."""

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer: ...

    def rate(self, step: int) -> float:
        """Factor on the learning rates of all groups at this step."""

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor: ...

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        """Figures under one of the conditions, on images float [n, colours, h, w] in 0..1 and labels int64 [n]. Its noise never changes."""
