"""Measured points of error rate curves: bit errors without a code, block errors with one. `phy.theory` holds the closed forms.

A measured point is a function of its arguments: its draws come from streams named by the seed. `linksim.curves` chooses the points and
draws both kinds into one figure, which shows that modulation, noise and decoder agree with theory.
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

BATCH_SIZE = 1 << 18  # bits or symbols that are drawn at a time


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """Number of errors among independent trials.

    errors  number of wrong bits, or of blocks with at least one wrong bit
    trials  number of bits or blocks
    """

    errors: int
    trials: int

    @property
    def rate(self) -> float:
        """Errors per trial, 0..1. `linksim.statistics` gives its confidence interval."""
        return self.errors / self.trials


def measure_uncoded(order: int, snr_db: float, channel: Literal["awgn", "rayleigh"], bits: int, seed: int) -> ErrorCount:
    """Bit errors of nearest-point decisions.

    order    4 (QPSK) or 16 (16-QAM)
    snr_db   mean Es/N0 in dB
    channel  "awgn", or "rayleigh": an independent gain for every symbol, known to the receiver
    bits     number of bits, rounded up to whole symbols
    seed     seed of bits, gains and noise

    Raises ValueError for any other order.

    >>> from linksim.phy.theory import ber_qpsk_awgn
    >>> measure_uncoded(4, 7.0, "awgn", bits=200_000, seed=1).rate, round(float(ber_qpsk_awgn(db_to_linear(7.0))), 5)
    (0.01249, 0.01259)
    """
    m, streams = qam.bits_per_symbol(order), Streams(seed)
    symbols, noise_power = -(-bits // m), torch.tensor([1 / db_to_linear(snr_db)])
    errors = 0
    for number, first in enumerate(range(0, symbols, BATCH_SIZE)):
        draw, count = streams("curves/uncoded", number), min(BATCH_SIZE, symbols - first)
        sent = _bits(draw, 1, m * count)
        gain = _normals(draw, 1, count) if channel == "rayleigh" else torch.ones(1, 1, dtype=torch.complex64)
        received = transmit(qam.modulate(sent, order), gain, noise_power, _normals(draw, 1, count))
        errors += int((qam.decide(equalise(ReceivedSymbols(received, gain, noise_power)), order) != sent).sum())
    return ErrorCount(errors, m * symbols)


def measure_coded(code: ldpc.LdpcCode, order: int, snr_db: float, blocks: int, seed: int, iterations: int = 20) -> ErrorCount:
    """Block errors of soft demapping and decoding over AWGN.

    code        the LDPC code
    order       4 (QPSK) or 16 (16-QAM)
    snr_db      Es/N0 in dB
    blocks      number of codewords
    seed        seed of messages and noise
    iterations  largest number of decoder iterations

    Raises ValueError for any other order.

    >>> [measure_coded(ldpc.code(648, "1/2"), 4, snr_db, blocks=64, seed=1).errors for snr_db in (0.0, 3.0)]
    [64, 0]
    """
    streams, noise_power = Streams(seed), 1 / db_to_linear(snr_db)
    m, batch_size = qam.bits_per_symbol(order), BATCH_SIZE // code.n
    errors = 0
    for number, first in enumerate(range(0, blocks, batch_size)):
        draw, count = streams("curves/coded", number), min(batch_size, blocks - first)
        sent, level = _bits(draw, count, code.k), torch.full((count,), noise_power)
        symbols = qam.modulate(ldpc.encode(code, sent), order)
        received = transmit(symbols, torch.ones(count, 1), level, _normals(draw, count, code.n // m))
        decoded = ldpc.decode(code, qam.demodulate(received, level, order), iterations)
        errors += int((decoded.bits != sent).any(dim=1).sum())
    return ErrorCount(errors, blocks)


def _bits(draw: np.random.Generator, rows: int, count: int) -> Tensor:
    """Fair bits, uint8 [rows, count]."""
    return torch.from_numpy(draw.integers(2, size=(rows, count), dtype=np.uint8))


def _normals(draw: np.random.Generator, rows: int, count: int) -> Tensor:
    """Circular complex normals of unit power, complex64 [rows, count]."""
    return torch.from_numpy(unit_noise(draw, rows * count)).view(rows, count)
