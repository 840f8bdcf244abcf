"""Reveal attack on covert communication from chosen pairs: a linear map from received symbols to the private signal.

    chosen hosts and private images --> [Alice's transmitter] --> containers --> Eve's channel --> received symbols --\\
                                \\-----> [copy of the encoder] --> private signals ------------------------> [ridge regression]
                                                                                                                     |
    received symbols --> [tiles of the feature map] --> [linear map] --> private signal, SNR --> [copy of the decoder] --> private image

Eve submits images and observes containers, but has neither the network that reveals nor any key. A hider that is nearly linear, as the
linear swap is, gives its private signal away to a regression. Keys that change with every item leave nothing that a fixed map can learn.

All tiles of an image share one map, which multiplies the number of equations per pair; a tile of the whole feature map makes no such
assumption. The strength of the regularisation is chosen on chosen pairs that the regression has not seen.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from linksim.nets.components import from_tiles, to_tiles

STRENGTHS = (1e-6, 1e-4, 1e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 10.0)  # of the regularisation, relative to the variance of an input vector
HELD_OUT = 0.2  # share of the chosen pairs on which the strength is chosen, and at most `MAX_HELD_OUT` of them
MAX_HELD_OUT = 200
MIN_ERROR = 1e-6


class RidgePath(NamedTuple):
    """Solutions of a ridge regression for all strengths: weight(s) = basis (projected / (spectrum + s)).

    basis      float [inputs, k]
    spectrum   eigenvalues, float [k]
    projected  float [k, outputs]
    """

    basis: Tensor
    spectrum: Tensor
    projected: Tensor

    def weight(self, strength: float) -> Tensor:
        """Return the weights for a strength of the regularisation, float [inputs, outputs]."""
        return self.basis @ (self.projected / (self.spectrum + strength)[:, None])


@dataclass(frozen=True, eq=False)
class RidgeReveal:
    """Eve's fitted map.

    weight, offset  float [size, size] and [size] for tiles of `size` real values
    channels, tile  real feature channels of the codec, and side of a tile in feature positions
    strength        strength of the regularisation, relative to the variance of an input vector
    snr_db          SNR in dB of the private signals that it recovers from pairs which it was not fitted to
    """

    weight: Tensor
    offset: Tensor
    channels: int
    tile: int
    strength: float
    snr_db: float

    def __call__(self, symbols: Tensor) -> Tensor:
        """Return the estimates of private signals for equalised symbols, complex [batch, channel_uses] each."""
        return from_tiles(to_tiles(symbols, self.channels, self.tile) @ self.weight + self.offset, self.channels, self.tile)


def ridge_path(inputs: Tensor, targets: Tensor) -> RidgePath:
    """Return the solutions of the regression of targets [n, outputs] on inputs [n, inputs], both centred.

    The regression is solved in the dual form, by the eigenvectors of the Gram matrix [n, n], if there are fewer equations than inputs, and
    otherwise by those of the covariance [inputs, inputs].
    """
    if len(inputs) < inputs.shape[1]:
        spectrum, vectors = torch.linalg.eigh(inputs @ inputs.T)
        return RidgePath(inputs.T @ vectors, spectrum.clamp_min(0.0), vectors.T @ targets)
    spectrum, vectors = torch.linalg.eigh(inputs.T @ inputs)
    return RidgePath(vectors, spectrum.clamp_min(0.0), vectors.T @ (inputs.T @ targets))


def fit_ridge(received: Tensor, private: Tensor, channels: int, tile: int, strength: float | None = None) -> RidgeReveal:
    """Fit Eve's map to chosen pairs.

    received  equalised symbols of the containers as Eve received them, complex [pairs, channel_uses], at least 2
    private   private signals, of the same shape
    channels  real feature channels of the codec
    tile      side of a tile in feature positions, which divides the side of the feature map
    strength  strength of the regularisation; None to choose the one of `STRENGTHS` with the least error on held-out pairs
    """
    held_out = max(1, min(MAX_HELD_OUT, round(HELD_OUT * len(received))))
    inputs, targets = (to_tiles(signals, channels, tile) for signals in (received, private))
    rows, wanted = (signals[held_out:].flatten(0, 1) for signals in (inputs, targets))
    mean, offset, power = rows.mean(dim=0), wanted.mean(dim=0), rows.var(dim=0).sum().item()
    path = ridge_path(rows - mean, wanted - offset)
    seen = ((inputs[:held_out] - mean) @ path.basis).flatten(0, 1)
    errors = {}
    for each in STRENGTHS if strength is None else (strength,):
        found = seen @ (path.projected / (path.spectrum + each * power)[:, None]) + offset
        errors[each] = (found - targets[:held_out].flatten(0, 1)).square().mean().item()
    chosen = min(errors, key=errors.__getitem__)
    rows, wanted = inputs.flatten(0, 1), targets.flatten(0, 1)
    mean, offset = rows.mean(dim=0), wanted.mean(dim=0)
    weight = ridge_path(rows - mean, wanted - offset).weight(chosen * rows.var(dim=0).sum().item())
    error = max(2.0 * errors[chosen], MIN_ERROR)  # of a complex symbol, which has unit power
    return RidgeReveal(weight, offset - mean @ weight, channels, tile, chosen, -10.0 * math.log10(error))
