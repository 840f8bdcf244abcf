"""Named streams: a draw belongs to (seed, run, name, index) and to nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from linksim.rng import Draws, Normals, Streams, generator


def test_draws_that_every_release_must_give() -> None:
    """Known answers: a change here changes every result that anybody has published."""
    draw = Streams(seed=1)("air/link-3/bob", 17)
    assert draw.integers(0, 1000, 5).tolist() == KNOWN_INTEGERS
    np.testing.assert_allclose(Streams(1, run=2)("x").standard_normal(3), KNOWN_NORMALS, rtol=1e-12)


KNOWN_INTEGERS = [784, 108, 965, 643, 124]
KNOWN_NORMALS = [-0.2174266315668215, -0.1867977295274672, -1.0950089881038494]


@given(st.text(max_size=20), st.text(max_size=20), st.integers(0, 2**40))
def test_streams_of_other_names_indices_seeds_and_runs_differ(one: str, other: str, index: int) -> None:
    def first(seed: int, run: int, name: str, place: int) -> float:
        return float(Streams(seed, run)(name, place).random())

    here = first(1, 0, one, index)
    assert here == first(1, 0, one, index)
    assert here not in {first(2, 0, one, index), first(1, 1, one, index), first(1, 0, one, index + 1)}
    if one != other:
        assert here != first(1, 0, other, index)


def keys_of(name: str, count: int) -> NDArray[np.uint64]:
    key = Streams(5).key(name)
    return np.array([(key.high, key.low, index) for index in range(count)], np.uint64)


@pytest.mark.parametrize("count", [1, 33, 512, 10_000])
def test_batched_normals_are_those_of_each_item_alone(count: int) -> None:
    """Bit for bit, in whatever company."""
    keys = np.concatenate([keys_of("a", 20), keys_of("b", 3)])
    drawn = Normals()(keys, count)
    for i in (0, 7, 19, 22):
        assert np.array_equal(drawn[i], Normals()(keys[i : i + 1], count)[0])


def test_a_shorter_draw_is_the_beginning_of_a_longer_one() -> None:
    keys = keys_of("a", 4)
    assert np.array_equal(Normals()(keys, 10), Normals()(keys, 20)[:, :10])


def test_streams_are_those_of_the_documented_generator() -> None:
    """SFC64 by its author's rule in whole numbers: seeded with the key, twelve numbers dropped; then Box and Muller in double precision."""
    keys, mask = keys_of("a", 2), 2**64 - 1
    for key, drawn in zip(keys.tolist(), Normals()(keys, 50), strict=True):
        (a, b, c), counter, numbers = key, 1, []
        for _ in range(12 + 50):
            total = (a + b + counter) & mask
            counter += 1
            a, b, c = b ^ (b >> 11), (c + (c << 3)) & mask, (((c << 24) | (c >> 40)) + total) & mask
            numbers.append(total)
        raw = np.array(numbers[12:], np.uint64)
        radius = np.sqrt(-np.log(((raw & np.uint64(2**32 - 1)).astype(float) + 0.5) / 2**32))
        angle = (raw >> np.uint64(32)).astype(np.uint32).view(np.int32) * np.pi / 2**31
        np.testing.assert_allclose(drawn, radius * np.exp(1j * angle), atol=2e-3)


def test_normals_are_normal_and_independent() -> None:
    """Kolmogorov-Smirnov on both parts, 99.9 %; correlations between parts, neighbours and items below four standard errors; the tails."""
    drawn = Normals()(keys_of("a", 200), 5000)
    for part in (drawn.real, drawn.imag):
        assert stats.kstest(part.ravel()[:200_000] * 2**0.5, stats.norm.cdf).pvalue > 1e-3
    bound = 4 / drawn.size**0.5
    pairs = (drawn.real * drawn.imag * 2, drawn[:, 1:] * drawn[:, :-1].conj(), drawn[1:] * drawn[:-1].conj(), np.abs(drawn) ** 2 - 1)
    assert all(abs(product.mean()) < bound for product in pairs)
    beyond = int(np.sum(np.abs(drawn) ** 2 > 9.0))  # of a unit exponential
    assert stats.binomtest(beyond, drawn.size, float(np.exp(-9.0))).pvalue > 1e-3


def test_a_re_aimed_generator_draws_what_a_fresh_one_does() -> None:
    """Also after draws that leave halves of words and buffered words behind."""
    key = Streams(3).key("faults")
    draws = Draws(key)
    for index in (5, 0, 5, 2**40, 1):
        again, fresh = draws(index), generator(key, index)
        assert again.integers(2**16, dtype=np.uint32) == fresh.integers(2**16, dtype=np.uint32)
        assert again.random(3).tolist() == fresh.random(3).tolist()
        again.integers(7, dtype=np.uint32)


def test_seed_and_run_do_not_run_into_each_other() -> None:
    assert Streams(1, 11).key("x") != Streams(11, 1).key("x")
