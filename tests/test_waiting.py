"""Facts about waiting for lanes that ask: who is waited for, how long, and that it always ends."""

from collections.abc import Generator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linksim.worker import Worker
from linksim.world.clock import World
from linksim.world.waiting import PATIENCE, SILENCE, Questions

INTERVAL = 1_000
NEVER = 10**12


def asking(world: World, questions: Questions, lane: int, late_ns: int, answers: list[tuple[int, int, tuple[int, int]]]) -> None:
    """A lane that asks first at `late_ns`, and one interval after each answer."""
    decide, draw = questions.decider(world, lane), np.random.default_rng(1)

    def process() -> Generator[Any, Any, None]:
        yield world.env.timeout(late_ns)
        while True:
            chosen = yield from decide((lane, 0), 1.0, 2.0, draw)
            answers.append((world.now, lane, chosen))
            yield world.env.timeout(INTERVAL)

    world.env.process(process())


@given(st.lists(st.integers(0, 4 * INTERVAL), min_size=1, max_size=5))
def test_whoever_is_late_is_in_step_from_the_next_round_but_one(late: list[int]) -> None:
    world, questions = World(Worker()), Questions()
    answers: list[tuple[int, int, tuple[int, int]]] = []
    for lane, late_ns in enumerate(late):
        asking(world, questions, lane, late_ns, answers)
    waits = [len(late) == sum(late_ns <= INTERVAL for late_ns in late)]
    for number in range(12):
        begun = world.now
        assert questions.gather(world, len(late), INTERVAL, NEVER)
        assert world.now - begun <= SILENCE * INTERVAL
        waits.append(len(questions.waiting) == len(late))
        for lane in list(questions.waiting):
            questions.answer(lane, (number, lane))
    assert all(waits[-4:])
    assert len({when for when, *_ in answers[-len(late) :]}) == 1


def test_those_who_ask_at_the_same_instant_wait_no_time() -> None:
    world, questions = World(Worker()), Questions()
    answers: list[tuple[int, int, tuple[int, int]]] = []
    for lane in range(3):
        asking(world, questions, lane, 70, answers)
    for number in range(3):
        assert questions.gather(world, 3, INTERVAL, NEVER)
        assert world.now == 70 + number * INTERVAL
        for lane in range(3):
            assert questions.waiting[lane].steps == (lane, 0)
            questions.answer(lane, (number, lane))
    assert [chosen for *_, chosen in answers] == [(number, lane) for number in range(2) for lane in range(3)]


def test_patience_is_counted_from_a_whole_interval_on_and_silence_has_an_end() -> None:
    world, questions = World(Worker()), Questions()
    asking(world, questions, 0, 10, [])
    assert questions.gather(world, 2, INTERVAL, NEVER)
    assert (world.now, list(questions.waiting)) == (INTERVAL + PATIENCE * INTERVAL, [0])
    silent, nothing = World(Worker()), Questions()
    silent.env.process(_ticking(silent))
    assert nothing.gather(silent, 1, INTERVAL, NEVER)
    assert silent.now == SILENCE * INTERVAL


def _ticking(world: World) -> Generator[Any, Any, None]:
    while True:
        yield world.env.timeout(7)


@pytest.mark.parametrize("limit_ns", [0, 50])
def test_a_world_in_which_nothing_more_happens_says_so(limit_ns: int) -> None:
    world, questions = World(Worker()), Questions()
    assert not questions.gather(world, 1, INTERVAL, NEVER)
    asking(world, questions, 0, 60, [])
    assert not questions.gather(world, 1, INTERVAL, limit_ns)
    assert not questions.waiting


def test_a_newer_question_of_a_lane_takes_the_place_of_the_older() -> None:
    world, questions = World(Worker()), Questions()
    answers: list[tuple[int, int, tuple[int, int]]] = []
    for late_ns in (10, 20):
        asking(world, questions, 0, late_ns, answers)
    world.env.run(until=30)
    assert questions.waiting[0].asked_ns == 20
    questions.answer(0, (3, 4))
    world.env.run(until=40)
    assert answers == [(30, 0, (3, 4))]
