"""Shortening and puncturing: the room is filled exactly, the rate is kept, and what was sent comes back."""

from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from linksim.phy import ldpc, ratematch

RATES = ("1/2", "2/3", "3/4", "5/6")
rooms, rates = st.integers(40, 8000), st.sampled_from(RATES)


def payloads(count: int, size: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 2, (count, size), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


@settings(max_examples=40, deadline=None)
@given(rooms, rates)
def test_the_room_is_filled_at_the_rate_and_places_are_used_once(room: int, rate: str) -> None:
    fit = ratematch.fit(room, rate)
    number, length = ratematch.lengths(room)
    assert fit.payload == int(room * Fraction(rate))
    assert len(fit.sent) == room <= number * length == fit.codewords * fit.code.n
    assert len(fit.message) == fit.payload
    assert len(fit.sent.unique()) == room
    assert len(fit.message.unique()) == fit.payload
    assert not set(fit.sent.tolist()) & set(fit.shortened.tolist())
    punctured = number * length - room - len(fit.shortened)
    assert abs(punctured - (number * length - room) * (1 - Fraction(rate))) <= 1
    of_each = [int((fit.sent // length == word).sum()) for word in range(number)]
    assert max(of_each) - min(of_each) <= 2


@settings(max_examples=25, deadline=None)
@given(rooms, rates, st.integers(0, 99))
def test_without_noise_the_payload_comes_back(room: int, rate: str, seed: int) -> None:
    fit = ratematch.fit(room, rate)
    bits = payloads(3, fit.payload, seed)
    sent = ratematch.encode(fit, bits)
    assert sent.shape == (3, room)
    assert torch.equal(ratematch.decode(fit, 8.0 - 16.0 * sent.float(), 50), bits)


def test_a_full_codeword_is_that_of_the_code() -> None:
    fit = ratematch.fit(1296, "3/4")
    bits = payloads(4, fit.payload)
    assert torch.equal(ratematch.encode(fit, bits), ldpc.encode(ldpc.code(1296, "3/4"), bits))


def test_lengths_are_those_of_the_standard() -> None:
    """IEEE 802.11, PPDU encoding parameters, at a payload of R times the room."""
    assert [ratematch.lengths(room) for room in (1, 648, 649, 1296, 1297, 1944, 1945, 2592, 2593, 3888, 3889)] == [
        (1, 648), (1, 648), (1, 1296), (1, 1296), (1, 1944), (1, 1944), (2, 1296), (2, 1296), (2, 1944), (2, 1944), (3, 1944),
    ]  # fmt: skip


def test_no_room_and_other_rates_are_refused() -> None:
    with pytest.raises(ValueError, match="room for one bit or more, got 0"):
        ratematch.fit(0, "1/2")
    with pytest.raises(ValueError, match="no LDPC code of 648 bits at rate 1/3"):
        ratematch.fit(600, "1/3")
