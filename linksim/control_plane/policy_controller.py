"""Bob's choice of diffusion steps, asked for once in every probe round: by a policy, or by whoever decides (DiffuSeC Sec. IV-C, IV-D)."""

from collections.abc import Callable, Generator
from typing import Any

import numpy as np

from linksim.adapt.mdp import LEAST, MOST, T_D, T_PLUS, random_steps
from linksim.adapt.policy import Policy
from linksim.context import Simulation
from linksim.control_plane.frame_parameters import Steps
from linksim.errors import LinksimError
from linksim.records import StepDecision
from linksim.rng import Draws, Key

StepSelector = Callable[[Steps, float, float, int], Generator[Any, Any, Steps]]
"""A SimPy process that gives the steps which Bob asks for.

(steps in force, SNR in dB as his pilots tell it, SNR as it is (only an oracle looks), number of the probe round's exchange) -> steps
"""

Decision = Callable[[Steps, float, float, np.random.Generator], Generator[Any, Any, Steps]]
"""A SimPy process, too: what is left to decide once it is known where to start from.

(steps to start from, SNR in dB as his pilots tell it, SNR as it is, for who draws; valid until he waits) -> steps
"""


def keep_current(steps: Steps, measured_db: float, true_db: float, sequence: int) -> Generator[Any, Any, Steps]:
    """The choice where there is none."""
    yield from ()
    return steps


def from_policy(policy: Policy) -> Decision:
    """The policy decides. It takes no simulated time. LinksimError where it chooses what there is not."""

    def decide(steps: Steps, measured_db: float, true_db: float, draw: np.random.Generator) -> Generator[Any, Any, Steps]:
        yield from ()
        chosen = np.asarray(policy.choose(np.array([steps], np.int64), np.array([measured_db]), np.array([true_db]), draw))
        if chosen.shape != (1, 2) or chosen.dtype.kind != "i" or (chosen < LEAST).any() or (chosen > MOST).any():
            told = f"{T_D[0]}..{T_D[1]} and {T_PLUS[0]}..{T_PLUS[1]}"
            raise LinksimError(f"a policy chose {chosen.tolist()} for one link, allowed: [[t_D, t_plus]], whole numbers in {told}")
        t_d, t_plus = chosen[0].tolist()
        return t_d, t_plus

    return decide


class PolicyController:
    """The choice of one link.

    decide  what is asked
    rounds  after so many it starts anew from random steps; None for never
    draws   key of its stream
    """

    def __init__(self, simulation: Simulation, link: int, decide: Decision, rounds: int | None, draws: Key) -> None:
        self._simulation, self._link, self._decide, self._rounds = simulation, link, decide, rounds
        self._draws, self._asked = Draws(draws), 0

    def __call__(self, steps: Steps, measured_db: float, true_db: float, sequence: int) -> Generator[Any, Any, Steps]:
        """See `Choose`. It takes the time that deciding takes."""
        draw = self._draws(self._asked)
        before_d, before_plus = steps
        if self._rounds is not None and self._asked % self._rounds == 0:
            before_d, before_plus = random_steps(draw, 1)[0].tolist()
        self._asked += 1
        t_d, t_plus = yield from self._decide((before_d, before_plus), measured_db, true_db, draw)
        about = measured_db, true_db, before_d, before_plus, t_d, t_plus
        self._simulation.emit(StepDecision(self._simulation.now, self._link, sequence, *about))
        return t_d, t_plus
