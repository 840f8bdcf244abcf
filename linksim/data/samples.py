"""The embedded dataset: 400 CIFAR-10 test images that are part of the package, so that linksim runs without any download.

It has one split. The trained models that come with linksim have not seen these images, because they were trained on the training split.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linksim.data.cifar import read_mosaics, write_mosaics

SAMPLES = Path(__file__).with_name("samples.npz")
EACH = 40  # images per class


def chosen(labels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the ascending indices of the first `EACH` images of every class. labels [n] -> indices [classes * EACH].

    >>> chosen(np.array([1] * 41 + [0] * 41, np.uint8)).tolist() == [*range(40), *range(41, 81)]
    True
    """
    firsts = [np.flatnonzero(labels == label)[:EACH] for label in np.unique(labels)]
    return np.sort(np.concatenate(firsts))


def make_samples(test_images: Path, path: Path = SAMPLES) -> None:
    """Write the embedded dataset from a file of all CIFAR-10 test images (WebP mosaics, see `linksim.data.cifar`).

    It documents how the file that is part of the package was made. Raises DataError if `test_images` is damaged.
    """
    images, labels = read_mosaics(test_images)
    index = chosen(labels)
    write_mosaics(path, images[index], labels[index])
