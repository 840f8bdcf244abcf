"""Negotiated parameters chosen outside the simulation: all links' requests are held and answered at the same instant.

    simulation runs ... link requests ... link requests ... all have requested | caller reads the requests and answers | simulation runs ...

While all links request at the same instant, collecting the requests takes no simulated time and changes nothing. If the links are out of
step (a PROBE was lost, a session was restarted), the links that request early wait on the simulated clock for the others. Their Alices,
which wait for REPORT, may retransmit PROBE. From the next round on the links are in step.
"""

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from simpy import Event

from linksim.context import Simulation
from linksim.control_plane.policy_controller import Decision
from linksim.negotiation import NegotiatedParameters

GATHER_TIMEOUT = 0.5  # wait for links that have not requested, in units of the interval between probe rounds
IDLE_TIMEOUT = 10  # longest duration of a round, in units of the same interval


@dataclass(frozen=True, slots=True, eq=False)
class ActionRequest:
    """A request of one link's Bob for new negotiated parameters.

    current      current values
    measured_db  SNR in dB, measured on pilots
    true_db      true SNR in dB
    asked_ns     time of the request in ns
    answered     event that succeeds with the new values
    """

    current: NegotiatedParameters
    measured_db: float
    true_db: float
    asked_ns: int
    answered: Event


class ActionRequests:
    """The open requests of all links.

    waiting  the open request of each link, by the link's number; a newer request of a link replaces the older one
    """

    def __init__(self) -> None:
        self.waiting: dict[int, ActionRequest] = {}

    def decider(self, simulation: Simulation, link: int) -> Decision:
        """Return the decision process of a link, for `simulate.assembly.build`. It waits for an answer from outside."""

        def decide(
            current: NegotiatedParameters, measured_db: float, true_db: float, draw: np.random.Generator
        ) -> Generator[Any, Any, NegotiatedParameters]:
            answered = simulation.env.event()
            self.waiting[link] = ActionRequest(current, measured_db, true_db, simulation.now, answered)
            chosen: NegotiatedParameters = yield answered
            return chosen

        return decide

    def answer(self, link: int, chosen: NegotiatedParameters) -> None:
        """Answer the request of a link. The link continues as soon as the simulation runs again."""
        self.waiting.pop(link).answered.succeed(chosen)

    def collect(self, simulation: Simulation, links: int, interval_ns: int, limit_ns: int) -> bool:
        """Run the simulation until all `links` have an open request.

        Returns False if nothing more happens before `limit_ns`, else True. The wait is bounded. It ends `GATHER_TIMEOUT` after the first
        request, but not before `GATHER_TIMEOUT` after one whole interval, and `IDLE_TIMEOUT` after its beginning at the latest.

        links        number of links
        interval_ns  time in ns between two requests of a link
        limit_ns     end of the simulation in ns
        """
        env, begun_ns = simulation.env, simulation.now
        latest_ns = due_ns = begun_ns + IDLE_TIMEOUT * interval_ns
        while len(self.waiting) < links:
            if self.waiting:
                first_ns = min(request.asked_ns for request in self.waiting.values())
                due_ns = min(latest_ns, max(first_ns, begun_ns + interval_ns) + round(GATHER_TIMEOUT * interval_ns))
            next_ns = env.peek()
            if min(next_ns, due_ns) >= limit_ns or (next_ns == math.inf and not self.waiting):
                return False
            if next_ns > due_ns:
                env.run(until=env.timeout(due_ns - simulation.now))
                break
            env.step()
        return True
