"""Pilot estimates: unbiased gain and noise power, their variance, and distribution and bias of the SNR estimates."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.special import digamma, exp1

from linksim.phy.pilots import MAX_SNR, MIN_SNR, PilotEstimate, estimate, log_correction, pilots
from linksim.scenario.nodes import SnrEstimator

COUNT, TRIALS = 32, 4000
GAIN = 0.6 * np.exp(1j)
NOISE_POWER = 0.09  # SNR 4, 6 dB


def received(count: int, trials: int, noise_power: float, seed: int) -> NDArray[np.complex128]:
    real, imaginary = np.random.default_rng(seed).standard_normal((2, trials, count)) * np.sqrt(noise_power / 2)
    rows: NDArray[np.complex128] = GAIN * pilots(count) + real + 1j * imaginary
    return rows


def estimates(
    count: int = COUNT, noise_power: float = NOISE_POWER, seed: int = 1, estimator: SnrEstimator = "unbiased"
) -> list[PilotEstimate]:
    return [estimate(row, pilots(count), estimator) for row in received(count, TRIALS, noise_power, seed)]


def test_pilots_have_unit_modulus_and_are_read_only() -> None:
    long = pilots(4096)
    assert long.dtype == np.complex64
    assert np.allclose(np.abs(long), 1, atol=1e-6)
    assert np.array_equal(pilots(8), long[:8])
    assert not long.flags.writeable
    assert {complex(np.sign(p.real), np.sign(p.imag)) for p in pilots(COUNT)} == {1 + 1j, 1 - 1j, -1 + 1j, -1 - 1j}


def test_the_sequence_is_fixed() -> None:
    """Its first signs, real then imaginary, are fixed, because another sequence would change existing traces."""
    signs = [("+" if p.real > 0 else "-") + ("+" if p.imag > 0 else "-") for p in pilots(8)]
    assert " ".join(signs) == "++ ++ ++ -- -- -+ +- +-"


def test_without_noise_the_gain_is_exact_and_the_snr_is_the_maximum() -> None:
    sent = pilots(COUNT)
    found = estimate(GAIN * sent.astype(np.complex128), sent)
    assert found.gain == pytest.approx(GAIN, rel=1e-6)
    assert found.noise_power == pytest.approx(0, abs=1e-12)
    assert found.snr == pytest.approx(MAX_SNR)
    assert found.snr_db == pytest.approx(80)


@pytest.mark.parametrize("noise_power", [0.0, 1.0])
def test_a_signal_orthogonal_to_the_pilots_has_the_minimum_snr(noise_power: float) -> None:
    sent = pilots(4)
    orthogonal = np.sqrt(noise_power) * np.array([1, 1, -1, -1]) * sent  # orthogonal to the pilots
    assert estimate(orthogonal, sent).snr == MIN_SNR


@pytest.mark.parametrize("count", [2, 8, COUNT])
def test_gain_and_noise_power_are_unbiased(count: int) -> None:
    """z-tests with the known standard deviation and |z| < 4, which has a false alarm rate of 1 in 16,000."""
    found = estimates(count, seed=count)
    error = np.array([e.gain for e in found]) - GAIN
    spread = np.sqrt(NOISE_POWER / count / 2 / TRIALS)
    assert abs(error.real.mean() / spread) < 4
    assert abs(error.imag.mean() / spread) < 4
    noise = np.array([e.noise_power for e in found])
    assert abs((noise.mean() - NOISE_POWER) / (NOISE_POWER / np.sqrt((count - 1) * TRIALS))) < 4


@pytest.mark.parametrize("count", [8, COUNT])
def test_the_variance_of_the_gain_is_noise_power_over_count(count: int) -> None:
    error = np.array([e.gain for e in estimates(count, seed=2 * count)]) - GAIN
    total = 2 * count * float(np.sum(np.abs(error) ** 2)) / NOISE_POWER  # chi-square, two per trial
    assert 0.0005 < stats.chi2.cdf(total, 2 * TRIALS) < 0.9995


@pytest.mark.parametrize("noise_power", [0.01 * NOISE_POWER, NOISE_POWER, 8 * NOISE_POWER])
def test_the_snr_estimate_follows_its_exact_distribution(noise_power: float) -> None:
    """count * |gain|^2 / N0, both estimated, is noncentral F with 2 and 2 (count - 1) degrees of freedom (KS test at 99.9 %)."""
    law = stats.ncf(2, 2 * (COUNT - 1), 2 * COUNT * abs(GAIN) ** 2 / noise_power)
    factors: dict[SnrEstimator, float] = {"maximum-likelihood": 1.0, "unbiased": log_correction(COUNT)}
    for estimator, factor in factors.items():
        found = np.array([e.snr for e in estimates(noise_power=noise_power, seed=3, estimator=estimator)])
        assert stats.kstest(found / factor * (COUNT - 1), law.cdf).pvalue > 0.001


@pytest.mark.parametrize("count", [2, 4, 8, 32, 256])
@pytest.mark.parametrize("snr_db", [-12.0, -6.0, 0.0, 20.0])
def test_the_bias_in_db_is_the_closed_form(count: int, snr_db: float) -> None:
    """z-test of the mean error in dB against E1(count snr), and for maximum likelihood ln(count) - psi(count - 1) more; |z| < 4."""
    snr = 10 ** (snr_db / 10)
    nepers: dict[SnrEstimator, float] = {"unbiased": float(exp1(count * snr))}
    nepers["maximum-likelihood"] = nepers["unbiased"] + np.log(count) - float(digamma(count - 1))
    for estimator, bias in nepers.items():
        found = estimates(count, abs(GAIN) ** 2 / snr, seed=count, estimator=estimator)
        errors_db = np.array([e.snr_db for e in found]) - snr_db
        assert abs(errors_db.mean() - 10 / np.log(10) * bias) < 4 * errors_db.std() / np.sqrt(TRIALS)


def test_reports_are_truthful_at_low_snr() -> None:
    """At -6 dB the mean reading of 32 pilots is right within 0.15 dB, and that of 8 pilots within 0.5 dB (4 standard errors each)."""
    for count, tolerance_db in ((32, 0.15), (8, 0.5)):
        found = estimates(count, abs(GAIN) ** 2 / 10**-0.6, seed=9)
        assert abs(np.mean([e.snr_db for e in found]) + 6) < tolerance_db


def test_the_error_of_the_snr_in_db_has_its_interval() -> None:
    """At 20 dB with 32 pilots 95 % of the errors lie between -1.48 and +1.62 dB, the quantiles of the noncentral F distribution."""
    law = stats.ncf(2, 2 * (COUNT - 1), 2 * COUNT * 100)
    low, high = 10 * np.log10(law.ppf([0.025, 0.975]) / (COUNT - 1) * log_correction(COUNT)) - 20
    assert (low, high) == (pytest.approx(-1.48, abs=0.01), pytest.approx(1.62, abs=0.01))
    errors_db = np.array([e.snr_db for e in estimates(noise_power=abs(GAIN) ** 2 / 100, seed=4)]) - 20
    assert stats.binomtest(int(np.sum((errors_db > low) & (errors_db < high))), TRIALS, 0.95).pvalue > 0.001
    assert abs(errors_db.mean()) < 0.05


def test_fewer_than_two_pilots_are_rejected() -> None:
    with pytest.raises(ValueError, match="two or more pilots"):
        estimate(pilots(1), pilots(1))
    with pytest.raises(ValueError, match="as many received as sent"):
        estimate(pilots(3), pilots(4))
