"""Bit error rates in closed form, of Gray-mapped QPSK and 16-QAM with nearest-point decisions (Proakis; Simon and Alouini).

Every function takes SNR as `phy.options` defines it (Es/N0, linear, a number or an array), averaged over the fading where there is some,
and gives a rate between 0 and 1/2.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

Reals = float | NDArray[np.floating[Any]]


def q(x: Reals) -> NDArray[np.float64]:
    """The chance that a standard normal exceeds x."""
    return np.asarray(special.ndtr(-np.asarray(x)))


def ber_qpsk_awgn(snr: Reals) -> NDArray[np.float64]:
    """Q(sqrt(snr))."""
    return q(np.sqrt(snr))


def ber_qam16_awgn(snr: Reals) -> NDArray[np.float64]:
    """3/4 Q(a) + 1/2 Q(3 a) - 1/4 Q(5 a) with a = sqrt(snr / 5): exact, both bits of a dimension averaged."""
    a = np.sqrt(np.asarray(snr) / 5)
    return 0.75 * q(a) + 0.5 * q(3 * a) - 0.25 * q(5 * a)


def ber_qpsk_rayleigh(snr: Reals) -> NDArray[np.float64]:
    """`ber_qpsk_awgn` averaged over an exponential SNR: the receiver knows the gain."""
    return _faded_q(np.asarray(snr, np.float64))


def ber_qam16_rayleigh(snr: Reals) -> NDArray[np.float64]:
    """`ber_qam16_awgn` averaged over an exponential SNR: the receiver knows the gain."""
    share = np.asarray(snr, np.float64) / 5
    return 0.75 * _faded_q(share) + 0.5 * _faded_q(9 * share) - 0.25 * _faded_q(25 * share)


def _faded_q(mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """E[Q(sqrt(x))] for exponential x of that mean: (1 - sqrt(mean / (2 + mean))) / 2."""
    return np.asarray((1 - np.sqrt(mean / (2 + mean))) / 2)
