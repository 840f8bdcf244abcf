"""Bob: answers control messages, and turns what he hears of a data frame into an estimate."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import simpy

from linksim.phy.noise import item_keys
from linksim.records import BOB
from linksim.rng import Key
from linksim.scenario.nodes import Processing
from linksim.schemes.base import lacking
from linksim.schemes.terms import leaves
from linksim.worker import Operation, Promise
from linksim.world.agreement import Agreed
from linksim.world.air import Air
from linksim.world.clock import World
from linksim.world.frames import ControlCopy, DataCopy
from linksim.world.judge import Judge
from linksim.world.latency import latency_ns
from linksim.world.messages import DAMAGED, DISAGREED
from linksim.world.session import BobSession


@dataclass(frozen=True)
class Inbox:
    """What Bob needs to make images of a frame: the operations `receive` and `fill_in` of `world.operations`, and what he is to expect.

    noise     key of his scheme's own draws
    checked   whether his scheme knows which images it has not got
    attempts  transmissions of a frame; with more than one, he acknowledges it
    """

    receive: Operation
    fill_in: Operation
    noise: Key
    checked: bool
    attempts: int


@dataclass(frozen=True)
class Unfinished:
    """A frame of which images are lacking: its number, and all that came of it so far."""

    frame: int
    images: Promise


class Bob:
    """The receiver of one lane.

    `most_waiting` is the largest number of frames that ever waited for his networks.
    """

    def __init__(self, world: World, air: Air, judge: Judge, session: BobSession, spec: Inbox, processing: Processing) -> None:
        self._world, self._air, self._judge, self._session = world, air, judge, session
        self._spec, self._processing = spec, processing
        self._inbox: simpy.Store = simpy.Store(world.env)
        self._unfinished: Unfinished | None = None
        self._finished = -1  # number of the newest frame that he need not hear again
        self.most_waiting = 0
        air.hear(BOB, self._hear)

    def _hear(self, copy: DataCopy | ControlCopy) -> None:
        """A control message is answered at once; a data frame, whose terms are those of this moment, waits for the networks."""
        if isinstance(copy, ControlCopy):
            self._world.env.process(self._session.answer(copy))
            return
        agreed = self._session.terms(copy.frame.number, copy.frame.epoch, copy.snr_db)
        if agreed is None:
            self._received(copy, None)
            self._judge.estimate(BOB, copy, None)
            self._world.env.process(self._session.refuse(copy.frame, DISAGREED))
        else:
            self._inbox.put((copy, agreed))
            self.most_waiting = max(self.most_waiting, len(self._inbox.items))

    def run(self) -> Generator[Any, Any, None]:
        """SimPy process: the networks, one frame after the other."""
        while True:
            copy, agreed = yield self._inbox.get()
            images = self._images(copy, agreed)
            yield self._world.env.timeout(latency_ns(self._processing, copy.frame.images))
            if self._spec.attempts > 1:
                self._assemble(copy, agreed, images)
            else:
                self._received(copy, agreed, images if self._spec.checked else None)
                self._judge.estimate(BOB, copy, images)

    def _images(self, copy: DataCopy, agreed: Agreed) -> Promise:
        spec, frame = self._spec, copy.frame
        keys = item_keys(spec.noise, frame.number * frame.items, frame.items)
        return self._world.worker.promise(spec.receive, copy.heard, copy.gain, copy.noise_power, keys, *leaves(agreed.terms))

    def _assemble(self, copy: DataCopy, agreed: Agreed, images: Promise) -> None:
        """Put a copy together with those of the same frame before it; acknowledge the frame, or ask for it again.

        The checksums decide what happens next, so the images are computed now, with those of other lanes whose frames arrived since.
        """
        frame, worker, before = copy.frame, self._world.worker, self._unfinished
        if before is not None and before.frame == frame.number:
            images = worker.promise(self._spec.fill_in, images, before.images)
        self._unfinished = None
        whole = frame.number <= self._finished or not bool(lacking(worker.value(images)).any())
        self._received(copy, agreed, None if whole else images)
        if frame.number <= self._finished:  # she did not hear that he has it
            self._judge.estimate(BOB, copy, None)
        elif whole or frame.attempt + 1 == self._spec.attempts:
            self._finished = frame.number
            self._judge.estimate(BOB, copy, images)
        else:
            self._unfinished = Unfinished(frame.number, images)
            self._judge.unfinished(copy, images)
        answer = self._session.acknowledge(frame) if whole else self._session.refuse(frame, DAMAGED)
        self._world.env.process(answer)

    def _received(self, copy: DataCopy, agreed: Agreed | None, checked: Promise | None = None) -> None:
        uses = self._air.uses_of(copy.frame.uses)
        self._judge.received(copy, self._air.airtime_ns(uses), uses, agreed, checked)
