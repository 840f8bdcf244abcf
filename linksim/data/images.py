"""The in-memory dataset: labelled images of one size."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ImageDataset:
    """A labelled set of images.

    images   uint8 [n, h, w, colours]
    labels   int64 [n]
    classes  name of each label
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
