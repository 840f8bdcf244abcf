"""What a training step sees: which images, and which way round. A function of (seed, step) alone: a resumed run goes on bit for bit."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from linksim.data.sources import ImageDataset
from linksim.rng import Streams


@dataclass(frozen=True)
class Batches:
    """The training images in the order in which they are seen.

    images  the training set
    batch     images per step
    shift     largest translation in pixels (edges mirrored); 0 for none
    crop      side of the square cut from a random place of each image; None for whole images
    streams   named random streams of the training task
    """

    pictures: ImageDataset
    batch: int
    shift: int
    crop: int | None
    streams: Streams

    @property
    def per_epoch(self) -> int:
        return len(self.pictures.images) // self.batch

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        """Step number -> images float [batch, c, h, w] in 0..1, labels int64 [batch].

        Every image is mirrored every other epoch, so that both ways round are seen equally often.
        """
        epoch, place = divmod(step, self.per_epoch)
        chosen = self._epoch_order(epoch)[place * self.batch : (place + 1) * self.batch]
        pixels = self.pictures.images[chosen]
        if self.crop:
            pixels = cut(pixels, self.streams("order/crop", step).integers(0, pixels.shape[1] - self.crop + 1, (self.batch, 2)), self.crop)
        images = to_images(pixels)
        first_way = self.streams("order/mirror").random(len(self.pictures.images)) < 0.5
        mirrored = torch.from_numpy(first_way[chosen] ^ (epoch % 2 == 1))
        images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
        if self.shift:
            images = shifted(images, self.streams("order/shift", step).integers(0, 2 * self.shift + 1, (self.batch, 2)), self.shift)
        return images, torch.from_numpy(self.pictures.labels[chosen])

    def _epoch_order(self, epoch: int) -> NDArray[np.int64]:
        return self.streams("order/epoch", epoch).permutation(len(self.pictures.images))


def first(pictures: ImageDataset, count: int) -> ImageDataset:
    """The first `count` of a set, or all where there are fewer."""
    return ImageDataset(pictures.images[:count], pictures.labels[:count], pictures.classes)


def to_images(pixels: NDArray[np.uint8]) -> Tensor:
    """uint8 [n, h, w, colours] -> float [n, colours, h, w] in 0..1."""
    return torch.tensor(pixels).permute(0, 3, 1, 2).float().div_(255.0)


def cut(pixels: NDArray[np.uint8], corners: NDArray[np.int64], side: int) -> NDArray[np.uint8]:
    """The square of `side` pixels of each of `pixels` [n, h, w, colours] whose upper left corner (row, column) is given [n, 2]."""
    return np.stack([image[row : row + side, column : column + side] for image, (row, column) in zip(pixels, corners, strict=True)])


def shifted(images: Tensor, offsets: NDArray[np.int64], most: int) -> Tensor:
    """Translate each image by its own offset 0..2 * most, `most` meaning not at all; what moves in is mirrored at the edge."""
    padded = functional.pad(images, (most,) * 4, mode="reflect")
    side = images.shape[-1]
    rows = torch.from_numpy(offsets[:, :1]) + torch.arange(side)
    columns = torch.from_numpy(offsets[:, 1:]) + torch.arange(side)
    items = torch.arange(len(images))
    return padded[items[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def one_cycle(step: int, steps: int, rise: float = 0.2, start: float = 0.1, end: float = 0.01) -> float:
    """Learning-rate factor at `step`: from `start` up to 1 over the first `rise` of the steps, then a straight line down to `end`."""
    peak = rise * steps
    return float(np.interp(step, [0, peak, steps], [start, 1.0, end]))


def cycles(step: int, each: tuple[tuple[int, float], ...], rise: float = 0.2, start: float = 0.1, end: float = 0.01) -> float:
    """The same for several cycles, one after the other: (steps, height) of each.

    Raises ValueError for a step after the last.
    """
    began = 0
    for steps, height in each:
        if step < began + steps:
            return height * one_cycle(step - began, steps, rise, start, end)
        began += steps
    raise ValueError(f"the last cycle ends at step {began}, asked for {step}")
