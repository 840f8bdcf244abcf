"""QPSK and 16-QAM: mapping, round trips, soft decisions against brute force, and bit error rates against the closed forms."""

import math
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, special, stats

from linksim.phy import theory
from linksim.phy.curves import measure_uncoded
from linksim.phy.qam import bits_per_symbol, decide, demodulate, modulate

ORDERS = [4, 16]
CLOSED = {
    (4, "awgn"): theory.ber_qpsk_awgn,
    (16, "awgn"): theory.ber_qam16_awgn,
    (4, "rayleigh"): theory.ber_qpsk_rayleigh,
    (16, "rayleigh"): theory.ber_qam16_rayleigh,
}
POINTS = {"awgn": {4: (-4, -1, 2, 4, 6, 8), 16: (0, 3, 6, 9, 12, 15)}, "rayleigh": {4: (0, 5, 10, 15, 20, 25), 16: (0, 6, 12, 18, 24, 30)}}


def points(order: int) -> tuple[torch.Tensor, torch.Tensor]:
    """All labels, bits [order, m], and their points, complex [order]."""
    m = bits_per_symbol(order)
    labels = (torch.arange(order)[:, None] >> torch.arange(m - 1, -1, -1)) & 1
    return labels.to(torch.uint8), modulate(labels.to(torch.uint8), order)[:, 0]


@pytest.mark.parametrize("order", ORDERS)
def test_points_have_unit_mean_power_and_neighbours_differ_in_one_bit(order: int) -> None:
    labels, at = points(order)
    assert at.abs().square().mean() == pytest.approx(1.0)
    assert at.mean().abs() == pytest.approx(0.0, abs=1e-7)
    distance = (at[:, None] - at).abs()
    nearest = distance[distance > 1e-6].min()
    beside = (distance > 1e-6) & (distance < 1.01 * nearest)
    differing = (labels[:, None] != labels).sum(dim=-1)
    assert (differing[beside] == 1).all()
    assert beside.sum() == {4: 8, 16: 48}[order]


def test_points_equal_those_of_the_standard() -> None:
    """Some points of 3GPP TS 38.211, 5.1.3 and 5.1.4."""
    assert points(4)[1].tolist() == pytest.approx([(1 + 1j) * 0.5**0.5, (1 - 1j) * 0.5**0.5, (-1 + 1j) * 0.5**0.5, (-1 - 1j) * 0.5**0.5])
    at = points(16)[1] * 10**0.5
    wanted = {0b0000: 1 + 1j, 0b0001: 1 + 3j, 0b0010: 3 + 1j, 0b0111: 3 - 3j, 0b1011: -3 + 3j, 0b1100: -1 - 1j, 0b1111: -3 - 3j}
    for label, point in wanted.items():
        assert complex(at[label]) == pytest.approx(point, abs=1e-6)


@given(st.sampled_from(ORDERS), st.integers(1, 4), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_demodulation_recovers_the_bits(order: int, rows: int, symbols: int, seed: int) -> None:
    bits = torch.from_numpy(np.random.default_rng(seed).integers(2, size=(rows, bits_per_symbol(order) * symbols), dtype=np.uint8))
    sent = modulate(bits, order)
    assert sent.shape == (rows, symbols)
    assert sent.dtype == torch.complex64
    assert torch.equal(decide(sent, order), bits)
    for noise_power in (torch.zeros(rows), torch.full((rows,), 0.1), torch.full((rows, symbols), 1e-5)):
        llr = demodulate(sent, noise_power, order)
        assert llr.isfinite().all()
        assert torch.equal(llr < 0, bits.bool())


@pytest.mark.parametrize("order", ORDERS)
def test_soft_decisions_are_exact(order: int) -> None:
    """They equal the sum of the likelihood over all points in float64."""
    draw = np.random.default_rng(order)
    received = torch.from_numpy(draw.normal(size=(6, 50)) + 1j * draw.normal(size=(6, 50)))
    noise = torch.tensor([0.05, 0.2, 0.5, 1.0, 3.0, 10.0], dtype=torch.float64)
    labels, at = points(order)
    metric = -(received[..., None] - at).abs().square() / noise[:, None, None]
    wanted = torch.stack(
        [
            metric[..., labels[:, bit] == 0].logsumexp(-1) - metric[..., labels[:, bit] == 1].logsumexp(-1)
            for bit in range(bits_per_symbol(order))
        ],
        dim=-1,
    ).flatten(1)
    torch.testing.assert_close(demodulate(received.to(torch.complex64), noise.float(), order).double(), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("order", ORDERS)
def test_an_erased_symbol_has_zero_ratios(order: int) -> None:
    assert not demodulate(torch.zeros(1, 5, dtype=torch.complex64), torch.full((1, 5), math.inf), order).any()


def test_other_constellations_are_rejected() -> None:
    with pytest.raises(ValueError, match="4 or 16 points, got 8"):
        modulate(torch.zeros(1, 6, dtype=torch.uint8), 8)


@pytest.mark.parametrize(("order", "channel", "snr_db"), [(order, name, db) for order, name in CLOSED for db in POINTS[name][order]])
def test_bit_error_rate_equals_the_closed_form(order: int, channel: Literal["awgn", "rayleigh"], snr_db: float) -> None:
    """Binomial test at 99.9 % with about 4,000 errors at each of 24 points; the bits of a symbol count as independent trials."""
    expected = float(CLOSED[order, channel](10 ** (snr_db / 10)))
    measured = measure_uncoded(order, snr_db, channel, round(4000 / expected), seed=1000 * order + round(snr_db))
    assert measured.errors >= 1000
    assert stats.binomtest(measured.errors, measured.trials, expected).pvalue > 0.001


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("snr_db", [-5.0, 10.0, 30.0])
def test_the_closed_form_with_fading_is_the_average_over_the_gain(order: int, snr_db: float) -> None:
    mean = 10 ** (snr_db / 10)
    without = CLOSED[order, "awgn"]
    integral, _ = integrate.quad(lambda u: float(without(mean * math.exp(u))) * math.exp(u - math.exp(u)), -25, 4, limit=400, epsabs=1e-12)
    assert float(CLOSED[order, "rayleigh"](mean)) == pytest.approx(integral, rel=1e-5)


def test_q_is_the_tail_of_the_normal() -> None:
    x = np.linspace(-3, 8, 12)
    np.testing.assert_allclose(theory.q_function(x), special.erfc(x / 2**0.5) / 2, rtol=1e-12)


def test_a_measured_point_is_reproducible() -> None:
    assert measure_uncoded(16, 8.0, "rayleigh", 40_001, seed=5) == measure_uncoded(16, 8.0, "rayleigh", 40_001, seed=5)
    assert measure_uncoded(16, 8.0, "rayleigh", 40_001, seed=5).trials == 40_004
