"""File formats of the datasets: copies in the user's folder (npz, idx), and the public files in the cache folder.

A `SourceFormat` joins the three questions about a format: where its files are, what they are called, and how they are read. Each function
below returns the format of one dataset in one place; `linksim.data.sources` lists them by dataset, in order of preference.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from linksim.data import cifar, faces, mnist
from linksim.data.downloads import download_folder, verify
from linksim.data.images import ImageDataset
from linksim.data.samples import SAMPLES

Split = Literal["train", "test"]
Files = Callable[[Split], tuple[str, ...]]
Read = Callable[[Path, Split], ImageDataset]

DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # package dataset-fashion-mnist
BATCHES = {"train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)), "test": ("test_batch.bin",)}


@dataclass(frozen=True)
class SourceFormat:
    """A file format in which a dataset may be stored.

    folder  returns the folder that is searched for the files, None if the user has not set one
    files   returns the names of the files that a split needs in that folder
    read    (folder, split) -> the images; raises DataError if a file is damaged
    """

    folder: Callable[[], Path | None]
    files: Files
    read: Read

    def present(self, split: Split) -> Path | None:
        """Return the folder if it holds all files of `split`, else None."""
        folder = self.folder()
        return folder if folder is not None and all((folder / file).is_file() for file in self.files(split)) else None


def user_folder() -> Path | None:
    """Return the folder of the user's own copies, $LINKSIM_DATA, or None if it is not set."""
    folder = os.environ.get("LINKSIM_DATA")
    return Path(folder).expanduser().absolute() if folder else None


def public(name: str, files: Files, read: Read) -> SourceFormat:
    """Format of the public files of dataset `name` in the cache folder. Checksums are verified before anything is decoded.

    files  names of the files of a split
    read   reader that is called once they are verified
    """

    def read_verified(folder: Path, split: Split) -> ImageDataset:
        verify(name, folder, files(split))
        return read(folder, split)

    return SourceFormat(lambda: download_folder(name), files, read_verified)


def labelled(images: NDArray[np.uint8], labels: NDArray[np.uint8], classes: tuple[str, ...]) -> ImageDataset:
    """Build a dataset from images and uint8 labels as files store them; labels become int64.

    >>> labelled(np.zeros((1, 2, 2, 1), np.uint8), np.array([3], np.uint8), tuple("abcd")).labels
    array([3])
    """
    return ImageDataset(images, labels.astype(np.int64), classes)


def samples() -> SourceFormat:
    """The embedded samples, one split that is returned for both names."""
    file = SAMPLES.name
    return SourceFormat(
        lambda: SAMPLES.parent, lambda split: (file,), lambda folder, split: labelled(*cifar.read_mosaics(folder / file), cifar.CLASSES)
    )


def cifar_mosaics() -> SourceFormat:
    """CIFAR-10 as lossless WebP mosaics. The training images are stored in two files."""

    def files(split: Split) -> tuple[str, ...]:
        return ("cifar10-train-0.npz", "cifar10-train-1.npz") if split == "train" else ("cifar10-test.npz",)

    def read(folder: Path, split: Split) -> ImageDataset:
        halves = [cifar.read_mosaics(folder / file) for file in files(split)]
        return labelled(np.concatenate([images for images, _ in halves]), np.concatenate([labels for _, labels in halves]), cifar.CLASSES)

    return SourceFormat(user_folder, files, read)


def cifar_batches() -> SourceFormat:
    """CIFAR-10 as the public archive of binary batches, five for training and one for the test."""
    archive = "cifar-10-binary.tar.gz"

    def read(folder: Path, split: Split) -> ImageDataset:
        return labelled(*cifar.read_batches(folder / archive, BATCHES[split]), cifar.CLASSES)

    return public("cifar10", lambda split: (archive,), read)


def mnist_npz() -> SourceFormat:
    """MNIST as one npz file, as Keras distributes it."""
    file = "mnist.npz"
    return SourceFormat(
        user_folder, lambda split: (file,), lambda folder, split: labelled(*mnist.read_npz(folder / file, split), mnist.DIGITS)
    )


def idx(where: Callable[[], Path | None], classes: tuple[str, ...], ending: str = "") -> SourceFormat:
    """Two idx files per split, for images and labels.

    where    returns the folder
    classes  name of each label
    ending   "" or ".gz"
    """

    def files(split: Split) -> tuple[str, ...]:
        return mnist.idx_names(split, ending)

    return SourceFormat(where, files, lambda folder, split: labelled(*mnist.read_pair(folder, files(split)), classes))


def public_idx(name: str, classes: tuple[str, ...]) -> SourceFormat:
    """The four published gzipped idx files of dataset `name`."""
    packed = idx(lambda: download_folder(name), classes, ".gz")
    return public(name, packed.files, packed.read)


def faces_npz() -> SourceFormat:
    """Faces as crops that are aligned by landmarks."""
    file = "faces-lfw128.npz"
    return SourceFormat(user_folder, lambda split: (file,), lambda folder, split: faces.read_npz(folder / file, split))


def faces_archive() -> SourceFormat:
    """Faces as the public archive of photographs, with the list of people of each split."""
    return public("faces", lambda split: (faces.ARCHIVE, faces.LISTS[split]), faces.read_archive)
