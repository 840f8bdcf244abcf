"""The regret of policies under an attack whose strength varies, on an attack table.

    round k:  report = SNR of round k - delay, + error
              disagreement = share of the images of round k - 1 whose class changes, drawn for its steps, SNR and strength
              --policy--> steps --table at the SNR and the strength of round k--> reward

The strength is constant over a block of rounds and drawn for each, so what was observed in one round holds for the next, but for the first
round of a block. All policies meet the same channels, strengths and draws, and none moves faster than `mdp.step_toward`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from linksim.adapt.attack_policy import AttackOracle
from linksim.adapt.attack_table import AttackTable
from linksim.adapt.evaluation_channels import ChannelSnr
from linksim.adapt.mdp import StepPairs, random_steps
from linksim.adapt.observation import Observation
from linksim.adapt.policy import Policy
from linksim.adapt.regret import Condition, rollout
from linksim.rng import Streams

BLOCK_ROUNDS = 10  # rounds of equal strength


@dataclass(frozen=True, eq=False)
class AttackedChannels:
    """State of nature of n links over the rounds of an evaluation.

    true_db      SNR in dB, float64 [n, rounds]
    reported_db  what Bob knows of it, float64 [n, rounds]
    strengths    index of the strength into those of the table, int64 [n, rounds]
    draws        uniform draws, 0..1, of the images that Bob receives in each round, float64 [n, rounds, images]
    """

    true_db: ChannelSnr
    reported_db: ChannelSnr
    strengths: NDArray[np.int64]
    draws: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AttackOutcome:
    """Mean over the rounds of each channel, float64 [channels]: reward of a policy, and reward of the oracle minus it."""

    rewards: NDArray[np.float64]
    regrets: NDArray[np.float64]


def attacked_channels(
    snr_db: ChannelSnr, condition: Condition, lead: int, strengths: int, images: int, streams: Streams
) -> AttackedChannels:
    """Draw reports, strengths and observations for channels.

    snr_db     SNR in dB, [n, lead + rounds]
    condition  kind of the channels, and delay and error of their reports
    lead       rounds that supply delayed reports and are not evaluated
    strengths  number of strengths
    images     number of images in a round
    streams    random streams
    """
    n, rounds = snr_db.shape[0], snr_db.shape[1] - lead
    draw = streams(f"attack-regret/{condition.channel}")
    measured_db = snr_db + condition.error_db * draw.standard_normal(snr_db.shape)
    blocks = draw.integers(strengths, size=(n, -(-rounds // BLOCK_ROUNDS)))
    return AttackedChannels(
        true_db=snr_db[:, lead:],
        reported_db=measured_db[:, lead - condition.delay : measured_db.shape[1] - condition.delay],
        strengths=np.repeat(blocks, BLOCK_ROUNDS, axis=1)[:, :rounds],
        draws=draw.random((n, rounds, images)),
    )


def evaluate_under_attack(
    table: AttackTable, policies: Mapping[str, Policy], channels: AttackedChannels, streams: Streams
) -> Mapping[str, AttackOutcome]:
    """Return the outcome of each policy on the same channels.

    table     rewards and disagreement by which policies are evaluated
    policies  policies by name
    channels  state of nature
    streams   random streams of the first steps and of stochastic policies
    """
    first = random_steps(streams("attack-regret/first"), len(channels.true_db))
    best = _rewards(table, AttackOracle(table), first, channels, streams("attack-regret/oracle"))
    found = {name: _rewards(table, policy, first, channels, streams(f"attack-regret/{name}")) for name, policy in policies.items()}
    return {name: AttackOutcome(rewards.mean(axis=1), (best - rewards).mean(axis=1)) for name, rewards in found.items()}


def _rewards(
    table: AttackTable, policy: Policy, first: StepPairs, channels: AttackedChannels, draw: np.random.Generator
) -> NDArray[np.float64]:
    """Reward of a policy in every round, float64 [n, rounds]."""
    true_db, every = channels.true_db, np.arange(len(first))

    def observe(turn: int, seen: Observation) -> Observation:
        """Add the strength, and from the second round on what the images of the last round show."""
        seen = replace(seen, strength=table.strengths[channels.strengths[:, turn]])
        if not turn:
            return seen
        expected = table.disagreements(seen.current, true_db[:, turn - 1])[channels.strengths[:, turn - 1], every]
        changed = channels.draws[:, turn - 1] < expected[:, None]
        return replace(seen, disagreement=changed.mean(axis=1), images=np.full(len(every), changed.shape[1]))

    steps = rollout(policy, first, channels.reported_db, true_db, draw, observe)
    flat = channels.strengths.ravel()
    rewards: NDArray[np.float64] = table.rewards(steps.reshape(-1, 2), true_db.ravel())[flat, np.arange(flat.size)]
    return rewards.reshape(true_db.shape)
