"""DeepJSCC: a convolutional autoencoder whose code is the radio signal itself (Bourtsoulatze, Kurka, Gunduz, 2019).

    image -> [conv /2] -> [conv /2] -> [residual blocks] -> [conv] -> unit power -> symbols
    image <- [conv, x2] <- [conv, x2] <- [residual blocks] <- [conv] <------------- symbols (equalised)

Encoder and decoder are told the SNR (`SnrFiLM`), so one model serves the whole range.

Differs from the paper: SNR-conditioned, residual blocks at the coarsest scale, and power is normalised per image, never over a batch.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from linksim.nets.layers import Bottleneck, SnrFiLM
from linksim.phy.baseband import normalise_power

SHRINK = 4  # an image side becomes side / 4 rows of features


def to_symbols(features: Tensor) -> Tensor:
    """Features real [batch, c, h, w] -> symbols complex [batch, h * w * c / 2], row of features by row: each is one slice."""
    flat = features.permute(0, 2, 3, 1).reshape(len(features), -1, 2)
    return torch.view_as_complex(flat.float().contiguous())


def feature_rows(side: int, channels: int) -> tuple[int, int]:
    """Rows of the features of an image at a quarter of its side, and the symbols that they all make (`to_symbols`)."""
    rows = side // SHRINK
    return rows, channels * rows**2 // 2


def to_features(symbols: Tensor, channels: int) -> Tensor:
    """Undo `to_symbols` of square features. Symbols complex [batch, uses] -> features real [batch, c, side, side]."""
    side = math.isqrt(2 * symbols.shape[1] // channels)
    return torch.view_as_real(symbols).reshape(len(symbols), side, side, channels).permute(0, 3, 1, 2)


class Codec(nn.Module):
    """What all codecs have: an encoder whose output is the radio signal, and its decoder.

    encoder  (images, believed snr_db [batch]) -> symbols complex [batch, uses] of unit mean power per image
    decoder  (equalised symbols, snr_db [batch] after equalisation) -> images, not clamped
    colours, side  of the images
    rows           equal slices of the symbols, each from one part of the image
    uses           complex channel uses per image
    """

    encoder: nn.Module
    decoder: nn.Module

    def __init__(self, colours: int, side: int, rows: int, channel_uses: int) -> None:
        super().__init__()
        self.colours, self.side, self.rows, self.channel_uses = colours, side, rows, channel_uses

    def encode(self, images: Tensor, snr_db: Tensor) -> Tensor:
        """Images [batch, colours, side, side] in 0..1, believed snr_db [batch] -> complex [batch, uses], unit mean power per image."""
        symbols: Tensor = self.encoder(images, snr_db)
        return symbols

    def decode(self, symbols: Tensor, snr_db: Tensor) -> Tensor:
        """Equalised symbols complex [batch, uses], snr_db [batch] after equalisation -> images [batch, colours, side, side] in 0..1."""
        images: Tensor = self.decoder(symbols, snr_db)
        return images.float().clamp(0.0, 1.0)


class Encoder(nn.Module):
    """Images [batch, colours, side, side] in 0..1, snr_db [batch] -> symbols complex [batch, uses] of unit mean power per image."""

    def __init__(self, colours: int, channels: int, stem: int, width: int, inner: int, blocks: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(colours, stem, 5, stride=2, padding=2), nn.PReLU(stem), nn.Conv2d(stem, width, 3, stride=2, padding=1)
        )
        self.snr = SnrFiLM(width)
        self.blocks = nn.Sequential(*(Bottleneck(width, inner) for _ in range(blocks)))
        self.out = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, images: Tensor, snr_db: Tensor) -> Tensor:
        features = self.snr(self.stem(images - 0.5), snr_db)
        return normalise_power(to_symbols(self.out(self.blocks(features))))


class FeatureDecoder(nn.Module):
    """(features [batch, channels, side / 4, side / 4], snr_db [batch]) -> images [batch, colours, side, side], not clamped."""

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
    """Equalised symbols complex [batch, uses], snr_db [batch] -> images [batch, colours, side, side], not clamped."""

    def forward(self, symbols: Tensor, snr_db: Tensor) -> Tensor:
        return super().forward(to_features(symbols, self.channels), snr_db)


class ResidualJscc(Codec):
    """The codec of one link. It takes images of any side that is a multiple of `SHRINK`; `side` is that of the images it was made for.

    colours, side  of the images it takes
    channels       real feature channels at a quarter of the side; `channels * (side / 4)^2 / 2` complex channel uses per image
    stem, width, inner, blocks  sizes of the layers
    """

    def __init__(
        self, *, colours: int = 3, side: int = 32, channels: int, stem: int = 32, width: int = 96, inner: int = 64, blocks: int = 2
    ) -> None:
        super().__init__(colours, side, *feature_rows(side, channels))
        self.encoder = Encoder(colours, channels, stem, width, inner, blocks)
        self.decoder = Decoder(colours, channels, stem, width, inner, blocks)
