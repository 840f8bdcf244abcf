"""The forms in which the files of a source come: own copies (npz, idx), and the public files in the cache folder."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from linksim.data import cifar, faces, mnist
from linksim.data.downloads import fetched, verify
from linksim.data.images import ImageDataset
from linksim.data.samples import SAMPLES

Split = Literal["train", "test"]
Files = Callable[[Split], tuple[str, ...]]
Read = Callable[[Path, Split], ImageDataset]

DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # package dataset-fashion-mnist
BATCHES = {"train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)), "test": ("test_batch.bin",)}


@dataclass(frozen=True)
class SourceFormat:
    """One form in which a source comes.

    folder  where its files are looked for, None where the user has named no such place
    files   the names that a split needs, in that folder
    read    (folder, split) -> the images; DataError where the files are damaged
    """

    folder: Callable[[], Path | None]
    files: Files
    read: Read

    def present(self, split: Split) -> Path | None:
        """The folder, where it holds all that `split` needs."""
        folder = self.folder()
        return folder if folder is not None and all((folder / file).is_file() for file in self.files(split)) else None


def own() -> Path | None:
    """The folder of the user's own copies: $LINKSIM_DATA."""
    named = os.environ.get("LINKSIM_DATA")
    return Path(named).expanduser().absolute() if named else None


def public(name: str, files: Files, read: Read) -> SourceFormat:
    """The public files of source `name` in the cache folder, verified before anything in them is decoded."""

    def read_verified(folder: Path, split: Split) -> ImageDataset:
        verify(name, folder, files(split))
        return read(folder, split)

    return SourceFormat(lambda: fetched(name), files, read_verified)


def named(images: NDArray[np.uint8], labels: NDArray[np.uint8], classes: tuple[str, ...]) -> ImageDataset:
    """uint8 labels are how files hold them; int64 is what everything else takes."""
    return ImageDataset(images, labels.astype(np.int64), classes)


def samples() -> SourceFormat:
    """One split, given under both names."""
    file = SAMPLES.name
    return SourceFormat(
        lambda: SAMPLES.parent, lambda split: (file,), lambda folder, split: named(*cifar.read_mosaics(folder / file), cifar.CLASSES)
    )


def cifar_mosaics() -> SourceFormat:
    """Lossless WebP mosaics; the training images lie in two files."""

    def files(split: Split) -> tuple[str, ...]:
        return ("cifar10-train-0.npz", "cifar10-train-1.npz") if split == "train" else ("cifar10-test.npz",)

    def read(folder: Path, split: Split) -> ImageDataset:
        parts = [cifar.read_mosaics(folder / file) for file in files(split)]
        return named(np.concatenate([images for images, _ in parts]), np.concatenate([labels for _, labels in parts]), cifar.CLASSES)

    return SourceFormat(own, files, read)


def cifar_batches() -> SourceFormat:
    """The public archive of binary batches."""
    archive = "cifar-10-binary.tar.gz"

    def read(folder: Path, split: Split) -> ImageDataset:
        return named(*cifar.read_batches(folder / archive, BATCHES[split]), cifar.CLASSES)

    return public("cifar10", lambda split: (archive,), read)


def mnist_npz() -> SourceFormat:
    """All of MNIST in one npz."""
    file = "mnist.npz"
    return SourceFormat(own, lambda split: (file,), lambda folder, split: named(*mnist.read_npz(folder / file, split), mnist.DIGITS))


def idx(where: Callable[[], Path | None], classes: tuple[str, ...], ending: str = "") -> SourceFormat:
    """Two idx files a split; `ending` is "" or ".gz"."""

    def files(split: Split) -> tuple[str, ...]:
        return mnist.idx_names(split, ending)

    return SourceFormat(where, files, lambda folder, split: named(*mnist.read_pair(folder, files(split)), classes))


def public_idx(name: str, classes: tuple[str, ...]) -> SourceFormat:
    """The four gzipped idx files as published."""
    packed = idx(lambda: fetched(name), classes, ".gz")
    return public(name, packed.files, packed.read)


def faces_npz() -> SourceFormat:
    """Crops aligned by landmarks."""
    file = "faces-lfw128.npz"
    return SourceFormat(own, lambda split: (file,), lambda folder, split: faces.read_npz(folder / file, split))


def faces_archive() -> SourceFormat:
    """The public archive of photographs, and the list of people of each split."""
    return public("faces", lambda split: (faces.ARCHIVE, faces.LISTS[split]), faces.read_archive)
