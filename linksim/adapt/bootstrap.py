"""The bootstrap: how sure a mean is, from the samples themselves (Efron, 1979; percentile intervals)."""

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 5_000
TAILS = (0.025, 0.975)


def bootstrapped(samples: NDArray[np.float64], draw: np.random.Generator, resamples: int = RESAMPLES) -> tuple[float, float]:
    """95 % interval (low, high) of the mean of independent samples [n]; of paired differences, the paired bootstrap.

    How often each sample comes up in a resample of n is multinomial, so all resamples are one product of matrices.
    """
    n = len(samples)
    counts = draw.multinomial(n, np.full(n, 1.0 / n), resamples)
    low, high = np.quantile(counts @ samples / n, TAILS).tolist()
    return low, high
