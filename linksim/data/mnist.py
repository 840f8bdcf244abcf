"""MNIST and Fashion-MNIST, as one npz file or as the four published idx files.

Both datasets have 60,000 training and 10,000 test images of 28 x 28 grey pixels and the same file names. The idx format is that of LeCun,
Cortes and Burges (http://yann.lecun.com/exdb/mnist/).
"""

import gzip
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linksim.data.validation import reading, validate

DIGITS = tuple("0123456789")
CLOTHES = ("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
MAX_BYTES = 16 + 60_000 * 28 * 28  # size of the largest idx file, uncompressed
UNSIGNED_BYTES = b"\x00\x00\x08"  # first bytes of an idx file of uint8 values


def read_npz(path: Path, split: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read images uint8 [n, 28, 28, 1] and labels uint8 [n] of `split` from an npz with x_train [n, 28, 28], y_train [n], x_test, y_test.

    Raises DataError if the file is damaged or its shapes do not match.
    """
    with reading(path), np.load(path, allow_pickle=False) as stored:
        return _checked_pair(path, stored[f"x_{split}"], stored[f"y_{split}"])


def idx_names(split: str, ending: str = "") -> tuple[str, str]:
    """Return the names of the files that hold the images and the labels of a split.

    >>> idx_names("test", ".gz")
    ('t10k-images-idx3-ubyte.gz', 't10k-labels-idx1-ubyte.gz')
    """
    start = "train" if split == "train" else "t10k"
    return f"{start}-images-idx3-ubyte{ending}", f"{start}-labels-idx1-ubyte{ending}"


def read_pair(folder: Path, names: tuple[str, ...]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read images uint8 [n, h, w, 1] and labels uint8 [n] from the two idx files `names`, as `idx_names` returns them.

    Raises DataError if a file is damaged or the two do not match.
    """
    images, labels = (read_idx(folder / name) for name in names)
    return _checked_pair(folder / names[0], images, labels)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an idx file of uint8 values, gzipped if its name ends in .gz.

    The file holds the bytes 0, 0, 8, the number of axes, the lengths of the axes (big-endian uint32), and the values. Raises DataError if
    it is damaged, holds another type, or is larger than the largest file of MNIST when uncompressed.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels-idx1-ubyte"
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 5, 7]))
    ...     read_idx(path).tolist()
    [5, 7]
    """
    opened = gzip.open if path.suffix == ".gz" else open
    with reading(path), opened(path, "rb") as file:
        content = file.read(MAX_BYTES + 1)
    validate(len(content) <= MAX_BYTES, path, f"unpacks to more than {MAX_BYTES:,} bytes")
    validate(len(content) > 3 and content.startswith(UNSIGNED_BYTES), path, "is not an idx file of bytes")
    start = 4 + 4 * content[3]
    validate(len(content) >= start, path, "ends within its header")
    shape = [int(length) for length in np.frombuffer(content[4:start], ">u4")]
    values = np.frombuffer(content[start:], np.uint8)
    validate(math.prod(shape) == len(values), path, f"holds {len(values):,} values, its header says {' x '.join(map(str, shape))}")
    return values.reshape(shape)


def _checked_pair(path: Path, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return images uint8 [n, h, w] with a dimension for the colour, and labels uint8 [n]. Raises DataError for any other pair."""
    fits = images.dtype == labels.dtype == np.uint8 and images.ndim == 3 and labels.shape == images.shape[:1]
    found = f"images {images.dtype} {images.shape} and labels {labels.dtype} {labels.shape}"
    validate(fits, path, f"holds {found}, expected uint8 [n, h, w] and uint8 [n]")
    return images[..., None], labels
