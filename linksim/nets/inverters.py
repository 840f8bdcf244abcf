"""The inverse network of a closed-box eavesdropper: it maps symbols to images, trained on captured pairs (MIEA Sec. III-B, Eq. 6).

    symbols -> [conv] -> [residual block] -> [conv, x2] -> [conv, x2] -> image

Eve knows neither the weights nor the architecture of the codec, only the number of symbols per frame.

Differs from the paper, whose network has one upsampling layer and two convolutions: this network is stronger, so that a defence is not
overrated. `LinearInverse` is a baseline without hidden layers, and a start for searches through the encoder.
"""

from torch import Tensor, nn, view_as_real
from torch.nn import functional

from linksim.nets.codecs import DOWNSAMPLING, to_features
from linksim.nets.generator import Eigenfaces
from linksim.nets.layers import Bottleneck


class Inverter(nn.Module):
    """Base class of the inverse networks. Equalised complex symbols [batch, channel_uses] -> images, not clamped.

    side          side of the images in pixels
    channels      real feature channels of the codec at a quarter of the side
    channel_uses  complex channel uses per image; must be those of the codec under attack
    """

    def __init__(self, side: int, channels: int) -> None:
        super().__init__()
        self.channels, self.channel_uses = channels, channels * (side // DOWNSAMPLING) ** 2 // 2

    def invert(self, symbols: Tensor) -> Tensor:
        """Map equalised complex symbols [batch, channel_uses] to images [batch, colours, side, side] in 0..1."""
        images: Tensor = self(symbols)
        return images.float().clamp(0.0, 1.0)


class InverseNet(Inverter):
    """The residual inverse network.

    colours, side       number of colour channels and side of the images
    channels            real feature channels of the codec at a quarter of the side
    stem, width, inner  channels at half of the side, at a quarter of it, and inside the residual block

    >>> import torch
    >>> InverseNet(channels=16).invert(torch.ones(2, 512, dtype=torch.complex64)).shape
    torch.Size([2, 3, 32, 32])
    """

    def __init__(self, *, colours: int = 3, side: int = 32, channels: int, stem: int = 32, width: int = 96, inner: int = 64) -> None:
        super().__init__(side, channels)
        self.inp = nn.Conv2d(channels, width, 3, padding=1)
        self.block = Bottleneck(width, inner)
        self.grow = nn.Conv2d(width, 4 * stem, 3, padding=1)
        self.activation = nn.PReLU(stem)
        self.out = nn.Conv2d(stem, 4 * colours, 3, padding=1)

    def forward(self, symbols: Tensor) -> Tensor:
        features = self.block(self.inp(to_features(symbols, self.channels)))
        grown = self.activation(functional.pixel_shuffle(self.grow(features), 2))
        return functional.pixel_shuffle(self.out(grown), 2) + 0.5


class LinearInverse(Inverter):
    """Linear regression from the symbols to coefficients of eigenfaces, whose image is the result.

    colours, side  number of colour channels and side of the images
    channels       real feature channels of the codec at a quarter of the side
    coarse         side at which the eigenfaces are stored
    latents        number of eigenfaces

    >>> import torch
    >>> LinearInverse(channels=16, coarse=8, latents=4).invert(torch.ones(2, 512, dtype=torch.complex64)).shape
    torch.Size([2, 3, 32, 32])
    """

    def __init__(self, *, colours: int = 3, side: int = 32, channels: int, coarse: int = 48, latents: int = 64) -> None:
        super().__init__(side, channels)
        self.regression = nn.Linear(2 * self.channel_uses, latents)
        self.faces = Eigenfaces(colours=colours, side=side, coarse=coarse, latents=latents)

    def forward(self, symbols: Tensor) -> Tensor:
        z: Tensor = self.regression(view_as_real(symbols).flatten(1))
        return self.faces.generate(z, z[:, :0])
