"""How sure a number is: 95 % intervals of means and of proportions, of anything by resampling, and quantiles in bins. Plain numpy."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959963984540054  # 97.5 % quantile of the standard normal
RESAMPLES = 1000

Numbers = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Interval:
    """A measured value with its 95 % interval and the number of samples behind it; NaN where there are too few to say."""

    value: float
    low: float
    high: float
    n: int


def mean_interval(samples: Numbers) -> Interval:
    """Mean of independent samples [n] with its normal interval, mean +- 1.96 s / sqrt(n). Non-finite samples are left out."""
    finite = samples[np.isfinite(samples)].astype(np.float64)
    if not len(finite):
        return Interval(math.nan, math.nan, math.nan, 0)
    mean = float(finite.mean())
    half = Z95 * float(finite.std(ddof=1)) / math.sqrt(len(finite)) if len(finite) > 1 else math.nan
    return Interval(mean, mean - half, mean + half, len(finite))


def wilson(successes: float, n: int) -> Interval:
    """Proportion of successes with Wilson's score interval (Wilson, 1927): never outside 0..1, useful at 0 and at n too.

    The share lies within it, however the ends are rounded.
    """
    if n == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    share, square = successes / n, Z95**2
    centre = (share + square / (2 * n)) / (1 + square / n)
    half = Z95 * math.sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    return Interval(share, max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)), n)


def resamples(units: int, draw: np.random.Generator) -> NDArray[np.float64]:
    """How often each of `units` independent units counts: once in the first row, and in each of `RESAMPLES` more as often as it is drawn.

    -> [1 + RESAMPLES, units] for `bootstrap`
    """
    drawn = draw.multinomial(units, np.full(units, 1 / units), RESAMPLES)
    return np.concatenate([np.ones((1, units)), drawn])


def bootstrap(found: Numbers, units: int) -> Interval:
    """A value, the first of `found`, with +- 1.96 times the deviation of all others: what the rows of `resamples` gave (Efron, 1979)."""
    half = Z95 * float(np.nanstd(found[1:])) if units > 1 and np.isfinite(found[1:]).any() else math.nan
    value = float(found[0])
    return Interval(value, value - half, value + half, units)


@dataclass(frozen=True)
class Bands:
    """Samples of y in bins of x; empty bins are left out.

    centre  mean x of each bin [bins]
    low, median, high  quantiles of y [bins]: by default those of 10, 50 and 90 %
    n  samples in each bin [bins]
    """

    centre: NDArray[np.float64]
    low: NDArray[np.float64]
    median: NDArray[np.float64]
    high: NDArray[np.float64]
    n: NDArray[np.int64]


def bands(x: Numbers, y: Numbers, start: float, stop: float, bins: int, shares: tuple[float, float, float] = (0.1, 0.5, 0.9)) -> Bands:
    """Quantiles of y [n] in `bins` equal bins of x [n] from start to stop; x beyond falls into the outer bins. One sort: fast for 1e6."""
    finite = np.isfinite(y)
    x, y = x[finite], y[finite]
    place = bin_of(x, start, stop, bins)
    count = np.bincount(place, minlength=bins)
    used = np.flatnonzero(count)
    ordered = y[np.lexsort((y, place))].astype(np.float64)
    first, n = (np.cumsum(count) - count)[used], count[used]
    low, median, high = (_quantile(ordered, first, n, share) for share in shares)
    return Bands(np.bincount(place, weights=x, minlength=bins)[used] / n, low, median, high, n)


def bin_of(x: Numbers, start: float, stop: float, bins: int) -> NDArray[np.int64]:
    """Number of the bin, 0..bins-1, that each x falls into. [n] -> int64 [n]."""
    width = (stop - start) / bins or 1.0
    return np.clip((x.astype(np.float64) - start) / width, 0, bins - 1).astype(np.int64)


def _quantile(ordered: NDArray[np.float64], first: NDArray[np.int64], n: NDArray[np.int64], share: float) -> NDArray[np.float64]:
    """Quantile of each run of sorted numbers, linear between neighbours (as numpy.quantile)."""
    if not len(n):
        return np.empty(0)
    place = share * (n - 1)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, n - 1)
    weight = place - below
    return np.asarray(ordered[first + below] * (1 - weight) + ordered[first + above] * weight)
