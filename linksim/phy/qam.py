"""Gray-mapped QPSK and 16-QAM of unit mean power: modulation, and hard and soft demodulation.

The mapping is that of 3GPP TS 38.211, 5.1. The bits of a symbol alternate between the real and the imaginary part, so each part carries
log2(order) / 2 bits, the sign bit first:

    QPSK    (1 - 2 b0) / sqrt(2)                                 16-QAM  (1 - 2 b0) (1 + 2 b2) / sqrt(10)

Bits are 0 or 1 in uint8, in rows that are independent items of a batch. `phy.theory` has the error rates.
"""

import math

import torch
from torch import Tensor

MIN_NOISE_POWER = 1e-9  # 90 dB below the signal; lower values are replaced by this

_QPSK, _QAM16 = 1 / math.sqrt(2), 1 / math.sqrt(10)  # smallest amplitude in a dimension


def bits_per_symbol(order: int) -> int:
    """Number of bits per symbol. Raises ValueError unless the constellation has 4 or 16 points.

    >>> bits_per_symbol(16)
    4
    """
    if order not in (4, 16):
        raise ValueError(f"the constellation must have 4 or 16 points, got {order}")
    return 2 if order == 4 else 4


def modulate(bits: Tensor, order: int) -> Tensor:
    """Bits uint8 [b, m * s] -> symbols complex64 [b, s], with m = log2(order) bits per symbol. The mean power over all points is one.

    >>> bits = torch.tensor([[0, 1, 1, 1]], dtype=torch.uint8)
    >>> torch.equal(decide(modulate(bits, 4), 4), bits)
    True
    """
    m = bits_per_symbol(order)
    parts = bits.float().view(len(bits), -1, m // 2, 2)  # [b, s, bit of the part, part]
    amplitude = 1.0 - 2.0 * parts[:, :, 0]
    amplitude = amplitude * _QPSK if order == 4 else amplitude * (1.0 + 2.0 * parts[:, :, 1]) * _QAM16
    return torch.view_as_complex(amplitude)


def demodulate(symbols: Tensor, noise_power: Tensor, order: int) -> Tensor:
    """Exact log-likelihood ratios log P(0) / P(1) of the bits of `modulate` in Gaussian noise, float32 [b, m * s].

    symbols      complex [b, s], equalised
    noise_power  real [b] or [b, s], N0 per complex symbol after equalisation; infinite for an erased symbol, whose ratios are 0
    order        4 (QPSK) or 16 (16-QAM)

    >>> symbols = modulate(torch.tensor([[0, 1, 0, 0]], dtype=torch.uint8), 16)
    >>> [round(ratio) for ratio in demodulate(symbols, torch.tensor([0.1]), 16)[0].tolist()]
    [4, -4, 4, 4]
    """
    m = bits_per_symbol(order)
    noise = (noise_power if noise_power.dim() == 2 else noise_power[:, None]).clamp_min(MIN_NOISE_POWER)[..., None]
    y = torch.view_as_real(symbols)
    if m == 2:
        return (4.0 * _QPSK * y / noise).flatten(1)
    # In units of the smallest amplitude the likelihood of +-1 is exp(-(y -+ 1)^2 / n) and that of +-3 is exp(-(y -+ 3)^2 / n).
    # Common factors are omitted.
    y, n = y / _QAM16, noise / _QAM16**2
    inner, outer = 2.0 * y / n, 6.0 * y / n
    offset = 8.0 / n  # 3^2 - 1^2
    sign = torch.logaddexp(inner, outer - offset) - torch.logaddexp(-inner, -outer - offset)
    size = torch.logaddexp(inner, -inner) - torch.logaddexp(outer, -outer) + offset
    return torch.stack([sign, size], dim=2).flatten(1)


def decide(symbols: Tensor, order: int) -> Tensor:
    """Bits of the nearest points: equalised symbols complex [b, s] -> bits uint8 [b, m * s], the order of `modulate`."""
    y = torch.view_as_real(symbols)
    parts = [y < 0] if bits_per_symbol(order) == 2 else [y < 0, y.abs() > 2 * _QAM16]
    return torch.stack(parts, dim=2).flatten(1).to(torch.uint8)
