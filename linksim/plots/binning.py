"""Bins of a variable, and quantiles of another variable in them.

Figures show every sample if there are few and quantiles of bins if there are many. The quantiles of all bins come from
one sorted array, which takes about a second for a million samples.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linksim.statistics import Numbers


@dataclass(frozen=True)
class QuantileBands:
    """Quantiles of y in the non-empty bins of x.

    centre             mean x of each bin [bins]
    low, median, high  quantiles of y [bins]
    n                  number of samples in each bin [bins]
    """

    centre: NDArray[np.float64]
    low: NDArray[np.float64]
    median: NDArray[np.float64]
    high: NDArray[np.float64]
    n: NDArray[np.int64]


def quantile_bands(x: Numbers, y: Numbers, edges: Numbers, shares: tuple[float, float, float] = (0.1, 0.5, 0.9)) -> QuantileBands:
    """Return quantiles of y in bins of x. Empty bins are left out, and samples with a y that is not finite.

    x, y    samples [n] each
    edges   inner edges of the bins, ascending [bins - 1]; the first and the last bin are open
    shares  the three quantiles, 0..1 each: low, median and high by default

    >>> bands = quantile_bands(np.array([0.0, 1.0, 2.0, 9.0]), np.array([1.0, 2.0, 6.0, 4.0]), np.array([5.0]))
    >>> bands.centre.tolist(), bands.median.tolist(), bands.n.tolist()
    ([1.0, 9.0], [2.0, 4.0], [3, 1])
    """
    finite = np.isfinite(y)
    x, y = x[finite], y[finite]
    index, bins = np.searchsorted(edges, x, side="right"), len(edges) + 1
    count = np.bincount(index, minlength=bins)
    used = np.flatnonzero(count)
    ordered = y[np.lexsort((y, index))].astype(np.float64)
    first, n = (np.cumsum(count) - count)[used], count[used]
    low, median, high = (_quantile(ordered, first, n, share) for share in shares)
    return QuantileBands(np.bincount(index, weights=x, minlength=bins)[used] / n, low, median, high, n)


def equal_edges(start: float, stop: float, bins: int) -> NDArray[np.float64]:
    """Return the inner edges of equal bins of start..stop, [bins - 1].

    >>> equal_edges(0.0, 10.0, 4).tolist()
    [2.5, 5.0, 7.5]
    """
    return np.linspace(start, stop, bins + 1)[1:-1]


def bin_index(x: Numbers, start: float, stop: float, bins: int) -> NDArray[np.int64]:
    """Return the index 0..bins-1 of the bin of each x. [n] -> int64 [n]

    The bins divide start..stop equally; values below and above count in the first and the last bin.

    >>> bin_index(np.array([-1.0, 0.5, 9.9]), 0.0, 10.0, 5).tolist()
    [0, 0, 4]
    """
    width = (stop - start) / bins or 1.0
    return np.clip((x.astype(np.float64) - start) / width, 0, bins - 1).astype(np.int64)


def _quantile(ordered: NDArray[np.float64], first: NDArray[np.int64], n: NDArray[np.int64], share: float) -> NDArray[np.float64]:
    """Return a quantile of each run of sorted numbers, with linear interpolation as in `numpy.quantile`.

    ordered   all numbers; each run is in ascending order
    first, n  index of the first number and number of numbers of each run [runs]
    share     the quantile, 0..1
    """
    if not len(n):
        return np.empty(0)
    position = share * (n - 1)
    below = np.floor(position).astype(np.int64)
    above = np.minimum(below + 1, n - 1)
    weight = position - below
    return np.asarray(ordered[first + below] * (1 - weight) + ordered[first + above] * weight)
