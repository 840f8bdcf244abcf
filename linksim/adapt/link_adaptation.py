"""The policy that chooses the mode of an adaptive digital link: the highest one whose required SNR is measured."""

import numpy as np
from numpy.typing import NDArray

from linksim.adapt.observation import Observation


class LinkAdaptation:
    """Chooses the highest mode that the measured SNR allows, and the lowest one where none is allowed. It implements `adapt.policy.Policy`.

    required_db  SNR in dB that each mode requires, ascending
    margin_db    dB by which the measured SNR must exceed it

    >>> from linksim.adapt.observation import of_snr
    >>> seen = of_snr(np.zeros((4, 1), np.int64), np.array([-9.0, 2.5, 3.0, 30.0]))
    >>> LinkAdaptation([-3.0, 2.0, 8.0], margin_db=1.0).choose(seen, np.random.default_rng(1)).tolist()
    [[0], [0], [1], [2]]
    """

    def __init__(self, required_db: list[float], margin_db: float) -> None:
        self._required_db, self._margin_db = np.array(required_db), margin_db

    def choose(self, seen: Observation, draw: np.random.Generator) -> NDArray[np.int64]:
        """Return the mode of each link, int64 [n, 1]. Neither the mode in force nor the true SNR matters."""
        allowed = np.searchsorted(self._required_db, seen.reported_db - self._margin_db, side="right")
        modes: NDArray[np.int64] = np.maximum(allowed - 1, 0)[:, None]
        return modes
