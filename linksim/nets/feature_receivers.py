"""The classifiers of DiffSem's receivers (Tables I and II): received features z, denoised features f', step t -> logits.

A receiver without denoiser puts z in the place of f'.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from linksim.feature_diffusion import STEPS
from linksim.nets.feature_symbols import SIDE
from linksim.nets.layers import ResidualPair

CLASSES = 10


class FeatureReceiver(nn.Module):
    """Base class. (z, f', both [n, channels, 8, 8], steps int64 [n] in 0..T) -> logits float32 [n, 10].

    channels  channels of the features
    """

    channels: int


class LinearReceiver(FeatureReceiver):
    """Classifier of two linear layers, Table I.

    channels  channels of the features
    hidden    width of the hidden layer, None for that of Table I: the number of inputs
    """

    def __init__(self, *, channels: int = 1, hidden: int | None = None) -> None:
        super().__init__()
        self.channels, inputs = channels, 2 * channels * SIDE**2 + 1
        self.hidden = nn.Linear(inputs, hidden or inputs)
        self.out = nn.Linear(hidden or inputs, CLASSES)

    def forward(self, received: Tensor, denoised: Tensor, steps: Tensor) -> Tensor:
        inputs = torch.cat([received.flatten(1), denoised.flatten(1), steps[:, None] / STEPS], dim=1)
        logits: Tensor = self.out(torch.relu(self.hidden(inputs)))
        return logits.float()


class ConvReceiver(FeatureReceiver):
    """Convolutional classifier, Table II.

    [z, f'] with t as a ninth column: [2 channels, 8, 9] -> [conv, tanh 64x8x8] -> [conv, tanh 4x4] -> [residual] -> mean -> [linear]

    channels  channels of the features
    width     channels at 4x4, 512 in Table II

    Differs from the paper: the logits have no tanh.

    >>> ConvReceiver(width=16)(*(torch.zeros(2, 3, 8, 8),) * 2, torch.tensor([0, 300])).shape
    torch.Size([2, 10])
    """

    def __init__(self, *, channels: int = 3, width: int = 512) -> None:
        super().__init__()
        self.channels = channels
        self.first = nn.Conv2d(2 * channels, 64, (3, 4), padding=1)
        self.second = nn.Conv2d(64, width, 3, stride=2, padding=1)
        self.residual = ResidualPair(width)
        self.out = nn.Linear(width, CLASSES)

    def forward(self, received: Tensor, denoised: Tensor, steps: Tensor) -> Tensor:
        column = (steps / STEPS)[:, None, None, None].expand(-1, 2 * self.channels, SIDE, 1)
        x = torch.cat([torch.cat([received, denoised], dim=1), column], dim=3)
        x = functional.tanh(self.second(functional.tanh(self.first(x))))
        logits: Tensor = self.out(self.residual(x).mean(dim=(2, 3)))
        return logits.float()
