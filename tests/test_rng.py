"""Named streams: a draw depends on (seed, replication, name, index) and on nothing else."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from linksim.rng import Draws, Normals, Streams, generator


def test_draws_equal_their_known_values() -> None:
    """Known answers: a change of these values would change every published result."""
    draw = Streams(seed=1)("air/link-3/bob", 17)
    assert draw.integers(0, 1000, 5).tolist() == KNOWN_INTEGERS
    np.testing.assert_allclose(Streams(1, replication=2)("x").standard_normal(3), KNOWN_NORMALS, rtol=1e-12)


KNOWN_INTEGERS = [354, 402, 256, 886, 814]
KNOWN_NORMALS = [-0.2174266315668215, -0.1867977295274672, -1.0950089881038494]


@given(st.text(max_size=20), st.text(max_size=20), st.integers(0, 2**40))
def test_streams_of_other_names_indices_seeds_and_replications_differ(one: str, other: str, index: int) -> None:
    def first(seed: int, replication: int, name: str, place: int) -> float:
        return float(Streams(seed, replication)(name, place).random())

    here = first(1, 0, one, index)
    assert here == first(1, 0, one, index)
    assert here not in {first(2, 0, one, index), first(1, 1, one, index), first(1, 0, one, index + 1)}
    if one != other:
        assert here != first(1, 0, other, index)


def keys_of(name: str, count: int) -> NDArray[np.uint64]:
    key = Streams(5).key(name)
    return np.array([(key.high, key.low, index) for index in range(count)], np.uint64)


@pytest.mark.parametrize("count", [1, 33, 512, 10_000])
def test_batched_normals_equal_those_of_single_items(count: int) -> None:
    """They are bitwise equal in any batch."""
    keys = np.concatenate([keys_of("a", 20), keys_of("b", 3)])
    drawn = Normals()(keys, count)
    for i in (0, 7, 19, 22):
        assert np.array_equal(drawn[i], Normals()(keys[i : i + 1], count)[0])


def test_a_shorter_draw_is_a_prefix_of_a_longer_one() -> None:
    keys = keys_of("a", 4)
    assert np.array_equal(Normals()(keys, 10), Normals()(keys, 20)[:, :10])


def test_normals_equal_those_of_the_documented_generator() -> None:
    """SFC64 in integer arithmetic, seeded with the key and without its first twelve numbers, then Box-Muller in double precision."""
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
    """Both parts pass a Kolmogorov-Smirnov test at 99.9 %; correlations are below four standard errors; the tail has its probability."""
    drawn = Normals()(keys_of("a", 200), 5000)
    for part in (drawn.real, drawn.imag):
        assert stats.kstest(part.ravel()[:200_000] * 2**0.5, stats.norm.cdf).pvalue > 1e-3
    bound = 4 / drawn.size**0.5
    pairs = (drawn.real * drawn.imag * 2, drawn[:, 1:] * drawn[:, :-1].conj(), drawn[1:] * drawn[:-1].conj(), np.abs(drawn) ** 2 - 1)
    assert all(abs(product.mean()) < bound for product in pairs)
    beyond = int(np.sum(np.abs(drawn) ** 2 > 9.0))  # of a unit exponential
    assert stats.binomtest(beyond, drawn.size, float(np.exp(-9.0))).pvalue > 1e-3


def test_a_repositioned_generator_equals_a_new_one() -> None:
    """This holds after draws that leave partially consumed and buffered words."""
    key = Streams(3).key("faults")
    draws = Draws(key)
    for index in (5, 0, 5, 2**40, 1):
        again, fresh = draws(index), generator(key, index)
        assert again.integers(2**16, dtype=np.uint32) == fresh.integers(2**16, dtype=np.uint32)
        assert again.random(3).tolist() == fresh.random(3).tolist()
        again.integers(7, dtype=np.uint32)


def test_seed_and_replication_are_separated_in_the_key() -> None:
    assert Streams(1, 11).key("x") != Streams(11, 1).key("x")


def test_threads_draw_from_one_object_without_disturbing_each_other() -> None:
    """Python may switch threads between the positioning of a generator and its draw."""
    normals = Normals()
    batches = [keys_of(f"thread {n}", 40) for n in range(3)]
    alone = [normals(keys, 300) for keys in batches]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(len(batches)) as pool:
            together = [list(pool.map(lambda keys: normals(keys, 300), batches)) for _ in range(20)]
    finally:
        sys.setswitchinterval(before)
    assert all(np.array_equal(a, b) for found in together for a, b in zip(alone, found, strict=True))
