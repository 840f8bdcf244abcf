"""Control messages as symbols: round trips, power, and bit error rates against the closed form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from linksim.phy.control import demodulate, modulate, uses

MESSAGE = bytes(range(60))


def noise(seed: int, power: float | NDArray[np.float64], count: int) -> NDArray[np.complex128]:
    real, imaginary = np.random.default_rng(seed).standard_normal((2, count)) * np.sqrt(np.asarray(power) / 2)
    drawn: NDArray[np.complex128] = real + 1j * imaginary
    return drawn


def bit_errors(sent: bytes, heard: bytes) -> int:
    return int(np.unpackbits(np.frombuffer(sent, np.uint8) ^ np.frombuffer(heard, np.uint8)).sum())


@given(st.binary(max_size=80), st.integers(1, 12), st.floats(0.01, 10), st.floats(0, 6.3))
def test_without_noise_all_bytes_come_back(raw: bytes, repeats: int, strength: float, angle: float) -> None:
    gain = strength * np.exp(1j * angle)
    symbols = modulate(raw, repeats)
    assert symbols.dtype == np.complex64
    assert symbols.shape == (uses(len(raw), repeats),)
    assert demodulate(gain * symbols, gain, 0.0, repeats) == raw
    assert demodulate(gain * symbols, np.full(symbols.shape, gain), np.zeros(symbols.shape), repeats) == raw


@given(st.binary(min_size=1, max_size=80), st.integers(1, 12))
def test_every_symbol_has_power_one(raw: bytes, repeats: int) -> None:
    assert np.all(np.abs(modulate(raw, repeats)) == 1.0)


def test_order_on_the_air_is_that_of_the_contract() -> None:
    assert modulate(b"\xa1", 2).tolist() == 2 * [-1, 1, -1, 1, 1, 1, 1, -1]


@pytest.mark.parametrize(("repeats", "snr_db"), [(1, 0.0), (4, -5.0), (8, -6.0)])
def test_bit_error_rate_on_awgn_is_the_closed_form(repeats: int, snr_db: float) -> None:
    """Q(sqrt(2 n snr)), binomial test at 99.9 % for each of three fixed seeds, more than 1,000 errors each."""
    size = 10_000
    gain = 0.8 * np.exp(2j)
    noise_power = abs(gain) ** 2 / 10 ** (snr_db / 10)
    sent = np.random.default_rng(repeats).bytes(size)
    heard = gain * modulate(sent, repeats) + noise(10 + repeats, noise_power, uses(size, repeats))
    errors = bit_errors(sent, demodulate(heard, gain, noise_power, repeats))
    assert errors >= 1000
    expected = float(stats.norm.sf(np.sqrt(2 * repeats * 10 ** (snr_db / 10))))
    assert stats.binomtest(errors, 8 * size, expected).pvalue > 0.001


def test_unequal_copies_are_combined_by_their_snr() -> None:
    """Maximum-ratio combining adds the SNRs of the copies: Q(sqrt(2 * sum snr)); binomial test at 99.9 %."""
    size, snrs = 10_000, np.array([0.05, 0.8, 0.2, 0.4])
    bits = 8 * size
    gain = np.repeat([1.0, 0.3, 2.0, 0.5] * np.exp(1j * np.arange(4)), bits)
    noise_power = np.abs(gain) ** 2 / np.repeat(snrs, bits)
    sent = np.random.default_rng(5).bytes(size)
    heard = gain * modulate(sent, 4) + noise(6, noise_power, 4 * bits)
    errors = bit_errors(sent, demodulate(heard, gain, noise_power, 4))
    assert errors >= 1000
    assert stats.binomtest(errors, bits, float(stats.norm.sf(np.sqrt(2 * snrs.sum())))).pvalue > 0.001


@given(st.integers(0, uses(60, 2)))
def test_a_burst_as_long_as_the_message_hits_each_bit_once(start: int) -> None:
    """Three copies outvote one turned over, wherever the burst lies."""
    symbols = modulate(MESSAGE, 3)
    symbols[start : start + 8 * len(MESSAGE)] *= -1
    assert demodulate(symbols, 1.0, 0.1, 3) == MESSAGE


def test_other_lengths_are_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no whole number of bytes"):
        demodulate(modulate(MESSAGE, 2)[1:], 1.0, 0.1, 2)
