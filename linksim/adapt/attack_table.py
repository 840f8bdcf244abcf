"""The attack table: rewards of diffusion steps for several strengths of the attack, and what Bob can observe of the strength.

    strength,t_d,t_plus,snr_db,ssim,adv,err,robust,disagreement      a line of CSV per node of the grid; models/NAME.csv, with a card

A reward table holds one strength, which no receiver knows. What a receiver can measure is the *disagreement*: the share of images whose
class changes when he denoises them. It depends on strength, steps and SNR, so a policy infers the strength from it. Here the strength is a
state of nature beside the SNR; in DiffuSeC, which attacks with one strength, it is not part of the state.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linksim.adapt.grid_csv import read_grid, reading, write_grid
from linksim.adapt.interpolation import interpolation_weights
from linksim.adapt.mdp import MAX_STEPS, MIN_STEPS, StepPairs
from linksim.adapt.reward_table import RewardTable
from linksim.nets.weights import find_table

KIND = "attack-table"
AXES = ("strength", "t_d", "t_plus", "snr_db")
MEASURED = ("ssim", "adv", "err", "robust", "disagreement")


@dataclass(frozen=True, eq=False)
class AttackTable:
    """Measurements on a grid of strength, diffusion steps and SNR.

    strengths     factors of the attack's size, float64 [s], increasing, at least two; 0 for no attack
    tables        the reward table of each strength, on the same grid and the same images
    disagreement  share of images whose class changes when Bob denoises them, float64 [s, a, b, c], 0..1

    Raises ValueError if they do not fit each other.
    """

    strengths: NDArray[np.float64]
    tables: Sequence[RewardTable]
    disagreement: NDArray[np.float64]

    def __post_init__(self) -> None:
        if len(self.strengths) < 2 or not (np.diff(self.strengths) > 0).all() or self.strengths[0] < 0:
            raise ValueError("strengths must be two or more increasing numbers, none negative")
        shape = len(self.strengths), *self.tables[0].ssim.shape
        if self.disagreement.shape != shape or not ((self.disagreement >= 0) & (self.disagreement <= 1)).all():
            raise ValueError(f"disagreement must be of shape {shape} and lie within 0..1")
        if len(self.tables) != len(self.strengths):
            raise ValueError(f"{len(self.strengths)} strengths need as many reward tables, got {len(self.tables)}")

    def rewards(self, steps: StepPairs, snr_db: NDArray[np.float64]) -> NDArray[np.float64]:
        """Reward of steps [n, 2] at SNRs in dB [n], for every strength -> float64 [s, n]."""
        return np.stack([table.reward(steps, snr_db) for table in self.tables])

    def disagreements(self, steps: StepPairs, snr_db: NDArray[np.float64]) -> NDArray[np.float64]:
        """Disagreement at steps [n, 2] and SNRs in dB [n], for every strength -> float64 [s, n]; beyond the grid, that at its edge."""
        grid = self.tables[0]
        t_d, t_plus = np.clip(steps, MIN_STEPS, MAX_STEPS).T
        cells = self.disagreement
        corners = [interpolation_weights(nodes, at) for nodes, at in ((grid.t_d, t_d), (grid.t_plus, t_plus), (grid.snr_db, snr_db))]
        found = np.zeros((len(cells), len(steps)))
        for corner in np.ndindex(2, 2, 2):
            places = tuple(index + side for (index, _), side in zip(corners, corner, strict=True))
            weight = np.prod([share if side else 1 - share for (_, share), side in zip(corners, corner, strict=True)], axis=0)
            found += weight * cells[(slice(None), *places)]
        return found


def write_attack_table(table: AttackTable, path: Path) -> None:
    """Write a table as CSV. An existing file is replaced only once the new one is complete."""
    grid = table.tables[0]
    nodes = table.strengths, grid.t_d.astype(np.float64), grid.t_plus.astype(np.float64), grid.snr_db
    cells = {name: np.stack([getattr(one, name) for one in table.tables]) for name in MEASURED[:-1]}
    write_grid(path, dict(zip(AXES, nodes, strict=True)), cells | {MEASURED[-1]: table.disagreement}, digits=6)


def load_attack_table(name: str) -> AttackTable:
    """Load a table from the model folders and verify it against its card. Raises ModelError if it is missing or damaged."""
    return read_attack_table(find_table(name, KIND))


def read_attack_table(path: Path) -> AttackTable:
    """Read a table. Raises ModelError with a one-line message if the file is damaged, or is no attack table."""
    with reading(path, "attack table"):
        axes, cells = read_grid(path, AXES, MEASURED)
        return attack_table([*axes.values()], cells, images=1)


def attack_table(axes: Sequence[NDArray[np.float64]], cells: dict[str, NDArray[np.float64]], images: int) -> AttackTable:
    """Return the table of measured cells.

    axes    nodes along each of `AXES`
    cells   float64 [s, a, b, c] by name in `MEASURED`
    images  number of images in each cell

    Raises ValueError as the constructors do.
    """
    strengths, t_d, t_plus, snr_db = axes
    grid = t_d.astype(np.int64), t_plus.astype(np.int64), snr_db
    unmeasured = np.full(cells["ssim"].shape[1:], np.nan)
    tables = [
        RewardTable(*grid, **{name: cells[name][number] for name in MEASURED[:-1]}, clean=unmeasured, images=images)
        for number in range(len(strengths))
    ]
    return AttackTable(strengths, tables, cells["disagreement"])
