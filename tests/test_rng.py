"""Named streams: a draw belongs to (seed, run, name, index) and to nothing else."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from linksim.rng import Normals, Streams


def test_draws_that_every_release_must_give() -> None:
    """Known answers: a change here changes every result that anybody has published."""
    draw = Streams(seed=1)("air/lane-3/bob", 17)
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


def test_batched_normals_are_those_of_each_item_alone() -> None:
    streams = Streams(5)
    wanted = (streams.key("a"), 7), (streams.key("b"), 0), (streams.key("a"), 8)
    keys = np.array([(key.high, key.low, index) for key, index in wanted], np.uint64)
    drawn = Normals()(keys, 33)
    for row, (name, index) in zip(drawn, [("a", 7), ("b", 0), ("a", 8)], strict=True):
        assert np.array_equal(row, streams(name, index).standard_normal(33, dtype=np.float32))


def test_a_shorter_draw_is_the_beginning_of_a_longer_one() -> None:
    key = Streams(5).key("a")
    keys = np.array([(key.high, key.low, 3)], np.uint64)
    assert np.array_equal(Normals()(keys, 10)[0], Normals()(keys, 20)[0, :10])


def test_seed_and_run_do_not_run_into_each_other() -> None:
    assert Streams(1, 11).key("x") != Streams(11, 1).key("x")
