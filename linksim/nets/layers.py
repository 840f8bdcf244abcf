"""Layers shared by several networks, and the random initialisation of weights.

torch draws initial weights from its global generator, which other code may advance. Training calls `draw_weights` after a network is
built, so that the initial weights follow from the seed of the task alone.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

GROUPS = 8  # groups of channels of the norms


class SnrFiLM(nn.Module):
    """Feature-wise linear modulation by the SNR, so that one network serves a range of SNRs.

    (x [batch, channels, h, w], snr_db [batch] in dB) -> x * (1 + scale) + shift, in the shape of x, with one scale and one shift per item
    and channel. The modulation is that of Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer" (2018). The SNR as the
    condition follows the attention modules of Xu et al., "Wireless Image Transmission Using Deep Source Channel Coding With Attention
    Modules" (2022), without pooling of the features.

    channels  channels of x
    hidden    width of the hidden layer
    """

    def __init__(self, channels: int, hidden: int = 32) -> None:
        super().__init__()
        self.hidden = nn.Linear(1, hidden)
        self.activation = nn.PReLU(hidden)
        self.out = nn.Linear(hidden, 2 * channels)

    def forward(self, x: Tensor, snr_db: Tensor) -> Tensor:
        parameters: Tensor = self.out(self.activation(self.hidden(snr_db[:, None] / 10.0 - 1.0)))
        scale, shift = parameters[:, :, None, None].chunk(2, dim=1)
        return torch.addcmul(shift, x, 1.0 + scale)


class Bottleneck(nn.Module):
    """Residual block: 3x3 convolution to fewer channels, PReLU, 1x1 convolution back. [batch, channels, h, w] -> the same shape.

    channels  channels of input and output
    inner     channels between the two convolutions
    """

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, inner, 3, padding=1)
        self.activation = nn.PReLU(inner)
        self.expand = nn.Conv2d(inner, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.expand(self.activation(self.reduce(x)))
        return out


class ResidualPair(nn.Module):
    """Residual block: two 3x3 convolutions, each with a group norm, and GELU between them. [batch, channels, h, w] -> the same shape.

    channels  channels of input and output, a multiple of `GROUPS`
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.first_norm, self.second_norm = (nn.GroupNorm(GROUPS, channels) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.second_norm(self.second(functional.gelu(self.first_norm(self.first(x)))))
        return out


def draw_weights(network: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights of all convolutions, transposed convolutions and linear layers from `generator`, with torch's default distribution.

    The distribution is uniform with bounds of +-1 / sqrt(inputs of a unit) (Kaiming uniform with a = sqrt(5)), for biases too. Norms and
    other parameters keep their values. The weights depend on the seed of the generator and the order of the layers alone.

    >>> first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    >>> for layer in (first, second):
    ...     draw_weights(layer, torch.Generator().manual_seed(1))
    >>> torch.equal(first.weight, second.weight)
    True
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.kaiming_uniform_(layer.weight, a=5**0.5, generator=generator)
            if layer.bias is not None:
                bound = layer.weight[0].numel() ** -0.5
                nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
