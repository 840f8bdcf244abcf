"""Rollouts of a policy from random steps at every SNR, with the rewards of the reward table: the trained policy and its controls.

The controls have what a policy can have without adapting to the SNR: random pairs in every round, the best fixed pair for the training
range (the strongest constant), and the trained policy itself under reports of shuffled SNRs. A statement about the trained policy that a
control satisfies as well is no evidence that it has learnt to adapt.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from linksim.adapt.ddpg import Ddpg
from linksim.adapt.mdp import random_steps
from linksim.adapt.observation import of_snr
from linksim.adapt.policy import BestFixed, Policy, Random
from linksim.adapt.reward_table import RewardTable
from linksim.adapt.reward_table_file import load_reward_table
from linksim.nets.policy import Actor
from linksim.nets.weights import load_model
from linksim.papers.diffusec.experiments import ACTOR, REWARD_TABLE, ROUNDS, SNRS_DB, SYMMETRIC_STEPS
from linksim.reproduction.paper import Measurement, ProgressCallback
from linksim.reproduction.simulated import weights_of
from linksim.rng import Streams

STARTS = 250
TRAINING_SNRS_DB = np.arange(-3.0, 12.1, 0.5)  # SNRs over which the best fixed pair is chosen: the paper's training range
CONTROLS: Mapping[str, str] = {
    "random": "random pairs",
    "constant": "best fixed pair for -3..12 dB",
    "shuffled": "the trained policy, SNRs of the reports shuffled",
}
FINAL_ROUND = 30  # number of rounds after which the policy is taken to have converged


@dataclass(frozen=True)
class PolicyRollout:
    """Experiment: a policy from `STARTS` random starts at a constant SNR.

    policy  "ddpg" for the trained one, or a name in `CONTROLS`

    Metrics: the reward of the first steps ("start"), after rounds 1, 2, 3 ("reward1", ...) and after `FINAL_ROUND` ("final"), the highest
    reward of any steps ("best"), and the final steps ("t_d", "t_plus").
    """

    snr_db: int
    seed: int
    policy: str = "ddpg"
    kind: str = "policy"
    size: int = STARTS

    @property
    def key(self) -> str:
        return f"policy/snr{self.snr_db}" if self.policy == "ddpg" else f"policy/{self.policy}/snr{self.snr_db}"

    def digest(self) -> str:
        determining: list[object] = [2, self.snr_db, self.seed, STARTS, FINAL_ROUND, ROUNDS, weights_of(ACTOR), weights_of(REWARD_TABLE)]
        determining += [] if self.policy == "ddpg" else [self.policy, TRAINING_SNRS_DB.tolist()]
        return hashlib.sha256(repr(determining).encode()).hexdigest()[:16]

    def measure(self, on_progress: ProgressCallback) -> Measurement:
        reward_table, streams = load_reward_table(REWARD_TABLE), Streams(self.seed)
        draw, reports = streams("policy/starts"), streams("policy/reports")
        controls: dict[str, Policy] = {"random": Random(), "constant": best_fixed(reward_table)}
        policy = controls.get(self.policy) or trained_policy()
        level_db, steps = np.full(STARTS, float(self.snr_db)), random_steps(draw, STARTS)
        rewards = {"start": reward_table.reward(steps, level_db)}
        for number in range(1, FINAL_ROUND + 1):
            reported_db = reports.choice(np.array(SNRS_DB, np.float64), STARTS) if self.policy == "shuffled" else level_db
            steps = policy.choose(of_snr(steps, reported_db, level_db), draw)
            if number <= ROUNDS:
                rewards[f"reward{number}"] = reward_table.reward(steps, level_db)
        on_progress(STARTS)
        final = {"final": reward_table.reward(steps, level_db), "best": reward_table.reward(reward_table.best(level_db), level_db)}
        final_steps = {"t_d": steps[:, 0].astype(np.float64), "t_plus": steps[:, 1].astype(np.float64)}
        return Measurement(rewards | final | final_steps, {})


def best_fixed(reward_table: RewardTable) -> Policy:
    """The best fixed pair for the training range, chosen by the rewards of a table: on the images that it was measured on."""
    return BestFixed(reward_table.best_fixed(TRAINING_SNRS_DB))


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
        steps = policy.choose(of_snr(steps, level_db), draw)
    t_d, t_plus = steps[0].tolist()
    return t_d, t_plus


def rollout_experiments(seed: int) -> list[PolicyRollout]:
    """One experiment per SNR for the trained policy and for each control."""
    return [PolicyRollout(snr_db, seed, policy) for policy in ("ddpg", *CONTROLS) for snr_db in SNRS_DB]
