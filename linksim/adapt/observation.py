"""What a policy is given in a round: the values in force, and what the receiver measured.

    current, reported_db            of every receiver
    disagreement, images            of a receiver whose policy declares that it observes them: `observes = ("disagreement",)`
    true_db, strength               the state of nature, which no receiver knows; for oracles

All are arrays over n links, so that one call serves a run, a Gymnasium environment and the evaluation on a table.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Decibels = NDArray[np.float64]  # [n]
OBSERVABLE = ("disagreement",)  # what a policy may declare in `observes`; it costs networks, so a run measures it for those policies only


@dataclass(frozen=True, eq=False)
class Observation:
    """The situation of n links before Bob's choice.

    current       values in force, int64 [n, k]; those of DiffuSeC are t_D and t_plus
    reported_db   measured SNR in dB, float64 [n]
    true_db       true SNR in dB, float64 [n]; only an oracle uses it
    disagreement  share of Bob's images since the last round, sent with the values in force, whose class changed when he denoised them,
                  float64 [n], 0..1; NaN where there were none or where it is not observed
    images        number of these images, int64 [n]
    strength      true strength of the attack on the source, as a factor of its size, float64 [n]; only an oracle uses it
    """

    current: NDArray[np.int64]
    reported_db: Decibels
    true_db: Decibels
    disagreement: Decibels
    images: NDArray[np.int64]
    strength: Decibels


def of_snr(current: NDArray[np.int64], reported_db: Decibels, true_db: Decibels | None = None) -> Observation:
    """Return the observation of links that know the SNR alone; the true SNR is the reported one unless given.

    >>> of_snr(np.array([[20, 10]]), np.array([6.0])).disagreement
    array([nan])
    """
    n = len(current)
    unknown = np.full(n, np.nan)
    return Observation(current, reported_db, reported_db if true_db is None else true_db, unknown, np.zeros(n, np.int64), unknown)


def observed_by(policy: object) -> Sequence[str]:
    """Return what a policy declares to observe beside the SNR: its attribute `observes`, empty without one.

    Raises ValueError for a name that is not in `OBSERVABLE`.
    """
    declared: Sequence[str] = getattr(policy, "observes", ())
    if unknown := [name for name in declared if name not in OBSERVABLE]:
        raise ValueError(f"{type(policy).__name__}.observes has {unknown[0]!r}; allowed: {', '.join(OBSERVABLE)}")
    return declared
