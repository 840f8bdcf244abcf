"""The features of DiffSem as complex symbols: pairs of consecutive values, [n, channels, 8, 8] <-> [n, channels * 32]."""

import torch
from torch import Tensor

SIDE = 8  # of the features


def to_symbols(features: Tensor) -> Tensor:
    """Turn features [n, channels, 8, 8] of unit mean square into complex symbols [n, channels * 32] of unit mean power."""
    pairs = features.float().reshape(len(features), -1, 2).contiguous()
    symbols: Tensor = torch.view_as_complex(pairs) * 0.5**0.5
    return symbols


def to_features(symbols: Tensor, channels: int) -> Tensor:
    """Turn complex symbols [n, channels * 32] into features [n, channels, 8, 8], the inverse of `to_symbols`.

    Channel noise of power N0 per symbol is noise of variance N0 per feature value.

    >>> features = torch.randn(2, 1, 8, 8)
    >>> torch.allclose(to_features(to_symbols(features), 1), features)
    True
    """
    return torch.view_as_real(symbols * 2.0**0.5).reshape(len(symbols), channels, SIDE, SIDE)


def channel_uses(channels: int) -> int:
    """Return the number of complex symbols of features with this number of channels.

    >>> channel_uses(1)
    32
    """
    return channels * SIDE**2 // 2
