"""Principal components of channel input signals, tile by tile of the feature map.

    signal <--> [tiles of the feature map] <--> [principal components, strongest first]

Codecs give a few components most of the power of a signal. What carries little of it is where another signal can be hidden.
"""

import math

import torch
from torch import Tensor, nn

from linksim.nets.codecs import DOWNSAMPLING, to_features, to_symbols

TINY = torch.finfo(torch.float32).tiny


class PrincipalComponents(nn.Module):
    """An orthonormal basis of tiles, fitted to signals. All tiles of an image share it.

    channels, side  real feature channels of the codec, and side of the images in pixels
    tile            side of a tile in feature positions, which divides the side of the feature map
    size, kept      number of components of a tile, and half of them
    places          number of the stronger half of the components of an image of the intended size
    """

    def __init__(self, channels: int, side: int, tile: int) -> None:
        super().__init__()
        self.channels, self.tile = channels, tile
        self.size, self.kept = channels * tile**2, channels * tile**2 // 2
        self.places = (side // DOWNSAMPLING // tile) ** 2 * self.kept
        self.basis = nn.Parameter(torch.eye(self.size), requires_grad=False)  # columns are components, strongest first
        self.variance = nn.Parameter(torch.ones(self.size), requires_grad=False)

    @property
    def kept_variance(self) -> Tensor:
        """Variances of the stronger half, real [kept], above zero."""
        return self.variance[: self.kept].clamp_min(TINY)

    def fit(self, signals: Tensor) -> None:
        """Fit the components to channel input signals, complex [n, channel_uses] of unit power. The mean is not subtracted."""
        tiles = to_tiles(signals, self.channels, self.tile).flatten(0, 1).double()
        variance, basis = torch.linalg.eigh(tiles.T @ tiles / len(tiles))
        self.basis.data = basis.flip(1).float()
        self.variance.data = variance.flip(0).clamp_min(0.0).float()

    def analyse(self, symbols: Tensor) -> tuple[Tensor, Tensor]:
        """Return the stronger and the weaker components of signals, complex [batch, channel_uses] -> real [batch, tiles, kept] each."""
        with exact(symbols):
            components = to_tiles(symbols, self.channels, self.tile) @ self.basis
        return components[..., : self.kept], components[..., self.kept :]

    def synthesise(self, strong: Tensor, weak: Tensor | None = None) -> Tensor:
        """Return signals with the given components, the inverse of `analyse`; without `weak`, the weaker ones are zero."""
        with exact(strong):
            tiles = strong @ self.basis[:, : self.kept].T
            return from_tiles(tiles if weak is None else tiles + weak @ self.basis[:, self.kept :].T, self.channels, self.tile)


def to_tiles(symbols: Tensor, channels: int, tile: int) -> Tensor:
    """Return the tiles of the feature maps of symbols, complex [batch, channel_uses] -> real [batch, tiles, channels tile^2].

    channels  real feature channels of the codec
    tile      side of a tile in feature positions, which divides the side of the feature map

    >>> to_tiles(torch.ones(1, 256, dtype=torch.complex64), channels=8, tile=4).shape
    torch.Size([1, 4, 128])
    """
    features = to_features(symbols, channels)
    batch, _, side, _ = features.shape
    count = side // tile
    tiles = features.reshape(batch, channels, count, tile, count, tile).permute(0, 2, 4, 1, 3, 5)
    return tiles.reshape(batch, count**2, channels * tile**2)


def from_tiles(tiles: Tensor, channels: int, tile: int) -> Tensor:
    """Return symbols, complex [batch, channel_uses], of tiles real [batch, tiles, channels tile^2], the inverse of `to_tiles`.

    >>> symbols = torch.randn(2, 256, dtype=torch.complex64)
    >>> torch.equal(from_tiles(to_tiles(symbols, 8, 4), 8, 4), symbols)
    True
    """
    batch, total, _ = tiles.shape
    count = math.isqrt(total)
    split = tiles.reshape(batch, count, count, channels, tile, tile).permute(0, 3, 1, 4, 2, 5)
    return to_symbols(split.reshape(batch, channels, count * tile, count * tile))


def exact(values: Tensor) -> torch.autocast:
    """Return a context without autocast on the device of `values`: rounding errors of bfloat16 would be noise at 45 dB below the signal."""
    return torch.autocast(values.device.type, enabled=False)


def hiding_gains(variance: Tensor, power: float) -> Tensor:
    """Return the gains variance^(-1/4), scaled so that components of these variances have a total power.

    They minimise the sum of the squared errors of linear estimates at high SNR, for a given power.

    >>> gains = hiding_gains(torch.tensor([16.0, 1.0]), power=10.0)
    >>> gains.tolist(), round((gains.square() * torch.tensor([16.0, 1.0])).sum().item(), 4)
    ([0.7071067690849304, 1.4142135381698608], 10.0)
    """
    gain = variance ** (-0.25)
    return gain * (power / (gain.square() * variance).sum()).sqrt()


def linear_estimate(components: Tensor, gain: Tensor, variance: Tensor, noise_power: Tensor) -> tuple[Tensor, Tensor]:
    """Return the linear estimates of components from noisy ones, and the sum of the squared errors of a tile, real [batch].

    components   gain times the components plus noise, real [batch, tiles, kept]
    gain         real [kept]
    variance     variances of the components, real [kept]
    noise_power  noise power per complex symbol, real [batch], of which each real value has half
    """
    noise = noise_power[:, None] / 2.0
    received = gain.square() * variance + noise
    return components * (gain * variance / received)[:, None], (variance * noise / received).sum(dim=1)
