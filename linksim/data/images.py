"""The in-memory dataset: labelled images of one size.

Datasets stay uint8 with the colour last, as files store them. Nodes and training convert a batch at a time to float [n, c, h, w] in 0..1,
which networks expect: CIFAR-10 as float32 would take 740 MB.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ImageDataset:
    """A labelled set of images.

    images   uint8 [n, h, w, colours], with 1 (grey) or 3 (RGB) colours
    labels   int64 [n], 0..len(classes) - 1
    classes  name of each label
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
