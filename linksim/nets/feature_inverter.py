"""DiffSem's adversaries: networks that reconstruct the image from received features (Tables I and II).

    received features z, step t -> [linear, tanh] -> [linear] -> image                                        (Table I)
    received features z, step t -> [conv, tanh 8x8] -> 2 x [x2, tanh, residual] -> [conv, tanh 32x32] -> image   (Table II)

Differs from the paper: the step is an input, so that one network serves all of them. It is a parameter of the system and no secret.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from linksim.feature_diffusion import STEPS
from linksim.nets.feature_symbols import SIDE
from linksim.nets.layers import ResidualPair


class FeatureInverter(nn.Module):
    """Base class. (z [n, channels, 8, 8], steps int64 [n] in 0..T) -> images [n, colours, side, side], not clamped.

    channels  channels of the features
    colours   colour channels of the images
    side      side of the images in pixels
    """

    channels: int
    colours: int
    side: int

    def invert(self, received: Tensor, steps: Tensor) -> Tensor:
        """Return the images in 0..1."""
        images: Tensor = self(received, steps).clamp(0.0, 1.0)
        return images


class LinearInverter(FeatureInverter):
    """Two linear layers, Table I.

    channels, colours, side  as in the base class
    hidden                   width of the hidden layer, None for that of Table I: the number of pixels

    >>> LinearInverter(hidden=8).invert(torch.zeros(2, 1, 8, 8), torch.tensor([0, 300])).shape
    torch.Size([2, 1, 28, 28])
    """

    def __init__(self, *, channels: int = 1, colours: int = 1, side: int = 28, hidden: int | None = None) -> None:
        super().__init__()
        self.channels, self.colours, self.side, pixels = channels, colours, side, colours * side**2
        self.hidden, self.out = nn.Linear(channels * SIDE**2 + 1, hidden or pixels), nn.Linear(hidden or pixels, pixels)

    def forward(self, received: Tensor, steps: Tensor) -> Tensor:
        inputs = torch.cat([received.flatten(1), steps[:, None] / STEPS], dim=1)
        images: Tensor = self.out(torch.tanh(self.hidden(inputs)))
        return images.view(len(received), self.colours, self.side, self.side).float()


class ConvInverter(FeatureInverter):
    """Convolutions that double the side twice, Table II. The step is a further channel of the features.

    channels  channels of the features
    width     channels at 8x8, 512 in Table II; a half at 16x16 and a quarter at 32x32

    >>> ConvInverter(width=32).invert(torch.zeros(2, 3, 8, 8), torch.tensor([0, 300])).shape
    torch.Size([2, 3, 32, 32])
    """

    def __init__(self, *, channels: int = 3, width: int = 512) -> None:
        super().__init__()
        self.channels, self.colours, self.side = channels, 3, 4 * SIDE
        widths = (width, width // 2, width // 4)
        self.inp = nn.Sequential(nn.Conv2d(channels + 1, width, 3, padding=1), nn.Tanh())
        self.ups = nn.Sequential(
            *(
                nn.Sequential(nn.ConvTranspose2d(coarse, fine, 2, stride=2), nn.Tanh(), ResidualPair(fine))
                for coarse, fine in pairwise(widths)
            )
        )
        self.out = nn.Conv2d(widths[-1], self.colours, 3, padding=1)

    def forward(self, received: Tensor, steps: Tensor) -> Tensor:
        step = (steps / STEPS)[:, None, None, None].expand(-1, 1, SIDE, SIDE)
        images: Tensor = torch.tanh(self.out(self.ups(self.inp(torch.cat([received, step], dim=1)))))
        return (images.float() + 1.0) / 2.0
