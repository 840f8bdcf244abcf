"""The forms in which the files of a source come: own copies (npz, idx), and the public files in the cache folder."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from linksim.data import cifar, faces, mnist
from linksim.data.origins import fetched, verify
from linksim.data.pictures import Pictures
from linksim.data.samples import SAMPLES

Split = Literal["train", "test"]
Files = Callable[[Split], tuple[str, ...]]
Read = Callable[[Path, Split], Pictures]

DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # package dataset-fashion-mnist
BATCHES = {"train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)), "test": ("test_batch.bin",)}


@dataclass(frozen=True)
class Form:
    """One form in which a source comes.

    folder  where its files are looked for, None where the user has named no such place
    files   the names that a split needs, in that folder
    read    (folder, split) -> the pictures; DataError where the files are damaged
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


def public(name: str, files: Files, read: Read) -> Form:
    """The public files of source `name` in the cache folder, verified before anything in them is decoded."""

    def read_verified(folder: Path, split: Split) -> Pictures:
        verify(name, folder, files(split))
        return read(folder, split)

    return Form(lambda: fetched(name), files, read_verified)


def named(images: NDArray[np.uint8], labels: NDArray[np.uint8], classes: tuple[str, ...]) -> Pictures:
    """uint8 labels are how files hold them; int64 is what everything else takes."""
    return Pictures(images, labels.astype(np.int64), classes)


def samples() -> Form:
    """One split, given under both names."""
    file = SAMPLES.name
    return Form(
        lambda: SAMPLES.parent, lambda split: (file,), lambda folder, split: named(*cifar.read_mosaics(folder / file), cifar.CLASSES)
    )


def cifar_mosaics() -> Form:
    """Lossless WebP mosaics; the training images lie in two files."""

    def files(split: Split) -> tuple[str, ...]:
        return ("cifar10-train-0.npz", "cifar10-train-1.npz") if split == "train" else ("cifar10-test.npz",)

    def read(folder: Path, split: Split) -> Pictures:
        parts = [cifar.read_mosaics(folder / file) for file in files(split)]
        return named(np.concatenate([images for images, _ in parts]), np.concatenate([labels for _, labels in parts]), cifar.CLASSES)

    return Form(own, files, read)


def cifar_batches() -> Form:
    """The public archive of binary batches."""
    archive = "cifar-10-binary.tar.gz"

    def read(folder: Path, split: Split) -> Pictures:
        return named(*cifar.read_batches(folder / archive, BATCHES[split]), cifar.CLASSES)

    return public("cifar10", lambda split: (archive,), read)


def mnist_npz() -> Form:
    """All of MNIST in one npz."""
    file = "mnist.npz"
    return Form(own, lambda split: (file,), lambda folder, split: named(*mnist.read_npz(folder / file, split), mnist.DIGITS))


def idx(where: Callable[[], Path | None], classes: tuple[str, ...], ending: str = "") -> Form:
    """Two idx files a split; `ending` is "" or ".gz"."""

    def files(split: Split) -> tuple[str, ...]:
        return mnist.idx_names(split, ending)

    return Form(where, files, lambda folder, split: named(*mnist.read_pair(folder, files(split)), classes))


def public_idx(name: str, classes: tuple[str, ...]) -> Form:
    """The four gzipped idx files as published."""
    packed = idx(lambda: fetched(name), classes, ".gz")
    return public(name, packed.files, packed.read)


def faces_npz() -> Form:
    """Crops aligned by landmarks."""
    file = "faces-lfw128.npz"
    return Form(own, lambda split: (file,), lambda folder, split: faces.read_npz(folder / file, split))


def faces_archive() -> Form:
    """The public archive of photographs, and the list of people of each split."""
    return public("faces", lambda split: (faces.ARCHIVE, faces.LISTS[split]), faces.read_archive)
