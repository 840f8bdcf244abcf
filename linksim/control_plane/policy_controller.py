"""Bob's choice of the negotiated parameters, once per probe round: by a policy, or by a decision from outside.

    PROBE --> measured SNR --> PolicyController --> Decision: from_policy(policy), or ActionRequests --> values --> REPORT
                                    |  every `reset_interval` rounds it starts from random values
                                    +--> record of the decision

A decision sees the measured SNR, which contains the error of the estimate, and what else its policy declares to observe
(`adapt.observation`). The true SNR and the strength of the attack are handed on for oracles only. The values come into force when Alice
uses them, which is after the round; a lost REPORT makes a decision without effect.
"""

import math
from collections.abc import Callable, Generator
from typing import Any, NamedTuple

import numpy as np

from linksim.adapt.observation import Observation
from linksim.adapt.policy import Policy
from linksim.context import Simulation
from linksim.errors import LinksimError
from linksim.negotiation import NegotiatedParameters, bounds, names, values
from linksim.records import ParameterDecision
from linksim.rng import Draws, StreamKey

ParameterSelector = Callable[[NegotiatedParameters, float, float, int], Generator[Any, Any, NegotiatedParameters]]
"""A SimPy process that returns the negotiated parameters which Bob offers to Alice.

(values in force, measured SNR in dB, true SNR in dB (only an oracle uses it), sequence number of the probe round) -> values
"""

Decision = Callable[[NegotiatedParameters, float, float, np.random.Generator], Generator[Any, Any, NegotiatedParameters]]
"""A SimPy process that returns new values for given current values.

(current values, measured SNR in dB, true SNR in dB, generator for stochastic policies, valid until the process waits) -> values
"""


class Sensed(NamedTuple):
    """What Bob's receiver observed of one link since the last decision; see `adapt.observation.Observation`."""

    disagreement: float = math.nan
    images: int = 0
    strength: float = math.nan


Sense = Callable[[NegotiatedParameters], Sensed]  # from the values in force


def senses_nothing(current: NegotiatedParameters) -> Sensed:
    """The `Sense` of a receiver that observes the SNR alone."""
    return Sensed()


def keep_current(
    current: NegotiatedParameters, measured_db: float, true_db: float, sequence: int
) -> Generator[Any, Any, NegotiatedParameters]:
    """The `ParameterSelector` that keeps the values in force."""
    yield from ()
    return current


def from_policy(policy: Policy, sense: Sense = senses_nothing) -> Decision:
    """Return the decision process of a policy on one link. It takes no simulated time.

    policy  the policy
    sense   what the link's receiver observes beside the SNR

    The process raises LinksimError if the policy returns anything but one row of integers within their bounds.
    """

    def decide(
        current: NegotiatedParameters, measured_db: float, true_db: float, draw: np.random.Generator
    ) -> Generator[Any, Any, NegotiatedParameters]:
        yield from ()
        declared = bounds(type(current))
        before = np.array([values(current)], np.int64)
        sensed = (np.array([value]) for value in sense(current))
        chosen = np.asarray(policy.choose(Observation(before, np.array([measured_db]), np.array([true_db]), *sensed), draw))
        lowest, highest = ([getattr(bound, end) for bound in declared] for end in ("lowest", "highest"))
        if chosen.shape != before.shape or chosen.dtype.kind != "i" or (chosen < lowest).any() or (chosen > highest).any():
            allowed = ", ".join(f"{bound.name} in {bound.lowest}..{bound.highest}" for bound in declared)
            raise LinksimError(f"a policy chose {chosen.tolist()} for one link, allowed: one row of integers, {allowed}")
        return type(current)(*chosen[0].tolist())

    return decide


def random_parameters(declared: type[NegotiatedParameters], draw: np.random.Generator) -> NegotiatedParameters:
    """Return values drawn uniformly within their bounds, both ends included.

    declared  type of the parameters
    draw      generator, of which one array is drawn
    """
    lowest, highest = ([getattr(bound, end) for bound in bounds(declared)] for end in ("lowest", "highest"))
    return declared(*draw.integers(lowest, np.add(highest, 1), (1, len(lowest)))[0].tolist())


class PolicyController:
    """The `ParameterSelector` of one link whose scheme has negotiated parameters.

    simulation      shared state of the run
    link            number of the link
    decide          decision process
    reset_interval  number of probe rounds after which it starts again from random values; None for never
    draws           key of its random stream
    """

    def __init__(self, simulation: Simulation, link: int, decide: Decision, reset_interval: int | None, draws: StreamKey) -> None:
        self._simulation, self._link, self._decide, self._reset_interval = simulation, link, decide, reset_interval
        self._draws, self._rounds = Draws(draws), 0

    def __call__(
        self, current: NegotiatedParameters, measured_db: float, true_db: float, sequence: int
    ) -> Generator[Any, Any, NegotiatedParameters]:
        """SimPy process of type `ParameterSelector`. It takes as long as the decision takes."""
        draw = self._draws(self._rounds)
        if self._reset_interval is not None and self._rounds % self._reset_interval == 0:
            current = random_parameters(type(current), draw)
        self._rounds += 1
        chosen = yield from self._decide(current, measured_db, true_db, draw)
        declared = names(type(current))
        self._simulation.emit(
            ParameterDecision(
                time_ns=self._simulation.now,
                link=self._link,
                sequence=sequence,
                measured_snr_db=measured_db,
                snr_db=true_db,
                before=dict(zip(declared, values(current), strict=True)),
                parameters=dict(zip(declared, values(chosen), strict=True)),
            )
        )
        return chosen
