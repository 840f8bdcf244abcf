"""Bob's choice left to somebody outside the world: every lane's question waits, and all are answered at the same instant.

    world runs ... lane asks ... lane asks ... all have asked | somebody looks at the questions and answers | world runs ...

While all lanes ask at the same instant, waiting takes no simulated time and changes nothing. Where they are out of step (a PROBE was
lost, a session began anew) those who ask early wait on the simulated clock for the others, and their Alices, who wait for REPORT, may send
PROBE again; from then on they are in step.
"""

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from simpy import Event

from linksim.world.agreement import Steps
from linksim.world.chooser import Decide
from linksim.world.clock import World

PATIENCE = 0.5  # of the interval between probe rounds: as long is waited for those who have not asked
SILENCE = 10  # intervals; no round lasts longer


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What a lane's Bob asks.

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


class Questions:
    """Those that wait for an answer, `waiting`, by lane. A lane's newer one takes the place of an older one, for which it is too late."""

    def __init__(self) -> None:
        self.waiting: dict[int, Question] = {}

    def decider(self, world: World, lane: int) -> Decide:
        """What decides for a lane by asking outside. `world.build.build` takes it."""

        def decide(steps: Steps, measured_db: float, true_db: float, draw: np.random.Generator) -> Generator[Any, Any, Steps]:
            answered = world.env.event()
            self.waiting[lane] = Question(steps, measured_db, true_db, world.now, answered)
            chosen: Steps = yield answered
            return chosen

        return decide

    def answer(self, lane: int, steps: Steps) -> None:
        """Let a lane that waits go on with these steps, once time passes again."""
        self.waiting.pop(lane).answered.succeed(steps)

    def gather(self, world: World, lanes: int, interval_ns: int, limit_ns: int) -> bool:
        """Let time pass until all `lanes` wait -> whether the world goes on: False where nothing more happens before `limit_ns`.

        It does not wait for ever. `PATIENCE` after the first has asked, and no sooner than that after a whole interval, it ends without
        the others; in any case after `SILENCE`.

        interval_ns  between two questions of a lane
        """
        env, begun_ns = world.env, world.now
        latest_ns = due_ns = begun_ns + SILENCE * interval_ns
        while len(self.waiting) < lanes:
            if self.waiting:
                first_ns = min(question.asked_ns for question in self.waiting.values())
                due_ns = min(latest_ns, max(first_ns, begun_ns + interval_ns) + round(PATIENCE * interval_ns))
            next_ns = env.peek()
            if min(next_ns, due_ns) >= limit_ns or (next_ns == math.inf and not self.waiting):
                return False
            if next_ns > due_ns:
                env.run(until=env.timeout(due_ns - world.now))
                break
            env.step()
        return True
