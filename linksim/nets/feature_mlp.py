"""A denoiser for features without convolutions: residual layers over all values of the features, modulated by step and label.

    x^t -> [linear] -> n x [norm, GELU, linear, modulation, GELU, linear, +] -> [norm, linear] -> noise
                                               '-- step and label embedding

The network of Table III is a U-Net (`nets.feature_unet`). This one takes more images in the same time on a CPU and reaches a lower error
(docs/decisions.md).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from linksim.nets.feature_receivers import CLASSES
from linksim.nets.feature_symbols import SIDE
from linksim.nets.unet import step_embedding

EMBEDDING = 64  # width of the step embedding


class ModulatedBlock(nn.Module):
    """Residual block of two linear layers. (x [n, width], about [n, width]) -> [n, width]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
        self.modulation = nn.Linear(width, 2 * width)

    def forward(self, x: Tensor, about: Tensor) -> Tensor:
        scale, shift = self.modulation(about).chunk(2, dim=1)
        inner = functional.gelu(torch.addcmul(shift, self.first(self.norm(x)), 1.0 + scale))
        out: Tensor = x + self.second(inner)
        return out


class FeatureMlp(nn.Module):
    """(x^t [n, channels, 8, 8], steps int64 [n], label float [n, 10]) -> predicted noise of unit variance, in the shape of x^t.

    channels    channels of the features
    width       width of the layers
    num_blocks  number of residual blocks

    The label is a vector of class probabilities, or zeros without guidance.

    >>> network = FeatureMlp(width=16)
    >>> network(torch.zeros(2, 1, 8, 8), torch.tensor([1, 300]), torch.zeros(2, 10)).shape
    torch.Size([2, 1, 8, 8])
    """

    def __init__(self, *, channels: int = 1, width: int = 512, num_blocks: int = 3) -> None:
        super().__init__()
        self.channels, values = channels, channels * SIDE**2
        self.about = nn.Sequential(nn.Linear(EMBEDDING + CLASSES, width), nn.GELU(), nn.Linear(width, width), nn.GELU())
        self.inp = nn.Linear(values, width)
        self.blocks = nn.ModuleList([ModulatedBlock(width) for _ in range(num_blocks)])
        self.out = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, values))

    def forward(self, x: Tensor, steps: Tensor, label: Tensor) -> Tensor:
        about = self.about(torch.cat([step_embedding(steps, EMBEDDING), label], dim=1))
        h = self.inp(x.flatten(1))
        for block in self.blocks:
            h = block(h, about)
        noise: Tensor = self.out(h).view(x.shape)
        return noise.float()
