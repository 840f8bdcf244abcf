"""Bob: answers control messages and reconstructs images from data frames."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import simpy

from linksim.context import Simulation
from linksim.control_plane.bob_session import BobSession
from linksim.control_plane.frame_parameters import AgreedParameters
from linksim.control_plane.messages import NackReason
from linksim.enums import Node
from linksim.frames import ReceivedFrame, ReceivedMessage
from linksim.medium.air import Air
from linksim.nodes.evaluator import Evaluator
from linksim.phy.noise import item_keys
from linksim.rng import StreamKey
from linksim.scenario.nodes import Processing
from linksim.schemes.parameters import flatten
from linksim.worker import Operation, Promise


@dataclass(frozen=True)
class ReceivePipeline:
    """Bob's operations.

    receive              operation `operations.receive`
    merge_transmissions  operation `operations.merge_transmissions`
    noise                key of the scheme's random stream
    detects_erasures     True if the scheme knows which images it could not decode
    max_transmissions    number of transmissions of a frame; if it is above 1, Bob acknowledges frames
    """

    receive: Operation
    merge_transmissions: Operation
    noise: StreamKey
    detects_erasures: bool
    max_transmissions: int


@dataclass(frozen=True)
class PartialFrame:
    """A frame with erased images.

    frame           number of the frame
    reconstruction  promise of the images decoded so far
    """

    frame: int
    reconstruction: Promise


class Bob:
    """The receiver of one link.

    max_queue_length  largest number of frames that waited for Bob's networks so far
    """

    def __init__(
        self, simulation: Simulation, air: Air, evaluator: Evaluator, session: BobSession, pipeline: ReceivePipeline, processing: Processing
    ) -> None:
        self._simulation, self._air, self._evaluator, self._session = simulation, air, evaluator, session
        self._pipeline, self._processing = pipeline, processing
        self._queue: simpy.Store = simpy.Store(simulation.env)
        self._partial: PartialFrame | None = None
        self._newest_complete = -1  # number of the newest frame that needs no retransmission
        self.max_queue_length = 0
        air.add_receiver(Node.BOB, self._receive)

    def _receive(self, copy: ReceivedFrame | ReceivedMessage) -> None:
        """Answer a control message at once. Queue a data frame for the networks, with the parameters that are in force now."""
        if isinstance(copy, ReceivedMessage):
            self._simulation.env.process(self._session.answer(copy))
            return
        agreed = self._session.parameters(copy.frame.number, copy.frame.epoch, copy.snr_db)
        if agreed is None:
            self._report_reception(copy, None)
            self._evaluator.reconstructed(Node.BOB, copy, None)
            self._simulation.env.process(self._session.refuse(copy.frame, NackReason.NO_PARAMETERS))
        else:
            self._queue.put((copy, agreed))
            self.max_queue_length = max(self.max_queue_length, len(self._queue.items))

    def run(self) -> Generator[Any, Any, None]:
        """SimPy process that decodes the queued frames, one after the other."""
        while True:
            copy, agreed = yield self._queue.get()
            reconstruction = self._decode(copy, agreed)
            yield self._simulation.env.timeout(self._processing.latency_ns(copy.frame.images))
            if self._pipeline.max_transmissions > 1:
                self._assemble(copy, agreed, reconstruction)
            else:
                self._report_reception(copy, agreed, reconstruction if self._pipeline.detects_erasures else None)
                self._evaluator.reconstructed(Node.BOB, copy, reconstruction)

    def _decode(self, copy: ReceivedFrame, agreed: AgreedParameters) -> Promise:
        pipeline, frame = self._pipeline, copy.frame
        keys = item_keys(pipeline.noise, frame.number * frame.items, frame.items)
        return self._simulation.worker.promise(
            pipeline.receive, copy.received, copy.gain, copy.noise_power, keys, *flatten(agreed.parameters)
        )

    def _assemble(self, copy: ReceivedFrame, agreed: AgreedParameters, reconstruction: Promise) -> None:
        """Merge a copy with earlier copies of the same frame. Acknowledge the frame, or request its retransmission.

        The checksums decide what happens next, so the images are computed now, in one batch with the frames of other links that wait.
        """
        frame, worker, earlier = copy.frame, self._simulation.worker, self._partial
        if earlier is not None and earlier.frame == frame.number:
            reconstruction = worker.promise(self._pipeline.merge_transmissions, reconstruction, earlier.reconstruction)
        self._partial = None
        complete = frame.number <= self._newest_complete or not bool(worker.value(reconstruction)["erased"].any())
        self._report_reception(copy, agreed, None if complete else reconstruction)
        if frame.number <= self._newest_complete:  # Alice has not received the acknowledgement
            self._evaluator.reconstructed(Node.BOB, copy, None)
        elif complete or frame.attempt + 1 == self._pipeline.max_transmissions:
            self._newest_complete = frame.number
            self._evaluator.reconstructed(Node.BOB, copy, reconstruction)
        else:
            self._partial = PartialFrame(frame.number, reconstruction)
            self._evaluator.partially_reconstructed(copy, reconstruction)
        answer = self._session.acknowledge(frame) if complete else self._session.refuse(frame, NackReason.DAMAGED)
        self._simulation.env.process(answer)

    def _report_reception(self, copy: ReceivedFrame, agreed: AgreedParameters | None, erasable: Promise | None = None) -> None:
        channel_uses = self._air.channel_uses_of(copy.frame.channel_uses)
        self._evaluator.received(copy, self._air.airtime_ns(channel_uses), channel_uses, agreed, erasable)
