"""Order and augmentation of training images as a function of (seed, step) alone, so that an interrupted run resumes bit for bit.

A data loader with state would have to be stored and restored with every checkpoint. Here, a batch is computed from the number of its step,
at a cost that is small compared with that of a training step. The schedules of the learning rate are functions of the step, too.
"""

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
    """Batches of training images, by step.

    dataset  the training set
    batch    images per step
    shift    largest translation in pixels, with mirrored edges; 0 for none
    crop     side of a random square crop of each image; None for whole images
    streams  named random streams of the training task
    mirror   mirror the images, which digits do not permit
    """

    dataset: ImageDataset
    batch: int
    shift: int
    crop: int | None
    streams: Streams
    mirror: bool = True

    @property
    def per_epoch(self) -> int:
        """Number of whole batches in an epoch. The remaining images of an epoch are skipped; they differ from epoch to epoch."""
        return len(self.dataset.images) // self.batch

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the images float [batch, c, h, w] in 0..1 and labels int64 [batch] of a step.

        With `mirror`, every image is mirrored in every other epoch, so that both orientations occur equally often. Crops and shifts are
        drawn per step.

        >>> images = np.zeros((10, 32, 32, 3), np.uint8)
        >>> dataset = ImageDataset(images, labels=np.arange(10), classes=tuple("abcdefghij"))
        >>> batches = Batches(dataset, batch=4, shift=0, crop=None, streams=Streams(seed=1))
        >>> batches.per_epoch, [tuple(tensor.shape) for tensor in batches(7)]
        (2, [(4, 3, 32, 32), (4,)])
        """
        chosen, mirrored = self.choose(step)
        pixels = self.dataset.images[chosen]
        if self.crop:
            pixels = crop_squares(
                pixels, self.streams("order/crop", step).integers(0, pixels.shape[1] - self.crop + 1, (self.batch, 2)), self.crop
            )
        images = to_images(pixels)
        if self.mirror:
            images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
        if self.shift:
            images = translate(images, self.streams("order/shift", step).integers(0, 2 * self.shift + 1, (self.batch, 2)), self.shift)
        return images, torch.from_numpy(self.dataset.labels[chosen])

    def choose(self, step: int) -> tuple[NDArray[np.int64], Tensor]:
        """Return the numbers of the images of a step in the dataset, int64 [batch], and which of them are mirrored, bool [batch]."""
        epoch, index = divmod(step, self.per_epoch)
        chosen = self._epoch_order(epoch)[index * self.batch : (index + 1) * self.batch]
        if not self.mirror:
            return chosen, torch.zeros(len(chosen), dtype=torch.bool)
        first_way = self.streams("order/mirror").random(len(self.dataset.images)) < 0.5
        return chosen, torch.from_numpy(first_way[chosen] ^ (epoch % 2 == 1))

    def _epoch_order(self, epoch: int) -> NDArray[np.int64]:
        """Return a random order of all images, int64 [images]."""
        return self.streams("order/epoch", epoch).permutation(len(self.dataset.images))


def take_first(dataset: ImageDataset, count: int) -> ImageDataset:
    """Return the first `count` images of a dataset, or all if there are fewer."""
    return ImageDataset(dataset.images[:count], dataset.labels[:count], dataset.classes)


def take_share(dataset: ImageDataset, share: tuple[float, float]) -> ImageDataset:
    """Return the part of a dataset from one share of its images up to another, in the order of the dataset.

    >>> blank = ImageDataset(np.zeros((10, 1, 1, 3), np.uint8), np.arange(10), ("class",))
    >>> take_share(blank, (0.6, 1.0)).labels.tolist()
    [6, 7, 8, 9]
    """
    first, last = (round(part * len(dataset.images)) for part in share)
    return ImageDataset(dataset.images[first:last], dataset.labels[first:last], dataset.classes)


def take_labelled(dataset: ImageDataset, count: int) -> ImageDataset:
    """Return the first images of each class, `count` in all and an equal number of each class, in the order of the dataset.

    Raises ValueError if `count` is not a multiple of the number of classes, or a class has too few images.

    >>> blank = ImageDataset(np.zeros((6, 1, 1, 3), np.uint8), np.array([0, 0, 1, 0, 1, 1]), ("a", "b"))
    >>> take_labelled(blank, 4).labels.tolist()
    [0, 0, 1, 1]
    """
    each, rest = divmod(count, len(dataset.classes))
    found = [np.flatnonzero(dataset.labels == label)[:each] for label in range(len(dataset.classes))]
    if rest or any(len(chosen) < each for chosen in found):
        raise ValueError(f"cannot take {count} images of {len(dataset.classes)} classes in equal numbers")
    chosen = np.sort(np.concatenate(found))
    return ImageDataset(dataset.images[chosen], dataset.labels[chosen], dataset.classes)


def to_images(pixels: NDArray[np.uint8]) -> Tensor:
    """Convert pixels uint8 [n, h, w, colours] to images float [n, colours, h, w] in 0..1.

    >>> to_images(np.full((1, 32, 32, 3), 255, np.uint8)).shape
    torch.Size([1, 3, 32, 32])
    """
    return torch.tensor(pixels).permute(0, 3, 1, 2).float().div_(255.0)


def crop_squares(pixels: NDArray[np.uint8], corners: NDArray[np.int64], side: int) -> NDArray[np.uint8]:
    """Crop a square from each image: pixels uint8 [n, h, w, colours] -> uint8 [n, side, side, colours].

    corners  row and column of the upper left corner of each square, int64 [n, 2], such that the square lies within the image
    side     side of the squares in pixels
    """
    return np.stack([image[row : row + side, column : column + side] for image, (row, column) in zip(pixels, corners, strict=True)])


def translate(images: Tensor, offsets: NDArray[np.int64], largest: int) -> Tensor:
    """Translate each of `images` [n, c, side, side] by its own offset -> the same shape. Pixels from outside are mirrored at the edge.

    offsets  vertical and horizontal offsets [n, 2] in 0..2 * largest; `largest` means no translation
    largest  largest translation in pixels
    """
    padded = functional.pad(images, (largest,) * 4, mode="reflect")
    side = images.shape[-1]
    rows = torch.from_numpy(offsets[:, :1]) + torch.arange(side)
    columns = torch.from_numpy(offsets[:, 1:]) + torch.arange(side)
    items = torch.arange(len(images))
    return padded[items[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def one_cycle(step: int, steps: int, rise: float = 0.2, start: float = 0.1, end: float = 0.01) -> float:
    """Return the learning rate factor at `step` of a single cycle.

    The factor rises linearly from `start` to 1 in the first share `rise` of the steps and then falls linearly to `end` (after Smith and
    Topin, "Super-Convergence", 2018).

    step   0..steps
    steps  length of the cycle

    >>> [one_cycle(step, 100) for step in (0, 20, 100)]
    [0.1, 1.0, 0.01]
    """
    peak = rise * steps
    return float(np.interp(step, [0, peak, steps], [start, 1.0, end]))


def cycles(step: int, each: tuple[tuple[int, float], ...], rise: float = 0.2, start: float = 0.1, end: float = 0.01) -> float:
    """Return the learning rate factor at `step` of several successive cycles.

    step              0 or more
    each              (steps, height) of each cycle; the factor is that of `one_cycle` times the height
    rise, start, end  shape of each cycle, see `one_cycle`

    Raises ValueError for a step after the last cycle.

    >>> cycles(100, ((100, 1.0), (50, 0.5)))
    0.05
    """
    first = 0
    for steps, height in each:
        if step < first + steps:
            return height * one_cycle(step - first, steps, rise, start, end)
        first += steps
    raise ValueError(f"the last cycle ends at step {first}, got step {step}")
