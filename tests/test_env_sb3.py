"""Learners of Stable-Baselines3 work on the environments as they are. Where it is not installed, this is left out."""

from typing import Any

import numpy as np
import pytest
import torch
from synthetic_reward_table import made_up_reward_table

from linksim.env.step_selection import StepSelection

sb3 = pytest.importorskip("stable_baselines3", reason="Stable-Baselines3 is not installed")
env_checker = pytest.importorskip("stable_baselines3.common.env_checker")


def test_its_checker_finds_nothing_to_complain_about() -> None:
    env_checker.check_env(StepSelection(made_up_reward_table()), warn=True)


@pytest.mark.parametrize("name", ["DDPG", "TD3", "SAC"])
def test_a_learner_does_better_than_chance(name: str) -> None:
    """After 300 updates its reward in the last round, over 30 episodes, is higher than that of random actions."""
    torch.set_num_threads(1)
    made = StepSelection(made_up_reward_table(), fluctuation_db=0.0)
    learner = getattr(sb3, name)("MlpPolicy", made, learning_rate=1e-3, learning_starts=300, batch_size=64, gamma=0.9, seed=1, device="cpu")
    learner.learn(600)
    learnt, chance = ([played(made, learner if learns else None, seed) for seed in range(30)] for learns in (True, False))
    assert np.mean(learnt) > np.mean(chance) + 0.02


def played(made: StepSelection, learner: Any, seed: int) -> float:
    """Reward in the last round of an episode."""
    observed, _ = made.reset(seed=seed)
    draw, over, reward = np.random.default_rng(seed), False, 0.0
    while not over:
        action = draw.uniform(-1, 1, 2).astype(np.float32) if learner is None else learner.predict(observed, deterministic=True)[0]
        observed, reward, _, over, _ = made.step(action)
    return reward
