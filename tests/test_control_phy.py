"""Control messages as symbols: round trips, power, sizes, combining, and error rates of bare and of coded ones."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from linksim.phy.control import Coding, UncodedBpsk, combine
from linksim.phy.control_code import LdpcQpsk, order, parity
from linksim.phy.ldpc import code, encode
from linksim.phy.qam import decide
from linksim.phy.theory import q
from linksim.scenario.control_size import blocks, coded_bits, control_channel_uses
from linksim.scenario.nodes import Radio

CODINGS: list[Coding] = [UncodedBpsk(), LdpcQpsk()]
MESSAGE = bytes(range(77))


def noise(seed: int, power: float | NDArray[np.float64], count: int) -> NDArray[np.complex128]:
    real, imaginary = np.random.default_rng(seed).standard_normal((2, count)) * np.sqrt(np.asarray(power) / 2)
    drawn: NDArray[np.complex128] = real + 1j * imaginary
    return drawn


def bit_errors(sent: bytes, received: bytes) -> int:
    return int(np.unpackbits(np.frombuffer(sent, np.uint8) ^ np.frombuffer(received, np.uint8)).sum())


@pytest.mark.parametrize("image_codec", CODINGS)
@given(raw=st.binary(max_size=600), repeats=st.integers(1, 12), strength=st.floats(0.01, 10), angle=st.floats(0, 6.3))
@settings(max_examples=60, deadline=None)
def test_without_noise_all_bytes_come_back(coding: Coding, raw: bytes, repeats: int, strength: float, angle: float) -> None:
    gain = strength * np.exp(1j * angle)
    symbols = np.tile(coding.modulate(raw), repeats)
    assert symbols.dtype == np.complex64
    name = "none" if isinstance(coding, UncodedBpsk) else "ldpc"
    assert len(symbols) == control_channel_uses(Radio(control_coding=name, control_repeats=repeats), len(raw))
    np.testing.assert_allclose(np.abs(symbols), 1, rtol=1e-6)
    assert coding.demodulate(combine(gain * symbols, gain, 0.0, repeats), len(raw)) == raw
    each = combine(gain * symbols, np.full(symbols.shape, gain), np.full(symbols.shape, 1e-3), repeats)
    assert coding.demodulate(each, len(raw)) == raw


def test_order_of_bare_bits_is_that_of_the_contract() -> None:
    assert UncodedBpsk().modulate(b"\xa1").tolist() == [-1, 1, -1, 1, 1, 1, 1, -1]


@pytest.mark.parametrize("size", [0, 1, 40, 41, 81, 82, 121, 122, 243, 547])
def test_a_coded_message_is_codewords_without_what_is_known(size: int) -> None:
    """Put in order again, the bits of each block are a codeword of its code when the zeros that were not sent are put back."""
    raw = np.random.default_rng(size).bytes(size)
    received = decide(torch.from_numpy(LdpcQpsk().modulate(raw)[None]), 4)[0].numpy()
    bits = np.empty(coded_bits(size), np.uint8)
    bits[order(size)] = received
    start, message = 0, b""
    for n, part in blocks(size):
        of = code(n, "1/2")
        sent, start = bits[start : start + 8 * part + n // 2], start + 8 * part + n // 2
        whole = np.concatenate([sent[: 8 * part], np.zeros(of.k - 8 * part, np.uint8), sent[8 * part :]])
        assert np.array_equal(encode(of, torch.from_numpy(whole[None, : of.k]))[0].numpy(), whole)
        message += np.packbits(sent[: 8 * part]).tobytes()
    assert start == len(bits)
    assert message == raw


def test_sizes_grow_by_the_byte_and_blocks_are_few_and_fit() -> None:
    for size in range(700):
        parts = blocks(size)
        assert sum(part for _, part in parts) == size
        assert len(parts) == max(1, math.ceil(size / 121))
        assert all(8 * part <= n // 2 for n, part in parts)
        assert all(n == 648 or 8 * part > {1296: 324, 1944: 648}[n] for n, part in parts)
    assert all(more >= less + 8 for less, more in pairwise(map(coded_bits, range(700))))  # so the uses of a frame tell its size
    assert control_channel_uses(Radio(), 77) == 2 * (77 * 8 + 648) // 2 == 1264


@pytest.mark.parametrize("size", [1, 13, 32, 33, 59, 67, 77, 122, 300])
def test_a_burst_on_the_air_is_spread_over_the_message(size: int) -> None:
    """Of a tenth or a quarter of the bits, next to each other on the air, no tenth of the message has more than 1.6 times its share."""
    places, whole = order(size), coded_bits(size)
    assert sorted(places) == list(range(whole))
    for burst in (whole // 10, whole // 4):
        for start in range(0, whole - burst, 7):
            hits = np.bincount(places[start : start + burst] * 10 // whole, minlength=10)
            assert hits.max() <= 1.6 * burst / 10


@given(st.binary(min_size=1, max_size=81), st.binary(min_size=1, max_size=81))
def test_parity_is_linear(one: bytes, other: bytes) -> None:
    size = max(len(one), len(other))
    a, b = (np.frombuffer(raw.ljust(size, b"\0"), np.uint8) for raw in (one, other))
    assert np.array_equal(parity(1296, a) ^ parity(1296, b), parity(1296, a ^ b))
    assert np.array_equal(parity(1296, a), parity(1296, np.frombuffer(one, np.uint8)))


@pytest.mark.parametrize(("repeats", "snr_db"), [(1, 0.0), (4, -5.0), (8, -6.0)])
def test_bit_error_rate_of_bare_bits_on_awgn_is_the_closed_form(repeats: int, snr_db: float) -> None:
    """Q(sqrt(2 n snr)), binomial test at 99.9 % for each of three fixed seeds, more than 1,000 errors each."""
    size = 10_000
    gain = 0.8 * np.exp(2j)
    noise_power = abs(gain) ** 2 / 10 ** (snr_db / 10)
    sent = np.random.default_rng(repeats).bytes(size)
    received = gain * np.tile(UncodedBpsk().modulate(sent), repeats) + noise(10 + repeats, noise_power, 8 * size * repeats)
    errors = bit_errors(sent, UncodedBpsk().demodulate(combine(received, gain, noise_power, repeats), size))
    assert errors >= 1000
    expected = float(q(math.sqrt(2 * repeats * 10 ** (snr_db / 10))))
    assert stats.binomtest(errors, 8 * size, expected).pvalue > 0.001


def test_unequal_copies_are_combined_by_their_snr() -> None:
    """Maximum-ratio combining adds the SNRs of the copies: Q(sqrt(2 * sum snr)); binomial test at 99.9 %."""
    size, snrs = 10_000, np.array([0.05, 0.8, 0.2, 0.4])
    bits = 8 * size
    gain = np.repeat([1.0, 0.3, 2.0, 0.5] * np.exp(1j * np.arange(4)), bits)
    noise_power = np.abs(gain) ** 2 / np.repeat(snrs, bits)
    sent = np.random.default_rng(5).bytes(size)
    received = gain * np.tile(UncodedBpsk().modulate(sent), 4) + noise(6, noise_power, 4 * bits)
    errors = bit_errors(sent, UncodedBpsk().demodulate(combine(received, gain, noise_power, 4), size))
    assert errors >= 1000
    assert stats.binomtest(errors, bits, float(q(np.sqrt(2 * snrs.sum())))).pvalue > 0.001


def lost(size: int, snr_db: float, messages: int, seed: int) -> int:
    """Coded messages that do not come back on AWGN, at the default repetition."""
    draw, power, repeats = np.random.default_rng(seed), 10 ** (-snr_db / 10), Radio().control_repeats
    count = 0
    for _ in range(messages):
        raw = draw.bytes(size)
        symbols = np.tile(LdpcQpsk().modulate(raw), repeats)
        received = symbols + noise(int(draw.integers(2**32)), power, len(symbols))
        count += LdpcQpsk().demodulate(combine(received, 1.0, power, repeats), size) != raw
    return count


def test_a_coded_message_survives_0_db_and_needs_a_quarter_of_the_channel_uses() -> None:
    """77 bytes at Es/N0 = -1 dB: at most 2 % are lost at 99.9 % (345 messages, none lost), and a decibel is worth far more than the
    factor of 20 to one in 1,000 (from -2 to -1 dB: a fifth of all to none)."""
    assert lost(77, -1.0, 345, seed=1) == 0
    assert control_channel_uses(Radio(), 77) * 3 < control_channel_uses(Radio(control_coding="none", control_repeats=8), 77)


def test_what_is_far_below_the_limit_is_lost() -> None:
    """At -4 dB two copies of QPSK carry 0.8 bits a pair of symbols, the code asks for 0.97."""
    assert lost(77, -4.0, 20, seed=2) == 20


@given(st.integers(0, coded_bits(77) // 2 - 200))
@settings(max_examples=30, deadline=None)
def test_a_burst_that_the_receiver_knows_of_is_borne(start: int) -> None:
    """A third of a message sent once is drowned, wherever the burst lies, and the code fills it in."""
    symbols, power = LdpcQpsk().modulate(MESSAGE), np.full(coded_bits(77) // 2, 0.05)
    power[start : start + 200] = 1e3
    received = symbols + noise(start, power, len(symbols))
    assert LdpcQpsk().demodulate(combine(received, 1.0, power, 1), 77) == MESSAGE


@given(st.integers(0, 8 * 77 * 2))
def test_a_burst_as_long_as_a_bare_message_hits_each_bit_once(start: int) -> None:
    """Three copies outvote one turned over, wherever the burst lies."""
    symbols = np.tile(UncodedBpsk().modulate(MESSAGE), 3)
    symbols[start : start + 8 * len(MESSAGE)] *= -1
    assert UncodedBpsk().demodulate(combine(symbols, 1.0, 0.1, 3), len(MESSAGE)) == MESSAGE


def test_other_lengths_are_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no 2 copies of the same symbols"):
        combine(np.ones(31, np.complex64), 1.0, 0.1, 2)
