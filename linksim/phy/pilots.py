"""Pilot symbols in front of a frame, and the receiver's estimates of gain, noise power and SNR (as `phy.baseband` defines it) from them.

PROBE messages contain pilots, from which Bob measures the SNR that he reports. With `csi: pilots`, data frames contain them too, and the
receiver equalises with the estimated gain. One gain is estimated for the whole frame.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from linksim.scenario.nodes import SnrEstimator
from linksim.units import linear_to_db

MIN_SNR = 1e-4  # -40 dB, reported for lower estimates
MAX_SNR = 1e8  # 80 dB: 20 dB above the largest SNR of a scenario, and still resolved by float32


@dataclass(frozen=True, slots=True)
class PilotEstimate:
    """The receiver's estimate of the channel.

    gain         complex gain of the path
    noise_power  N0 per complex symbol, linear; it includes jamming
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
    """The pilot sequence: QPSK symbols of unit modulus, complex64 [count], read-only. A shorter sequence is a prefix of a longer one.

    The sequence is public. It derives from the raw output of Philox, which numpy guarantees to be stable across versions and platforms.
    """
    quadrant = np.random.Philox(key=0).random_raw(count) >> np.uint64(62)
    points = np.array([1 + 1j, -1 + 1j, -1 - 1j, 1 - 1j]) / np.sqrt(2)
    sequence: NDArray[np.complex64] = points[quadrant].astype(np.complex64)
    sequence.setflags(write=False)
    return sequence


def estimate(
    received: NDArray[np.complexfloating], sent: NDArray[np.complexfloating], estimator: SnrEstimator = "unbiased"
) -> PilotEstimate:
    """Estimate gain and noise power of `received = gain * sent + noise`, both complex [count] with count >= 2, `sent` of unit modulus.

    gain       least squares: unbiased, variance N0 / count
    N0         residual power over count - 1 degrees of freedom: unbiased
    snr        maximum-likelihood: count |gain|^2 / (residual power); unbiased: this times `log_correction`, see there for the bias of both
    estimator  how the SNR is computed; gain and N0 do not depend on it

    Jamming counts as noise. Raises ValueError for unequal shapes or fewer than two pilots.

    >>> sent = pilots(4)
    >>> found = estimate(2j * sent + np.array([0.1, -0.1, 0.1, -0.1]), sent)
    >>> round(found.gain.imag, 1), round(found.noise_power, 3), round(found.snr_db)
    (2.0, 0.01, 25)
    """
    count = sent.size
    if received.shape != sent.shape or count < 2:
        raise ValueError(f"an estimate takes two or more pilots, as many received as sent, got {received.shape} and {sent.shape}")
    gain = complex(np.vdot(sent, received)) / count
    residual = received - gain * sent
    residual_power = float(np.vdot(residual, residual).real)
    scaled = count * abs(gain) ** 2 * (log_correction(count) if estimator == "unbiased" else 1.0)
    snr = MIN_SNR if scaled <= MIN_SNR * residual_power else scaled / max(residual_power, scaled / MAX_SNR)
    return PilotEstimate(gain, residual_power / (count - 1), snr)


@lru_cache(maxsize=64)
def log_correction(count: int) -> float:
    """Factor that removes the bias, in dB, of the maximum-likelihood estimate of the SNR from `count` pilots, except at the lowest SNRs.

    |gain|^2 is noncentral and the residual power central chi-square. With E[ln] of both (Lapidoth and Moser, IEEE Trans. Inf. Theory 49,
    2003, Eq. 209; digamma function psi), the estimates have the bias, in nepers of power (1 is 4.34 dB),

        maximum-likelihood   E1(count snr) + ln(count) - psi(count - 1)
        unbiased             E1(count snr), with this factor exp(psi(count - 1)) / count

    The exponential integral E1(count snr) is 0.0002 dB for 32 pilots at -6 dB, 0.2 dB for 8 pilots at -6 dB, and above 1 dB only for
    count snr < 0.96. There the pilots hold no more energy than the noise in their sum, and every estimate stops to follow the SNR: the
    mean estimate does not fall below -2.5 - 10 log10(count) dB.

    >>> [round(-linear_to_db(log_correction(count)), 2) for count in (32, 8)]
    [0.21, 0.9]
    """
    return math.exp(float(digamma(count - 1))) / count
