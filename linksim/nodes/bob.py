"""Bob: answers control messages, and turns what he hears of a data frame into an estimate."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import simpy

from linksim.context import Simulation
from linksim.control_plane.frame_parameters import AgreedParameters
from linksim.control_plane.messages import DAMAGED, DISAGREED
from linksim.control_plane.session import BobSession
from linksim.frames import ReceivedFrame, ReceivedMessage
from linksim.medium.air import Air
from linksim.nodes.evaluator import Evaluator
from linksim.nodes.latency import latency_ns
from linksim.phy.noise import item_keys
from linksim.records import BOB
from linksim.rng import Key
from linksim.scenario.nodes import Processing
from linksim.schemes.base import is_erased
from linksim.schemes.parameters import flatten
from linksim.worker import Operation, Promise


@dataclass(frozen=True)
class ReceivePipeline:
    """What Bob needs to make images of a frame: the operations `receive` and `fill_in` of `simulation.operations`, and what he is to expect.

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
class PartialFrame:
    """A frame of which images are lacking: its number, and all that came of it so far."""

    frame: int
    images: Promise


class Bob:
    """The receiver of one link.

    `most_waiting` is the largest number of frames that ever waited for his networks.
    """

    def __init__(
        self, simulation: Simulation, air: Air, evaluator: Evaluator, session: BobSession, spec: ReceivePipeline, processing: Processing
    ) -> None:
        self._simulation, self._air, self._evaluator, self._session = simulation, air, evaluator, session
        self._spec, self._processing = spec, processing
        self._inbox: simpy.Store = simpy.Store(simulation.env)
        self._unfinished: PartialFrame | None = None
        self._finished = -1  # number of the newest frame that he need not hear again
        self.most_waiting = 0
        air.hear(BOB, self._hear)

    def _hear(self, copy: ReceivedFrame | ReceivedMessage) -> None:
        """A control message is answered at once; a data frame, whose terms are those of this moment, waits for the networks."""
        if isinstance(copy, ReceivedMessage):
            self._simulation.env.process(self._session.answer(copy))
            return
        agreed = self._session.parameters(copy.frame.number, copy.frame.epoch, copy.snr_db)
        if agreed is None:
            self._received(copy, None)
            self._evaluator.estimate(BOB, copy, None)
            self._simulation.env.process(self._session.refuse(copy.frame, DISAGREED))
        else:
            self._inbox.put((copy, agreed))
            self.most_waiting = max(self.most_waiting, len(self._inbox.items))

    def run(self) -> Generator[Any, Any, None]:
        """SimPy process: the networks, one frame after the other."""
        while True:
            copy, agreed = yield self._inbox.get()
            images = self._images(copy, agreed)
            yield self._simulation.env.timeout(latency_ns(self._processing, copy.frame.images))
            if self._spec.attempts > 1:
                self._assemble(copy, agreed, images)
            else:
                self._received(copy, agreed, images if self._spec.checked else None)
                self._evaluator.estimate(BOB, copy, images)

    def _images(self, copy: ReceivedFrame, agreed: AgreedParameters) -> Promise:
        spec, frame = self._spec, copy.frame
        keys = item_keys(spec.noise, frame.number * frame.items, frame.items)
        return self._simulation.worker.promise(spec.receive, copy.received, copy.gain, copy.noise_power, keys, *flatten(agreed.parameters))

    def _assemble(self, copy: ReceivedFrame, agreed: AgreedParameters, images: Promise) -> None:
        """Put a copy together with those of the same frame before it; acknowledge the frame, or ask for it again.

        The checksums decide what happens next, so the images are computed now, with those of other links whose frames arrived since.
        """
        frame, worker, before = copy.frame, self._simulation.worker, self._unfinished
        if before is not None and before.frame == frame.number:
            images = worker.promise(self._spec.fill_in, images, before.images)
        self._unfinished = None
        whole = frame.number <= self._finished or not bool(is_erased(worker.value(images)).any())
        self._received(copy, agreed, None if whole else images)
        if frame.number <= self._finished:  # she did not hear that he has it
            self._evaluator.estimate(BOB, copy, None)
        elif whole or frame.attempt + 1 == self._spec.attempts:
            self._finished = frame.number
            self._evaluator.estimate(BOB, copy, images)
        else:
            self._unfinished = PartialFrame(frame.number, images)
            self._evaluator.unfinished(copy, images)
        answer = self._session.acknowledge(frame) if whole else self._session.refuse(frame, DAMAGED)
        self._simulation.env.process(answer)

    def _received(self, copy: ReceivedFrame, agreed: AgreedParameters | None, checked: Promise | None = None) -> None:
        channel_uses = self._air.channel_uses_of(copy.frame.channel_uses)
        self._evaluator.received(copy, self._air.airtime_ns(channel_uses), channel_uses, agreed, checked)
