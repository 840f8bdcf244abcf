"""The policy of an agent that was trained on one of the environments, for runs and for the reward table."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.adapt.mdp import StepPairs
from linksim.adapt.observation import Observation
from linksim.env.spaces import Floats, observations_of, steps_after


class AgentPolicy:
    """A `Policy` that observes and acts as an agent does in the environments of this package.

    predict    observations float32 [n, 3] -> actions in -1..1, [n, 2]; of a model of Stable-Baselines3,
               `lambda observations: model.predict(observations, deterministic=True)[0]`
    observing  True for an agent of `AttackedSelection`, which observes the disagreement in addition: observations [n, 4]

    >>> from linksim.adapt.observation import of_snr
    >>> policy, seen = AgentPolicy(lambda observations: -np.ones((len(observations), 2))), of_snr(np.array([[40, 10]]), np.array([6.0]))
    >>> policy.choose(seen, np.random.default_rng(1)).tolist()  # 25 steps fewer, at least 1 and 0
    [[15, 0]]
    """

    def __init__(self, predict: Callable[[Floats], NDArray[np.floating[Any]]], observing: bool = False) -> None:
        self._predict = predict
        self.observes: Sequence[str] = ("disagreement",) if observing else ()

    def choose(self, seen: Observation, draw: np.random.Generator) -> StepPairs:
        """Return the steps after the agent's actions, int64 [n, 2]."""
        disagreement = seen.disagreement if self.observes else None
        return steps_after(seen.current, self._predict(observations_of(seen.current, seen.reported_db, disagreement)))
