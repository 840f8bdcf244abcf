"""A tiny MNIST for tests: digits are bright rectangles whose place follows from the label, with a little noise."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest

from linksim.data.sources import SOURCES

TRAIN, TEST = 200, 40


def declare_digits(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write mnist.npz to `folder`, declare it to be the published MNIST, and let datasets be searched there."""
    draw = np.random.default_rng(3)
    labels = (np.arange(TRAIN + TEST) % 10).astype(np.uint8)
    images = draw.integers(0, 40, (TRAIN + TEST, 28, 28), np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 4)
        image[8 * row + 2 : 8 * row + 8, 7 * column : 7 * column + 6] += 200
    parts = {"train": (images[:TRAIN], labels[:TRAIN]), "test": (images[TRAIN:], labels[TRAIN:])}
    np.savez(
        folder / "mnist.npz",
        **{f"{axis}_{split}": array for split, pair in parts.items() for axis, array in zip("xy", pair, strict=True)},
    )
    digests = tuple(hashlib.sha256(pixels.tobytes() + classes.tobytes()).hexdigest() for pixels, classes in parts.values())
    monkeypatch.setitem(SOURCES, "mnist", dataclasses.replace(SOURCES["mnist"], counts=(TRAIN, TEST), sha256=digests))
    monkeypatch.setenv("LINKSIM_DATA", str(folder))
    monkeypatch.setenv("LINKSIM_CACHE", str(folder / "cache"))
