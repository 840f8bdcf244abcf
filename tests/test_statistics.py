"""Intervals against closed forms, scipy and their coverage on synthetic data; rank correlation and interpolation against scipy."""

import math
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import interpolate, stats

from linksim.adapt.interpolation import interpolation_weights
from linksim.scenario.decorrelation import exponential_ms
from linksim.statistics import (
    CONFIDENCE,
    MAX_UNITS,
    MIN_PAIRS,
    RESAMPLES,
    TAILS,
    Z95,
    Interval,
    bootstrap,
    bootstrap_mean,
    bootstrap_weights,
    cluster_mean,
    cluster_share,
    independent_units,
    mean_interval,
    paired_difference,
    rank_correlation,
    student_interval,
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
    """The percentile interval of exp(m) is exp of that of m, because exp is monotone; the widening for 40 units is 4.5 %."""
    draw = np.random.default_rng(2)
    samples = draw.normal(0.0, 1.0, 40)
    weights = bootstrap_weights(40, draw)
    mean, transformed = bootstrap(weights @ samples / 40, 40), bootstrap(np.exp(weights @ samples / 40), 40)
    assert (transformed.low, transformed.high) == pytest.approx((math.exp(mean.low), math.exp(mean.high)), rel=0.01)
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


@pytest.mark.parametrize(("pairs", "coverage"), [(2, 0.5), (4, 0.79), (8, 0.88)])
def test_the_percentile_interval_of_few_units_is_too_narrow(pairs: int, coverage: float) -> None:
    """The coverage that `bootstrap` states, of the mean of normal samples. The widened interval has the coverage of Student's t."""
    draw = np.random.default_rng(8)
    weights, samples = bootstrap_weights(pairs, draw, 1000), draw.normal(0, 1, (pairs, 4000))
    means = weights @ samples / pairs
    low, high = np.quantile(means[1:], TAILS, axis=0)
    assert np.mean((low <= 0) & (high >= 0)) == pytest.approx(coverage, abs=0.03)
    widened = [contains(bootstrap(column, pairs), 0.0) for column in means.T[:1000]]
    assert np.mean(widened) == pytest.approx(0.95, abs=0.03 if pairs > 2 else 0.06)


@pytest.mark.parametrize("pairs", [1, 2, MIN_PAIRS - 1, MIN_PAIRS])
def test_a_paired_difference_of_few_pairs_has_no_interval(pairs: int) -> None:
    weights, first = bootstrap_weights(pairs, np.random.default_rng(9)), np.arange(pairs) ** 2.0
    found = paired_difference(weights @ (first + 0.5) / pairs, weights @ np.arange(pairs) / pairs, pairs)
    assert (found.value, found.n) == (pytest.approx(float(np.mean(first + 0.5 - np.arange(pairs)))), pairs)
    assert math.isfinite(found.low) == math.isfinite(found.high) == (pairs >= MIN_PAIRS)


def test_an_interval_contains_its_value_and_leaves_out_undefined_resamples() -> None:
    below = bootstrap(np.array([3.0, 1.0, 1.5, 2.0, np.nan]), 4)
    assert (below.high, below.n) == (3.0, 4)
    widening = stats.t.ppf(TAILS[1], 3) / Z95 * math.sqrt(4 / 3)
    assert below.low == pytest.approx(3.0 - widening * (3.0 - np.quantile([1.0, 1.5, 2.0], TAILS[0])))
    assert math.isnan(bootstrap(np.array([3.0, np.nan, np.nan]), 4).low)


# Independent units


def frames_of(links: int, frames: int, images: int, interval_ns: int) -> tuple[Any, Any, Any]:
    """Link, frame and start of the frame of each image."""
    link, frame = np.repeat(np.arange(links), frames * images), np.tile(np.repeat(np.arange(frames), images), links)
    return link, frame, frame * interval_ns


def gauss_markov(draw: np.random.Generator, links: int, frames: int, interval_over_coherence: float) -> Any:
    """A stationary AR(1) process of unit variance per link, [links, frames]."""
    rho = math.exp(-interval_over_coherence)
    x = np.empty((links, frames))
    x[:, 0] = draw.normal(size=links)
    for frame in range(1, frames):
        x[:, frame] = rho * x[:, frame - 1] + math.sqrt(1 - rho**2) * draw.normal(size=links)
    return x


@pytest.mark.parametrize(
    ("links", "frames", "block_ns", "units"),
    [
        (1, 40, 0.0, 40),  # frames of a channel that is not random
        (1, 40, 49.0, 40),  # blocks that are shorter than the time between frames
        (1, 40, 500.0, 4),  # 0 to 499, ..., 1,500 to 1,999
        (1, 44, 500.0, 4),  # the last block of 200 ns belongs to the one before
        (4, 40, 500.0, 16),
        (4, 40, 1e9, 4),
        (1, 40, math.inf, 1),
        (8, 40, 500.0, 8),  # enough links
        (300, 2, 0.0, MAX_UNITS),
        (1, 500, 0.0, 125),  # four frames each
    ],
)
def test_units_are_links_or_blocks_of_time(links: int, frames: int, block_ns: float, units: int) -> None:
    link, frame, time_ns = frames_of(links, frames, 2, 50)
    unit = independent_units(link, frame, time_ns, block_ns)
    assert sorted(set(unit.tolist())) == list(range(units))
    if links <= MAX_UNITS:
        assert all(len(set(link[unit == each].tolist())) == 1 for each in range(units))  # no unit holds images of two links
    for each in range(units):
        mine = unit == each
        assert all((unit[(link == a) & (frame == b)] == each).all() for a, b in zip(link[mine], frame[mine], strict=True))


def test_units_do_not_depend_on_the_order_of_rows() -> None:
    draw, columns = np.random.default_rng(1), frames_of(3, 50, 4, 50)
    order = draw.permutation(600)
    shuffled = independent_units(*(column[order] for column in columns), 500.0)
    assert (shuffled == independent_units(*columns, 500.0)[order]).all()
    assert len(independent_units(*(column[:0] for column in columns), 500.0)) == 0


@pytest.mark.parametrize(("links", "frames"), [(4, 40), (2, 100), (16, 40)])
def test_intervals_over_units_have_their_coverage_where_those_over_images_have_not(links: int, frames: int) -> None:
    """Eight images a frame, two frames per coherence time of a Gauss-Markov SNR that moves the PSNR by 2 dB, and image noise of 1 dB."""
    draw, columns = np.random.default_rng(2), frames_of(links, frames, 8, 50)
    unit = independent_units(*columns, exponential_ms(100.0))
    share, threshold = 0.5 * math.erfc(1 / math.sqrt(10)), 29.0  # P(28 + 2 x + e > 29)
    covered = []
    for _ in range(300):
        psnr_db = (28 + 2 * gauss_markov(draw, links, frames, 0.5)[..., None] + draw.normal(size=(links, frames, 8))).ravel()
        found = mean_interval(psnr_db), cluster_mean(psnr_db, unit), cluster_share(psnr_db > threshold, unit)
        covered.append([contains(interval, truth) for interval, truth in zip(found, (28.0, 28.0, share), strict=True)])
    naive, mean, hits = np.mean(covered, axis=0)
    assert naive < 0.7
    assert 0.90 <= mean <= 0.98
    assert 0.90 <= hits <= 0.98


def test_intervals_of_correlated_images_are_wider_by_the_expected_factor() -> None:
    """The mean of images that are equal within a frame has the variance of the frames, that of independent images their own.

    Frames are independent, so the half width grows by the root of the images of a frame, and by Student's t for the 40 frames.
    """
    draw, columns = np.random.default_rng(3), frames_of(1, 40, 16, 50)
    unit = independent_units(*columns, 0.0)
    student = stats.t.ppf(TAILS[1], 39) / Z95
    factors = []
    for common in (1.0, 0.0):
        ratios = []
        for _ in range(100):
            samples = common * np.repeat(draw.normal(size=40), 16) + (1 - common) * draw.normal(size=640)
            wide, narrow = cluster_mean(samples, unit), mean_interval(samples)
            ratios.append((wide.high - wide.low) / (narrow.high - narrow.low))
        factors.append(np.mean(ratios))
    assert factors == pytest.approx([4 * student, student], rel=0.04)


def test_a_proportion_of_independent_samples_has_about_wilsons_interval() -> None:
    hits = np.random.default_rng(4).random(400) < 0.3
    found, oracle = cluster_share(hits, np.arange(400) // 4), wilson(int(hits.sum()), 400)
    assert found.value == oracle.value
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), abs=0.02)
    assert found.n == 100


