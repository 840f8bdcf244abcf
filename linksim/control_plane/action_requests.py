"""Bob's choice left to somebody outside the world: every link's question waits, and all are answered at the same instant.

    world runs ... link asks ... link asks ... all have asked | somebody looks at the questions and answers | world runs ...

While all links ask at the same instant, waiting takes no simulated time and changes nothing. Where they are out of step (a PROBE was
lost, a session began anew) those who ask early wait on the simulated clock for the others, and their Alices, who wait for REPORT, may send
PROBE again; from then on they are in step.
"""

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from simpy import Event

from linksim.context import Simulation
from linksim.control_plane.frame_parameters import Steps
from linksim.control_plane.policy_controller import Decision

GATHER_TIMEOUT = 0.5  # of the interval between probe rounds: as long is waited for those who have not asked
IDLE_TIMEOUT = 10  # intervals; no round lasts longer


@dataclass(frozen=True, slots=True, eq=False)
class ActionRequest:
    """What a link's Bob asks.

    steps        from which he starts
    measured_db  SNR as his pilots tell it
    true_db      SNR as it is
    asked_ns     when he asked
    answered     succeeds with the steps to ask Alice for
    """

    steps: Steps
    measured_db: float
    true_db: float
    asked_ns: int
    answered: Event


class ActionRequests:
    """Those that wait for an answer, `waiting`, by link. A link's newer one takes the place of an older one, for which it is too late."""

    def __init__(self) -> None:
        self.waiting: dict[int, ActionRequest] = {}

    def decider(self, simulation: Simulation, link: int) -> Decision:
        """What decides for a link by asking outside. `simulation.build.build` takes it."""

        def decide(steps: Steps, measured_db: float, true_db: float, draw: np.random.Generator) -> Generator[Any, Any, Steps]:
            answered = simulation.env.event()
            self.waiting[link] = ActionRequest(steps, measured_db, true_db, simulation.now, answered)
            chosen: Steps = yield answered
            return chosen

        return decide

    def answer(self, link: int, steps: Steps) -> None:
        """Let a link that waits go on with these steps, once time passes again."""
        self.waiting.pop(link).answered.succeed(steps)

    def collect(self, simulation: Simulation, links: int, interval_ns: int, limit_ns: int) -> bool:
        """Let time pass until all `links` wait -> whether the world goes on: False where nothing more happens before `limit_ns`.

        It does not wait for ever. `PATIENCE` after the first has asked, and no sooner than that after a whole interval, it ends without
        the others; in any case after `SILENCE`.

        interval_ns  between two questions of a link
        """
        env, begun_ns = simulation.env, simulation.now
        latest_ns = due_ns = begun_ns + IDLE_TIMEOUT * interval_ns
        while len(self.waiting) < links:
            if self.waiting:
                first_ns = min(question.asked_ns for question in self.waiting.values())
                due_ns = min(latest_ns, max(first_ns, begun_ns + interval_ns) + round(GATHER_TIMEOUT * interval_ns))
            next_ns = env.peek()
            if min(next_ns, due_ns) >= limit_ns or (next_ns == math.inf and not self.waiting):
                return False
            if next_ns > due_ns:
                env.run(until=env.timeout(due_ns - simulation.now))
                break
            env.step()
        return True
