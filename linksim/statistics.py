"""Statistics: 95 % intervals of means, proportions and any other measure, and rank correlation.

All intervals of the package are computed here, with `CONFIDENCE`; random draws are those of a fixed seed or of a caller's generator:

    mean_interval      normal interval of the mean of independent samples, mean +- 1.96 s / sqrt(n)
    student_interval   Student's interval of the mean of few independent samples, mean +- t s / sqrt(n)
    wilson             score interval of a proportion of independent samples
    cluster_mean       bootstrap interval of the mean of samples in independent units
    cluster_share      score interval of a proportion of samples in independent units
    bootstrap          percentile interval of any measure of resampled independent units
    paired_difference  the same for the difference of two measures of paired units
    auc                the same for the area under the ROC curve of a statistic of two classes

The first three treat samples as independent. Images of one frame share its channel and jamming, and so do frames of one coherence time:
`independent_units` divides the rows of a trace into units, and all others resample these.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy  # its submodule `stats` takes most of a second to import, so that it is loaded by the first use of `scipy.stats`
from numpy.typing import NDArray

from linksim.rng import Streams

CONFIDENCE = 0.95
TAILS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)  # quantiles that bound an interval
Z95 = 1.959963984540054  # quantile of the standard normal distribution at the upper tail
RESAMPLES = 5000  # of the bootstrap: the standard error of a bound is about 2 % of half the interval
MIN_PAIRS = 8  # independent pairs from which on a paired difference has an interval
ENOUGH_LINKS = 8  # with at least so many links the links are the units, otherwise blocks of time of each link
MAX_UNITS = 128  # more units are merged, because they would narrow no interval: Student's t with 127 degrees of freedom is 1.979
CLUSTER_RESAMPLES = 2000  # of `cluster_mean`; the standard error of a bound is about 4 % of half the interval

Numbers = NDArray[np.floating[Any]]
Integers = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval `low`..`high` and the number `n` of its independent samples.

    value  mean, proportion or other measure
    low    lower bound, at most the value
    high   upper bound, at least the value
    n      number of independent samples or units

    The bounds are NaN if there are too few samples for an interval, the value too if there are none.
    """

    value: float
    low: float
    high: float
    n: int

    def scaled(self, factor: float) -> "Interval":
        """Return the interval in another unit: value and bounds times a factor above 0.

        >>> Interval(0.5, 0.25, 0.75, n=16).scaled(100)
        Interval(value=50.0, low=25.0, high=75.0, n=16)
        """
        return Interval(factor * self.value, factor * self.low, factor * self.high, self.n)


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


def student_interval(samples: Numbers) -> Interval:
    """Return the mean of independent samples [n] with Student's interval, mean +- t s / sqrt(n), which is exact for few normal samples.

    Non-finite samples are left out. The bounds of a single sample are NaN.

    >>> found = student_interval(np.array([1.0, 2.0, 3.0]))
    >>> round(found.high - found.value, 3)  # t = 4.303 with two degrees of freedom
    2.484
    """
    found = mean_interval(samples)
    if found.n < 2:
        return found
    half = (found.high - found.value) * float(scipy.special.stdtrit(found.n - 1, TAILS[1])) / Z95
    return Interval(found.value, found.value - half, found.value + half, found.n)


def wilson(successes: int, n: int) -> Interval:
    """Return a proportion with Wilson's score interval (Wilson, 1927), which lies within 0..1 and is valid for 0 and n successes too.

    >>> wilson(0, 10).low, round(wilson(0, 10).high, 3)
    (0.0, 0.278)
    """
    if n == 0:
        return UNKNOWN
    share = successes / n
    return Interval(share, *_wilson_bounds(share, n), n)


def _wilson_bounds(share: float, n: float) -> tuple[float, float]:
    """Wilson's bounds (low, high) of a proportion 0..1 of n samples; n need not be whole."""
    centre, half = 2 * n * share + Z95**2, Z95 * math.sqrt(Z95 * Z95 + 4 * n * share * (1 - share))
    low, high = ((centre + sign * half) / (2 * (n + Z95**2)) for sign in (-1, 1))
    return max(0.0, min(share, low)), min(1.0, max(share, high))


