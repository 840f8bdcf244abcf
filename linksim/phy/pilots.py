"""Pilot symbols in front of a frame, and the receiver's estimates of gain, noise power and SNR (as `phy.baseband` defines it) from them."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from linksim.units import linear_to_db

MIN_SNR = 1e-4  # -40 dB, reported for lower and for negative estimates
MAX_SNR = 1e8  # 80 dB: 20 dB above the largest SNR of a scenario, and still resolved by float32


@dataclass(frozen=True, slots=True)
class PilotEstimate:
    """The receiver's estimate of the channel.

    gain         complex
    noise_power  N0 per complex symbol, linear
    snr          linear, within MIN_SNR..MAX_SNR
    """

    gain: complex
    noise_power: float
    snr: float

    @property
    def snr_db(self) -> float:
        """Estimated SNR in dB."""
        return linear_to_db(self.snr)


@lru_cache(maxsize=64)
def pilots(count: int) -> NDArray[np.complex64]:
    """The pilot sequence: QPSK of unit modulus, complex64 [count], read-only. A shorter sequence is a prefix of a longer one.

    The sequence is public. It derives from the raw output of Philox, which numpy guarantees to be stable across versions and platforms.
    """
    quadrant = np.random.Philox(key=0).random_raw(count) >> np.uint64(62)
    points = np.array([1 + 1j, -1 + 1j, -1 - 1j, 1 - 1j]) / np.sqrt(2)
    sequence: NDArray[np.complex64] = points[quadrant].astype(np.complex64)
    sequence.setflags(write=False)
    return sequence


def estimate(received: NDArray[np.complexfloating], sent: NDArray[np.complexfloating]) -> PilotEstimate:
    """Estimate gain and noise power of `received = gain * sent + noise`, both complex [count] with count >= 2, `sent` of unit modulus.

    gain  least squares: unbiased, variance N0 / count
    N0    residual power over count - 1 degrees of freedom: unbiased
    snr   (|gain|^2 - N0 / count) / N0, which corrects the bias N0 / count of |gain|^2. The remaining bias is due to the division by an
          estimate: E[snr + 1 / count] is (count - 1) / (count - 2) times the true value, 0.14 dB too high for 32 pilots

    Jamming counts as noise. Raises ValueError for unequal shapes or fewer than two pilots.
    """
    count = sent.size
    if received.shape != sent.shape or count < 2:
        raise ValueError(f"an estimate takes two or more pilots, as many received as sent, got {received.shape} and {sent.shape}")
    gain = complex(np.vdot(sent, received)) / count
    residual = received - gain * sent
    noise_power = float(np.vdot(residual, residual).real) / (count - 1)
    signal_power = abs(gain) ** 2 - noise_power / count
    if signal_power <= MIN_SNR * noise_power:
        return PilotEstimate(gain, noise_power, MIN_SNR)
    return PilotEstimate(gain, noise_power, signal_power / max(noise_power, signal_power / MAX_SNR))
