"""Policies for an attack whose strength varies, by an attack table that was measured beforehand.

    disagreement --likelihood of each strength--> posterior --+
    SNR -----------------------------------------------> bin --+--> pair of highest expected reward

    AttackLookup     one pair per bin of SNR and posterior of the strength: what a table in a real receiver would do
    StrengthLookup   the same where the strength is known
    AttackOracle     the best pair for the true SNR and the true strength: an upper bound

They move by `mdp.step_toward` like all policies, and keep nothing from round to round.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from linksim.adapt.attack_table import AttackTable
from linksim.adapt.mdp import T_D, T_PLUS, StepPairs, step_toward
from linksim.adapt.observation import Observation

SAMPLES_PER_BIN = 11  # SNRs in each bin of `AttackLookup` over which the mean reward is maximised
LEAST_SHARE = 0.01  # a disagreement is never expected to be rarer, nor more frequent than 1 minus it: the table is an estimate, too
ALL_PAIRS = np.stack(np.meshgrid(np.arange(T_D[0], T_D[1] + 1), np.arange(T_PLUS[0], T_PLUS[1] + 1), indexing="ij"), axis=-1).reshape(
    -1, 2
)  # [pairs, 2]


class AttackLookup:
    """Moves to the pair of highest expected reward in the bin of the reported SNR, given what the disagreement says about the strength.

    attack_table  rewards and disagreement; each of its strengths is as likely as every other one before an image is seen
    bin_db        width of a bin in dB; the first bin starts at the lowest SNR of the table, and the outer bins extend beyond its range
    observing     False for the policy that sees the SNR alone
    """

    def __init__(self, attack_table: AttackTable, bin_db: float, observing: bool = True) -> None:
        self._table, self._bin_db = attack_table, bin_db
        self.observes: Sequence[str] = ("disagreement",) if observing else ()
        snr_db = attack_table.tables[0].snr_db
        self._low_db = float(snr_db[0])
        bins = max(1, int(np.ceil((snr_db[-1] - self._low_db) / bin_db)))
        edges_db = np.minimum(self._low_db + bin_db * np.arange(bins + 1), snr_db[-1])
        inside = (np.linspace(low, high, SAMPLES_PER_BIN) for low, high in pairwise(edges_db))
        self._rewards = np.stack([self._mean_rewards(at_db) for at_db in inside])  # [bins, strengths, pairs]

    def _mean_rewards(self, snr_db: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the reward of every pair, as a mean over SNRs in dB: float64 [strengths, pairs]."""
        found = [self._table.rewards(ALL_PAIRS, np.full(len(ALL_PAIRS), at_db)) for at_db in snr_db]
        means: NDArray[np.float64] = np.mean(found, axis=0)
        return means

    def posterior(self, seen: Observation) -> NDArray[np.float64]:
        """Return the probability of each strength given the disagreement, float64 [n, strengths]; all equal without an observation.

        The number of images whose class changes is binomial, with the disagreement of the table for the steps in force and the SNR.
        """
        known = np.isfinite(seen.disagreement) if self.observes else np.zeros(len(seen.current), np.bool_)
        expected = self._table.disagreements(seen.current, seen.reported_db).T.clip(LEAST_SHARE, 1 - LEAST_SHARE)
        changed = np.where(known, seen.disagreement, 0.0)[:, None]
        images = np.where(known, seen.images, 0)[:, None]
        likelihood = images * (changed * np.log(expected) + (1 - changed) * np.log(1 - expected))
        weights = np.exp(likelihood - likelihood.max(axis=1, keepdims=True))
        found: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
        return found

    def choose(self, seen: Observation, draw: np.random.Generator) -> StepPairs:
        """Return the steps closest to the pair of highest expected reward of each link."""
        bins = np.floor((seen.reported_db - self._low_db) / self._bin_db)
        rewards = self._rewards[np.clip(bins, 0, len(self._rewards) - 1).astype(np.int64)]  # [n, strengths, pairs]
        expected = np.einsum("ns,nsp->np", self.posterior(seen), rewards)
        return step_toward(seen.current, ALL_PAIRS[expected.argmax(axis=1)])


class StrengthLookup(AttackLookup):
    """`AttackLookup` of a receiver that knows the true strength, which none does: what a perfect observation of it would be worth.

    attack_table, bin_db  as those of `AttackLookup`
    """

    def __init__(self, attack_table: AttackTable, bin_db: float) -> None:
        super().__init__(attack_table, bin_db, observing=False)

    def posterior(self, seen: Observation) -> NDArray[np.float64]:
        """Return 1 for the strength of the table that is nearest to the true one, float64 [n, strengths]."""
        nearest = np.abs(seen.strength[:, None] - self._table.strengths).argmin(axis=1)
        found: NDArray[np.float64] = np.eye(len(self._table.strengths))[nearest]
        return found


class AttackOracle:
    """Moves to the best pair for the true SNR and the true strength, which no receiver knows. Serves as an upper bound for all policies.

    attack_table  rewards by which a pair is the best; the nearest of its strengths is used
    """

    observes: Sequence[str] = ()

    def __init__(self, attack_table: AttackTable) -> None:
        self._table = attack_table

    def choose(self, seen: Observation, draw: np.random.Generator) -> StepPairs:
        """Return the steps closest to the best pair for each link's true SNR and strength."""
        nearest = np.abs(seen.strength[:, None] - self._table.strengths).argmin(axis=1)
        best = np.stack([table.best(seen.true_db) for table in self._table.tables])[nearest, np.arange(len(nearest))]
        return step_toward(seen.current, best)
