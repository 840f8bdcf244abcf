"""Detector of covert communication: a network that tells containers from the signals of images alone, trained on labelled frames.

    equalised symbols -> [fold] -> [conv] -> [SNR] -> [conv] -> [energy of each channel, logarithm] -> [linear] -> [linear] -> logit

Filters and the logarithm of their energy are what a test of energy in some components needs; the filters and the weights are trained. The
SNR tells how much of the energy is noise. See `attacks.covert_detection` for a test that is trained on plain signals only.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from linksim.nets.codecs import feature_rows
from linksim.nets.hiders import FOLD, fold
from linksim.nets.layers import SnrFiLM

SLOPE = 0.2  # of the leaky rectifiers below zero
MIN_ENERGY = 1e-4


class Detector(nn.Module):
    """The network. Equalised symbols complex [batch, channel_uses], snr_db [batch] after equalisation -> logits float [batch].

    A logit above zero means that a hidden signal is more probable than not.

    channels, side  real feature channels of the codec, and side of the images in pixels
    width           number of filters of each layer

    >>> Detector(channels=8, side=32)(torch.ones(2, 256, dtype=torch.complex64), torch.zeros(2)).shape
    torch.Size([2])
    """

    def __init__(self, *, channels: int = 8, side: int = 128, width: int = 64) -> None:
        super().__init__()
        self.channels, self.channel_uses = channels, feature_rows(side, channels)[1]
        self.inp = nn.Conv2d(channels * FOLD**2, width, 3, padding=1)
        self.snr = SnrFiLM(width)
        self.inner = nn.Conv2d(width, width, 3, padding=1)
        self.hidden, self.out = nn.Linear(2 * width, width), nn.Linear(width, 1)

    def forward(self, symbols: Tensor, snr_db: Tensor) -> Tensor:
        first = self.snr(self.inp(fold(symbols, self.channels)), snr_db)
        second = self.inner(functional.leaky_relu(first, SLOPE))
        energy = torch.cat([layer.float().square().mean(dim=(2, 3)) for layer in (first, second)], dim=1)
        logits: Tensor = self.out(functional.leaky_relu(self.hidden((energy + MIN_ENERGY).log()), SLOPE))
        return logits.float().squeeze(1)
