"""Policies: how Bob chooses diffusion steps from what he is told of the channel. (`adapt.ddpg` has the one that learns.)

All of them move by `mdp.step_toward` or `mdp.apply_action`, so none changes either step count by more than `REACH` in one round.
"""

from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from linksim.adapt.mdp import Steps, random_steps, step_toward
from linksim.adapt.reward_table import RewardTable

SAMPLES = 31  # SNRs within a bin of a table, over which its pair is best

Decibels = NDArray[np.float64]  # [n]


class Policy(Protocol):
    """Chooses for n links at once, each for itself."""

    def choose(self, steps: Steps, reported_db: Decibels, true_db: Decibels, draw: np.random.Generator) -> Steps:
        """The steps to use from now on, [n, 2].

        steps        in force, [n, 2]
        reported_db  SNR as it was measured, in dB [n]
        true_db      SNR as it is, in dB [n]; only an oracle looks
        draw         for a policy that draws
        """


class ConstantPolicy:
    """Leaves the steps as they are."""

    def choose(self, steps: Steps, reported_db: Decibels, true_db: Decibels, draw: np.random.Generator) -> Steps:
        return steps


class BestFixed:
    """Goes to one pair (t_D, t_plus) and stays there; `RewardTable.best_fixed` finds it."""

    def __init__(self, pair: tuple[int, int]) -> None:
        self._pair = np.array(pair, np.int64)

    def choose(self, steps: Steps, reported_db: Decibels, true_db: Decibels, draw: np.random.Generator) -> Steps:
        return step_toward(steps, self._pair)


class LookupPolicy:
    """The best pair of each bin of reported SNR: that of highest mean reward over the bin.

    bin_db  width of a bin in dB; the first begins where the reward table does, and the outer ones hold beyond its ends
    """

    def __init__(self, reward_table: RewardTable, bin_db: float) -> None:
        self._low_db, self._bin_db = float(reward_table.snr_db[0]), bin_db
        bins = max(1, int(np.ceil((reward_table.snr_db[-1] - self._low_db) / bin_db)))
        ends_db = np.minimum(self._low_db + bin_db * np.arange(bins + 1), reward_table.snr_db[-1])
        inside = (np.linspace(low, high, SAMPLES) for low, high in pairwise(ends_db))
        self._pairs = np.array([reward_table.best_fixed(snr_db) for snr_db in inside], np.int64)

    def choose(self, steps: Steps, reported_db: Decibels, true_db: Decibels, draw: np.random.Generator) -> Steps:
        places = np.floor((reported_db - self._low_db) / self._bin_db)
        return step_toward(steps, self._pairs[np.clip(places, 0, len(self._pairs) - 1).astype(np.int64)])


class Oracle:
    """The best pair for the SNR as it is, which no receiver knows: a bound for all others."""

    def __init__(self, reward_table: RewardTable) -> None:
        self._reward_table = reward_table

    def choose(self, steps: Steps, reported_db: Decibels, true_db: Decibels, draw: np.random.Generator) -> Steps:
        return step_toward(steps, self._reward_table.best(true_db))


class Random:
    """Sets out for a pair drawn uniformly, anew in every round."""

    def choose(self, steps: Steps, reported_db: Decibels, true_db: Decibels, draw: np.random.Generator) -> Steps:
        return step_toward(steps, random_steps(draw, len(steps)))
