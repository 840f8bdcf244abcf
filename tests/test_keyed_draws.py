"""Permutations and subsets drawn with a key: what they are, what they depend on, and that none is likelier than another."""

import struct
from itertools import chain, combinations, pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from linksim import secrecy

KEY = bytes(range(32))


def test_words_from_the_incomplete_round_are_skipped() -> None:
    assert secrecy.draw_below(iter([2**32 - 1, 5]), 3) == 2  # 2^32 = 1 (mod 3): one word is too many
    assert secrecy.draw_below(iter([2**31 + 1, 2**32 - 1, 4]), 2**31 + 1) == 4
    assert secrecy.draw_below(iter([2**32 - 1]), 2**32) == 2**32 - 1


@given(st.integers(1, 200), st.data())
def test_draws_are_permutations_and_subsets(size: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, size))
    assert sorted(secrecy.draw_permutation(KEY, b"x", size, size).tolist()) == list(range(size))
    members = secrecy.draw_subset(KEY, b"x", size, size, count).tolist()
    assert len(members) == count
    assert members == sorted(set(members) & set(range(size)))


def test_draws_are_the_documented_ones() -> None:
    """From the words of the keystream; none of these is near 2^32, where words are skipped."""

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


def test_a_subset_holds_no_more_than_there_are() -> None:
    with pytest.raises(ValueError, match="0 to 4 members, got 5"):
        secrecy.draw_subset(KEY, b"x", 0, 4, 5)


def test_draws_depend_on_key_label_and_index_alone() -> None:
    def draw(key: bytes = KEY, label: bytes = b"rows", index: int = 3) -> tuple[int, ...]:
        return tuple(secrecy.draw_permutation(key, label, index, 64).tolist())

    assert draw() == draw()
    assert len({draw(), draw(key=KEY[::-1]), draw(label=b"row"), draw(index=4)}) == 4


def chi_square_p(outcomes: list[tuple[int, ...]], possible: list[tuple[int, ...]]) -> float:
    """p-value of `outcomes` under "all `possible` are equally likely"."""
    assert set(outcomes) <= set(possible)
    return float(stats.chisquare([outcomes.count(outcome) for outcome in possible]).pvalue)


def test_all_permutations_are_equally_likely() -> None:
    """Fixed keys; an honest generator fails one of the five tests for one key in 200 (Bonferroni, 99.5 %)."""
    drawn = [tuple(secrecy.draw_permutation(KEY, b"uniform", n, 4).tolist()) for n in range(24_000)]
    assert chi_square_p(drawn, list(permutations(range(4)))) > 0.001
    large = [secrecy.draw_permutation(KEY, b"uniform", n, 64) for n in range(6_400)]
    for place in (0, 31, 63):
        assert chi_square_p([(int(order[place]),) for order in large], [(value,) for value in range(64)]) > 0.001
    subsets = [tuple(secrecy.draw_subset(KEY, b"uniform", n, 5, 2).tolist()) for n in range(10_000)]
    assert chi_square_p(subsets, list(combinations(range(5), 2))) > 0.001


def test_successive_draws_are_independent() -> None:
    """The first place of one draw against that of the next: a contingency table of 64 cells, 99.9 %."""
    first = [int(secrecy.draw_permutation(KEY, b"serial", n, 8)[0]) for n in range(12_001)]
    table = [[0] * 8 for _ in range(8)]
    for now, later in pairwise(first):
        table[now][later] += 1
    assert min(chain(*table)) > 0
    assert stats.chi2_contingency(table).pvalue > 0.001
