"""Agents of Stable-Baselines3 against the policies of linksim: trained on training images, evaluated on test images and held-out channels.

    python examples/outside_agents.py --steps 10000 --seeds 3

The agents learn on the reward table of training images. All policies then meet the same channels, reports and first steps, and earn the
rewards of the table of test images, in which the oracle has its best steps.
"""

import argparse
from collections.abc import Callable

import gymnasium
import numpy as np
import stable_baselines3
import torch

import linksim.env
from linksim.adapt.evaluation_channels import EVALUATION_CHANNELS, evaluation_channels
from linksim.adapt.policy import BestFixed, LookupPolicy, Policy
from linksim.adapt.regret import evaluate_policies
from linksim.adapt.reward_table import RewardTable
from linksim.adapt.reward_table_file import load_reward_table
from linksim.env.agent_policy import AgentPolicy
from linksim.statistics import bootstrap_mean

ALGORITHMS = ("DDPG", "TD3", "SAC")
RANGE_DB = (-6.0, 18.0)
SETTINGS = {"learning_rate": 1e-3, "learning_starts": 1_000, "batch_size": 128, "gamma": 0.9, "device": "cpu"}


def agent(algorithm: str, table: RewardTable, steps: int, seed: int) -> AgentPolicy:
    """Return a trained agent as a policy."""
    env = gymnasium.make(linksim.env.STEP_SELECTION, reward_table=table, snr_db=RANGE_DB)
    model = getattr(stable_baselines3, algorithm)("MlpPolicy", env, seed=seed, **SETTINGS)
    model.learn(steps)
    return AgentPolicy(lambda observations: model.predict(observations, deterministic=True)[0])


def compare(
    chosen: RewardTable, evaluated: RewardTable, steps: int, seeds: int, channels: int = 40, show: Callable[[str], None] = print
) -> None:
    """Train, evaluate and print the regret of every policy, and its reward beyond that of the best fixed pair.

    chosen, evaluated  reward tables of training and of test images
    steps, seeds       of each algorithm
    channels           held-out channels of each kind
    """
    policies: dict[str, Policy] = {
        "best fixed": BestFixed(chosen.best_fixed(np.arange(*RANGE_DB, 0.5))),
        "lookup": LookupPolicy(chosen, 3.0),
    }
    for algorithm in ALGORITHMS:
        policies |= {f"{algorithm} {seed}": agent(algorithm, chosen, steps, seed) for seed in range(1, seeds + 1)}
    paths = {kind: evaluation_channels(kind, channels, rounds=60, interval_ms=100.0, seed=1) for kind in EVALUATION_CHANNELS}
    outcomes = evaluate_policies(evaluated, policies, paths, delays=(0,), errors_db=(0.0,), seed=1)
    rewards, regrets = (
        {name: np.concatenate([getattr(found, what) for found in outcomes if found.policy == name]) for name in policies}
        for what in ("rewards", "regrets")
    )
    show(f"{'policy':12} {'regret':>8}   reward beyond the best fixed pair, 95 % interval over channels")
    for name in policies:
        gain = bootstrap_mean(rewards[name] - rewards["best fixed"], np.random.default_rng(1))
        show(f"{name:12} {regrets[name].mean():8.4f}   {gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=10_000, help="environment steps of each training")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each algorithm")
    given = parser.parse_args()
    torch.set_num_threads(1)
    compare(load_reward_table("diffusec-blind-rewards"), load_reward_table("diffusec-blind-rewards-test"), given.steps, given.seeds)
