"""The denoiser: a U-Net that predicts the noise in an image (after Ho, Jain, Abbeel, 2020).

    x^t -> [2 x 2 pixels as channels] -> [block, /2] -> [block, /2] -> [2 blocks] -> [x2, block] -> [x2, 2 blocks] -> [pixels] -> noise
                                            |              '------------------------------'                |
                                            '--------------------------------------------------------------'

Images are in -1..1. `linksim.diffusion` runs the process that calls the network; the items of a batch may be at different steps.

Differs from the reference network: the finest scale is half of the side, and there is no attention, because the noise is local at the few
steps of purification.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from linksim.nets.layers import GROUPS

PERIODS = 1000.0  # longest period of the step embedding, in units of 2 pi


def step_embedding(steps: Tensor, width: int) -> Tensor:
    """Embed diffusion steps [batch] as sines and cosines [batch, width] with periods from 2 pi to 2 pi * `PERIODS`.

    The periods form a geometric series, as in Vaswani et al., "Attention Is All You Need" (2017); `width` is even and at least 4.

    >>> step_embedding(torch.tensor([0, 10]), width=128).shape
    torch.Size([2, 128])
    """
    rates = torch.exp(torch.arange(width // 2, device=steps.device) * (-math.log(PERIODS) / (width // 2 - 1)))
    angles = steps.float()[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Block(nn.Module):
    """Residual block of two 3x3 convolutions, each after a group norm and SiLU, conditioned on the step.

    (x [batch, inputs, h, w], about: step embedding [batch, embedding]) -> [batch, outputs, h, w].

    inputs, outputs  channels, multiples of `GROUPS`
    embedding        width of the step embedding, which is added to the features after the first convolution
    """

    def __init__(self, inputs: int, outputs: int, embedding: int) -> None:
        super().__init__()
        self.first_norm, self.first = nn.GroupNorm(GROUPS, inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second_norm, self.second = nn.GroupNorm(GROUPS, outputs), nn.Conv2d(outputs, outputs, 3, padding=1)
        self.step = nn.Linear(embedding, outputs)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, about: Tensor) -> Tensor:
        inner = self.first(functional.silu(self.first_norm(x))) + self.step(about)[:, :, None, None]
        out: Tensor = self.skip(x) + self.second(functional.silu(self.second_norm(inner)))
        return out


class UNet(nn.Module):
    """(x^t [batch, colours, side, side] in about -1..1, step t [batch]) -> predicted noise of unit variance, in the same shape.

    colours    number of colour channels
    widths     channels at a half, a quarter and an eighth of the side, multiples of `GROUPS`
    embedding  width of the step embedding

    The side must be a multiple of 8.

    >>> network = UNet(widths=(8, 16, 16), embedding=16)
    >>> network(torch.zeros(2, 3, 32, 32), torch.tensor([1, 50])).shape
    torch.Size([2, 3, 32, 32])
    """

    def __init__(self, *, colours: int = 3, widths: tuple[int, int, int] = (64, 128, 128), embedding: int = 128) -> None:
        super().__init__()
        self.embedding, (a, b, c), pixels = embedding, widths, 4 * colours
        self.about = nn.Sequential(nn.Linear(embedding, embedding), nn.SiLU(), nn.Linear(embedding, embedding), nn.SiLU())
        self.inp = nn.Conv2d(pixels, a, 3, padding=1)
        self.half_down, self.to_quarter = Block(a, a, embedding), nn.Conv2d(a, b, 3, stride=2, padding=1)
        self.quarter_down, self.to_eighth = Block(b, b, embedding), nn.Conv2d(b, c, 3, stride=2, padding=1)
        self.eighth = nn.ModuleList([Block(c, c, embedding), Block(c, c, embedding)])
        self.quarter_up = Block(c + b, b, embedding)
        self.half_up = nn.ModuleList([Block(b + a, a, embedding), Block(a, a, embedding)])
        self.out = nn.Conv2d(a, pixels, 3, padding=1)

    def forward(self, x: Tensor, steps: Tensor) -> Tensor:
        about = self.about(step_embedding(steps, self.embedding))
        half = self.half_down(self.inp(functional.pixel_unshuffle(x, 2)), about)
        quarter = self.quarter_down(self.to_quarter(half), about)
        h = self.to_eighth(quarter)
        for block in self.eighth:
            h = block(h, about)
        h = self.quarter_up(torch.cat([functional.interpolate(h, scale_factor=2), quarter], dim=1), about)
        h = torch.cat([functional.interpolate(h, scale_factor=2), half], dim=1)
        for block in self.half_up:
            h = block(h, about)
        return functional.pixel_shuffle(self.out(h), 2).float()
