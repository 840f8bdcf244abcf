"""Probability that the header of a data frame is lost: the link abstraction that replaces decoding every header.

Whether a header arrives depends on the SNR of its symbols alone. Decoding a header takes milliseconds at a low SNR, more than everything
else in a frame without networks, so its loss is drawn with the probability with which decoding fails. The probability is

    coded    Q(slope (snr_db - middle_db)), fitted to measured frame errors of `LdpcQpsk` with 20 iterations (see `FITTED`)
    uncoded  1 - product over all bits of 1 - Q(sqrt(2 snr)), exact for BPSK

Where the SNR changes within a header, the coded case needs one number for it:

- A receiver that knows the level of every symbol weights the symbols. The effective SNR is that at which one symbol of QPSK has the mean
  mutual information of all symbols (mutual-information effective SNR mapping: Brueninghaus et al., IEEE PIMRC 2005).
- A receiver that does not know them decodes as if the noise were equally strong everywhere. A nearest-neighbour decoder then achieves what
  it achieves in Gaussian noise of the mean power (Lapidoth, IEEE Trans. Inf. Theory 42, 1996), see `mismatched_snr`.

SNR is linear, Es/N0 per complex symbol, and includes the gain, interference, and the combining of all copies.
"""

import math

import numpy as np
from numpy.typing import NDArray

from linksim.phy.theory import q_function
from linksim.units import linear_to_db

# Size in bytes: middle in dB, where half of the headers are lost, and slope per dB. Fitted to 1,024 to 6,144 decoded headers at each of 13
# SNRs from -5 to 1 dB; between loss rates of 0.98 and 0.001, the probability is within 35 % of the measured rate.
FITTED = {12: (-2.63, 1.15), 16: (-1.90, 1.38)}
MIN_SNR = 1e-12

Levels = NDArray[np.floating]


def coded_loss(size: int, snr: float | Levels) -> float:
    """Probability that a coded header is lost.

    size  length in bytes, a key of `FITTED`
    snr   float, or [symbols] where the receiver knows the level of each symbol

    >>> round(coded_loss(16, 10 ** -0.19), 6), coded_loss(16, 1.0) < 0.005, coded_loss(16, 10.0) < 1e-40
    (0.5, True, True)
    """
    middle_db, slope = FITTED[size]
    effective = snr if isinstance(snr, float) else effective_snr(snr)
    return float(0.5 * math.erfc(slope * (linear_to_db(max(effective, MIN_SNR)) - middle_db) / math.sqrt(2)))


def uncoded_loss(size: int, snr: float | Levels) -> float:
    """Probability that at least one of the bits of an uncoded header is wrong.

    size  length in bytes
    snr   float, or [8 * size], one level per bit
    """
    right = np.log1p(-np.atleast_1d(q_function(np.sqrt(2 * np.maximum(snr, 0.0)))))
    return float(-np.expm1(right.sum() * (8 * size / right.size)))


def effective_snr(snr: Levels) -> float:
    """SNR of a constant channel with the same mean mutual information of QPSK as the symbols have, linear.

    >>> round(effective_snr(np.array([2.0, 2.0])), 3), effective_snr(np.array([1e-9, 4.0])) < 2.0
    (2.0, True)
    """
    return _snr_at(float(_information(snr).mean()))


def mismatched_snr(gain: complex | NDArray[np.complexfloating], level: float | Levels, assumed: complex, repeats: int, real: bool) -> float:
    """SNR after combining at a receiver that assumes one gain and one noise power for the whole header, linear; 0 if the phase is inverted.

    gain     true gain, complex or [symbols]
    level    true power of noise and interference, float or [symbols]
    assumed  gain that the receiver assumes
    repeats  number of copies of each symbol
    real     True for BPSK, where only the real part of the equalised symbol counts
    """
    if not assumed:
        return 0.0
    equalised = np.atleast_1d(gain) / assumed  # 1 with a perfect estimate
    mean = complex(equalised.mean())
    spread = float(np.mean(np.abs(equalised - mean) ** 2)) + float(np.mean(level)) / abs(assumed) ** 2
    crosstalk = 0.0 if real else mean.imag**2  # between the parts of QPSK; it is the same in all copies
    return max(mean.real, 0.0) ** 2 / (spread / repeats + crosstalk + MIN_SNR)


def _information(snr: Levels) -> Levels:
    """Mutual information per bit of QPSK, 0..1: the J function for LLRs of variance 4 snr, as Brannstrom et al. (2005) approximate it."""
    found: Levels = (1 - 2 ** (-0.3073 * (4 * np.maximum(snr, 0.0)) ** 0.8935)) ** 1.1064
    return found


def _snr_at(information: float) -> float:
    """Inverse of `_information`."""
    rest = max(1 - min(max(information, 0.0), 1.0) ** (1 / 1.1064), 1e-300)
    return float((-math.log2(rest) / 0.3073) ** (1 / 0.8935) / 4)
