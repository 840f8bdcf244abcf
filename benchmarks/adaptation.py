"""Cost of adaptation: training a policy on the reward table, and a round of live environments as links of one simulation."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.measure import BenchmarkResult, best_of, cpu_s
from linksim.adapt.reward_table_file import split_of
from linksim.env.live_link import LiveLinkVec
from linksim.training.ddpg import DdpgTask
from linksim.training.ddpg_trainer import DdpgTrainer
from linksim.training.tasks import TASKS

TASK, SCENARIO, GROUP = "ddpg-cifar10", "diffusec-fluctuating", "ddpg"
LINKS, ROUNDS, REPEATS = 32, 2, 2


def adaptation_benchmarks() -> Iterator[BenchmarkResult]:
    """Time of the training task, and cost of a round per environment for one environment and for many."""
    seconds = cpu_s(train_policy)
    yield BenchmarkResult("o", f"{TASK}: all training steps on the reward table", seconds, "at most", 60, "s", "one core")
    together, alone = best_of(REPEATS, environments(LINKS), environments(1))
    yield BenchmarkResult(
        "p",
        f"LiveLink: one environment alone over one of {LINKS}",
        alone / (together / LINKS),
        "at least",
        0.9,
        "x",
        f"{1e3 * alone / ROUNDS:.0f} over {1e3 * together / LINKS / ROUNDS:.0f} ms a step",
    )


def train_policy() -> None:
    """Run all steps of the training task."""
    task = TASKS[TASK]
    assert isinstance(task, DdpgTask)
    trainer = DdpgTrainer(replace(task, split=split_of(task.reward_table)))  # only the time counts, so a table of any split will do
    while not trainer.finished:
        trainer.train_step()


def environments(links: int) -> Callable[[], Any]:
    """Build a vector of `links` environments -> a function that resets them and runs a few rounds."""
    env = LiveLinkVec(links, SCENARIO, group=GROUP, max_episode_steps=ROUNDS)
    no_change = np.zeros((links, 2), np.float32)

    def run_episode() -> None:
        env.reset(seed=1)
        for _ in range(ROUNDS):
            env.step(no_change)

    return run_episode
