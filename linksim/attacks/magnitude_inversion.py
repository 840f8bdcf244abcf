"""An eavesdropper who does without phases: what keyed turns of the symbols leave as it was still tells of the image.

    |symbols| --> [3 x 3 neighbourhood of the place] --> [linear, learnt by ridge regression] --> 4 x 4 pixels of the place

The smallest attack of its kind; a network would see no less.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from linksim.nets.codecs import SHRINK

RIDGE = 1e-3  # relative to the mean power of the features


class MagnitudeInverse:
    """Learnt from captured pairs.

    symbols  complex [captures, uses], as Eve received them
    images   [captures, colours, side, side] in 0..1
    """

    def __init__(self, symbols: Tensor, images: Tensor) -> None:
        self._rows = images.shape[-1] // SHRINK
        seen = self._features(symbols)
        wanted = functional.pixel_unshuffle(images, SHRINK).flatten(2).transpose(1, 2).flatten(0, 1)
        square = seen.T @ seen
        square += RIDGE * square.diagonal().mean() * torch.eye(len(square))
        self._weights = torch.linalg.solve(square, seen.T @ wanted)

    def invert(self, symbols: Tensor) -> Tensor:
        """Symbols complex [batch, uses] -> images [batch, colours, side, side] in 0..1."""
        found = (self._features(symbols) @ self._weights).unflatten(0, (len(symbols), -1)).transpose(1, 2)
        return functional.pixel_shuffle(found.unflatten(2, (self._rows, self._rows)), SHRINK).clamp(0.0, 1.0)

    def _features(self, symbols: Tensor) -> Tensor:
        """-> [batch * places, features], the last of them one."""
        places = symbols.abs().reshape(len(symbols), self._rows, self._rows, -1).permute(0, 3, 1, 2)
        around = functional.unfold(functional.pad(places, (1, 1, 1, 1), mode="replicate"), 3).transpose(1, 2)
        assert math.prod(around.shape[:2]) == len(symbols) * self._rows**2
        return functional.pad(around.flatten(0, 1), (0, 1), value=1.0)
