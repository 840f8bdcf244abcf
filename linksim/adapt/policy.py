"""Policies: rules by which Bob chooses diffusion steps from the reported SNR.

The trained policy is in `adapt.ddpg`, those that also observe the attack are in `adapt.attack_policy`.

All policies move by `mdp.step_toward` or `mdp.apply_action`, so none changes either number of steps by more than `mdp.MAX_ACTION` in one
round.

    Random          draws steps: a policy that is no better has learnt nothing
    ConstantPolicy  keeps the steps in force
    BestFixed       one pair for all SNRs
    LookupPolicy    one pair per bin of SNR: what a table in a real receiver would do
    Oracle          the best pair for the true SNR: an upper bound

A policy is a function of an observation without memory or clock, so the same object serves the reward table (`adapt.regret`), a run
(`control_plane.policy_controller.from_policy`) and a Gymnasium environment.
"""

from itertools import pairwise
from typing import Protocol

import numpy as np

from linksim.adapt.mdp import StepPairs, random_steps, step_toward
from linksim.adapt.observation import Observation
from linksim.adapt.reward_table import RewardTable

SAMPLES_PER_BIN = 31  # SNRs in each bin of `LookupPolicy` over which the mean reward is maximised


class Policy(Protocol):
    """Chooses diffusion steps for n links at once, independently for each link.

    An attribute `observes` declares what it observes beside the SNR (`adapt.observation`).
    """

    def choose(self, seen: Observation, draw: np.random.Generator) -> StepPairs:
        """Return the steps to use from now on, int64 [n, 2].

        seen  steps in force, and what the receiver measured
        draw  random generator for stochastic policies
        """


class ConstantPolicy:
    """Keeps the steps in force."""

    def choose(self, seen: Observation, draw: np.random.Generator) -> StepPairs:
        """Return the steps in force."""
        return seen.current


class BestFixed:
    """Moves to one pair (t_D, t_plus) and stays there. `RewardTable.best_fixed` finds the best pair.

    >>> from linksim.adapt.observation import of_snr
    >>> seen = of_snr(np.array([[1, 0]]), np.array([5.0]))
    >>> BestFixed((40, 10)).choose(seen, np.random.default_rng(1)).tolist()  # at most 25 steps at once
    [[26, 10]]
    """

    def __init__(self, pair: tuple[int, int]) -> None:
        self._pair = np.array(pair, np.int64)

    def choose(self, seen: Observation, draw: np.random.Generator) -> StepPairs:
        """Return the steps closest to the pair."""
        return step_toward(seen.current, self._pair)


class LookupPolicy:
    """Moves to the best pair of the bin that holds the reported SNR: the pair of highest mean reward over the bin.

    reward_table  rewards from which the pairs are chosen
    bin_db        width of a bin in dB; the first bin starts at the lowest SNR of the reward table, and the outer bins extend beyond its
                  range
    """

    def __init__(self, reward_table: RewardTable, bin_db: float) -> None:
        self._low_db, self._bin_db = float(reward_table.snr_db[0]), bin_db
        bins = max(1, int(np.ceil((reward_table.snr_db[-1] - self._low_db) / bin_db)))
        edges_db = np.minimum(self._low_db + bin_db * np.arange(bins + 1), reward_table.snr_db[-1])
        inside = (np.linspace(low, high, SAMPLES_PER_BIN) for low, high in pairwise(edges_db))
        self._pairs = np.array([reward_table.best_fixed(snr_db) for snr_db in inside], np.int64)

    def choose(self, seen: Observation, draw: np.random.Generator) -> StepPairs:
        """Return the steps closest to the pair of each link's bin."""
        bins = np.floor((seen.reported_db - self._low_db) / self._bin_db)
        return step_toward(seen.current, self._pairs[np.clip(bins, 0, len(self._pairs) - 1).astype(np.int64)])


class Oracle:
    """Moves to the best pair for the true SNR, which no receiver knows. Serves as an upper bound for all policies.

    reward_table  rewards by which a pair is the best
    """

    def __init__(self, reward_table: RewardTable) -> None:
        self._reward_table = reward_table

    def choose(self, seen: Observation, draw: np.random.Generator) -> StepPairs:
        """Return the steps closest to the best pair at each link's true SNR."""
        return step_toward(seen.current, self._reward_table.best(seen.true_db))


class Random:
    """Moves toward a pair that is drawn uniformly in every round."""

    def choose(self, seen: Observation, draw: np.random.Generator) -> StepPairs:
        """Return the steps closest to a random pair for each link."""
        return step_toward(seen.current, random_steps(draw, len(seen.current)))
