"""MNIST and its look-alike Fashion-MNIST: one npz, or the four idx files in which both are published."""

import gzip
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linksim.data.validation import reading, validate

DIGITS = tuple("0123456789")
CLOTHES = ("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
MOST_BYTES = 16 + 60_000 * 28 * 28  # of the largest idx file, unpacked
UNSIGNED_BYTES = b"\x00\x00\x08"  # how an idx file of uint8 begins


def read_npz(path: Path, split: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Keys x_train [n, 28, 28], y_train [n], x_test, y_test -> images uint8 [n, 28, 28, 1], labels uint8 [n]."""
    with reading(path), np.load(path, allow_pickle=False) as stored:
        return _fitting(path, stored[f"x_{split}"], stored[f"y_{split}"])


def idx_names(split: str, ending: str = "") -> tuple[str, str]:
    """The files that hold images and labels of a split."""
    start = "train" if split == "train" else "t10k"
    return f"{start}-images-idx3-ubyte{ending}", f"{start}-labels-idx1-ubyte{ending}"


def read_pair(folder: Path, names: tuple[str, ...]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The idx files of images and of labels -> images uint8 [n, h, w, 1], labels uint8 [n]."""
    images, labels = (read_idx(folder / name) for name in names)
    return _fitting(folder / names[0], images, labels)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """An idx file of bytes, gzipped where its name ends in .gz: 0, 0, 8, number of axes, their lengths (big-endian uint32), the values.

    Raises DataError where it is damaged, holds another type, or unpacks to more than the largest file of MNIST.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    with reading(path), opened(path, "rb") as file:
        content = file.read(MOST_BYTES + 1)
    validate(len(content) <= MOST_BYTES, path, f"unpacks to more than {MOST_BYTES:,} bytes")
    validate(len(content) > 3 and content.startswith(UNSIGNED_BYTES), path, "is no idx file of bytes")
    start = 4 + 4 * content[3]
    validate(len(content) >= start, path, "ends within its header")
    shape = [int(length) for length in np.frombuffer(content[4:start], ">u4")]
    values = np.frombuffer(content[start:], np.uint8)
    validate(math.prod(shape) == len(values), path, f"holds {len(values):,} values, its header says {' x '.join(map(str, shape))}")
    return values.reshape(shape)


def _fitting(path: Path, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    fits = images.dtype == labels.dtype == np.uint8 and images.ndim == 3 and labels.shape == images.shape[:1]
    found = f"images {images.dtype} {images.shape} and labels {labels.dtype} {labels.shape}"
    validate(fits, path, f"holds {found}, expected uint8 [n, h, w] and uint8 [n]")
    return images[..., None], labels
