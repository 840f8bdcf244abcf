"""The contract of a scheme: `send` wraps, `receive` peels, side by side in one file.

Both are pure functions of (input, terms, noise, weights), item by item independent; that is what makes batching exact. An item is one
image, or `images_per_item` of them where a scheme binds several together.
"""

from typing import Protocol

import torch
from torch import Tensor

from linksim.phy.baseband import ReceivedSymbols
from linksim.phy.noise import Noise
from linksim.schemes.parameters import FrameParameters

GREY = 0.5


class Scheme(Protocol):
    """What Alice does to images to get symbols, and what Bob does to undo it.

    agrees           what the session must settle before a frame
    images_per_item  images that one item binds together
    uses             complex channel uses per item
    checked          True where `receive` knows which images it has not got
    """

    agrees: type[FrameParameters]
    images_per_item: int
    channel_uses: int
    checked: bool

    def send(self, source: Tensor, parameters: FrameParameters, noise: Noise) -> Tensor:
        """Images [items, images_per_item, c, h, w] in 0..1 -> symbols complex [items, uses], at the power they are radiated with."""

    def receive(self, received: ReceivedSymbols, parameters: FrameParameters, noise: Noise) -> Tensor:
        """What Bob received of `items` -> images [items, images_per_item, c, h, w] in 0..1.

        An image that a `checked` scheme has not got is NaN throughout, so that whoever takes it can tell (see `lacking`).
        """


def is_erased(images: Tensor) -> Tensor:
    """Which images a receiver has not got. [..., c, h, w] -> bool [...]."""
    return images[..., 0, 0, 0].isnan()


def fill_erasures(images: Tensor) -> Tensor:
    """What a receiver shows: its images, and grey for those that it has not got. [..., c, h, w] in 0..1 or NaN -> the same in 0..1."""
    return torch.where(images.isnan(), GREY, images)
