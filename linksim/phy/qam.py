"""Gray-mapped QPSK and 16-QAM of unit mean power: bits to symbols, and symbols to bits, hard and soft.

The mapping is that of 3GPP TS 38.211, 5.1. The bits of a symbol go to the real and the imaginary part in turn, so each part carries
log2(order) / 2 bits of its own, sign first:

    QPSK    (1 - 2 b0) / sqrt(2)                                 16-QAM  (1 - 2 b0) (1 + 2 b2) / sqrt(10)
"""

import math

import torch
from torch import Tensor

SMALLEST_NOISE = 1e-9  # 90 dB below the signal: what is less is taken as this

_QPSK, _QAM16 = 1 / math.sqrt(2), 1 / math.sqrt(10)  # the smallest amplitude in a dimension


def bits_per_symbol(order: int) -> int:
    """2 or 4. Raises ValueError for another constellation than of 4 or 16 points."""
    if order not in (4, 16):
        raise ValueError(f"the constellation must have 4 or 16 points, got {order}")
    return 2 if order == 4 else 4


def modulate(bits: Tensor, order: int) -> Tensor:
    """Bits uint8 [b, m * s] -> complex64 [b, s], with m = log2(order) bits a symbol."""
    m = bits_per_symbol(order)
    parts = bits.float().view(len(bits), -1, m // 2, 2)  # [b, s, bit of the part, part]
    amplitude = 1.0 - 2.0 * parts[:, :, 0]
    amplitude = amplitude * _QPSK if order == 4 else amplitude * (1.0 + 2.0 * parts[:, :, 1]) * _QAM16
    return torch.view_as_complex(amplitude)


def demodulate(symbols: Tensor, noise_power: Tensor, order: int) -> Tensor:
    """Undo `modulate` after Gaussian noise -> log P(0) / P(1) of each bit, exact: float32 [b, m * s].

    symbols      complex [b, s], equalised
    noise_power  real [b] or [b, s], N0 per complex symbol after equalisation; infinite where nothing is known of a symbol
    """
    m = bits_per_symbol(order)
    noise = (noise_power if noise_power.dim() == 2 else noise_power[:, None]).clamp_min(SMALLEST_NOISE)[..., None]
    y = torch.view_as_real(symbols)
    if m == 2:
        return (4.0 * _QPSK * y / noise).flatten(1)
    # In units of the smallest amplitude the likelihood of +-1 is exp(-(y -+ 1)^2 / n), that of +-3 exp(-(y -+ 3)^2 / n);
    # what all have in common is left out.
    y, n = y / _QAM16, noise / _QAM16**2
    inner, outer = 2.0 * y / n, 6.0 * y / n
    minus = 8.0 / n  # 3^2 - 1^2
    sign = torch.logaddexp(inner, outer - minus) - torch.logaddexp(-inner, -outer - minus)
    size = torch.logaddexp(inner, -inner) - torch.logaddexp(outer, -outer) + minus
    return torch.stack([sign, size], dim=2).flatten(1)


def decide(symbols: Tensor, order: int) -> Tensor:
    """Undo `modulate` by the nearest point. complex [b, s], equalised -> bits uint8 [b, m * s]."""
    y = torch.view_as_real(symbols)
    parts = [y < 0] if bits_per_symbol(order) == 2 else [y < 0, y.abs() > 2 * _QAM16]
    return torch.stack(parts, dim=2).flatten(1).to(torch.uint8)
