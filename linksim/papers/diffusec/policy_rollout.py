"""What the policy has learnt: where it goes from random steps, round by round, at every SNR, and what that is worth by the reward table."""

import hashlib
from dataclasses import dataclass

import numpy as np

from linksim.adapt.ddpg import Ddpg
from linksim.adapt.mdp import random_steps
from linksim.adapt.policy import Policy
from linksim.adapt.reward_table_file import load_reward_table
from linksim.nets.policy import Actor
from linksim.nets.weights import load_model
from linksim.papers.diffusec.experiments import ACTOR, PLAIN_STEPS, REWARD_TABLE, ROUNDS, SNRS_DB
from linksim.reproduction.paper import Measurement, Tell
from linksim.reproduction.simulated import weights_of
from linksim.rng import Streams

STARTS = 250
LONG = 30  # rounds after which a policy has come to rest, if it does


@dataclass(frozen=True)
class PolicyRollout:
    """A cell: from each of `STARTS` random starts at a constant SNR, rewards there ("start"), after rounds 1, 2, 3 ("reward1", ...)
    and after `LONG` ("final"), the highest that any steps have ("best"), and the steps in the end ("t_d", "t_plus")."""

    snr_db: int
    seed: int
    kind: str = "policy"
    size: int = STARTS

    @property
    def key(self) -> str:
        return f"policy/snr{self.snr_db}"

    def digest(self) -> str:
        about = [2, self, STARTS, LONG, ROUNDS, weights_of(ACTOR), weights_of(REWARD_TABLE)]
        return hashlib.sha256(repr(about).encode()).hexdigest()[:16]

    def measure(self, tell: Tell) -> Measurement:
        reward_table, policy, draw = load_reward_table(REWARD_TABLE), trained(), Streams(self.seed)("policy/starts")
        level_db, steps = np.full(STARTS, float(self.snr_db)), random_steps(draw, STARTS)
        rewards = {"start": reward_table.reward(steps, level_db)}
        for number in range(1, LONG + 1):
            steps = policy.choose(steps, level_db, level_db, draw)
            if number <= ROUNDS:
                rewards[f"reward{number}"] = reward_table.reward(steps, level_db)
        tell(STARTS)
        ends = {"final": reward_table.reward(steps, level_db), "runtime": reward_table.reward(reward_table.best(level_db), level_db)}
        places = {"t_d": steps[:, 0].astype(np.float64), "t_plus": steps[:, 1].astype(np.float64)}
        return Measurement(rewards | ends | places, {})


def trained() -> Policy:
    """The trained policy. Raises ModelError where its part is missing."""
    actor = load_model(ACTOR, "policy").network
    assert isinstance(actor, Actor)
    return Ddpg(actor)


def settled(snr_db: float) -> tuple[int, int]:
    """(t_D, t_plus) where the trained policy comes to rest at an SNR, from the steps of the symmetric form."""
    policy, level_db, steps = trained(), np.array([snr_db]), np.array([PLAIN_STEPS], np.int64)
    draw = Streams(0)("policy/settled")  # a trained policy draws nothing
    for _ in range(LONG):
        steps = policy.choose(steps, level_db, level_db, draw)
    t_d, t_plus = steps[0].tolist()
    return t_d, t_plus


def acting_cells(seed: int) -> list[PolicyRollout]:
    """One for each SNR."""
    return [PolicyRollout(snr_db, seed) for snr_db in SNRS_DB]
