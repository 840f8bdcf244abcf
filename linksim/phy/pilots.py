"""Known symbols in front of a frame, and what a receiver learns from them: gain, noise power, SNR (as `phy.options` defines it)."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from linksim.units import linear_to_db

SMALLEST_SNR = 1e-4  # -40 dB: an estimate that comes out lower, or negative, says "hardly anything"
LARGEST_SNR = 1e8  # 80 dB: 20 dB above what a scenario may set, and far enough from what float32 can tell


@dataclass(frozen=True, slots=True)
class PilotEstimate:
    """What the receiver believes.

    gain         complex
    noise_power  N0 per complex symbol, linear
    snr          linear, within SMALLEST_SNR..LARGEST_SNR
    """

    gain: complex
    noise_power: float
    snr: float

    @property
    def snr_db(self) -> float:
        return linear_to_db(self.snr)


@lru_cache(maxsize=64)
def pilots(count: int) -> NDArray[np.complex64]:
    """The pilot sequence: QPSK of unit modulus, complex64 [count], read-only. A shorter one is the beginning of a longer one.

    Drawn from the raw bits of Philox, which numpy promises to keep, so that it is the same everywhere and is public by design.
    """
    quadrant = np.random.Philox(key=0).random_raw(count) >> np.uint64(62)
    points = np.array([1 + 1j, -1 + 1j, -1 - 1j, 1 - 1j]) / np.sqrt(2)
    sequence: NDArray[np.complex64] = points[quadrant].astype(np.complex64)
    sequence.setflags(write=False)
    return sequence


def estimate(received: NDArray[np.complexfloating], sent: NDArray[np.complexfloating]) -> PilotEstimate:
    """Gain and noise power of `received = gain * sent + noise`, both complex [count], count >= 2, `sent` of unit modulus.

    gain  least squares: unbiased, variance N0 / count
    N0    residual power over count - 1 degrees of freedom: unbiased
    snr   (|gain|^2 - N0 / count) / N0: the mean of |gain|^2 is N0 / count too high. What bias remains comes from dividing by an
          estimate: E[snr + 1 / count] is (count - 1) / (count - 2) times too high, 0.14 dB at 32 pilots

    Jamming counts as noise. Raises ValueError for other shapes, or fewer than two pilots.
    """
    count = sent.size
    if received.shape != sent.shape or count < 2:
        raise ValueError(f"an estimate takes two or more pilots, as many received as sent, got {received.shape} and {sent.shape}")
    gain = complex(np.vdot(sent, received)) / count
    residual = received - gain * sent
    noise_power = float(np.vdot(residual, residual).real) / (count - 1)
    signal_power = abs(gain) ** 2 - noise_power / count
    if signal_power <= SMALLEST_SNR * noise_power:
        return PilotEstimate(gain, noise_power, SMALLEST_SNR)
    return PilotEstimate(gain, noise_power, signal_power / max(noise_power, signal_power / LARGEST_SNR))
