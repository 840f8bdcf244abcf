"""Bob: answers control messages, and turns what he hears of a data frame into an estimate."""

from collections.abc import Generator
from typing import Any

import simpy

from linksim.phy.noise import item_keys
from linksim.records import BOB
from linksim.rng import Key
from linksim.scenario.nodes import Processing
from linksim.schemes.terms import Terms, leaves
from linksim.worker import Operation
from linksim.world.air import Air
from linksim.world.clock import World
from linksim.world.frames import ControlCopy, DataCopy
from linksim.world.judge import DECODED, NO_TERMS, Judge
from linksim.world.latency import latency_ns
from linksim.world.session import BobSession


class Bob:
    """The receiver of one lane.

    receive  the operation of `world.operations`
    noise    key of his scheme's own draws

    `most_waiting` is the largest number of frames that ever waited for his networks.
    """

    def __init__(
        self, world: World, air: Air, judge: Judge, session: BobSession, receive: Operation, noise: Key, processing: Processing
    ) -> None:
        self._world, self._air, self._judge, self._session = world, air, judge, session
        self._receive, self._noise, self._processing = receive, noise, processing
        self._inbox: simpy.Store = simpy.Store(world.env)
        self.most_waiting = 0
        air.hear(BOB, self._hear)

    def _hear(self, copy: DataCopy | ControlCopy) -> None:
        """A control message is answered at once; a data frame, whose terms are those of this moment, waits for the networks."""
        if isinstance(copy, ControlCopy):
            self._world.env.process(self._session.answer(copy))
            return
        terms = self._session.terms(copy.frame.number, copy.frame.epoch, copy.snr_db)
        if terms is None:
            self._received(copy, NO_TERMS)
            self._judge.estimate(BOB, copy, None)
        else:
            self._inbox.put((copy, terms))
            self.most_waiting = max(self.most_waiting, len(self._inbox.items))

    def run(self) -> Generator[Any, Any, None]:
        """SimPy process: the networks, one frame after the other."""
        while True:
            copy, terms = yield self._inbox.get()
            yield self._world.env.timeout(latency_ns(self._processing, copy.frame.images))
            self._estimate(copy, terms)

    def _estimate(self, copy: DataCopy, terms: Terms) -> None:
        frame = copy.frame
        keys = item_keys(self._noise, frame.number * frame.items, frame.items)
        estimate = self._world.worker.promise(self._receive, copy.heard, copy.gain, copy.noise_power, keys, *leaves(terms))
        self._received(copy, DECODED)
        self._judge.estimate(BOB, copy, estimate)

    def _received(self, copy: DataCopy, outcome: int) -> None:
        uses = self._air.uses_of(copy.frame.uses)
        self._judge.received(copy, self._air.airtime_ns(uses), uses, outcome)
