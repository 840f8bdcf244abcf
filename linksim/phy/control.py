"""Modulation and combining of control messages: bytes are coded or left uncoded, sent several times, and the copies are combined.

    raw --> symbols of one copy --> all copies, one after the other ~ channel ~ maximum-ratio combining --> raw
             `Coding.modulate`                                                   `combine`                   `Coding.demodulate`

The copies of a symbol are one whole message apart, so a burst of jamming or a fade that is shorter than the message affects few copies of
the same symbol. The demodulated bytes may contain errors, which the checksum of the message detects.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from linksim.phy.qam import MIN_NOISE_POWER
from linksim.worker import Worker

Symbols = NDArray[np.complexfloating[Any, Any]]


class Coding(Protocol):
    """Conversion between bytes and the symbols of one copy."""

    def modulate(self, raw: bytes) -> NDArray[np.complex64]:
        """Symbols of unit power, complex64 [symbols], for a message of any length."""
        ...

    def demodulate(self, combined: Symbols, size: int, worker: Worker) -> Callable[[], bytes]:
        """Return a function that returns the most likely message, which may contain errors.

        It is called as late as possible: the worker then decodes the messages of all links that wait.

        combined  output of `combine`, complex [symbols]
        size      length of the message in bytes, which the receiver knows from the type of the message
        """
        ...


class UncodedBpsk:
    """BPSK without a code: bit 0 is +1, bit 1 is -1.

    With n copies, constant gain and `snr` as `phy.baseband` defines it, the bit error rate is Q(sqrt(2 * n * snr)), since BPSK uses one
    real dimension, in which the noise has power N0 / 2.
    """

    def modulate(self, raw: bytes) -> NDArray[np.complex64]:
        """Symbols +1 and -1, complex64 [8 * len(raw)].

        >>> UncodedBpsk().modulate(bytes([0b10000001])).real.astype(int).tolist()
        [-1, 1, 1, 1, 1, 1, 1, -1]
        """
        bits = np.unpackbits(np.frombuffer(raw, np.uint8))
        return np.array([1, -1], np.complex64)[bits]

    def demodulate(self, combined: Symbols, size: int, worker: Worker) -> Callable[[], bytes]:
        """See `Coding.demodulate`: the signs of the real parts, for which neither `size` nor `worker` is needed."""
        raw = np.packbits(combined.real < 0).tobytes()
        return lambda: raw


def combine(received: Symbols, gain: complex | Symbols, noise_power: float | NDArray[np.floating[Any]], repeats: int) -> Symbols:
    """Maximum-ratio combining: the sum over the copies of ``conj(gain) * received / N0``, complex [symbols].

    The real part is a quarter of log P(+1) / P(-1) of a symbol sent as +1 or -1, and the SNRs of the copies add up.

    received     complex [repeats * symbols]
    gain         complex, or complex [repeats * symbols] or [1]; the receiver's estimate
    noise_power  N0 per complex symbol, real, or real [repeats * symbols] where the receiver knows a level per symbol

    Raises ValueError if the length of `received` is not a multiple of `repeats`.

    >>> combine(np.array([1.2, -0.8, 0.8, -1.2], np.complex64), gain=1.0, noise_power=0.5, repeats=2).real.round(3).tolist()
    [4.0, -4.0]
    """
    if received.size % repeats:
        raise ValueError(f"{received.size} symbols cannot be split into {repeats} copies of equal length")
    combined: Symbols = np.conj(gain) * received / np.maximum(noise_power, MIN_NOISE_POWER)
    return combined.reshape(repeats, -1).sum(axis=0) if repeats > 1 else combined
