"""DiffSem's adversary: a network that reconstructs the image from received features (Table I).

    received features z, step t -> [linear, tanh 784] -> [linear] -> image

Differs from the paper: the step is an input, so that one network serves all of them. It is a parameter of the system and no secret.
"""

import torch
from torch import Tensor, nn

from linksim.feature_diffusion import STEPS
from linksim.nets.feature_symbols import SIDE


class FeatureInverter(nn.Module):
    """(z [n, channels, 8, 8], steps int64 [n] in 0..T) -> images [n, colours, side, side], not clamped.

    channels  channels of the features
    colours   colour channels of the images
    side      side of the images in pixels
    hidden    width of the hidden layer, None for that of Table I: the number of pixels

    >>> FeatureInverter(hidden=8).invert(torch.zeros(2, 1, 8, 8), torch.tensor([0, 300])).shape
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

    def invert(self, received: Tensor, steps: Tensor) -> Tensor:
        """Return the images in 0..1."""
        images: Tensor = self(received, steps).clamp(0.0, 1.0)
        return images
