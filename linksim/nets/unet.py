"""The denoiser of images: a U-Net that tells the noise in an image from the image (after Ho, Jain, Abbeel, 2020).

    x^t -> [2 x 2 pixels as channels] -> [block, /2] -> [block, /2] -> [2 blocks] -> [x2, block] -> [x2, 2 blocks] -> [pixels] -> noise
                                            |              '------------------------------'                |
                                            '--------------------------------------------------------------'

Differs from the paper's reference: it works on a half of the side at most, and has no attention, since at the few steps of purification
noise is local. Images are in -1..1, as diffusion has them.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

GROUPS = 8
PERIODS = 1000.0  # longest period of the step's embedding


def embedded(steps: Tensor, width: int) -> Tensor:
    """Diffusion steps [batch] -> sines and cosines [batch, width] of periods that grow from 2 pi to 2 pi * `PERIODS`."""
    rates = torch.exp(torch.arange(width // 2, device=steps.device) * (-math.log(PERIODS) / (width // 2 - 1)))
    angles = steps.float()[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Block(nn.Module):
    """Residual block of two convolutions, told the step. (x [batch, inputs, h, w], about [batch, told]) -> [batch, outputs, h, w]."""

    def __init__(self, inputs: int, outputs: int, told: int) -> None:
        super().__init__()
        self.first_norm, self.first = nn.GroupNorm(GROUPS, inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second_norm, self.second = nn.GroupNorm(GROUPS, outputs), nn.Conv2d(outputs, outputs, 3, padding=1)
        self.step = nn.Linear(told, outputs)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, about: Tensor) -> Tensor:
        inner = self.first(functional.silu(self.first_norm(x))) + self.step(about)[:, :, None, None]
        out: Tensor = self.skip(x) + self.second(functional.silu(self.second_norm(inner)))
        return out


class UNet(nn.Module):
    """(x^t [batch, colours, side, side] in about -1..1, step t [batch]) -> its noise, of unit variance, in the same shape.

    widths  channels at a half, a quarter and an eighth of the side
    told    width of the step's embedding
    """

    def __init__(self, *, colours: int = 3, widths: tuple[int, int, int] = (64, 128, 128), told: int = 128) -> None:
        super().__init__()
        self.told, (a, b, c), pixels = told, widths, 4 * colours
        self.about = nn.Sequential(nn.Linear(told, told), nn.SiLU(), nn.Linear(told, told), nn.SiLU())
        self.inp = nn.Conv2d(pixels, a, 3, padding=1)
        self.half_down, self.to_quarter = Block(a, a, told), nn.Conv2d(a, b, 3, stride=2, padding=1)
        self.quarter_down, self.to_eighth = Block(b, b, told), nn.Conv2d(b, c, 3, stride=2, padding=1)
        self.eighth = nn.ModuleList([Block(c, c, told), Block(c, c, told)])
        self.quarter_up = Block(c + b, b, told)
        self.half_up = nn.ModuleList([Block(b + a, a, told), Block(a, a, told)])
        self.out = nn.Conv2d(a, pixels, 3, padding=1)

    def forward(self, x: Tensor, steps: Tensor) -> Tensor:
        about = self.about(embedded(steps, self.told))
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
