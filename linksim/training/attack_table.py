"""Measurement of the attack table: the reward of diffusion steps for several strengths of the attack, on the attacked DiffuSeC link."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from linksim.adapt.attack_table import KIND, MEASURED, AttackTable, attack_table, write_attack_table
from linksim.nets.cards import Score
from linksim.training.grid_measurement import CellValues
from linksim.training.reward_table import RewardTableMeasurement

STRENGTHS = (0.0, 0.5, 1.0, 2.0)  # of 8/255: without attack, and 4, 8 and 16 of 255
SCORED_DB = 9.0  # SNR of the scores in dB


def condition_at(strength: float) -> str:
    """Return the name of the condition of a score.

    >>> condition_at(0.5)
    'best steps, strength 0.5, AWGN at 9 dB'
    """
    return f"best steps, strength {strength:g}, AWGN at {SCORED_DB:g} dB"


@dataclass(frozen=True)
class AttackTableMeasurement(RewardTableMeasurement):
    """Measures an `AttackTable`. Fields are those of `RewardTableMeasurement`.

    strengths  factors of the attack's size, increasing

    >>> grid = AttackTableMeasurement("cifar10")
    >>> grid.steps, grid.place(160)  # 4 x 3 x 4 x 4 cells; strength, and (t_D, SNR, t_plus)
    (192, (2.0, (20, -3.0, 0)))
    """

    t_d: tuple[int, ...] = (1, 20, 50)
    t_plus: tuple[int, ...] = (0, 10, 25, 50)
    snr_db: tuple[float, ...] = (-3.0, 3.0, 9.0, 15.0)
    images: int = 256
    strengths: tuple[float, ...] = STRENGTHS
    kind: str = field(default=KIND, init=False)
    conditions: tuple[str, ...] = field(default=tuple(map(condition_at, STRENGTHS)), init=False)

    @property
    def steps(self) -> int:
        """Number of cells."""
        return len(self.strengths) * super().steps

    @property
    def config(self) -> dict[str, object]:
        """Axes of the table, and number of images per cell."""
        return {"strengths": [*self.strengths]} | super().config

    def prepare(self, device: torch.device) -> Callable[[int], CellValues]:
        """Return the function from the index of a cell to `MEASURED`. The strength is the slowest axis. Raises as that of the base does."""
        link_of = self.link_factory(device)
        links = {strength: link_of(strength) for strength in self.strengths}

        def measure(cell: int) -> CellValues:
            strength, node = self.place(cell)
            found = links[strength](*node)
            return tuple(getattr(found, name) for name in MEASURED)

        return measure

    def place(self, cell: int) -> tuple[float, tuple[int, float, int]]:
        """Return the strength and the node (t_D, SNR in dB, t_plus) of a cell."""
        strength, rest = divmod(cell, super().steps)
        return self.strengths[strength], self.node(rest)

    def finalise(self, values: NDArray[np.float64], path: Path) -> tuple[Score, ...]:
        """Write the attack table and return its scores; the axes of the file are (strength, t_D, t_plus, SNR)."""
        shape = len(self.strengths), len(self.t_d), len(self.snr_db), len(self.t_plus)
        cells = {name: column.reshape(shape).transpose(0, 1, 3, 2) for name, column in zip(MEASURED, values.T, strict=True)}
        axes = [np.array(axis, np.float64) for axis in (self.strengths, self.t_d, self.t_plus, self.snr_db)]
        sent = len(self.load_dataset().images)
        table = attack_table(axes, cells, sent)
        write_attack_table(table, path)
        return self.attack_scores(table, sent)

    def attack_scores(self, table: AttackTable, images: int) -> tuple[Score, ...]:
        """Return the reward of the best steps at each strength, measured on a number of images."""
        at_db = np.array([SCORED_DB])
        best = {strength: of.reward(of.best(at_db), at_db)[0] for strength, of in zip(self.strengths, table.tables, strict=True)}
        return tuple(Score("reward", condition_at(strength), round(float(value), 4), images) for strength, value in best.items())
