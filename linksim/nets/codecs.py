"""DeepJSCC: a convolutional autoencoder whose latent code is sent as complex channel symbols (Bourtsoulatze, Kurka, Gunduz, 2019).

    image -> [conv /2] -> [conv /2] -> [residual blocks] -> [conv] -> unit power -> symbols
    image <- [conv, x2] <- [conv, x2] <- [residual blocks] <- [conv] <------------- symbols (equalised)

Encoder and decoder are conditioned on the SNR (`SnrFiLM`), so one model serves the whole range: the encoder on the SNR that Alice assumes,
the decoder on the SNR after Bob's equaliser. The module also holds the base class of all codecs and the mapping between feature maps and
symbols, on which the layers that permute rows rely.

Differs from the paper: the networks are conditioned on the SNR, residual blocks work at the coarsest scale, and the power is normalised
per image instead of per batch.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from linksim.nets.layers import Bottleneck, SnrFiLM
from linksim.phy.baseband import normalise_power

DOWNSAMPLING = 4  # ratio of the side of an image to that of its feature map


def to_symbols(features: Tensor) -> Tensor:
    """Convert features [batch, c, h, w] to complex symbols [batch, h * w * c / 2]. Each row of features becomes a contiguous slice.

    Consecutive pairs of channels become the real and the imaginary part of a symbol, so the number of channels c must be even.

    >>> to_symbols(torch.ones(1, 4, 8, 8)).shape
    torch.Size([1, 128])
    """
    flat = features.permute(0, 2, 3, 1).reshape(len(features), -1, 2)
    return torch.view_as_complex(flat.float().contiguous())


def feature_rows(side: int, channels: int) -> tuple[int, int]:
    """Return the number of feature rows at a quarter of the image side, and the number of symbols of all rows (`to_symbols`).

    side      side of the image in pixels, a multiple of `DOWNSAMPLING`
    channels  real feature channels, an even number

    >>> feature_rows(32, 16)
    (8, 512)
    """
    rows = side // DOWNSAMPLING
    return rows, channels * rows**2 // 2


def to_features(symbols: Tensor, channels: int) -> Tensor:
    """Convert complex symbols [batch, channel_uses] to square features [batch, channels, side, side], the inverse of `to_symbols`.

    >>> features = torch.arange(64.0).view(1, 4, 4, 4)
    >>> torch.equal(to_features(to_symbols(features), channels=4), features)
    True
    """
    side = math.isqrt(2 * symbols.shape[1] // channels)
    return torch.view_as_real(symbols).reshape(len(symbols), side, side, channels).permute(0, 3, 1, 2)


class Codec(nn.Module):
    """Base class of the codecs: an encoder whose output is sent as channel symbols, and the matching decoder.

    encoder        (images, assumed snr_db [batch]) -> complex symbols [batch, channel_uses] of unit mean power per image
    decoder        (equalised symbols, snr_db [batch] after equalisation) -> images, not clamped
    colours, side  number of colour channels and side of the images
    rows           number of equal slices of the symbols, each from one region of the image; the unit of the layer `permutation`
    channel_uses   complex channel uses per image, a multiple of `rows`

    Training calls `encoder` and `decoder`, whose outputs are not clamped; a link calls `encode` and `decode`.
    """

    encoder: nn.Module
    decoder: nn.Module

    def __init__(self, colours: int, side: int, rows: int, channel_uses: int) -> None:
        super().__init__()
        self.colours, self.side, self.rows, self.channel_uses = colours, side, rows, channel_uses

    def encode(self, images: Tensor, snr_db: Tensor) -> Tensor:
        """Encode images [batch, colours, side, side] in 0..1 to complex symbols [batch, channel_uses] of unit mean power per image.

        snr_db  SNR in dB that the sender assumes, float [batch]; some codecs ignore it
        """
        symbols: Tensor = self.encoder(images, snr_db)
        return symbols

    def decode(self, symbols: Tensor, snr_db: Tensor) -> Tensor:
        """Decode equalised complex symbols [batch, channel_uses] to images [batch, colours, side, side] in 0..1.

        snr_db  SNR in dB after equalisation, float [batch]
        """
        images: Tensor = self.decoder(symbols, snr_db)
        return images.float().clamp(0.0, 1.0)


class OutsideCodec(Codec):
    """A codec from outside the package: any torch module with two methods and a few optional attributes.

        encode(images [batch, colours, side, side] in 0..1, snr_db [batch]) -> complex symbols [batch, channel_uses]
        decode(equalised symbols, snr_db [batch]) -> images

    `channel_uses` is required; `colours` (3), `side` (32) and `rows` (8) have defaults. The symbols are normalised to unit mean power, and
    the images are clamped to 0..1. Raises AttributeError if `channel_uses` is missing.
    """

    def __init__(self, module: nn.Module) -> None:
        described: Any = module
        colours, side, rows = (getattr(module, name, default) for name, default in (("colours", 3), ("side", 32), ("rows", 8)))
        super().__init__(colours, side, rows, described.channel_uses)
        self.encoder, self.decoder = _Method(module, "encode", normalise_power), _Method(module, "decode")


class _Method(nn.Module):
    """A method of a module as a module, followed by an optional function of its result, so that its weights are found and moved."""

    def __init__(self, module: nn.Module, method: str, then: Callable[[Tensor], Tensor] = lambda result: result) -> None:
        super().__init__()
        self.module, self._method, self._then = module, method, then

    def forward(self, *inputs: Tensor) -> Tensor:
        return self._then(getattr(self.module, self._method)(*inputs))


class Encoder(nn.Module):
    """Images [batch, colours, side, side] in 0..1, snr_db [batch] -> complex symbols [batch, channel_uses] of unit mean power per image.

    colours   colour channels of the images
    channels  feature channels that are sent, an even number
    stem      channels at half of the side
    width     channels at a quarter of the side
    inner     channels inside a residual block
    blocks    number of residual blocks
    knows_snr whether the encoder is given the SNR; if not, an image has the same symbols at every SNR
    """

    def __init__(self, colours: int, channels: int, stem: int, width: int, inner: int, blocks: int, knows_snr: bool = True) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(colours, stem, 5, stride=2, padding=2), nn.PReLU(stem), nn.Conv2d(stem, width, 3, stride=2, padding=1)
        )
        self.snr = SnrFiLM(width) if knows_snr else None
        self.blocks = nn.Sequential(*(Bottleneck(width, inner) for _ in range(blocks)))
        self.out = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, images: Tensor, snr_db: Tensor) -> Tensor:
        features = self.stem(images - 0.5)
        features = features if self.snr is None else self.snr(features, snr_db)
        return normalise_power(to_symbols(self.out(self.blocks(features))))


class FeatureDecoder(nn.Module):
    """(features [batch, channels, side / 4, side / 4], snr_db [batch]) -> images [batch, colours, side, side], not clamped.

    The sizes are those of `Encoder`. Upsampling is a convolution followed by a pixel shuffle (Shi et al., 2016).
    """

    def __init__(self, colours: int, channels: int, stem: int, width: int, inner: int, blocks: int) -> None:
        super().__init__()
        self.channels = channels
        self.inp = nn.Conv2d(channels, width, 3, padding=1)
        self.snr = SnrFiLM(width)
        self.blocks = nn.Sequential(*(Bottleneck(width, inner) for _ in range(blocks)))
        self.grow = nn.Conv2d(width, 4 * stem, 3, padding=1)
        self.activation = nn.PReLU(stem)
        self.out = nn.Conv2d(stem, 4 * colours, 3, padding=1)

    def forward(self, features: Tensor, snr_db: Tensor) -> Tensor:
        inner = self.blocks(self.snr(self.inp(features), snr_db))
        grown = self.activation(functional.pixel_shuffle(self.grow(inner), 2))
        return functional.pixel_shuffle(self.out(grown), 2).float() + 0.5


class Decoder(FeatureDecoder):
    """Equalised complex symbols [batch, channel_uses], snr_db [batch] -> images [batch, colours, side, side], not clamped."""

    def forward(self, symbols: Tensor, snr_db: Tensor) -> Tensor:
        return super().forward(to_features(symbols, self.channels), snr_db)


class ResidualJscc(Codec):
    """The residual DeepJSCC codec. It accepts images of any side that is a multiple of `DOWNSAMPLING`; `side` is the intended one.

    colours, side               number of colour channels and side of the images
    channels                    real feature channels at a quarter of the side, for `channels * (side / 4)^2 / 2` channel uses per image
    stem, width, inner, blocks  sizes of the layers, see `Encoder`
    encoder_knows_snr                whether the encoder is given the SNR; the decoder always is

    >>> codec = ResidualJscc(channels=16)
    >>> codec.channel_uses  # 1/6 of the 3 * 32 * 32 values of an image
    512
    >>> symbols = codec.encode(torch.rand(2, 3, 32, 32), snr_db=torch.tensor([0.0, 20.0]))
    >>> symbols.shape, [round(power, 3) for power in symbols.abs().square().mean(dim=1).tolist()]
    (torch.Size([2, 512]), [1.0, 1.0])
    """

    def __init__(
        self,
        *,
        colours: int = 3,
        side: int = 32,
        channels: int,
        stem: int = 32,
        width: int = 96,
        inner: int = 64,
        blocks: int = 2,
        encoder_knows_snr: bool = True,
    ) -> None:
        super().__init__(colours, side, *feature_rows(side, channels))
        self.encoder = Encoder(colours, channels, stem, width, inner, blocks, encoder_knows_snr)
        self.decoder = Decoder(colours, channels, stem, width, inner, blocks)
