"""The accuracy table of a receiver of DiffSem: its accuracy over the step T' of the self-noising and the SNR, measured beforehand.

    t_prime,snr_db,accuracy      a line of CSV per node of the grid; models/NAME.csv, with a card like every model

`training.accuracy_table` measures a table. The policy `self-noise` finds in it the most self-noise that leaves the receiver a wanted
accuracy: more noise hides more of the image, and the accuracy falls with it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linksim.adapt.grid_csv import read_grid, reading, write_grid
from linksim.adapt.interpolation import interpolation_weights
from linksim.nets.weights import find_table

KIND = "accuracy-table"


@dataclass(frozen=True, eq=False)
class AccuracyTable:
    """Accuracy on a grid of steps and SNR.

    t_prime   nodes of T', int64 [a], increasing, at least two
    snr_db    nodes of the SNR at unit power in dB, float64 [b], increasing, at least two
    accuracy  share of correct labels, float64 [a, b], 0..1

    Raises ValueError if axes or values violate these conditions.
    """

    t_prime: NDArray[np.int64]
    snr_db: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name, axis in (("t_prime", self.t_prime), ("snr_db", self.snr_db)):
            if axis.ndim != 1 or len(axis) < 2 or not np.isfinite(axis).all() or not (np.diff(axis) > 0).all():
                raise ValueError(f"{name} must be two or more increasing numbers")
        if self.accuracy.shape != (len(self.t_prime), len(self.snr_db)):
            raise ValueError(f"accuracy must be of shape {(len(self.t_prime), len(self.snr_db))}, got {self.accuracy.shape}")
        if not ((self.accuracy >= 0) & (self.accuracy <= 1)).all():
            raise ValueError("accuracy must lie within 0..1 in every node")

    def largest_step(self, snr_db: NDArray[np.float64], wanted: float) -> NDArray[np.int64]:
        """Return the largest T' up to which the accuracy is as wanted, int64 [n]; the smallest node where even its accuracy is not.

        snr_db  SNR in dB, [n]; beyond the table, the value at its edge
        wanted  accuracy, 0..1

        The accuracy is interpolated linearly between nodes. A step is allowed only if all smaller ones are, so that an accuracy that rises
        again by chance allows nothing.

        >>> table = AccuracyTable(np.array([0, 100]), np.array([0.0, 10.0]), np.array([[0.9, 1.0], [0.5, 0.8]]))
        >>> table.largest_step(np.array([10.0, 5.0, -3.0]), 0.9).tolist()
        [50, 16, 0]
        """
        index, weight = interpolation_weights(self.snr_db, snr_db)
        rows = self.accuracy[:, index] * (1 - weight) + self.accuracy[:, index + 1] * weight
        found = np.full(len(snr_db), self.t_prime[0])
        for link, row in enumerate(np.minimum.accumulate(rows, axis=0).T):
            last = int((row >= wanted).sum()) - 1  # last node that is as wanted
            if last == len(row) - 1:
                found[link] = self.t_prime[-1]
            elif last >= 0:
                share = (row[last] - wanted) / (row[last] - row[last + 1])
                found[link] = int(self.t_prime[last] + share * (self.t_prime[last + 1] - self.t_prime[last]))
        return found


def write_accuracy_table(table: AccuracyTable, path: Path) -> None:
    """Write a table as CSV. An existing file is replaced only once the new one is complete."""
    write_grid(path, {"t_prime": table.t_prime.astype(np.float64), "snr_db": table.snr_db}, {"accuracy": table.accuracy}, digits=4)


def load_accuracy_table(name: str) -> AccuracyTable:
    """Load a table from the model folders and verify it against its card.

    name  name of the model, for example "diffsem-accuracy-mnist"

    Raises ModelError if the table is missing or damaged, or if its digest is not that of its card.
    """
    return read_accuracy_table(find_table(name, KIND))


def read_accuracy_table(path: Path) -> AccuracyTable:
    """Read a table. Raises ModelError with a one-line message if the file is damaged, or is no accuracy table."""
    with reading(path, "accuracy table"):
        axes, cells = read_grid(path, ("t_prime", "snr_db"), ("accuracy",))
        return AccuracyTable(axes["t_prime"].astype(np.int64), axes["snr_db"], cells["accuracy"])
