"""What studying a policy costs: learning one from the atlas, and a round of live environments as the lanes of one world."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.measure import Figure, best_of, cpu_s
from linksim.env.live_link import LiveLinkVec
from linksim.train.apprentice import Apprentice
from linksim.train.ddpg import DdpgLesson
from linksim.train.lessons import LESSONS

LESSON, SCENARIO, GROUP = "ddpg-cifar10", "diffusec-fluctuating", "ddpg"
LANES, ROUNDS, TURNS = 32, 2, 2


def adaptation_figures() -> Iterator[Figure]:
    seconds = cpu_s(learnt)
    yield Figure("o", f"{LESSON}: all of its steps against the atlas", seconds, "at most", 60, "s", "one core")
    together, alone = best_of(TURNS, environments(LANES), environments(1))
    yield Figure("p", f"LiveLink: one environment alone over one of {LANES}", alone / (together / LANES), "at least", 0.9, "x",
                 f"{1e3 * alone / ROUNDS:.0f} over {1e3 * together / LANES / ROUNDS:.0f} ms a step")  # fmt: skip


def learnt() -> None:
    lesson = LESSONS[LESSON]
    assert isinstance(lesson, DdpgLesson)
    apprentice = Apprentice(lesson)
    while not apprentice.finished:
        apprentice.learn()


def environments(lanes: int) -> Callable[[], Any]:
    """So many environments, built and reset -> what takes a few steps in all of them."""
    live = LiveLinkVec(lanes, SCENARIO, group=GROUP, rounds=ROUNDS)
    stay = np.zeros((lanes, 2), np.float32)

    def steps() -> None:
        live.reset(seed=1)
        for _ in range(ROUNDS):
            live.step(stay)

    return steps
