"""Bytes of the control plane as symbols: BPSK, each bit repeated, the copies combined by their signal-to-noise ratio.

Bit 0 is +1, bit 1 is -1. The copies of a bit stand one whole message apart (all bits, then all bits again), so a burst of jamming or a
fade shorter than the message hits few copies of the same bit. With `snr` as `phy.link` defines it and n repeats, on a constant gain,

    bit error rate = Q(sqrt(2 * n * snr))

since BPSK uses one real dimension, in which the noise has power N0 / 2.
"""

import numpy as np
from numpy.typing import NDArray

_TINY = np.finfo(np.float32).tiny


def uses(size_bytes: int, repeats: int) -> int:
    """Complex channel uses of a message of `size_bytes`."""
    return 8 * size_bytes * repeats


def modulate(raw: bytes, repeats: int) -> NDArray[np.complex64]:
    """Message of any length -> complex64 [uses], each symbol of power one."""
    bits = np.unpackbits(np.frombuffer(raw, np.uint8))
    signs = np.array([1, -1], np.complex64)[bits]
    return np.tile(signs, repeats)


def demodulate(
    heard: NDArray[np.complexfloating],
    gain: complex | NDArray[np.complexfloating],
    noise_power: float | NDArray[np.floating],
    repeats: int,
) -> bytes:
    """Most likely message under Gaussian noise, by maximum-ratio combining of the copies.

    heard        complex [uses]
    gain         complex, or complex [uses] or [1]: as the receiver believes it to be
    noise_power  N0 per complex symbol, real, or real [uses] where the receiver knows that it is not the same for all
    repeats      copies of each bit

    Raises ValueError when `heard` does not hold whole bytes. What comes out may be wrong: the message's checksum says so.
    """
    if heard.size % (8 * repeats):
        raise ValueError(f"{heard.size} symbols are no whole number of bytes at {repeats} symbols a bit")
    trust = (np.conj(gain) * heard).real
    if isinstance(noise_power, np.ndarray):  # one common value scales all copies alike and decides nothing
        trust = trust / np.maximum(noise_power, _TINY)
    return np.packbits(trust.reshape(repeats, -1).sum(axis=0) < 0).tobytes()
