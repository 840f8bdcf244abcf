"""A minimal SimPy model of Alice, the air, Bob and Eve: processes with stores, an airtime, a propagation delay and an ACK."""

from collections.abc import Generator
from typing import Any

import simpy

AIRTIME, PROPAGATION = 512_000, 1_000


def alice(env: simpy.Environment, air: simpy.Store, acks: simpy.Store, frames: int) -> Generator[Any, Any, None]:
    """Transmit `frames` frames, each after the ACK of the previous one."""
    for number in range(frames):
        yield env.timeout(AIRTIME)
        air.put(number)
        yield acks.get()


def medium(env: simpy.Environment, air: simpy.Store, receivers: list[simpy.Store]) -> Generator[Any, Any, None]:
    """Deliver each frame to all receivers after the propagation delay."""
    while True:
        frame = yield air.get()
        yield env.timeout(PROPAGATION)
        for receiver in receivers:
            receiver.put(frame)


def bob(inbox: simpy.Store, acks: simpy.Store) -> Generator[Any, Any, None]:
    """Acknowledge each frame."""
    while True:
        acks.put((yield inbox.get()))


def eve(inbox: simpy.Store) -> Generator[Any, Any, None]:
    """Receive each frame."""
    while True:
        yield inbox.get()


def loop(frames: int) -> None:
    """Simulate the transmission of `frames` frames."""
    env = simpy.Environment(initial_time=0)
    air, acks, to_bob, to_eve = (simpy.Store(env) for _ in range(4))
    env.process(medium(env, air, [to_bob, to_eve]))
    env.process(bob(to_bob, acks))
    env.process(eve(to_eve))
    env.run(until=env.process(alice(env, air, acks, frames)))
