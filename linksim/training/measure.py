"""Measuring a part: the figures of its card, and whether two sets of figures are the same for all purposes."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from linksim.data.sources import ImageDataset
from linksim.nets.cards import Score
from linksim.nets.weights import autocast
from linksim.training.order import to_images
from linksim.training.task import TrainingTask

TOLERANCE = {"psnr_of_mean_mse_db": 0.02, "ssim": 0.001, "accuracy": 0.001}  # what a smaller number format may change


def measure(
    task: TrainingTask,
    network: nn.Module,
    pictures: ImageDataset,
    device: torch.device,
    precision: str = "float32",
    done: Callable[[str], None] = lambda condition: None,
) -> tuple[Score, ...]:
    """Every figure of the part on `images`, in evaluation mode; `done` hears of each condition that is through."""
    images, labels = to_images(pictures.images), torch.tensor(pictures.labels)
    scores: list[Score] = []
    with torch.inference_mode(), autocast(device, precision):
        for condition in task.conditions:
            found = task.measure(network.eval(), condition, images, labels, device)
            scores += [replace(score, value=round(score.value, 4)) for score in found]
            done(condition)
    return tuple(scores)


def within_tolerance(scores: tuple[Score, ...], reference: tuple[Score, ...]) -> bool:
    """Whether each figure is within `TOLERANCE` of the same figure in `reference`."""
    known = {(score.metric, score.condition): score.value for score in reference}
    return all(abs(score.value - known[score.metric, score.condition]) <= TOLERANCE[score.metric] for score in scores)


def cast(tensors: dict[str, Tensor], network: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    """The network's parameters in `dtype`. Its buffers (running statistics) stay as they are: few, and of any size."""
    weights = dict(network.named_parameters())
    return {name: value.to(dtype) if name in weights else value for name, value in tensors.items()}
