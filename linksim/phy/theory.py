"""Bit error rates in closed form of Gray-mapped QPSK and 16-QAM with nearest-point decisions (Proakis; Simon and Alouini).

All functions take the SNR as `phy.baseband` defines it (Es/N0, linear, a number or an array), averaged over the fading where there is
any, and return a rate between 0 and 1/2. QPSK has the bit error rate of BPSK at half the Es/N0, as its two dimensions are independent.

Sources: Proakis and Salehi, Digital Communications, 5th ed., Sec. 4.3; Simon and Alouini, Digital Communication over Fading Channels, 2nd
ed., Ch. 5 and 8. The tests compare `phy.curves` with these functions.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

Reals = float | NDArray[np.floating[Any]]


def q_function(x: Reals) -> NDArray[np.float64]:
    """Probability that a standard normal exceeds x.

    >>> float(q_function(0.0))
    0.5
    """
    return np.asarray(special.ndtr(-np.asarray(x)))


def ber_qpsk_awgn(snr: Reals) -> NDArray[np.float64]:
    """Q(sqrt(snr)).

    >>> round(float(ber_qpsk_awgn(10.0)), 6)
    0.000783
    """
    return q_function(np.sqrt(snr))


def ber_qam16_awgn(snr: Reals) -> NDArray[np.float64]:
    """3/4 Q(a) + 1/2 Q(3 a) - 1/4 Q(5 a) with a = sqrt(snr / 5): exact, averaged over both bits of a dimension.

    >>> round(float(ber_qam16_awgn(10.0)), 3)
    0.059
    """
    a = np.sqrt(np.asarray(snr) / 5)
    return 0.75 * q_function(a) + 0.5 * q_function(3 * a) - 0.25 * q_function(5 * a)


def ber_qpsk_rayleigh(snr: Reals) -> NDArray[np.float64]:
    """`ber_qpsk_awgn` averaged over an exponentially distributed SNR (Rayleigh fading) of mean `snr`; the receiver knows the gain.

    >>> round(float(ber_qpsk_rayleigh(10.0)), 4)  # fading costs a factor of more than fifty at 10 dB
    0.0436
    """
    return _faded_q(np.asarray(snr, np.float64))


def ber_qam16_rayleigh(snr: Reals) -> NDArray[np.float64]:
    """`ber_qam16_awgn` averaged over an exponentially distributed SNR (Rayleigh fading) of mean `snr`; the receiver knows the gain."""
    scaled = np.asarray(snr, np.float64) / 5
    return 0.75 * _faded_q(scaled) + 0.5 * _faded_q(9 * scaled) - 0.25 * _faded_q(25 * scaled)


def _faded_q(mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """E[Q(sqrt(x))] for exponentially distributed x of that mean: (1 - sqrt(mean / (2 + mean))) / 2."""
    return np.asarray((1 - np.sqrt(mean / (2 + mean))) / 2)
