"""Rollouts of the trained policy from random steps at every SNR, with the rewards of the reward table."""

import hashlib
from dataclasses import dataclass

import numpy as np

from linksim.adapt.ddpg import Ddpg
from linksim.adapt.mdp import random_steps
from linksim.adapt.policy import Policy
from linksim.adapt.reward_table_file import load_reward_table
from linksim.nets.policy import Actor
from linksim.nets.weights import load_model
from linksim.papers.diffusec.experiments import ACTOR, REWARD_TABLE, ROUNDS, SNRS_DB, SYMMETRIC_STEPS
from linksim.reproduction.paper import Measurement, ProgressCallback
from linksim.reproduction.simulated import weights_of
from linksim.rng import Streams

STARTS = 250
FINAL_ROUND = 30  # number of rounds after which the policy is taken to have converged


@dataclass(frozen=True)
class PolicyRollout:
    """Experiment: the policy from `STARTS` random starts at a constant SNR.

    Metrics: the reward of the first steps ("start"), after rounds 1, 2, 3 ("reward1", ...) and after `FINAL_ROUND` ("final"), the highest
    reward of any steps ("best"), and the final steps ("t_d", "t_plus").
    """

    snr_db: int
    seed: int
    kind: str = "policy"
    size: int = STARTS

    @property
    def key(self) -> str:
        return f"policy/snr{self.snr_db}"

    def digest(self) -> str:
        determining = [2, self.snr_db, self.seed, STARTS, FINAL_ROUND, ROUNDS, weights_of(ACTOR), weights_of(REWARD_TABLE)]
        return hashlib.sha256(repr(determining).encode()).hexdigest()[:16]

    def measure(self, on_progress: ProgressCallback) -> Measurement:
        reward_table, policy, draw = load_reward_table(REWARD_TABLE), trained_policy(), Streams(self.seed)("policy/starts")
        level_db, steps = np.full(STARTS, float(self.snr_db)), random_steps(draw, STARTS)
        rewards = {"start": reward_table.reward(steps, level_db)}
        for number in range(1, FINAL_ROUND + 1):
            steps = policy.choose(steps, level_db, level_db, draw)
            if number <= ROUNDS:
                rewards[f"reward{number}"] = reward_table.reward(steps, level_db)
        on_progress(STARTS)
        final = {"final": reward_table.reward(steps, level_db), "best": reward_table.reward(reward_table.best(level_db), level_db)}
        final_steps = {"t_d": steps[:, 0].astype(np.float64), "t_plus": steps[:, 1].astype(np.float64)}
        return Measurement(rewards | final | final_steps, {})


def trained_policy() -> Policy:
    """The trained policy. Raises ModelError where its actor is missing."""
    actor = load_model(ACTOR, "policy").network
    assert isinstance(actor, Actor)
    return Ddpg(actor)


def converged_steps(snr_db: float) -> tuple[int, int]:
    """(t_D, t_plus) to which the trained policy converges at an SNR from the steps of the symmetric form."""
    policy, level_db, steps = trained_policy(), np.array([snr_db]), np.array([SYMMETRIC_STEPS], np.int64)
    draw = Streams(0)("policy/settled")  # required by the interface; a trained policy draws nothing
    for _ in range(FINAL_ROUND):
        steps = policy.choose(steps, level_db, level_db, draw)
    t_d, t_plus = steps[0].tolist()
    return t_d, t_plus


def rollout_experiments(seed: int) -> list[PolicyRollout]:
    """One experiment per SNR."""
    return [PolicyRollout(snr_db, seed) for snr_db in SNRS_DB]
