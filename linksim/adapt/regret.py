"""The regret study: what each policy loses against an oracle, on the same SNR paths, from the same first steps, with the same errors.

    round k:  report = SNR of round k - delay, + error --policy--> steps --reward table at the SNR of round k--> reward

Between a report and the round that it is for, the SNR moves on. The oracle knows the SNR of the round, but moves no further at a time than
the others may (`mdp.step_toward`). Without that bound no policy would beat it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linksim.adapt.bootstrap import RESAMPLES, bootstrapped
from linksim.adapt.evaluation_channels import Paths
from linksim.adapt.mdp import Steps, random_steps
from linksim.adapt.policy import Oracle, Policy
from linksim.adapt.reward import reward
from linksim.adapt.reward_table import RewardTable
from linksim.rng import Streams


@dataclass(frozen=True)
class Condition:
    """What a policy is up against.

    paths     kind of SNR path
    delay     rounds by which a report is late
    error_db  standard deviation of the error of a report
    """

    paths: str
    delay: int
    error_db: float


@dataclass(frozen=True, eq=False)
class Outcome:
    """How a policy did under a condition.

    rewards   mean over the rounds of a path, [paths]
    regrets   the oracle's less its own, [paths]
    by_round  the same as a mean over the paths, [rounds]: how fast the policy adapts from random steps
    share     mean regret as a share of the range of reward (`RewardTable.spread`) over the SNRs of all the paths
    robust    mean accuracy under attack, 0..1
    """

    condition: Condition
    policy: str
    rewards: NDArray[np.float64]
    regrets: NDArray[np.float64]
    by_round: NDArray[np.float64]
    share: float
    robust: float

    @property
    def reward(self) -> float:
        """Mean over paths and rounds."""
        return float(self.rewards.mean())

    @property
    def regret(self) -> float:
        """Mean over paths and rounds."""
        return float(self.regrets.mean())


@dataclass(frozen=True)
class Difference:
    """Mean reward of the first policy less that of the second, with its 95 % interval over paths."""

    condition: Condition
    first: str
    second: str
    value: float
    low: float
    high: float


def evaluate_policies(
    reward_table: RewardTable,
    policies: Mapping[str, Policy],
    paths: Mapping[str, Paths],
    delays: Sequence[int],
    errors_db: Sequence[float],
    seed: int,
) -> tuple[Outcome, ...]:
    """Every policy under every condition: paths x delays x errors x policies.

    paths  by kind, SNR in dB [n, rounds]; the first rounds of each, as many as the longest delay, are only told of, not judged
    """
    lead, streams, outcomes = max(delays), Streams(seed), list[Outcome]()
    for kind, snr_db in paths.items():
        true_db, n = snr_db[:, lead:], len(snr_db)
        first = random_steps(streams(f"regret/{kind}/first"), n)
        errors = streams(f"regret/{kind}/errors").standard_normal(snr_db.shape)
        span = reward_table.spread(float(true_db.min()), float(true_db.max()))
        best, _ = rewards_of(reward_table, rollout(Oracle(reward_table), first, true_db, true_db, streams("regret/oracle")), true_db)
        for condition in (Condition(kind, delay, error_db) for delay in delays for error_db in errors_db):
            told_db = snr_db + condition.error_db * errors
            reported_db = told_db[:, lead - condition.delay : told_db.shape[1] - condition.delay]
            for name, policy in policies.items():
                chosen = rollout(policy, first, reported_db, true_db, streams(f"regret/{kind}/{name}"))
                rewards, robust = rewards_of(reward_table, chosen, true_db)
                lost = best - rewards
                share = float(lost.mean()) / span
                outcomes.append(
                    Outcome(condition, name, rewards.mean(axis=1), lost.mean(axis=1), lost.mean(axis=0), share, float(robust.mean()))
                )
    return tuple(outcomes)


def rollout(policy: Policy, first: Steps, reported_db: Paths, true_db: Paths, draw: np.random.Generator) -> Steps:
    """The steps in force in each round: [n, rounds, 2]. `first` [n, 2] are those before the first round; the others are [n, rounds]."""
    chosen = np.empty((*true_db.shape, 2), np.int64)
    steps = first
    for turn in range(true_db.shape[1]):
        steps = chosen[:, turn] = policy.choose(steps, reported_db[:, turn], true_db[:, turn], draw)
    return chosen


def rewards_of(reward_table: RewardTable, chosen: Steps, true_db: Paths) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Reward and accuracy under attack of steps [n, rounds, 2] at SNRs [n, rounds] -> [n, rounds] each."""
    found = reward_table.components(chosen.reshape(-1, 2), true_db.ravel())
    return reward(found.ssim, found.adv, found.err).reshape(true_db.shape), found.robust.reshape(true_db.shape)


def difference(first: Outcome, second: Outcome, draw: np.random.Generator, resamples: int = RESAMPLES) -> Difference:
    """By the paired bootstrap over paths. Raises ValueError for outcomes of different conditions."""
    if first.condition != second.condition:
        raise ValueError(f"outcomes of {first.condition} and {second.condition} cannot be paired")
    differences = first.rewards - second.rewards
    low, high = bootstrapped(differences, draw, resamples)
    return Difference(first.condition, first.policy, second.policy, float(differences.mean()), low, high)
