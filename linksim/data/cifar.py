"""CIFAR-10 in two formats: lossless WebP mosaics (npz with keys x_webp, x_ends, y) and the public binary batches.

Both formats hold the same images bit for bit and in the original order. The binary batches are those of Krizhevsky
(https://www.cs.toronto.edu/~kriz/cifar.html). A mosaic holds 100 images in 10 rows of 10; WebP compresses them together to about half
of their size, without loss.

    x_webp  uint8 [bytes], the WebP files of all mosaics one after another
    x_ends  int64 [mosaics], end of each file in `x_webp`
    y       uint8 [n], labels 0..9
"""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from linksim.data.archives import members
from linksim.data.validation import reading, validate

TILES = 10  # images along each side of a mosaic
SIDE = 32
RECORD = 1 + 3 * SIDE * SIDE  # bytes per image in a binary batch: the label, then the red, green and blue planes
BATCH = 10_000  # images in a binary batch
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def read_mosaics(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read a mosaic file and return images uint8 [n, 32, 32, 3] and labels uint8 [n]. Raises DataError if the file is damaged."""
    with reading(path):
        with np.load(path, allow_pickle=False) as stored:
            raw, ends, labels = stored["x_webp"].tobytes(), stored["x_ends"], stored["y"]
        blobs = (raw[a:b] for a, b in zip(np.r_[0, ends[:-1]], ends, strict=True))
        images = np.concatenate([untile(np.asarray(Image.open(io.BytesIO(blob), formats=["WEBP"]).convert("RGB"))) for blob in blobs])
    validate(images.shape[1:] == (SIDE, SIDE, 3), path, f"holds images of shape {images.shape[1:]}, expected ({SIDE}, {SIDE}, 3)")
    return images, labels.astype(np.uint8)


def write_mosaics(path: Path, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> None:
    """Write a mosaic file, the inverse of `read_mosaics`. Equal images give equal bytes with one version of Pillow.

    images  uint8 [n, 32, 32, 3], n a multiple of 100
    labels  uint8 [n]
    """
    blobs = []
    for start in range(0, len(images), TILES * TILES):
        blob = io.BytesIO()
        Image.fromarray(tile(images[start : start + TILES * TILES])).save(blob, "WEBP", lossless=True)
        blobs.append(blob.getvalue())
    ends = np.cumsum([len(blob) for blob in blobs])
    np.savez(path, x_webp=np.frombuffer(b"".join(blobs), np.uint8), x_ends=ends.astype(np.int64), y=labels)


def tile(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Arrange 100 images uint8 [100, 32, 32, 3] row by row in one mosaic [320, 320, 3].

    >>> images = np.arange(100, dtype=np.uint8).reshape(100, 1, 1, 1).repeat(3, axis=3)
    >>> tile(images)[0, :4, 0].tolist(), np.array_equal(untile(tile(images)), images)
    ([0, 1, 2, 3], True)
    """
    side = images.shape[1]
    return images.reshape(TILES, TILES, side, side, 3).transpose(0, 2, 1, 3, 4).reshape(TILES * side, TILES * side, 3)


def untile(mosaic: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Split a mosaic uint8 [320, 320, 3] row by row into its images [100, 32, 32, 3], the inverse of `tile`."""
    side = mosaic.shape[0] // TILES
    return mosaic.reshape(TILES, side, TILES, side, 3).transpose(0, 2, 1, 3, 4).reshape(-1, side, side, 3)


def read_batches(path: Path, names: tuple[str, ...]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read the batches `names` of the public cifar-10-binary.tar.gz, in that order.

    path   the archive
    names  file names in its folder cifar-10-batches-bin, such as "test_batch.bin"

    Returns images uint8 [n, 32, 32, 3] and labels uint8 [n]. Raises DataError if the archive is damaged or lacks a batch.
    """
    paths = [f"cifar-10-batches-bin/{name}" for name in names]
    with reading(path):
        found = dict(members(path, paths.__contains__, max_bytes=BATCH * RECORD))
    missing = [member for member in paths if member not in found]
    validate(not missing, path, f"lacks {', '.join(missing)}")
    batches = [np.frombuffer(found[member], np.uint8) for member in paths]
    for member, batch in zip(paths, batches, strict=True):
        validate(len(batch) % RECORD == 0, path, f"holds {member} of {len(batch):,} bytes, expected a multiple of {RECORD:,}")
    records = np.concatenate(batches).reshape(-1, RECORD)
    images = records[:, 1:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), records[:, 0].copy()
