"""Facts about waiting for links that ask: who is waited for, how long, and that it always ends."""

from collections.abc import Generator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linksim.context import Simulation
from linksim.control_plane.action_requests import GATHER_TIMEOUT, IDLE_TIMEOUT, ActionRequests
from linksim.worker import Worker

INTERVAL = 1_000
NEVER = 10**12


def asking(
    simulation: Simulation, questions: ActionRequests, link: int, late_ns: int, answers: list[tuple[int, int, tuple[int, int]]]
) -> None:
    """A link that asks first at `late_ns`, and one interval after each answer."""
    decide, draw = questions.decider(simulation, link), np.random.default_rng(1)

    def process() -> Generator[Any, Any, None]:
        yield simulation.env.timeout(late_ns)
        while True:
            chosen = yield from decide((link, 0), 1.0, 2.0, draw)
            answers.append((simulation.now, link, chosen))
            yield simulation.env.timeout(INTERVAL)

    simulation.env.process(process())


@given(st.lists(st.integers(0, 4 * INTERVAL), min_size=1, max_size=5))
def test_whoever_is_late_is_in_step_from_the_next_round_but_one(late: list[int]) -> None:
    simulation, questions = Simulation(Worker()), ActionRequests()
    answers: list[tuple[int, int, tuple[int, int]]] = []
    for link, late_ns in enumerate(late):
        asking(simulation, questions, link, late_ns, answers)
    waits = [len(late) == sum(late_ns <= INTERVAL for late_ns in late)]
    for number in range(12):
        begun = simulation.now
        assert questions.collect(simulation, len(late), INTERVAL, NEVER)
        assert simulation.now - begun <= IDLE_TIMEOUT * INTERVAL
        waits.append(len(questions.waiting) == len(late))
        for link in list(questions.waiting):
            questions.answer(link, (number, link))
    assert all(waits[-4:])
    assert len({when for when, *_ in answers[-len(late) :]}) == 1


def test_those_who_ask_at_the_same_instant_wait_no_time() -> None:
    simulation, questions = Simulation(Worker()), ActionRequests()
    answers: list[tuple[int, int, tuple[int, int]]] = []
    for link in range(3):
        asking(simulation, questions, link, 70, answers)
    for number in range(3):
        assert questions.collect(simulation, 3, INTERVAL, NEVER)
        assert simulation.now == 70 + number * INTERVAL
        for link in range(3):
            assert questions.waiting[link].steps == (link, 0)
            questions.answer(link, (number, link))
    assert [chosen for *_, chosen in answers] == [(number, link) for number in range(2) for link in range(3)]


def test_patience_is_counted_from_a_whole_interval_on_and_silence_has_an_end() -> None:
    simulation, questions = Simulation(Worker()), ActionRequests()
    asking(simulation, questions, 0, 10, [])
    assert questions.collect(simulation, 2, INTERVAL, NEVER)
    assert (simulation.now, list(questions.waiting)) == (INTERVAL + GATHER_TIMEOUT * INTERVAL, [0])
    silent, nothing = Simulation(Worker()), ActionRequests()
    silent.env.process(_ticking(silent))
    assert nothing.collect(silent, 1, INTERVAL, NEVER)
    assert silent.now == IDLE_TIMEOUT * INTERVAL


def _ticking(simulation: Simulation) -> Generator[Any, Any, None]:
    while True:
        yield simulation.env.timeout(7)


@pytest.mark.parametrize("limit_ns", [0, 50])
def test_a_world_in_which_nothing_more_happens_says_so(limit_ns: int) -> None:
    simulation, questions = Simulation(Worker()), ActionRequests()
    assert not questions.collect(simulation, 1, INTERVAL, NEVER)
    asking(simulation, questions, 0, 60, [])
    assert not questions.collect(simulation, 1, INTERVAL, limit_ns)
    assert not questions.waiting


def test_a_newer_question_of_a_link_takes_the_place_of_the_older() -> None:
    simulation, questions = Simulation(Worker()), ActionRequests()
    answers: list[tuple[int, int, tuple[int, int]]] = []
    for late_ns in (10, 20):
        asking(simulation, questions, 0, late_ns, answers)
    simulation.env.run(until=30)
    assert questions.waiting[0].asked_ns == 20
    questions.answer(0, (3, 4))
    simulation.env.run(until=40)
    assert answers == [(30, 0, (3, 4))]
