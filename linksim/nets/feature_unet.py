"""The denoiser of DiffSem: a U-Net for features of 8 x 8, with embeddings of the step and of a soft label (Table III).

    x^t -> [block 8x8] -> [down 4x4] -> [down 2x2] -> [mean, GELU] -> [2x2] -> [up 4x4] -> [up 8x8] -> [conv, norm, conv] -> noise
               |              |             '--------------------------'  |        |            |
               |              '-------------------------------------------)--------'            |
               '----------------------------------------------------------)---------------------'
                                                             step and label embeddings: scale and shift before each up stage

One network serves with and without guidance: a label of zeros stands for no label, and training drops a share of the labels.

Differs from the paper: the width is a parameter (Table III has 128), norms are group norms, and the same network serves DiffSem and
E-DiffSem, while the paper trains one without context embedding for DiffSem.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from linksim.nets.feature_receivers import CLASSES
from linksim.nets.layers import GROUPS
from linksim.nets.unet import step_embedding

EMBEDDING = 64  # width of the step embedding


def convolution(inputs: int, outputs: int) -> nn.Sequential:
    """Return a 3x3 convolution with group norm and GELU."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.GroupNorm(GROUPS, outputs), nn.GELU())


class ResidualConv(nn.Module):
    """Two convolutions, the second one around a skip connection. [n, inputs, h, w] -> [n, outputs, h, w]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first, self.second = convolution(inputs, outputs), convolution(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        first = self.first(x)
        out: Tensor = (first + self.second(first)) * 0.5**0.5
        return out


class Up(nn.Module):
    """Doubles the side and applies a residual block to the result. [n, inputs, h, w] -> [n, outputs, 2 h, 2 w]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.grow, self.block = nn.ConvTranspose2d(inputs, outputs, 2, stride=2), ResidualConv(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.block(self.grow(x))
        return out


class Embedding(nn.Sequential):
    """Embeds vectors [n, inputs] as [n, outputs] with one hidden layer."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(nn.Linear(inputs, outputs), nn.GELU(), nn.Linear(outputs, outputs))


class FeatureUNet(nn.Module):
    """(x^t [n, channels, 8, 8], steps int64 [n], label float [n, 10]) -> predicted noise of unit variance, in the shape of x^t.

    channels  channels of the features
    width     channels at 8x8 and 4x4, a multiple of `GROUPS`; twice as many at 2x2

    The label is a vector of class probabilities, or zeros without guidance.

    >>> network = FeatureUNet(width=8)
    >>> network(torch.zeros(2, 1, 8, 8), torch.tensor([1, 300]), torch.zeros(2, 10)).shape
    torch.Size([2, 1, 8, 8])
    """

    def __init__(self, *, channels: int = 1, width: int = 64) -> None:
        super().__init__()
        self.channels, wide = channels, 2 * width
        self.inp = ResidualConv(channels, width)
        self.to_4x4, self.to_2x2 = ResidualConv(width, width), ResidualConv(width, wide)
        self.step_at_2x2, self.step_at_4x4 = Embedding(EMBEDDING, wide), Embedding(EMBEDDING, width)
        self.label_at_2x2, self.label_at_4x4 = Embedding(CLASSES, wide), Embedding(CLASSES, width)
        self.from_vector = nn.Sequential(nn.ConvTranspose2d(wide, wide, 2), nn.GroupNorm(GROUPS, wide), nn.ReLU())
        self.up_4x4, self.up_8x8 = Up(2 * wide, width), Up(2 * width, width)
        self.out = nn.Sequential(
            nn.Conv2d(2 * width, width, 3, padding=1), nn.GroupNorm(GROUPS, width), nn.ReLU(), nn.Conv2d(width, channels, 3, padding=1)
        )

    def forward(self, x: Tensor, steps: Tensor, label: Tensor) -> Tensor:
        at_8x8 = self.inp(x)
        at_4x4 = functional.max_pool2d(self.to_4x4(at_8x8), 2)
        at_2x2 = functional.max_pool2d(self.to_2x2(at_4x4), 2)
        h = self.from_vector(functional.gelu(functional.avg_pool2d(at_2x2, 2)))
        about = step_embedding(steps, EMBEDDING)
        h = modulate(h, self.label_at_2x2(label), self.step_at_2x2(about))
        h = self.up_4x4(torch.cat([h, at_2x2], dim=1))
        h = modulate(h, self.label_at_4x4(label), self.step_at_4x4(about))
        h = self.up_8x8(torch.cat([h, at_4x4], dim=1))
        noise: Tensor = self.out(torch.cat([h, at_8x8], dim=1))
        return noise.float()


def modulate(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Return x [n, channels, h, w] scaled by 1 + scale and shifted, both [n, channels]."""
    return x * (1.0 + scale[:, :, None, None]) + shift[:, :, None, None]
