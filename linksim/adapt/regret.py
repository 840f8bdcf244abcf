"""The regret of policies against an oracle: all policies meet the same channels, the same initial steps and the same measurement errors.

    round k:  report = SNR of round k - delay, + error --policy--> steps --reward table at the SNR of round k--> reward

The oracle knows the true SNR of each round, but moves by at most one action per round like every other policy (`mdp.step_toward`).
Because of this limit, another policy can have a higher reward in a single round.

Common random numbers make the comparison sharp: the difference of two policies on one channel varies far less than the reward between
channels, so `difference` pairs the outcomes channel by channel.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linksim.adapt.evaluation_channels import ChannelSnr
from linksim.adapt.mdp import StepPairs, random_steps
from linksim.adapt.observation import Observation, of_snr
from linksim.adapt.policy import Oracle, Policy
from linksim.adapt.reward import reward
from linksim.adapt.reward_table import RewardTable
from linksim.rng import Streams
from linksim.statistics import RESAMPLES, Interval, bootstrap_mean


@dataclass(frozen=True)
class Condition:
    """The condition under which policies are evaluated.

    channel   kind of channel, a key of `evaluation_channels.EVALUATION_CHANNELS`
    delay     delay of a report in rounds
    error_db  standard deviation of the measurement error of a report in dB
    """

    channel: str
    delay: int
    error_db: float


@dataclass(frozen=True, eq=False)
class PolicyOutcome:
    """The performance of one policy under one condition.

    condition          condition of the evaluation
    policy             name of the policy
    rewards            mean reward over the rounds of each channel, [channels]
    regrets            reward of the oracle minus reward of the policy, mean over the rounds, [channels]
    regret_by_round    the same as a mean over the channels, [rounds]; shows how fast the policy adapts from random steps
    normalised_regret  mean regret divided by the range of rewards (`RewardTable.reward_range`) over the SNRs of all channels
    robust             mean accuracy under attack, 0..1
    """

    condition: Condition
    policy: str
    rewards: NDArray[np.float64]
    regrets: NDArray[np.float64]
    regret_by_round: NDArray[np.float64]
    normalised_regret: float
    robust: float

    @property
    def reward(self) -> float:
        """Mean reward over channels and rounds."""
        return float(self.rewards.mean())

    @property
    def regret(self) -> float:
        """Mean regret over channels and rounds."""
        return float(self.regrets.mean())


@dataclass(frozen=True)
class Difference:
    """The difference of two policies under one condition.

    condition  condition of both
    first      name of the policy whose reward is positive in the difference
    second     name of the other policy
    interval   mean reward of the first policy minus that of the second, with its 95 % interval over channels
    """

    condition: Condition
    first: str
    second: str
    interval: Interval


def evaluate_policies(
    reward_table: RewardTable,
    policies: Mapping[str, Policy],
    channels: Mapping[str, ChannelSnr],
    delays: Sequence[int],
    errors_db: Sequence[float],
    seed: int,
) -> tuple[PolicyOutcome, ...]:
    """Evaluate every policy under every condition. Outcomes are ordered by channel, delay, error and policy; the policy varies fastest.

    reward_table  rewards of steps and SNR
    policies      policies by name
    channels      SNR in dB [n, rounds], by kind. The first max(delays) rounds supply delayed reports and are not evaluated.
    delays        delays of the reports in rounds
    errors_db     standard deviations of the measurement error in dB
    seed          seed of the initial steps, the measurement errors and the policies' own draws
    """
    lead, streams, outcomes = max(delays), Streams(seed), list[PolicyOutcome]()
    for kind, snr_db in channels.items():
        true_db, n = snr_db[:, lead:], len(snr_db)
        first = random_steps(streams(f"regret/{kind}/first"), n)
        errors = streams(f"regret/{kind}/errors").standard_normal(snr_db.shape)
        reward_range = reward_table.reward_range(float(true_db.min()), float(true_db.max()))
        best, _ = rewards_of(reward_table, rollout(Oracle(reward_table), first, true_db, true_db, streams("regret/oracle")), true_db)
        for condition in (Condition(kind, delay, error_db) for delay in delays for error_db in errors_db):
            measured_db = snr_db + condition.error_db * errors
            reported_db = measured_db[:, lead - condition.delay : measured_db.shape[1] - condition.delay]
            for name, policy in policies.items():
                steps = rollout(policy, first, reported_db, true_db, streams(f"regret/{kind}/{name}"))
                rewards, robust = rewards_of(reward_table, steps, true_db)
                regret = best - rewards
                outcome = PolicyOutcome(
                    condition=condition,
                    policy=name,
                    rewards=rewards.mean(axis=1),
                    regrets=regret.mean(axis=1),
                    regret_by_round=regret.mean(axis=0),
                    normalised_regret=float(regret.mean()) / reward_range,
                    robust=float(robust.mean()),
                )
                outcomes.append(outcome)
    return tuple(outcomes)


def rollout(
    policy: Policy,
    first: StepPairs,
    reported_db: ChannelSnr,
    true_db: ChannelSnr,
    draw: np.random.Generator,
    observe: Callable[[int, Observation], Observation] = lambda turn, seen: seen,
) -> StepPairs:
    """The steps in force in each round, int64 [n, rounds, 2].

    policy                policy of all n links
    first                 steps before the first round, [n, 2]
    reported_db, true_db  SNR in dB, [n, rounds]
    draw                  random generator for stochastic policies
    observe               adds what the receiver observes beside the SNR, from the number of the round and its observation

    >>> from linksim.adapt.policy import BestFixed
    >>> snr_db = np.zeros((1, 2))
    >>> rollout(BestFixed((40, 0)), np.array([[1, 0]]), snr_db, snr_db, np.random.default_rng(1)).tolist()
    [[[26, 0], [40, 0]]]
    """
    chosen = np.empty((*true_db.shape, 2), np.int64)
    steps = first
    for turn in range(true_db.shape[1]):
        seen = observe(turn, of_snr(steps, reported_db[:, turn], true_db[:, turn]))
        steps = chosen[:, turn] = policy.choose(seen, draw)
    return chosen


def rewards_of(reward_table: RewardTable, steps: StepPairs, true_db: ChannelSnr) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Reward and accuracy under attack, [n, rounds] each, of steps [n, rounds, 2] at SNRs [n, rounds]."""
    found = reward_table.components(steps.reshape(-1, 2), true_db.ravel())
    return reward(found.ssim, found.adv, found.err).reshape(true_db.shape), found.robust.reshape(true_db.shape)


def difference(first: PolicyOutcome, second: PolicyOutcome, draw: np.random.Generator, resamples: int = RESAMPLES) -> Difference:
    """Difference of mean rewards with its paired bootstrap interval over channels.

    first, second  outcomes of two policies under the same condition, on the same channels
    draw           random generator of the resamples
    resamples      number of resamples

    Raises ValueError for outcomes of different conditions.
    """
    if first.condition != second.condition:
        raise ValueError(f"outcomes of {first.condition} and {second.condition} cannot be paired")
    interval = bootstrap_mean(first.rewards - second.rewards, draw, resamples)
    return Difference(first.condition, first.policy, second.policy, interval)
