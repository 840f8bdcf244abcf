"""The SNR of an episode: the true SNR of each round, and the SNR that Bob reports.

    mean of the episode --> Gauss-Markov fluctuation about it --> true SNR --> delay and measurement error --> reported SNR

The Gymnasium environment and the training task of DDPG both use it. The paper draws one SNR per episode; the fluctuation is ours, because a
policy that has only seen constant channels need not react within an episode.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Decibels = NDArray[np.float64]


class SnrTrajectory(NamedTuple):
    """SNR in dB of n links over the rounds of an episode, float64 [rounds, n].

    true_db      the true SNR
    reported_db  the SNR that a policy observes
    """

    true_db: Decibels
    reported_db: Decibels


@dataclass(frozen=True)
class SnrProcess:
    """A random process for the SNR of a link over an episode.

    low_db, high_db  range of the uniform distribution of the episode's mean
    std_db           standard deviation of the Gauss-Markov process (in dB) about that mean; 0 for a constant SNR
    correlation      correlation of that process from one round to the next, 0..1
    delay            delay of a report in rounds
    error_db         standard deviation of the measurement error of a report

    Raises ValueError for values that are out of range.
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

    def sample(self, draw: np.random.Generator, rounds: int, n: int, mean_db: float | None = None) -> SnrTrajectory:
        """Draw the SNR of n links over the rounds of an episode.

        draw     random generator
        rounds   number of rounds
        n        number of links
        mean_db  mean SNR in dB of every link's episode; None to draw it for each link from low_db..high_db

        The process is stationary and starts `delay` rounds before the first round, so that the first reports are defined.

        >>> still = SnrProcess(std_db=0.0).sample(np.random.default_rng(1), rounds=2, n=3, mean_db=5.0)
        >>> still.true_db.tolist()
        [[5.0, 5.0, 5.0], [5.0, 5.0, 5.0]]
        """
        means_db = self._means_db(draw, n, mean_db)
        innovations = draw.standard_normal((self.delay + rounds, n))
        fluctuation = np.empty_like(innovations)
        fluctuation[0] = innovations[0]
        for i in range(1, len(innovations)):
            fluctuation[i] = self._next(fluctuation[i - 1], innovations[i])
        snr_db = means_db + self.std_db * fluctuation
        return SnrTrajectory(snr_db[self.delay :], snr_db[:rounds] + self.error_db * draw.standard_normal((rounds, n)))

    def rounds(self, draw: np.random.Generator, n: int, mean_db: float | None = None) -> Iterator[tuple[Decibels, Decibels]]:
        """Yield the true and the reported SNR of n links in dB, float64 [n] each, round by round without end.

        The arguments and the distribution are those of `sample`, the draws are not.

        >>> snr = SnrProcess(std_db=2.0, delay=1).rounds(np.random.default_rng(1), n=1)
        >>> (first, _), (_, reported) = next(snr), next(snr)
        >>> first.item() == reported.item()
        True
        """
        means_db = self._means_db(draw, n, mean_db)
        fluctuation = draw.standard_normal(n)
        true_db = deque([means_db + self.std_db * fluctuation], maxlen=self.delay + 1)
        while True:
            if len(true_db) > self.delay:
                yield true_db[-1], true_db[0] + self.error_db * draw.standard_normal(n)
            fluctuation = self._next(fluctuation, draw.standard_normal(n))
            true_db.append(means_db + self.std_db * fluctuation)

    def _means_db(self, draw: np.random.Generator, n: int, mean_db: float | None) -> Decibels:
        """The mean SNR in dB of each link's episode."""
        return draw.uniform(self.low_db, self.high_db, n) if mean_db is None else np.full(n, mean_db)

    def _next(self, fluctuation: Decibels, innovation: Decibels) -> Decibels:
        """The fluctuation of the next round, in units of `std_db`."""
        following: Decibels = self.correlation * fluctuation + np.sqrt(1.0 - self.correlation**2) * innovation
        return following
