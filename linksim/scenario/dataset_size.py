"""Sizes of the datasets, which the estimate of a run needs without reading them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DatasetSize:
    """Size of a dataset.

    image       (colours, height, width) of an image in pixels; one byte per value
    train       training images
    test        test images, which runs send
    read_ratio  peak memory of reading the images, over their size: copies, and photographs while they are decoded

    >>> DATASETS["samples"].image_values
    3072
    """

    image: tuple[int, int, int]
    train: int
    test: int
    read_ratio: float = 2.0

    @property
    def image_values(self) -> int:
        """Numbers in an image."""
        colours, height, width = self.image
        return colours * height * width

    @property
    def train_bytes(self) -> int:
        """Peak memory of reading the training images, in bytes."""
        return round(self.train * self.image_values * self.read_ratio)

    @property
    def test_bytes(self) -> int:
        """Peak memory of reading the test images, with the copy that the networks take them from, in bytes."""
        return round(self.test * self.image_values * max(self.read_ratio, 2.0))


DATASETS = {
    "samples": DatasetSize((3, 32, 32), 400, 400),
    "cifar10": DatasetSize((3, 32, 32), 50_000, 10_000),
    "mnist": DatasetSize((1, 28, 28), 60_000, 10_000),
    "fashion_mnist": DatasetSize((1, 28, 28), 60_000, 10_000),
    "faces": DatasetSize((3, 128, 128), 9_525, 3_708, read_ratio=3.3),
}
