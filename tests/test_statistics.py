"""Intervals against closed forms, scipy and their coverage on synthetic data; rank correlation and interpolation against scipy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import interpolate, stats

from linksim.statistics import (
    CONFIDENCE,
    RESAMPLES,
    TAILS,
    Z95,
    Interval,
    bootstrap,
    bootstrap_mean,
    bootstrap_weights,
    interpolation_weights,
    mean_interval,
    rank_correlation,
    wilson,
)


def contains(interval: Interval, value: float) -> bool:
    return interval.low <= value <= interval.high


def test_the_constants_describe_one_interval() -> None:
    assert stats.norm.ppf(TAILS) == pytest.approx([-Z95, Z95], abs=1e-15)
    assert TAILS[1] - TAILS[0] == pytest.approx(CONFIDENCE)


# Means


def test_the_interval_of_a_mean_is_the_normal_interval() -> None:
    samples = np.array([20.0, 22.5, 21.0, 30.0, np.nan, np.inf, 25.5], np.float32)
    finite = samples[np.isfinite(samples)].astype(float)
    found = mean_interval(samples)
    assert (found.low, found.high) == pytest.approx(stats.norm.interval(0.95, finite.mean(), stats.sem(finite)))
    assert found.n == 5


def test_too_few_samples_have_no_interval() -> None:
    alone = mean_interval(np.array([3.0]))
    assert (alone.value, alone.n) == (3.0, 1)
    assert math.isnan(alone.low)
    assert math.isnan(alone.high)
    draw = np.random.default_rng(1)
    assert math.isnan(bootstrap_mean(np.array([3.0]), draw).high)
    for empty in (mean_interval(np.empty(0)), wilson(0, 0), bootstrap_mean(np.empty(0), draw)):
        assert math.isnan(empty.value)
        assert empty.n == 0


@pytest.mark.parametrize("n", [30, 200])
def test_the_interval_of_a_mean_has_its_nominal_coverage(n: int) -> None:
    """1,000 intervals: the standard error of the coverage is 0.7 %; with 30 samples the normal interval covers 94 %."""
    draw = np.random.default_rng(1)
    covered = [contains(mean_interval(draw.normal(0.3, 2.0, n)), 0.3) for _ in range(1000)]
    assert np.mean(covered) == pytest.approx(0.945, abs=0.025)


# Proportions


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_intervals_match_the_closed_form(counts: tuple[int, int]) -> None:
    """The bounds are the proportions p with |k - n p| = z sqrt(n p (1 - p)), and they contain the observed proportion exactly."""
    (k, n), found = counts, wilson(*counts)
    oracle = stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), abs=1e-12)
    for bound in (found.low, found.high):
        if 0 < bound < 1:
            assert abs(k - n * bound) == pytest.approx(Z95 * math.sqrt(n * bound * (1 - bound)), rel=1e-6)
    assert (found.value, found.n) == (k / n, n)
    assert 0 <= found.low <= found.value <= found.high <= 1  # exactly: matplotlib rejects error bars of negative length


@pytest.mark.parametrize(("n", "share"), [(20, 0.1), (100, 0.5), (400, 0.98)])
def test_wilson_intervals_have_their_nominal_coverage(n: int, share: float) -> None:
    """The coverage is exact: the probabilities of all counts whose interval contains the share."""
    counts = np.arange(n + 1)
    covered = [contains(wilson(int(k), n), share) for k in counts]
    assert stats.binom.pmf(counts, n, share)[covered].sum() == pytest.approx(0.95, abs=0.03)


# Bootstrap


def test_bootstrap_weights_are_resamples_with_replacement() -> None:
    weights = bootstrap_weights(12, np.random.default_rng(3))
    assert weights.shape == (1 + RESAMPLES, 12)
    assert (weights[0] == 1).all()
    assert (weights.sum(axis=1) == 12).all()
    assert weights[1:].var() == pytest.approx(1 - 1 / 12, rel=0.03)  # of a binomial count of 12 draws with probability 1/12


def test_the_bootstrap_of_normal_samples_is_the_normal_interval() -> None:
    samples = np.random.default_rng(3).normal(2, 1, 200)
    found, oracle = bootstrap_mean(samples, np.random.default_rng(4)), mean_interval(samples)
    assert (found.value, found.n) == (pytest.approx(oracle.value), 200)
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), abs=0.05 * (oracle.high - oracle.low))


def test_the_bootstrap_of_zeros_and_ones_is_a_quantile_of_the_binomial_distribution() -> None:
    """A resample of n samples, k of them 1, has a binomial number of ones, so the bounds are known exactly."""
    n, k = 50, 15
    found = bootstrap_mean((np.arange(n) < k).astype(np.float64), np.random.default_rng(5))
    assert (found.low * n, found.high * n) == pytest.approx(stats.binom.ppf(TAILS, n, k / n), abs=1)


def test_the_bootstrap_interval_has_its_nominal_coverage() -> None:
    draw = np.random.default_rng(1)
    covered = [contains(bootstrap_mean(draw.normal(0.3, 1.0, 64), draw, 600), 0.3) for _ in range(400)]
    assert np.mean(covered) == pytest.approx(0.94, abs=0.035)


def test_the_bootstrap_of_a_skewed_measure_is_asymmetric_and_transforms_with_it() -> None:
    """The percentile interval of exp(m) is exp of that of m, because exp is monotone."""
    draw = np.random.default_rng(2)
    samples = draw.normal(0.0, 1.0, 40)
    weights = bootstrap_weights(40, draw)
    mean, transformed = bootstrap(weights @ samples / 40, 40), bootstrap(np.exp(weights @ samples / 40), 40)
    assert (transformed.low, transformed.high) == pytest.approx((math.exp(mean.low), math.exp(mean.high)), rel=1e-3)
    assert transformed.high - transformed.value > 1.1 * (transformed.value - transformed.low)


def test_paired_differences_have_the_interval_of_the_differences() -> None:
    """The same weights for both measures remove what the units have in common."""
    draw = np.random.default_rng(6)
    unit, weights = draw.normal(0, 10, 60), bootstrap_weights(60, draw)
    above, below = unit + 0.2 + draw.normal(0, 0.1, 60), unit
    found = bootstrap(weights @ above / 60 - weights @ below / 60, 60)
    alone = bootstrap(weights @ above / 60, 60)
    assert 0 < found.low < found.value < found.high < 0.3
    assert found.high - found.low < 0.05 * (alone.high - alone.low)
    assert found.high - found.low == pytest.approx(2 * Z95 * (above - below).std() / math.sqrt(60), rel=0.05)


def test_an_interval_contains_its_value_and_leaves_out_undefined_resamples() -> None:
    below = bootstrap(np.array([3.0, 1.0, 1.5, 2.0, np.nan]), 4)
    assert (below.high, below.n) == (3.0, 4)
    assert 1.0 <= below.low < 1.1
    assert math.isnan(bootstrap(np.array([3.0, np.nan, np.nan]), 4).low)


# Rank correlation and interpolation


def test_the_rank_correlation_is_spearmans() -> None:
    x = np.arange(5.0)
    assert rank_correlation(x, np.exp(x)) == pytest.approx(1.0)
    assert rank_correlation(x, -(x**3)) == pytest.approx(-1.0)
    assert rank_correlation(x, np.array([1.0, 2.0, 2.0, 4.0, 3.0])) == pytest.approx(8.5 / 95**0.5)  # by hand: the tied ranks are 1.5
    assert rank_correlation(x, np.ones(5)) == rank_correlation(np.ones(5), x) == 0.0


def test_interpolation_axis_by_axis_matches_scipys_on_a_grid() -> None:
    draw = np.random.default_rng(7)
    x, y, values = np.array([0.0, 1.0, 4.0]), np.array([-2.0, 0.0, 1.0, 5.0]), draw.normal(size=(3, 4))
    at = draw.uniform((-1.0, -3.0), (5.0, 6.0), (200, 2))
    (i, u), (j, v) = interpolation_weights(x, at[:, 0]), interpolation_weights(y, at[:, 1])
    found = (1 - u) * ((1 - v) * values[i, j] + v * values[i, j + 1]) + u * ((1 - v) * values[i + 1, j] + v * values[i + 1, j + 1])
    clipped = np.clip(at, (x[0], y[0]), (x[-1], y[-1]))
    np.testing.assert_allclose(found, interpolate.RegularGridInterpolator((x, y), values)(clipped), atol=1e-12)
