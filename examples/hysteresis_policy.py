"""A policy from outside: denoise more below one SNR and less above another, with hysteresis in between.

linksim run diffusec-fluctuating --plugin examples/hysteresis_policy.py --set groups.ddpg.bob.policy=hysteresis
"""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

import linksim
from linksim.adapt.observation import Observation
from linksim.scenario.policies import PolicyOptions


class HysteresisOptions(PolicyOptions):
    """Two choices of (t_d, t_plus) and two thresholds."""

    low_db: float = Field(3.0, ge=-30, le=60, description="SNR below which the strong choice is taken, in dB")
    high_db: float = Field(6.0, ge=-30, le=60, description="SNR above which the weak choice is taken, in dB")


class Hysteresis:
    def __init__(self, options: HysteresisOptions) -> None:
        self._options, self._strong, self._weak = options, (20, 35), (10, 5)

    def choose(self, seen: Observation, draw: object) -> NDArray[np.int64]:
        weaker = (seen.current == self._weak).all(axis=1)
        weaker = (seen.reported_db > self._options.high_db) | (weaker & (seen.reported_db >= self._options.low_db))
        return np.where(weaker[:, None], self._weak, self._strong)


@linksim.register("policy", "hysteresis", HysteresisOptions)
def make(options: HysteresisOptions, context: object) -> Hysteresis:
    return Hysteresis(options)
