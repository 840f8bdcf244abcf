"""Measurement of the scores of a model, and comparison of two sets of scores within tolerances.

The comparison decides whether a model may be stored in int8 or float16 (`training.pipeline`) and run in bfloat16 (`training.tune`), both on
training images. Measurements of a task always use the same noise, so that a difference is due to the number format alone.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from linksim.data.sources import ImageDataset
from linksim.nets.cards import Score
from linksim.nets.weights import autocast
from linksim.training.order import to_images
from linksim.training.task import TrainingTask

# Largest change of each metric due to a smaller number format: dB for PSNR, absolute for the others.
TOLERANCE = {
    "psnr_of_mean_mse_db": 0.02,
    "ssim": 0.001,
    "ms_ssim": 0.001,
    "lpips": 0.001,
    "accuracy": 0.001,
    "auc": 0.001,
    "feature_mse": 0.001,
    "frechet_distance": 0.001,
}


def measure(
    task: TrainingTask,
    network: nn.Module,
    dataset: ImageDataset,
    device: torch.device,
    precision: str = "float32",
    done: Callable[[str], None] = lambda condition: None,
) -> tuple[Score, ...]:
    """Return all scores of a network, in evaluation mode, rounded to four decimals.

    task       task whose conditions are measured
    network    the network, on `device`
    dataset    images and their labels
    device     device of the computation
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
    """Return whether each score differs from that of the same metric and condition in `reference` by at most `TOLERANCE`.

    Raises KeyError for a score without a reference, and for a metric without a tolerance.

    >>> psnr = [Score("psnr_of_mean_mse_db", "AWGN at 10 dB", value, samples=100) for value in (29.95, 29.94, 29.90)]
    >>> within_tolerance((psnr[1],), (psnr[0],)), within_tolerance((psnr[2],), (psnr[0],))
    (True, False)
    """
    known = {(score.metric, score.condition): score.value for score in reference}
    return all(abs(score.value - known[score.metric, score.condition]) <= TOLERANCE[score.metric] for score in scores)


def cast(tensors: dict[str, Tensor], weights: set[str], dtype: torch.dtype) -> dict[str, Tensor]:
    """Convert the tensors whose names are in `weights` to `dtype`. Others, such as running statistics, keep their format."""
    return {name: value.to(dtype) if name in weights else value for name, value in tensors.items()}
