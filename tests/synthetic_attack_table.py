"""A synthetic attack table: without attack few steps are best, and the stronger the attack the more; the classes that change tell which."""

from pathlib import Path

import numpy as np
from tiny_models import bare_card

from linksim.adapt.attack_table import KIND, AttackTable, attack_table, write_attack_table
from linksim.nets.cards import write_card
from linksim.nets.weights import sha256_of

STRENGTHS = (0.0, 1.0, 2.0)
T_D_NODES, T_PLUS_NODES, SNR_NODES_DB = (1, 20, 50), (0, 50), (-3.0, 15.0)
WANTED = {0.0: 1, 1.0: 20, 2.0: 50}  # best t_D by strength


def synthetic_attack_table() -> AttackTable:
    """The best pair of a strength is (`WANTED`, 0) at 15 dB and (`WANTED`, 50) at -3 dB. The disagreement is 0.1, 0.4 or 0.8 anywhere."""
    axes = [np.array(axis, np.float64) for axis in (STRENGTHS, T_D_NODES, T_PLUS_NODES, SNR_NODES_DB)]
    strength, t_d, t_plus, snr_db = np.meshgrid(*axes, indexing="ij")
    wanted = np.vectorize(WANTED.get)(strength)
    mismatch = np.abs(t_d - wanted) / 50 + np.abs(t_plus - 50 * (snr_db < 0)) / 100
    cells = {
        "ssim": 0.95 - 0.3 * mismatch,
        "adv": 0.02 + 0.05 * mismatch,
        "err": 0.02 + 0.05 * mismatch,
        "robust": 0.9 - 0.3 * mismatch,
        "disagreement": np.select([strength == 0, strength == 1], [0.1, 0.4], 0.8),
    }
    return attack_table(axes, cells, images=100)


def write_synthetic_attack_table(folder: Path, name: str) -> None:
    """Write the table as a model of this name."""
    write_attack_table(synthetic_attack_table(), folder / f"{name}.csv")
    write_card(bare_card(name, KIND, sha256_of(folder / f"{name}.csv")), folder / f"{name}.yaml")
