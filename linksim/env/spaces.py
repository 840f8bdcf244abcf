"""Observations and actions that all environments of this package share, for n links at once.

    observation  float32 [3]: t_D, t_plus and the reported SNR, each about -1..1 over its range (`adapt.mdp.state`); [4] with a disagreement
    action       float32 [2] in -1..1: change of t_D and t_plus; 1 stands for `mdp.MAX_ACTION` = 25 steps, larger values are clipped

The reward of all is Eq. (31) of DiffuSeC (`adapt.reward`).
"""

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from linksim.adapt.mdp import MAX_ACTION, StepPairs, apply_action, state

Floats = NDArray[np.float32]

BOUNDS = np.array([1.0, 1.0, 3.0, 1.0], np.float32)  # of an observation; the SNR is clipped to -30..42 dB
OBSERVATION, ATTACK_OBSERVATION = (spaces.Box(-BOUNDS[:n], BOUNDS[:n], dtype=np.float32) for n in (3, 4))
ACTION = spaces.Box(-1.0, 1.0, (2,), np.float32)


def observations_of(steps: StepPairs, snr_db: NDArray[np.float64], disagreement: NDArray[np.float64] | None = None) -> Floats:
    """Observations of n links, float32 [n, 3], or [n, 4] with a disagreement, clipped to `BOUNDS`.

    steps         steps from which the next action starts, int64 [n, 2]
    snr_db        reported SNR in dB, [n]
    disagreement  share of images whose class changed by denoising, 0..1, [n]; NaN where there were none
    """
    states = state(steps, snr_db, disagreement)
    bounds = BOUNDS[: states.shape[1]]
    observations: Floats = states.clip(-bounds, bounds)
    return observations


def steps_after(steps: StepPairs, actions: NDArray[np.floating[Any]]) -> StepPairs:
    """The steps that follow from actions, int64 [n, 2].

    steps    steps before, int64 [n, 2]
    actions  actions [n, 2], clipped to -1..1
    """
    return apply_action(steps, MAX_ACTION * np.clip(actions, -1.0, 1.0))
