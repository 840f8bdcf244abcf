"""The policy that chooses the step T' of DiffSem's self-noising for a wanted accuracy of the receiver."""

import numpy as np
from numpy.typing import NDArray

from linksim.adapt.accuracy_table import AccuracyTable
from linksim.adapt.observation import Observation


class SelfNoise:
    """Chooses the most self-noise that leaves the receiver a wanted accuracy at the measured SNR. It implements `adapt.policy.Policy`.

    table   accuracy of the receiver
    wanted  accuracy, 0..1
    """

    def __init__(self, table: AccuracyTable, wanted: float) -> None:
        self._table, self._wanted = table, wanted

    def choose(self, seen: Observation, draw: np.random.Generator) -> NDArray[np.int64]:
        """Return T' for each link, int64 [n, 1]. Neither the step in force nor the true SNR matters."""
        return self._table.largest_step(seen.reported_db, self._wanted)[:, None]
