"""The embedded dataset: 400 CIFAR-10 test images that come with the package, so that everything runs with nothing fetched."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linksim.data.cifar import read_mosaics, write_mosaics

SAMPLES = Path(__file__).with_name("samples.npz")
EACH = 40  # images per class


def chosen(labels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The rule: the first 40 of each class, in the order of the test set. labels [n] -> indices, rising."""
    firsts = [np.flatnonzero(labels == label)[:EACH] for label in np.unique(labels)]
    return np.sort(np.concatenate(firsts))


def make_samples(test_images: Path, path: Path = SAMPLES) -> None:
    """Write the embedded source from a file of all CIFAR-10 test images (WebP mosaics)."""
    images, labels = read_mosaics(test_images)
    index = chosen(labels)
    write_mosaics(path, images[index], labels[index])
