"""The Markov decision process of DiffuSeC (Ren et al., Sec. IV-D): ranges of the diffusion steps, transition and state.

    state (t_D, t_plus, SNR)  --action (change of t_D, change of t_plus)-->  next state

Differs from the paper: its Eq. (25), t_D + t_plus < t_D,max = 50, contradicts the ranges 1..50 and 0..50 that its Sec. VI-C draws the
first state from. Here t_D and t_plus are each limited to their own range, and Eq. (25) is not enforced.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

T_D = (1, 50)  # minimum and maximum of the diffusion steps at Alice (Sec. VI-A)
T_PLUS = (0, 50)  # minimum and maximum of the denoising steps that Bob adds
MAX_ACTION = 25  # largest change of either number of steps by one action
SNR_DB = (-6.0, 18.0)  # SNR range that maps to -1..1 in a state (Sec. VI-C)

STATE_SIZE = 3  # values of the paper's state: t_D, t_plus, SNR

MIN_STEPS, MAX_STEPS = np.array([T_D, T_PLUS]).T
MIDDLE_DB, HALF_DB = (SNR_DB[0] + SNR_DB[1]) / 2, (SNR_DB[1] - SNR_DB[0]) / 2

StepPairs = NDArray[np.int64]  # [n, 2]: t_D, t_plus


def apply_action(steps: StepPairs, actions: NDArray[np.floating[Any]]) -> StepPairs:
    """The steps [n, 2] that follow from actions [n, 2], given in steps.

    Actions are rounded and clipped to +-`MAX_ACTION`; the result is clipped to the ranges `T_D` and `T_PLUS`.

    >>> apply_action(np.array([[20, 20], [3, 48]]), np.array([[1.4, -99.0], [-9.0, 9.0]])).tolist()
    [[21, 0], [1, 50]]
    """
    changes = np.clip(np.rint(actions), -MAX_ACTION, MAX_ACTION).astype(np.int64)
    following: StepPairs = np.clip(steps + changes, MIN_STEPS, MAX_STEPS)
    return following


def step_toward(steps: StepPairs, target: StepPairs) -> StepPairs:
    """The steps [n, 2] that one action can reach and that are closest to the target [n, 2], or [2] for the same target in all rows.

    All policies move by at most one action per round, so that those which name a target are comparable with the paper's.

    >>> step_toward(np.array([[10, 0]]), np.array([20, 40])).tolist()
    [[20, 25]]
    """
    return apply_action(steps, (target - steps).astype(np.float64))


def random_steps(draw: np.random.Generator, n: int) -> StepPairs:
    """Initial states of Sec. VI-C: n pairs of steps, uniform over the ranges, int64 [n, 2]."""
    return draw.integers(MIN_STEPS, MAX_STEPS + 1, (n, 2))


def state(steps: StepPairs, snr_db: NDArray[np.float64], disagreement: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
    """The input of an actor or critic: steps [n, 2] and SNR in dB [n] -> float32 [n, 3].

    Each component is -1..1 over its range; an SNR outside `SNR_DB` lies outside -1..1. With a disagreement (0..1, [n]), which is not part
    of the paper's state, the result is [n, 4]; where it is NaN the fourth component is -1, as if no class had changed.

    >>> state(np.array([[1, 25]]), np.array([18.0])).tolist()
    [[-1.0, 0.0, 1.0]]
    """
    scaled = np.empty((len(steps), STATE_SIZE + (disagreement is not None)), np.float32)
    scaled[:, :2] = 2.0 * (steps - MIN_STEPS) / (MAX_STEPS - MIN_STEPS) - 1.0
    scaled[:, 2] = (snr_db - MIDDLE_DB) / HALF_DB
    if disagreement is not None:
        scaled[:, 3] = 2.0 * np.nan_to_num(disagreement) - 1.0
    return scaled
