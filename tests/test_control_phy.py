"""Modulation of control messages: round trips, power, sizes, combining, and error rates with and without a code."""

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
from linksim.phy.control_code import LdpcQpsk, interleaver, parity
from linksim.phy.ldpc import code, encode
from linksim.phy.qam import decide
from linksim.phy.theory import q_function
from linksim.scenario.control_size import blocks, coded_bits, control_channel_uses
from linksim.scenario.nodes import Radio
from linksim.worker import Worker

CODINGS: list[Coding] = [UncodedBpsk(), LdpcQpsk()]
MESSAGE = bytes(range(77))


def noise(seed: int, power: float | NDArray[np.float64], count: int) -> NDArray[np.complex128]:
    real, imaginary = np.random.default_rng(seed).standard_normal((2, count)) * np.sqrt(np.asarray(power) / 2)
    drawn: NDArray[np.complex128] = real + 1j * imaginary
    return drawn


def bit_errors(sent: bytes, received: bytes) -> int:
    return int(np.unpackbits(np.frombuffer(sent, np.uint8) ^ np.frombuffer(received, np.uint8)).sum())


@pytest.mark.parametrize("coding", CODINGS)
@given(raw=st.binary(max_size=600), repeats=st.integers(1, 12), strength=st.floats(0.01, 10), angle=st.floats(0, 6.3))
@settings(max_examples=60, deadline=None)
def test_without_noise_all_bytes_are_recovered(coding: Coding, raw: bytes, repeats: int, strength: float, angle: float) -> None:
    gain = strength * np.exp(1j * angle)
    symbols = np.tile(coding.modulate(raw), repeats)
    assert symbols.dtype == np.complex64
    name = "none" if isinstance(coding, UncodedBpsk) else "ldpc"
    assert len(symbols) == control_channel_uses(Radio(control_coding=name, control_repeats=repeats), len(raw))
    np.testing.assert_allclose(np.abs(symbols), 1, rtol=1e-6)
    assert coding.demodulate(combine(gain * symbols, gain, 0.0, repeats), len(raw), Worker())() == raw
    each = combine(gain * symbols, np.full(symbols.shape, gain), np.full(symbols.shape, 1e-3), repeats)
    assert coding.demodulate(each, len(raw), Worker())() == raw


def test_uncoded_bits_are_sent_most_significant_first() -> None:
    assert UncodedBpsk().modulate(b"\xa1").tolist() == [-1, 1, -1, 1, 1, 1, 1, -1]


