"""Measurement of the scores of a model, and comparison of two sets of scores within tolerances."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from linksim.data.sources import ImageDataset
from linksim.nets.cards import Score
from linksim.nets.weights import autocast
from linksim.training.order import to_images
from linksim.training.task import TrainingTask

TOLERANCE = {"psnr_of_mean_mse_db": 0.02, "ssim": 0.001, "accuracy": 0.001}  # largest change due to a smaller number format


def measure(
    task: TrainingTask,
    network: nn.Module,
    dataset: ImageDataset,
    device: torch.device,
    precision: str = "float32",
    done: Callable[[str], None] = lambda condition: None,
) -> tuple[Score, ...]:
    """Return all scores of a network on `dataset`, in evaluation mode.

    precision  "float32" or "bfloat16"
    done       callback, called with the name of each completed condition
    """
    images, labels = to_images(dataset.images), torch.tensor(dataset.labels)
    scores: list[Score] = []
    with torch.inference_mode(), autocast(device, precision):
        for condition in task.conditions:
            found = task.measure(network.eval(), condition, images, labels, device)
            scores += [replace(score, value=round(score.value, 4)) for score in found]
            done(condition)
    return tuple(scores)


def within_tolerance(scores: tuple[Score, ...], reference: tuple[Score, ...]) -> bool:
    """Return whether each score differs from that in `reference` by at most `TOLERANCE`."""
    known = {(score.metric, score.condition): score.value for score in reference}
    return all(abs(score.value - known[score.metric, score.condition]) <= TOLERANCE[score.metric] for score in scores)


def cast(tensors: dict[str, Tensor], network: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    """Convert the parameters of a network to `dtype`. Buffers, such as running statistics, keep their format."""
    weights = dict(network.named_parameters())
    return {name: value.to(dtype) if name in weights else value for name, value in tensors.items()}
