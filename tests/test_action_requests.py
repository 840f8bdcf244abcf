"""Tests of collecting the action requests of several links: synchronisation, timeouts and termination."""

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


def requesting(
    simulation: Simulation, requests: ActionRequests, link: int, offset_ns: int, answers: list[tuple[int, int, tuple[int, int]]]
) -> None:
    """A process of a link that requests an action at `offset_ns` and one interval after each answer."""
    decide, draw = requests.decider(simulation, link), np.random.default_rng(1)

    def process() -> Generator[Any, Any, None]:
        yield simulation.env.timeout(offset_ns)
        while True:
            chosen = yield from decide((link, 0), 1.0, 2.0, draw)
            answers.append((simulation.now, link, chosen))
            yield simulation.env.timeout(INTERVAL)

    simulation.env.process(process())


@given(st.lists(st.integers(0, 4 * INTERVAL), min_size=1, max_size=5))
def test_links_with_different_offsets_become_synchronous(offsets_ns: list[int]) -> None:
    simulation, requests = Simulation(Worker()), ActionRequests()
    answers: list[tuple[int, int, tuple[int, int]]] = []
    for link, offset_ns in enumerate(offsets_ns):
        requesting(simulation, requests, link, offset_ns, answers)
    waits = [len(offsets_ns) == sum(offset_ns <= INTERVAL for offset_ns in offsets_ns)]
    for number in range(12):
        started = simulation.now
        assert requests.collect(simulation, len(offsets_ns), INTERVAL, NEVER)
        assert simulation.now - started <= IDLE_TIMEOUT * INTERVAL
        waits.append(len(requests.waiting) == len(offsets_ns))
        for link in list(requests.waiting):
            requests.answer(link, (number, link))
    assert all(waits[-4:])
    assert len({when for when, *_ in answers[-len(offsets_ns) :]}) == 1


def test_simultaneous_requests_take_no_simulated_time() -> None:
    simulation, requests = Simulation(Worker()), ActionRequests()
    answers: list[tuple[int, int, tuple[int, int]]] = []
    for link in range(3):
        requesting(simulation, requests, link, 70, answers)
    for number in range(3):
        assert requests.collect(simulation, 3, INTERVAL, NEVER)
        assert simulation.now == 70 + number * INTERVAL
        for link in range(3):
            assert requests.waiting[link].current == (link, 0)
            requests.answer(link, (number, link))
    assert [chosen for *_, chosen in answers] == [(number, link) for number in range(2) for link in range(3)]


def test_gather_timeout_starts_after_one_interval_and_idle_timeout_ends_the_wait() -> None:
    simulation, requests = Simulation(Worker()), ActionRequests()
    requesting(simulation, requests, 0, 10, [])
    assert requests.collect(simulation, 2, INTERVAL, NEVER)
    assert (simulation.now, list(requests.waiting)) == (INTERVAL + GATHER_TIMEOUT * INTERVAL, [0])
    idle, empty = Simulation(Worker()), ActionRequests()
    idle.env.process(_ticking(idle))
    assert empty.collect(idle, 1, INTERVAL, NEVER)
    assert idle.now == IDLE_TIMEOUT * INTERVAL


def _ticking(simulation: Simulation) -> Generator[Any, Any, None]:
    while True:
        yield simulation.env.timeout(7)


@pytest.mark.parametrize("limit_ns", [0, 50])
def test_collect_returns_false_when_no_event_remains_before_the_limit(limit_ns: int) -> None:
    simulation, requests = Simulation(Worker()), ActionRequests()
    assert not requests.collect(simulation, 1, INTERVAL, NEVER)
    requesting(simulation, requests, 0, 60, [])
    assert not requests.collect(simulation, 1, INTERVAL, limit_ns)
    assert not requests.waiting


def test_a_newer_request_of_a_link_replaces_the_older_one() -> None:
    simulation, requests = Simulation(Worker()), ActionRequests()
    answers: list[tuple[int, int, tuple[int, int]]] = []
    for offset_ns in (10, 20):
        requesting(simulation, requests, 0, offset_ns, answers)
    simulation.env.run(until=30)
    assert requests.waiting[0].asked_ns == 20
    requests.answer(0, (3, 4))
    simulation.env.run(until=40)
    assert answers == [(30, 0, (3, 4))]