@pytest.mark.parametrize("size", [0, 1, 40, 41, 81, 82, 121, 122, 243, 547])
def test_a_coded_message_consists_of_shortened_codewords(size: int) -> None:
    """After deinterleaving and insertion of the shortened zeros, the bits of each block are a codeword of its code."""
    raw = np.random.default_rng(size).bytes(size)
    received = decide(torch.from_numpy(LdpcQpsk().modulate(raw)[None]), 4)[0].numpy()
    bits = np.empty(coded_bits(size), np.uint8)
    bits[interleaver(size)] = received
    start, message = 0, b""
    for n, part in blocks(size):
        of = code(n, "1/2")
        sent, start = bits[start : start + 8 * part + n // 2], start + 8 * part + n // 2
        whole = np.concatenate([sent[: 8 * part], np.zeros(of.k - 8 * part, np.uint8), sent[8 * part :]])
        assert np.array_equal(encode(of, torch.from_numpy(whole[None, : of.k]))[0].numpy(), whole)
        message += np.packbits(sent[: 8 * part]).tobytes()
    assert start == len(bits)
    assert message == raw


def test_sizes_increase_with_every_byte_and_blocks_are_as_few_as_possible() -> None:
    for size in range(700):
        parts = blocks(size)
        assert sum(part for _, part in parts) == size
        assert len(parts) == max(1, math.ceil(size / 121))
        assert all(8 * part <= n // 2 for n, part in parts)
        assert all(n == 648 or 8 * part > {1296: 324, 1944: 648}[n] for n, part in parts)
    assert all(
        more >= less + 8 for less, more in pairwise(map(coded_bits, range(700)))
    )  # so the channel uses of a frame determine its size
    assert control_channel_uses(Radio(), 77) == 2 * (77 * 8 + 648) // 2 == 1264


@pytest.mark.parametrize("size", [1, 13, 32, 33, 59, 67, 77, 122, 300])
def test_the_interleaver_spreads_a_burst_over_the_message(size: int) -> None:
    """A burst over a tenth or a quarter of the bits hits no tenth of the message with more than 1.6 times its share."""
    places, whole = interleaver(size), coded_bits(size)
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
def test_bit_error_rate_of_uncoded_bits_equals_the_closed_form(repeats: int, snr_db: float) -> None:
    """Q(sqrt(2 n snr)), binomial test at 99.9 % with more than 1,000 errors."""
    size = 10_000
    gain = 0.8 * np.exp(2j)
    noise_power = abs(gain) ** 2 / 10 ** (snr_db / 10)
    sent = np.random.default_rng(repeats).bytes(size)
    received = gain * np.tile(UncodedBpsk().modulate(sent), repeats) + noise(10 + repeats, noise_power, 8 * size * repeats)
    errors = bit_errors(sent, UncodedBpsk().demodulate(combine(received, gain, noise_power, repeats), size, Worker())())
    assert errors >= 1000
    expected = float(q_function(math.sqrt(2 * repeats * 10 ** (snr_db / 10))))
    assert stats.binomtest(errors, 8 * size, expected).pvalue > 0.001


def test_unequal_copies_are_weighted_by_their_snr() -> None:
    """Maximum-ratio combining adds the SNRs of the copies: Q(sqrt(2 * sum snr)); binomial test at 99.9 %."""
    size, snrs = 10_000, np.array([0.05, 0.8, 0.2, 0.4])
    bits = 8 * size
    gain = np.repeat([1.0, 0.3, 2.0, 0.5] * np.exp(1j * np.arange(4)), bits)
    noise_power = np.abs(gain) ** 2 / np.repeat(snrs, bits)
    sent = np.random.default_rng(5).bytes(size)
    received = gain * np.tile(UncodedBpsk().modulate(sent), 4) + noise(6, noise_power, 4 * bits)
    errors = bit_errors(sent, UncodedBpsk().demodulate(combine(received, gain, noise_power, 4), size, Worker())())
    assert errors >= 1000
    assert stats.binomtest(errors, bits, float(q_function(np.sqrt(2 * snrs.sum())))).pvalue > 0.001


def lost(size: int, snr_db: float, messages: int, seed: int) -> int:
    """Number of coded messages lost on AWGN at the default number of repetitions."""
    draw, power, repeats = np.random.default_rng(seed), 10 ** (-snr_db / 10), Radio().control_repeats
    count = 0
    for _ in range(messages):
        raw = draw.bytes(size)
        symbols = np.tile(LdpcQpsk().modulate(raw), repeats)
        received = symbols + noise(int(draw.integers(2**32)), power, len(symbols))
        count += LdpcQpsk().demodulate(combine(received, 1.0, power, repeats), size, Worker())() != raw
    return count


def test_a_coded_message_is_reliable_and_shorter_than_repeated_uncoded_bits() -> None:
    """None of 345 messages of 77 bytes is lost at Es/N0 = -1 dB, so the loss is at most 2 % at 99.9 % confidence, and much less at 0 dB."""
    assert lost(77, -1.0, 345, seed=1) == 0
    assert control_channel_uses(Radio(), 77) * 3 < control_channel_uses(Radio(control_coding="none", control_repeats=8), 77)


def test_messages_far_below_the_shannon_limit_are_lost() -> None:
    """At -4 dB the capacity of two copies of a QPSK symbol is 0.8 bits, and the code needs 0.97 bits."""
    assert lost(77, -4.0, 20, seed=2) == 20


@given(st.integers(0, coded_bits(77) // 2 - 200))
@settings(max_examples=30, deadline=None)
def test_a_known_burst_is_tolerated(start: int) -> None:
    """The code recovers a message sent once if a known burst at any position erases a third of it."""
    symbols, power = LdpcQpsk().modulate(MESSAGE), np.full(coded_bits(77) // 2, 0.05)
    power[start : start + 200] = 1e3
    received = symbols + noise(start, power, len(symbols))
    assert LdpcQpsk().demodulate(combine(received, 1.0, power, 1), 77, Worker())() == MESSAGE


@given(st.integers(0, 8 * 77 * 2))
def test_a_burst_of_one_uncoded_message_hits_each_bit_once(start: int) -> None:
    """With three copies, a burst at any position that inverts one copy is corrected."""
    symbols = np.tile(UncodedBpsk().modulate(MESSAGE), 3)
    symbols[start : start + 8 * len(MESSAGE)] *= -1
    assert UncodedBpsk().demodulate(combine(symbols, 1.0, 0.1, 3), len(MESSAGE), Worker())() == MESSAGE


def test_a_length_that_is_not_a_multiple_of_the_copies_is_rejected() -> None:
    with pytest.raises(ValueError, match="cannot be split into 2 copies"):
        combine(np.ones(31, np.complex64), 1.0, 0.1, 2)


def test_messages_that_wait_are_decoded_in_one_batch() -> None:
    """Messages that need the decoder wait until one of them is needed; those whose received bits are right need none."""
    worker, coding, power = Worker(), LdpcQpsk(), 10**0.1
    sent = [np.random.default_rng(seed).bytes(16) for seed in range(20)]
    noisy = [np.tile(coding.modulate(raw), 2) for raw in sent]
    noisy = [symbols + noise(seed, power, len(symbols)) for seed, symbols in enumerate(noisy)]
    waiting = [coding.demodulate(combine(symbols, 1.0, power, 2), 16, worker) for symbols in noisy]
    clean = coding.demodulate(combine(coding.modulate(sent[0]), 1.0, power, 1), 16, worker)
    assert (clean(), worker.calls) == (sent[0], {})
    assert [message() for message in waiting] == sent
    assert (worker.calls, worker.items) == ({"decode_control": 1}, {"decode_control": 20})
