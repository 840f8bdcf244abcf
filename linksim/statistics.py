"""Statistics: 95 % intervals of means, proportions and any other measure, rank correlation, and interpolation on a grid.

All intervals of the package are computed here, with `CONFIDENCE` and without randomness beyond the generator that a caller hands in:

    mean_interval   normal interval of the mean of independent samples, mean +- 1.96 s / sqrt(n)
    wilson          score interval of a proportion
    bootstrap       percentile interval of any measure of resampled independent units
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy  # its submodule `stats` takes most of a second to import, so that it is loaded by the first use of `scipy.stats`
from numpy.typing import NDArray

CONFIDENCE = 0.95
TAILS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)  # quantiles that bound an interval
Z95 = 1.959963984540054  # quantile of the standard normal distribution at the upper tail
RESAMPLES = 5000  # of the bootstrap: the standard error of a bound is about 2 % of half the interval

Numbers = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval `low`..`high` and the number `n` of its independent samples.

    The interval contains the value. The bounds are NaN if there are too few samples for an interval, the value too if there are none.
    """

    value: float
    low: float
    high: float
    n: int


UNKNOWN = Interval(math.nan, math.nan, math.nan, 0)


def mean_interval(samples: Numbers) -> Interval:
    """Return the mean of independent samples [n] with its normal interval, mean +- 1.96 s / sqrt(n). Non-finite samples are left out.

    Applied to paired differences, it is the paired interval. The bounds of a single sample are NaN.

    >>> mean_interval(np.array([1.0, 2.0, 3.0, np.nan])).value
    2.0
    """
    finite = samples[np.isfinite(samples)].astype(np.float64)
    if not len(finite):
        return UNKNOWN
    mean = float(finite.mean())
    half = Z95 * float(finite.std(ddof=1)) / math.sqrt(len(finite)) if len(finite) > 1 else math.nan
    return Interval(mean, mean - half, mean + half, len(finite))


def wilson(successes: int, n: int) -> Interval:
    """Return a proportion with Wilson's score interval (Wilson, 1927), which lies within 0..1 and is valid for 0 and n successes too.

    >>> wilson(0, 10).low, round(wilson(0, 10).high, 3)
    (0.0, 0.278)
    """
    if n == 0:
        return UNKNOWN
    share, found = successes / n, scipy.stats.binomtest(successes, n).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(share, min(share, float(found.low)), max(share, float(found.high)), n)


def bootstrap_weights(units: int, draw: np.random.Generator, resamples: int = RESAMPLES) -> NDArray[np.float64]:
    """Return the weights of `units` independent units for `bootstrap`, float64 [1 + resamples, units].

    The first row has the weight 1 for all units; each other row has the numbers of times that a resample with replacement draws them.
    """
    drawn = draw.multinomial(units, np.full(units, 1 / units), resamples)
    return np.concatenate([np.ones((1, units)), drawn])


def bootstrap(values: Numbers, units: int) -> Interval:
    """Return the percentile bootstrap interval (Efron, 1979) of a measure.

    values  the measure for each row of `bootstrap_weights`, [1 + resamples]: that of the units themselves, then those of the resamples
    units   number of independent units; the interval of a single unit is NaN

    For a paired difference, both measures are computed with the same weights and subtracted.
    """
    value, resampled = float(values[0]), values[1:][np.isfinite(values[1:])]
    if units < 2 or not len(resampled):
        return Interval(value, math.nan, math.nan, units)
    low, high = np.quantile(resampled, TAILS).tolist()
    return Interval(value, min(low, value), max(high, value), units)


def bootstrap_mean(samples: NDArray[np.float64], draw: np.random.Generator, resamples: int = RESAMPLES) -> Interval:
    """Return the mean of independent samples [n] with its bootstrap interval. Applied to paired differences, it is the paired bootstrap.

    >>> bootstrap_mean(np.full(10, 2.0), np.random.default_rng(1))
    Interval(value=2.0, low=2.0, high=2.0, n=10)
    """
    if not len(samples):
        return UNKNOWN
    return bootstrap(bootstrap_weights(len(samples), draw, resamples) @ samples / len(samples), len(samples))


def rank_correlation(x: Numbers, y: Numbers) -> float:
    """Return Spearman's rank correlation of x and y, [n] each; ties have their mean rank. 0 where one of them is constant.

    >>> round(rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([9.0, 4.0, 1.0])), 12)
    -1.0
    """
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(scipy.stats.spearmanr(x, y).statistic)


def interpolation_weights(nodes: NDArray[np.number], at: NDArray[np.number]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Linear interpolation at values [n] between increasing nodes: index of the node below, and weight 0..1 of the node above.

    Values beyond the nodes are clipped to the first or last node. Interpolation on a grid of several axes applies this to one axis after
    the other.

    >>> index, weight = interpolation_weights(np.array([0.0, 10.0, 20.0]), np.array([-5.0, 12.5, 20.0]))
    >>> index.tolist(), weight.tolist()
    ([0, 1, 1], [0.0, 0.25, 1.0])
    """
    index = np.clip(np.searchsorted(nodes, at, side="right") - 1, 0, len(nodes) - 2)
    weight = (at - nodes[index]) / (nodes[index + 1] - nodes[index])
    return index, np.clip(weight, 0.0, 1.0)
