"""Tests of keyed draws: they are permutations and subsets, depend only on key, label and index, and are uniform."""

import struct
from itertools import chain, combinations, pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from linksim import secrecy

KEY = bytes(range(32))


def test_words_that_would_bias_the_draw_are_rejected() -> None:
    assert secrecy.draw_below(iter([2**32 - 1, 5]), 3) == 2  # 2^32 = 1 (mod 3): the last word is rejected
    assert secrecy.draw_below(iter([2**31 + 1, 2**32 - 1, 4]), 2**31 + 1) == 4
    assert secrecy.draw_below(iter([2**32 - 1]), 2**32) == 2**32 - 1


@given(st.integers(1, 200), st.data())
def test_draws_are_permutations_and_subsets(size: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, size))
    assert sorted(secrecy.draw_permutation(KEY, b"x", size, size).tolist()) == list(range(size))
    members = secrecy.draw_subset(KEY, b"x", size, size, count).tolist()
    assert len(members) == count
    assert members == sorted(set(members) & set(range(size)))


def test_draws_follow_the_documented_algorithm() -> None:
    """The draws use the words of the keystream in order; none of these words is large enough to be rejected."""

    def words(label: bytes) -> list[int]:
        return list(struct.unpack("<80I", secrecy.keystream(KEY, label, 9, 320)))

    order = list(range(70))
    for last, word in zip(range(69, 0, -1), words(b"permutation/x"), strict=False):
        order[last], order[word % (last + 1)] = order[word % (last + 1)], order[last]
    assert secrecy.draw_permutation(KEY, b"x", 9, 70).tolist() == order
    members = list(range(70))
    for place, word in zip(range(30), words(b"subset/x"), strict=False):
        chosen = place + word % (70 - place)
        members[place], members[chosen] = members[chosen], members[place]
    assert secrecy.draw_subset(KEY, b"x", 9, 70, 30).tolist() == sorted(members[:30])


def test_a_subset_larger_than_the_set_raises() -> None:
    with pytest.raises(ValueError, match="0 to 4 members, got 5"):
        secrecy.draw_subset(KEY, b"x", 0, 4, 5)


def test_draws_depend_on_key_label_and_index_only() -> None:
    def draw(key: bytes = KEY, label: bytes = b"rows", index: int = 3) -> tuple[int, ...]:
        return tuple(secrecy.draw_permutation(key, label, index, 64).tolist())

    assert draw() == draw()
    assert len({draw(), draw(key=KEY[::-1]), draw(label=b"row"), draw(index=4)}) == 4


def chi_square_p(outcomes: list[tuple[int, ...]], possible: list[tuple[int, ...]]) -> float:
    """Return the p-value of the hypothesis that all `possible` outcomes are equally likely."""
    assert set(outcomes) <= set(possible)
    return float(stats.chisquare([outcomes.count(outcome) for outcome in possible]).pvalue)


def test_all_permutations_are_equally_likely() -> None:
    """The key is fixed. A uniform generator fails at least one of the five tests for at most 0.5 % of keys (Bonferroni)."""
    drawn = [tuple(secrecy.draw_permutation(KEY, b"uniform", n, 4).tolist()) for n in range(24_000)]
    assert chi_square_p(drawn, list(permutations(range(4)))) > 0.001
    large = [secrecy.draw_permutation(KEY, b"uniform", n, 64) for n in range(6_400)]
    for place in (0, 31, 63):
        assert chi_square_p([(int(order[place]),) for order in large], [(value,) for value in range(64)]) > 0.001
    subsets = [tuple(secrecy.draw_subset(KEY, b"uniform", n, 5, 2).tolist()) for n in range(10_000)]
    assert chi_square_p(subsets, list(combinations(range(5), 2))) > 0.001


def test_successive_draws_are_independent() -> None:
    """The first element of a draw and that of the next one are independent: contingency table of 64 cells, 0.1 % significance."""
    first = [int(secrecy.draw_permutation(KEY, b"serial", n, 8)[0]) for n in range(12_001)]
    table = [[0] * 8 for _ in range(8)]
    for now, later in pairwise(first):
        table[now][later] += 1
    assert min(chain(*table)) > 0
    assert stats.chi2_contingency(table).pvalue > 0.001
