"""The SNR of an episode: what the channel is in each round, and what Bob reports of it.

    mean of the episode --> wandering about it from round to round --> true SNR --> told late, with an error --> reported SNR

A gymnasium environment and the training task of DDPG both live on it.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Decibels = NDArray[np.float64]


class SnrTrajectory(NamedTuple):
    """SNR in dB of n links over the rounds of an episode, float64 [rounds, n].

    true_db      as it is
    reported_db  as a policy is told
    """

    true_db: Decibels
    reported_db: Decibels


@dataclass(frozen=True)
class SnrProcess:
    """How the SNR of a link runs over an episode.

    low_db, high_db  the mean of an episode is drawn uniformly from here
    std_db           of the Gauss-Markov process (in dB) about that mean; 0 for a constant SNR
    correlation      of that process from one round to the next, 0..1
    delay            rounds by which a report is late
    error_db         standard deviation of the error of a report

    Raises ValueError for figures that are out of range.
    """

    low_db: float = -3.0
    high_db: float = 12.0
    std_db: float = 1.0
    correlation: float = 0.9
    delay: int = 0
    error_db: float = 0.0

    def __post_init__(self) -> None:
        if not -np.inf < self.low_db <= self.high_db < np.inf:
            raise ValueError(f"high_db must be at least low_db ({self.low_db:g}), both finite, got {self.high_db:g}")
        if not 0 <= self.correlation <= 1:
            raise ValueError(f"correlation must be 0..1, got {self.correlation:g}")
        if not isinstance(self.delay, int):
            raise ValueError(f"delay must be a whole number of rounds, got {self.delay!r}")
        for name in ("std_db", "delay", "error_db"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name} must be at least 0 and finite, got {getattr(self, name):g}")

    def episode(self, draw: np.random.Generator, rounds: int, n: int, mean_db: float | None = None) -> SnrTrajectory:
        """Draw it, about a given mean or one that is drawn. The process is stationary, and ran before the first round: a late report tells
        of something.
        """
        means_db = draw.uniform(self.low_db, self.high_db, n) if mean_db is None else np.full(n, mean_db)
        driven = draw.standard_normal((self.delay + rounds, n))
        wandered = np.empty_like(driven)
        wandered[0] = driven[0]
        for turn in range(1, len(driven)):
            wandered[turn] = self.correlation * wandered[turn - 1] + np.sqrt(1.0 - self.correlation**2) * driven[turn]
        snr_db = means_db + self.std_db * wandered
        return SnrTrajectory(snr_db[self.delay :], snr_db[:rounds] + self.error_db * draw.standard_normal((rounds, n)))
