"""What studying a policy costs: learning one from the reward table, and a round of live environments as the links of one world."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.measure import Figure, best_of, cpu_s
from linksim.env.live_link import LiveLinkVec
from linksim.training.ddpg import DdpgTask
from linksim.training.ddpg_trainer import DdpgTrainer
from linksim.training.tasks import TASKS

TASK, SCENARIO, GROUP = "ddpg-cifar10", "diffusec-fluctuating", "ddpg"
LINKS, ROUNDS, TURNS = 32, 2, 2


def adaptation_figures() -> Iterator[Figure]:
    seconds = cpu_s(learnt)
    yield Figure("o", f"{TASK}: all of its steps against the reward table", seconds, "at most", 60, "s", "one core")
    narrowband, alone = best_of(TURNS, environments(LINKS), environments(1))
    yield Figure("p", f"LiveLink: one environment alone over one of {LINKS}", alone / (narrowband / LINKS), "at least", 0.9, "x",
                 f"{1e3 * alone / ROUNDS:.0f} over {1e3 * narrowband / LINKS / ROUNDS:.0f} ms a step")  # fmt: skip


def learnt() -> None:
    task = TASKS[TASK]
    assert isinstance(task, DdpgTask)
    trainer = DdpgTrainer(task)
    while not trainer.finished:
        trainer.learn()


def environments(links: int) -> Callable[[], Any]:
    """So many environments, built and reset -> what takes a few steps in all of them."""
    live = LiveLinkVec(links, SCENARIO, group=GROUP, rounds=ROUNDS)
    stay = np.zeros((links, 2), np.float32)

    def steps() -> None:
        live.reset(seed=1)
        for _ in range(ROUNDS):
            live.step(stay)

    return steps