def test_units_of_equal_proportions_count_as_one_sample_each() -> None:
    for hit in (False, True):
        found, oracle = cluster_share(np.full(160, hit), np.arange(160) // 10), wilson(16 * hit, 16)
        assert (found.value, found.low, found.high) == (oracle.value, oracle.low, oracle.high)


def test_one_unit_has_no_interval_and_none_no_value() -> None:
    one = cluster_mean(np.array([1.0, 2.0, np.nan]), np.array([0, 0, 1])), cluster_share(np.array([True, False]), np.zeros(2, int))
    assert [(found.value, found.n, math.isnan(found.low)) for found in one] == [(1.5, 1, True), (0.5, 1, True)]
    assert math.isnan(cluster_mean(np.full(3, np.nan), np.arange(3)).value)
    assert cluster_share(np.empty(0, bool), np.empty(0, int)).n == 0


def test_intervals_are_repeatable_and_fast() -> None:
    """100,000 images of 4 links in 20,000 frames; the processor time excludes that of other processes."""
    draw, columns = np.random.default_rng(5), frames_of(4, 5000, 5, 10_000_000)
    samples, times = draw.normal(size=100_000), []
    for _ in range(3):
        started = time.process_time()
        first = cluster_mean(samples, independent_units(*columns, 50e6))
        times.append(time.process_time() - started)
    assert first == cluster_mean(samples, independent_units(*columns, 50e6))
    assert min(times) < 0.3


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


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30).filter(lambda values: np.std(values) > 1e-3))
def test_students_interval_matches_scipy(values: list[float]) -> None:
    found, oracle = student_interval(np.array([*values, np.nan])), stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), rel=1e-9)
    assert (found.value, found.n) == (pytest.approx(np.mean(values)), len(values))


def test_students_interval_of_few_samples_has_its_nominal_coverage() -> None:
    draw = np.random.default_rng(5)
    covered = [contains(student_interval(draw.normal(0.3, 2.0, 3)), 0.3) for _ in range(2000)]
    assert np.mean(covered) == pytest.approx(CONFIDENCE, abs=0.015)
    assert math.isnan(student_interval(np.array([1.0])).low)
