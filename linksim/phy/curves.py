"""Points of error rate curves, measured: bits without a code, blocks with one. What theory says of the former is in `phy.theory`.

A measured point is a fact of its arguments: its draws are streams named by the seed.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from linksim.phy import ldpc, qam
from linksim.phy.baseband import ReceivedSymbols, equalise, transmit
from linksim.phy.noise import unit_noise
from linksim.rng import Streams
from linksim.units import db_to_linear

AT_ONCE = 1 << 18  # bits or symbols that are drawn at a time


@dataclass(frozen=True, slots=True)
class Rate:
    """Errors among independent trials."""

    errors: int
    trials: int

    @property
    def value(self) -> float:
        return self.errors / self.trials


def measure_uncoded(order: int, snr_db: float, channel: Literal["awgn", "rayleigh"], bits: int, seed: int) -> Rate:
    """Bit errors of nearest-point decisions over `bits` bits, rounded up to whole symbols.

    order    4 (QPSK) or 16 (16-QAM)
    snr_db   mean Es/N0
    channel  "awgn", or "rayleigh": a gain of its own for every symbol, which the receiver knows
    """
    m, streams = qam.bits_per_symbol(order), Streams(seed)
    symbols, noise_power = -(-bits // m), torch.tensor([1 / db_to_linear(snr_db)])
    errors = 0
    for number, first in enumerate(range(0, symbols, AT_ONCE)):
        draw, count = streams("curves/uncoded", number), min(AT_ONCE, symbols - first)
        sent = _bits(draw, 1, m * count)
        gain = _normals(draw, 1, count) if channel == "rayleigh" else torch.ones(1, 1, dtype=torch.complex64)
        received = transmit(qam.modulate(sent, order), gain, noise_power, _normals(draw, 1, count))
        errors += int((qam.decide(equalise(ReceivedSymbols(received, gain, noise_power)), order) != sent).sum())
    return Rate(errors, m * symbols)


def measure_coded(code: ldpc.Code, order: int, snr_db: float, blocks: int, seed: int, iterations: int = 20) -> Rate:
    """Messages not recovered out of `blocks`, over AWGN of that Es/N0, soft demapped and decoded."""
    streams, noise_power = Streams(seed), 1 / db_to_linear(snr_db)
    m, at_once = qam.bits_per_symbol(order), AT_ONCE // code.n
    wrong = 0
    for number, first in enumerate(range(0, blocks, at_once)):
        draw, count = streams("curves/coded", number), min(at_once, blocks - first)
        sent, level = _bits(draw, count, code.k), torch.full((count,), noise_power)
        symbols = qam.modulate(ldpc.encode(code, sent), order)
        received = transmit(symbols, torch.ones(count, 1), level, _normals(draw, count, code.n // m))
        decoded = ldpc.decode(code, qam.demodulate(received, level, order), iterations)
        wrong += int((decoded.bits != sent).any(dim=1).sum())
    return Rate(wrong, blocks)


def _bits(draw: np.random.Generator, rows: int, count: int) -> Tensor:
    """Fair bits uint8 [rows, count]."""
    return torch.from_numpy(draw.integers(2, size=(rows, count), dtype=np.uint8))


def _normals(draw: np.random.Generator, rows: int, count: int) -> Tensor:
    """Circular complex normals of unit power, complex64 [rows, count]."""
    return torch.from_numpy(unit_noise(draw, rows * count)).view(rows, count)
