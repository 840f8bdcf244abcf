"""The policy of an agent that was trained on one of the environments, for runs and for the reward table."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.adapt.mdp import StepPairs
from linksim.adapt.policy import Decibels
from linksim.env.spaces import Floats, observations_of, steps_after


class AgentPolicy:
    """A `Policy` that observes and acts as an agent does in the environments of this package.

    predict  observations float32 [n, 3] -> actions in -1..1, [n, 2]; of a model of Stable-Baselines3,
             `lambda observations: model.predict(observations, deterministic=True)[0]`

    >>> policy, snr_db = AgentPolicy(lambda observations: -np.ones((len(observations), 2))), np.array([6.0])
    >>> policy.choose(np.array([[40, 10]]), snr_db, snr_db, np.random.default_rng(1)).tolist()  # 25 steps fewer, at least 1 and 0
    [[15, 0]]
    """

    def __init__(self, predict: Callable[[Floats], NDArray[np.floating[Any]]]) -> None:
        self._predict = predict

    def choose(self, steps: StepPairs, reported_db: Decibels, true_db: Decibels, draw: np.random.Generator) -> StepPairs:
        """Return the steps after the agent's actions, int64 [n, 2]."""
        return steps_after(steps, self._predict(observations_of(steps, reported_db)))