def independent_units(link: Integers, frame: Integers, time_ns: Integers, block_ns: float) -> NDArray[np.int64]:
    """Return the independent unit of each row of a trace, 0, 1, ..., int64 [n]: its link, or its block of time on its link.

    link, frame  link of each row, and its frame on that link [n]
    time_ns      start of its frame in ns of simulated time [n]
    block_ns     time after which the channel of a link is independent (`scenario.decorrelation`); 0 if it is not random, infinite if it
                 never is or if that is not known

    At least `ENOUGH_LINKS` links are the units, whatever the correlation within a link. Fewer links are divided into blocks of `block_ns`,
    or into frames if that is shorter; a last block of less than half the length belongs to the one before. Neighbouring units are merged
    until there are about `MAX_UNITS`.

    >>> independent_units(np.zeros(4, int), np.arange(4), np.array([0, 40, 60, 110]), 50.0).tolist()
    [0, 0, 1, 1]
    >>> independent_units(np.array([3, 3, 7]), np.array([0, 1, 0]), np.array([0, 40, 0]), math.inf).tolist()
    [0, 0, 1]
    """
    if not len(link):
        return np.empty(0, np.int64)
    links, place = np.unique(link, return_inverse=True)
    if len(links) >= ENOUGH_LINKS or math.isinf(block_ns):
        return place * min(len(links), MAX_UNITS) // len(links)
    blocks = max(1, round(int(time_ns.max()) / block_ns)) if block_ns else 0
    moment = np.minimum(time_ns // block_ns, blocks - 1) if block_ns else frame
    units, unit = np.unique(place * (int(moment.max()) + 1) + moment.astype(np.int64), return_inverse=True)
    starts = np.full(len(links), len(units))
    np.minimum.at(starts, place, unit)
    merged = (unit - starts[place]) // -(-len(units) // MAX_UNITS)
    return np.unique(place * len(units) + merged, return_inverse=True)[1]


def cluster_mean(samples: Numbers, unit: Integers) -> Interval:
    """Return the mean of samples [n] with its bootstrap interval over independent units. Non-finite samples are left out.

    unit  unit of each sample [n] (`independent_units`); samples of one unit may depend on each other in any way

    `Interval.n` is the number of units. Equal samples give equal intervals. With one unit there is no interval.

    >>> cluster_mean(np.array([1.0, 3.0, 5.0, 7.0]), np.array([0, 0, 1, 1])).n
    2
    """
    finite = np.isfinite(samples)
    _, place = np.unique(unit[finite], return_inverse=True)
    if not len(place):
        return UNKNOWN
    count, total = np.bincount(place), np.bincount(place, samples[finite])
    weights = _cluster_weights(len(count))
    return bootstrap((weights @ total) / (weights @ count), len(count))


@lru_cache(maxsize=16)
def _cluster_weights(units: int) -> NDArray[np.float64]:
    return bootstrap_weights(units, Streams(0)("statistics/clusters"), CLUSTER_RESAMPLES)


def cluster_share(hits: NDArray[np.bool_], unit: Integers) -> Interval:
    """Return the proportion of hits among samples, bool [n], with Wilson's interval for the number of samples that they are worth.

    unit  unit of each sample [n] (`independent_units`)

    n independent samples have the variance p (1 - p) / n. The n that gives the variance of the bootstrap over units (Korn and Graubard,
    Survey Methodology 24, 1998), but at most the number of samples, enters the score interval. Units that all have the same proportion,
    such as 0 or 1, count as one sample each. `Interval.n` is the number of units; with one unit there is no interval.

    >>> cluster_share(np.ones(160, bool), np.arange(160) // 10).low == wilson(16, 16).low
    True
    """
    found = cluster_mean(hits.astype(np.float64), unit)
    if found.n < 2:
        return found
    deviation = (found.high - found.low) / 2 / Z95
    worth = min(len(hits), found.value * (1 - found.value) / deviation**2) if deviation > 1e-9 else found.n
    return Interval(found.value, *_wilson_bounds(found.value, worth), found.n)


def bootstrap_weights(units: int, draw: np.random.Generator, resamples: int = RESAMPLES) -> NDArray[np.float64]:
    """Return the weights of `units` independent units for `bootstrap`, float64 [1 + resamples, units].

    units      number of units, at least 1
    draw       random generator of the resamples
    resamples  number of resamples

    The first row has the weight 1 for all units; each other row has the numbers of times that a resample with replacement draws them. The
    weighted sums of all resamples are therefore one matrix product, and a measure of weighted sums is computed for all of them at once.

    >>> weights = bootstrap_weights(3, np.random.default_rng(1), resamples=2)
    >>> weights[0].tolist(), weights.sum(axis=1).tolist()
    ([1.0, 1.0, 1.0], [3.0, 3.0, 3.0])
    """
    drawn = draw.multinomial(units, np.full(units, 1 / units), resamples)
    return np.concatenate([np.ones((1, units)), drawn])


def bootstrap(values: Numbers, units: int) -> Interval:
    """Return the percentile bootstrap interval (Efron, 1979) of a measure, widened for few units.

    values  the measure for each row of `bootstrap_weights`, [1 + resamples]: that of the units themselves, then those of the resamples
    units   number of independent units; the bounds of a single unit are NaN

    The percentile interval of few units is too narrow: for normal samples it contains the mean in 50 % of the cases with two units, in
    79 % with four and in 88 % with eight. The distances of its bounds from the value are therefore multiplied by t / 1.96
    sqrt(n / (n - 1)) with the quantile t of Student's distribution for n units (Hesterberg, The American Statistician 69, 2015), which is
    1.02 for 64 units. Resamples in which the measure is not defined (NaN) are left out.
    """
    value, resampled = float(values[0]), values[1:][np.isfinite(values[1:])]
    if units < 2 or not len(resampled):
        return Interval(value, math.nan, math.nan, units)
    low, high = np.quantile(resampled, TAILS).tolist()
    widening = float(scipy.special.stdtrit(units - 1, TAILS[1])) / Z95 * math.sqrt(units / (units - 1))
    return Interval(value, value - widening * max(value - low, 0.0), value + widening * max(high - value, 0.0), units)


def paired_difference(first: Numbers, second: Numbers, pairs: int) -> Interval:
    """Return the difference of two measures of paired units, first minus second, with its percentile bootstrap interval.

    first, second  the measures for each row of the same `bootstrap_weights`, [1 + resamples] each; equal weights of both units of a pair
                   remove what the pair has in common
    pairs          number of independent pairs; below `MIN_PAIRS` the bounds are NaN

    Differences of few pairs are seldom normal, and one pair may decide on their sign.

    >>> weights = bootstrap_weights(2, np.random.default_rng(1))
    >>> paired_difference(weights @ [3.0, 5.0] / 2, weights @ [1.0, 2.0] / 2, pairs=2)
    Interval(value=2.5, low=nan, high=nan, n=2)
    """
    found = bootstrap(first - second, pairs)
    return found if pairs >= MIN_PAIRS else Interval(found.value, math.nan, math.nan, pairs)


def bootstrap_mean(samples: NDArray[np.float64], draw: np.random.Generator, resamples: int = RESAMPLES) -> Interval:
    """Return the mean of independent samples [n] with its bootstrap interval. Applied to paired differences, it is the paired bootstrap.

    draw       random generator of the resamples
    resamples  number of resamples

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


def auc(negatives: Numbers, positives: Numbers, draw: np.random.Generator, resamples: int = RESAMPLES) -> Interval:
    """Return the area under the ROC curve of a statistic with its bootstrap interval.

    It is the probability that the statistic of a positive sample exceeds that of a negative one, where a tie counts one half (the rank
    statistic of Mann and Whitney, 1947): 0.5 for equal distributions, 1 for separate ones.

    negatives, positives  the statistic of the independent samples of both classes, [n] and [m]; both are resampled
    draw                  random generator of the resamples
    resamples             number of resamples

    `Interval.n` is the number of samples of the smaller class. Classes without any overlap give 1..1: the bootstrap has no width there.

    >>> auc(np.array([1.0, 2.0]), np.array([2.0, 3.0]), np.random.default_rng(1)).value
    0.875
    """
    higher = (positives > negatives[:, None]) + 0.5 * (positives == negatives[:, None])
    first, second = (bootstrap_weights(len(samples), draw, resamples) for samples in (negatives, positives))
    found = bootstrap(np.einsum("rm,rm->r", first @ higher, second) / higher.size, min(higher.shape))
    return Interval(found.value, max(found.low, 0.0), min(found.high, 1.0), found.n)
