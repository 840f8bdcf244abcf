"""The contract of a scheme: `send` wraps, `receive` peels, side by side in one file.

Both are pure functions of (input, terms, noise, weights), item by item independent; that is what makes batching exact. An item is one
image, or `images_per_item` of them where a scheme binds several together.
"""

from typing import Protocol

from torch import Tensor

from linksim.phy.link import Heard
from linksim.phy.noise import Noise
from linksim.schemes.terms import Terms


class Scheme(Protocol):
    """What Alice does to images to get symbols, and what Bob does to undo it.

    agrees           what the session must settle before a frame
    images_per_item  images that one item binds together
    uses             complex channel uses per item
    """

    agrees: type[Terms]
    images_per_item: int
    uses: int

    def send(self, source: Tensor, terms: Terms, noise: Noise) -> Tensor:
        """Images [items, images_per_item, c, h, w] in 0..1 -> symbols complex [items, uses], at the power they are radiated with."""

    def receive(self, heard: Heard, terms: Terms, noise: Noise) -> Tensor:
        """What Bob heard of `items` -> images [items, images_per_item, c, h, w] in 0..1."""
