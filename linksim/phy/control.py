"""Control messages as symbols: bytes are coded or left bare, sent several times, and the copies combined by their SNR.

    raw --> symbols of one copy --> all copies, one after the other ~ air ~ the copies' sum --> raw
             `Coding.modulate`                                                                   `Coding.demodulate`

The copies of a symbol stand one whole message apart, so a burst of jamming or a fade shorter than the message hits few copies of the
same symbol. What comes out may be wrong: the message's own checksum says so.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from linksim.phy.qam import SMALLEST_NOISE

Symbols = NDArray[np.complexfloating[Any, Any]]


class Coding(Protocol):
    """What stands between bytes and the symbols of one copy."""

    def modulate(self, raw: bytes) -> NDArray[np.complex64]:
        """Message of any length -> complex64 [symbols], each of power one."""
        ...

    def demodulate(self, trust: Symbols, size: int) -> bytes:
        """Most likely message of `size` bytes. `trust` is complex [symbols], see `combine`."""
        ...


class UncodedBpsk:
    """BPSK without a code: bit 0 is +1, bit 1 is -1. With n copies and `snr` as `phy.options` defines it, on a constant gain,

    bit error rate = Q(sqrt(2 * n * snr))

    since BPSK uses one real dimension, in which the noise has power N0 / 2.
    """

    def modulate(self, raw: bytes) -> NDArray[np.complex64]:
        bits = np.unpackbits(np.frombuffer(raw, np.uint8))
        return np.array([1, -1], np.complex64)[bits]

    def demodulate(self, trust: Symbols, size: int) -> bytes:
        return np.packbits(trust.real < 0).tobytes()


def combine(received: Symbols, gain: complex | Symbols, noise_power: float | NDArray[np.floating[Any]], repeats: int) -> Symbols:
    """Maximum-ratio combining: the copies' sum of ``conj(gain) * received / N0`` -> complex [symbols].

    The real part is a quarter of log P(+1) / P(-1) of a symbol sent as +1 or -1, and the SNRs of the copies add up.

    received        complex [repeats * symbols]
    gain         complex, or complex [repeats * symbols] or [1]: as the receiver believes it to be
    noise_power  N0 per complex symbol, real, or real [repeats * symbols] where the receiver knows that it is not the same for all

    Raises ValueError when `received` is no whole number of copies.
    """
    if received.size % repeats:
        raise ValueError(f"{received.size} symbols are no {repeats} copies of the same symbols")
    trust: Symbols = np.conj(gain) * received / np.maximum(noise_power, SMALLEST_NOISE)
    return trust.reshape(repeats, -1).sum(axis=0) if repeats > 1 else trust
