"""Rate matching: the capacity is filled exactly, the rate is preserved, and the payload is recovered."""

from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from linksim.phy import ldpc, ratematch

RATES = ("1/2", "2/3", "3/4", "5/6")
capacities, rates = st.integers(40, 8000), st.sampled_from(RATES)


def payloads(count: int, size: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 2, (count, size), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


@settings(max_examples=40, deadline=None)
@given(capacities, rates)
def test_the_capacity_is_filled_and_every_position_is_used_once(capacity: int, rate: str) -> None:
    matching = ratematch.rate_matching(capacity, rate)
    number, length = ratematch.lengths(capacity)
    assert matching.payload == int(capacity * Fraction(rate))
    assert len(matching.transmitted) == capacity <= number * length == matching.codewords * matching.code.n
    assert len(matching.message) == matching.payload
    assert len(matching.transmitted.unique()) == capacity
    assert len(matching.message.unique()) == matching.payload
    assert not set(matching.transmitted.tolist()) & set(matching.shortened.tolist())
    punctured = number * length - capacity - len(matching.shortened)
    assert abs(punctured - (number * length - capacity) * (1 - Fraction(rate))) <= 1
    per_codeword = [int((matching.transmitted // length == word).sum()) for word in range(number)]
    assert max(per_codeword) - min(per_codeword) <= 2


@settings(max_examples=25, deadline=None)
@given(capacities, rates, st.integers(0, 99))
def test_without_noise_the_payload_is_recovered(capacity: int, rate: str, seed: int) -> None:
    matching = ratematch.rate_matching(capacity, rate)
    bits = payloads(3, matching.payload, seed)
    transmitted = ratematch.encode(matching, bits)
    assert transmitted.shape == (3, capacity)
    assert torch.equal(ratematch.decode(matching, 8.0 - 16.0 * transmitted.float(), 50), bits)


def test_a_full_codeword_equals_that_of_the_code() -> None:
    matching = ratematch.rate_matching(1296, "3/4")
    bits = payloads(4, matching.payload)
    assert torch.equal(ratematch.encode(matching, bits), ldpc.encode(ldpc.code(1296, "3/4"), bits))


def test_lengths_equal_those_of_the_standard() -> None:
    """IEEE 802.11, PPDU encoding parameters, for a payload of R times the capacity."""
    assert [ratematch.lengths(capacity) for capacity in (1, 648, 649, 1296, 1297, 1944, 1945, 2592, 2593, 3888, 3889)] == [
        (1, 648), (1, 648), (1, 1296), (1, 1296), (1, 1944), (1, 1944), (2, 1296), (2, 1296), (2, 1944), (2, 1944), (3, 1944),
    ]  # fmt: skip


def test_zero_capacity_and_other_rates_are_rejected() -> None:
    with pytest.raises(ValueError, match="must be at least 1 bit, got 0"):
        ratematch.rate_matching(0, "1/2")
    with pytest.raises(ValueError, match="no LDPC code of 648 bits at rate 1/3"):
        ratematch.rate_matching(600, "1/3")
