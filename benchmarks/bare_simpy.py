"""The least that SimPy can do for Alice, an air, Bob and Eve: three processes with stores, an airtime, a propagation delay, an answer."""

from collections.abc import Generator
from typing import Any

import simpy

AIRTIME, PROPAGATION = 512_000, 1_000


def alice(env: simpy.Environment, air: simpy.Store, acks: simpy.Store, frames: int) -> Generator[Any, Any, None]:
    for number in range(frames):
        yield env.timeout(AIRTIME)
        air.put(number)
        yield acks.get()


def medium(env: simpy.Environment, air: simpy.Store, receivers: list[simpy.Store]) -> Generator[Any, Any, None]:
    while True:
        frame = yield air.get()
        yield env.timeout(PROPAGATION)
        for receiver in receivers:
            receiver.put(frame)


def bob(inbox: simpy.Store, acks: simpy.Store) -> Generator[Any, Any, None]:
    while True:
        acks.put((yield inbox.get()))


def eve(inbox: simpy.Store) -> Generator[Any, Any, None]:
    while True:
        yield inbox.get()


def loop(frames: int) -> None:
    """Send `frames` frames."""
    env = simpy.Environment(initial_time=0)
    air, acks, to_bob, to_eve = (simpy.Store(env) for _ in range(4))
    env.process(medium(env, air, [to_bob, to_eve]))
    env.process(bob(to_bob, acks))
    env.process(eve(to_eve))
    env.run(until=env.process(alice(env, air, acks, frames)))
