"""Model inversion from magnitudes: what Eve recovers from the magnitudes of symbols, which phase scrambling leaves unchanged.

    |symbols| --> [3 x 3 neighbourhood of the place] --> [linear map, fitted by ridge regression] --> 4 x 4 pixels of the place

The linear map is the simplest attack of this kind and so a lower bound on what a network recovers. Symbols of a convolutional codec belong
to a place of the image, so the magnitudes around a place suffice for its pixels, and few captures suffice for the fit.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from linksim.nets.codecs import DOWNSAMPLING

RIDGE = 1e-3  # regularisation relative to the mean power of the features


class MagnitudeInverse:
    """A linear map from magnitudes to pixels, fitted to captured pairs of symbols and images.

    symbols  complex [captures, channel_uses], as Eve received them
    images   float [captures, colours, side, side] in 0..1; the side is a multiple of `nets.codecs.DOWNSAMPLING` = 4

    >>> images = torch.rand(8, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    >>> symbols = torch.complex(images, images)[:, 0, ::2, ::4].flatten(1)  # two symbols per place of 4 x 4 pixels
    >>> MagnitudeInverse(symbols, images).invert(symbols).shape
    torch.Size([8, 1, 16, 16])
    """

    def __init__(self, symbols: Tensor, images: Tensor) -> None:
        self._rows = images.shape[-1] // DOWNSAMPLING
        inputs = self._features(symbols)
        targets = functional.pixel_unshuffle(images, DOWNSAMPLING).flatten(2).transpose(1, 2).flatten(0, 1)
        gram = inputs.T @ inputs
        gram += RIDGE * gram.diagonal().mean() * torch.eye(len(gram))
        self._weights = torch.linalg.solve(gram, inputs.T @ targets)

    def invert(self, symbols: Tensor) -> Tensor:
        """Return images float [batch, colours, side, side] in 0..1 for symbols complex [batch, channel_uses]."""
        blocks = (self._features(symbols) @ self._weights).unflatten(0, (len(symbols), -1)).transpose(1, 2)
        return functional.pixel_shuffle(blocks.unflatten(2, (self._rows, self._rows)), DOWNSAMPLING).clamp(0.0, 1.0)

    def _features(self, symbols: Tensor) -> Tensor:
        """Return the inputs of the linear map, float [batch * places, features]; the last feature is the constant one."""
        magnitudes = symbols.abs().reshape(len(symbols), self._rows, self._rows, -1).permute(0, 3, 1, 2)
        neighbourhoods = functional.unfold(functional.pad(magnitudes, (1, 1, 1, 1), mode="replicate"), 3).transpose(1, 2)
        assert math.prod(neighbourhoods.shape[:2]) == len(symbols) * self._rows**2
        return functional.pad(neighbourhoods.flatten(0, 1), (0, 1), value=1.0)
