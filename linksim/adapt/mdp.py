"""The decision problem of DiffuSeC (Ren et al., Sec. IV-D): which steps there are, how far one decision moves them, what a policy sees.

    state (t_D, t_plus, SNR)  --action (change of t_D, change of t_plus)-->  next state

Differs from the paper: its Eq. (25), t_D + t_plus < t_D,max = 50, contradicts the ranges 1..50 and 0..50 that its Sec. VI-C draws the
first state from. Here each of both is kept within its own range, and (25) is not enforced.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

T_D = (1, 50)  # steps that Alice diffuses, least and most (Sec. VI-A)
T_PLUS = (0, 50)  # steps that Bob denoises beyond those
MAX_ACTION = 25  # most that one action changes either of them
SNR_DB = (-6.0, 18.0)  # range of SNR that a state spans (Sec. VI-C); beyond it a state lies outside -1..1

LEAST, MOST = np.array([T_D, T_PLUS]).T
MIDDLE_DB, HALF_DB = (SNR_DB[0] + SNR_DB[1]) / 2, (SNR_DB[1] - SNR_DB[0]) / 2

Steps = NDArray[np.int64]  # [n, 2]: t_D, t_plus


def apply_action(steps: Steps, actions: NDArray[np.floating[Any]]) -> Steps:
    """Steps [n, 2] after actions [n, 2], in steps: rounded, of at most `REACH` either way, and the outcome kept within its range."""
    reached = np.clip(np.rint(actions), -MAX_ACTION, MAX_ACTION).astype(np.int64)
    kept: Steps = np.clip(steps + reached, LEAST, MOST)
    return kept


def step_toward(steps: Steps, wanted: Steps) -> Steps:
    """As near to the wanted steps [n, 2] (or [2], the same for all) as one action leads.

    Every policy moves by this, so that one which names its goal outright has no more reach than one which acts as the paper's does.
    """
    return apply_action(steps, (wanted - steps).astype(np.float64))


def random_steps(draw: np.random.Generator, n: int) -> Steps:
    """The first state of Sec. VI-C: uniform over the ranges. -> [n, 2]"""
    return draw.integers(LEAST, MOST + 1, (n, 2))


def state(steps: Steps, snr_db: NDArray[np.float64]) -> NDArray[np.float32]:
    """What a network is shown: steps [n, 2] and SNR in dB [n] -> float32 [n, 3], each about -1..1 over its range."""
    told = np.empty((len(steps), 3), np.float32)
    told[:, :2] = 2.0 * (steps - LEAST) / (MOST - LEAST) - 1.0
    told[:, 2] = (snr_db - MIDDLE_DB) / HALF_DB
    return told
