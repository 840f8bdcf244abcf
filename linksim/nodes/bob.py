"""Bob: answers control messages and reconstructs images from data frames.

    air --> control message --> session.answer, at once                                       --> REPORT, ACK, ACCEPT
    air --> data frame --> header --> parameters in force --> queue --> [processing time]     --> promise of a reconstruction --> evaluator
                                                                          with ARQ            --> checksums known --> ACK or NACK

Without ARQ no event of the simulation depends on his images, so they stay promises until a batch is full. With ARQ his answer depends on
the checksums, so the images are computed when his processing time has passed.
"""

from collections import deque
from dataclasses import dataclass
from functools import partial

from simpy import Event

from linksim.context import Simulation
from linksim.control_plane.bob_session import BobSession
from linksim.control_plane.data_header import DataHeader
from linksim.control_plane.frame_parameters import AgreedParameters
from linksim.control_plane.messages import NackReason
from linksim.enums import HeaderOutcome, Node, Outcome
from linksim.frames import ReceivedFrame, ReceivedMessage
from linksim.medium.air import Air
from linksim.nodes.evaluator import Evaluator
from linksim.nodes.observer import Observer
from linksim.phy.noise import ItemKeys
from linksim.rng import StreamKey
from linksim.worker import Operation, Promise


@dataclass(frozen=True)
class ReceivePipeline:
    """Bob's operations, and the time that they take.

    receive              operation `operations.receive`
    merge_transmissions  operation `operations.merge_transmissions`
    noise                key of the scheme's random stream at the receiver, with one draw per item of the run
    detects_erasures     True if the scheme knows which images it could not decode
    max_transmissions    number of transmissions of a frame; if it is above 1, Bob acknowledges frames
    processing_ns        simulated processing time of a frame in ns
    """

    receive: Operation
    merge_transmissions: Operation
    noise: StreamKey
    detects_erasures: bool
    max_transmissions: int
    processing_ns: int


@dataclass(frozen=True)
class PartialFrame:
    """A frame with erased images, of which Bob has requested a retransmission.

    frame           number of the frame on its link
    reconstruction  promise of the images decoded so far, merged over its transmissions
    """

    frame: int
    reconstruction: Promise


class Bob:
    """The receiver of one link.

    simulation        shared state of the run
    air               air of the link, at which he registers as a receiver
    evaluator         evaluator of the link
    session           his end of the control plane
    pipeline          his operations
    observer          what his policy is given beside the SNR, None without a policy
    max_queue_length  largest number of frames that waited for Bob's networks so far
    """

    def __init__(
        self,
        simulation: Simulation,
        air: Air,
        evaluator: Evaluator,
        session: BobSession,
        pipeline: ReceivePipeline,
        observer: Observer | None = None,
    ) -> None:
        self._simulation, self._evaluator, self._session = simulation, evaluator, session
        self._pipeline, self._observer = pipeline, observer
        self._queue: deque[tuple[ReceivedFrame, DataHeader, AgreedParameters]] = deque()
        self._busy = False
        self._partial: PartialFrame | None = None
        self._newest_complete = -1  # number of the newest frame that needs no retransmission
        self.max_queue_length = 0
        air.add_receiver(Node.BOB, self._receive)

    def _receive(self, copy: ReceivedFrame | ReceivedMessage) -> HeaderOutcome | None:
        """Answer a control message at once. Queue a data frame for the networks, with the parameters that are in force now."""
        if isinstance(copy, ReceivedMessage):
            self._simulation.env.process(self._session.answer(copy))
            return None
        outcome, header = self._session.open_header(copy.header)
        agreed = None if header is None else self._session.parameters(header, copy.snr_db)
        if header is None or agreed is None:
            self._evaluator.received(copy, None, None, Outcome.HEADER_LOST if header is None else Outcome.NO_PARAMETERS)
            self._evaluator.reconstructed(Node.BOB, copy, None)
            if header is not None:
                self._simulation.env.process(self._session.refuse(header, NackReason.NO_PARAMETERS))
        else:
            self._queue.append((copy, header, agreed))
            self.max_queue_length = max(self.max_queue_length, len(self._queue))
            if not self._busy:
                self._process_next()
        return outcome

    def _process_next(self) -> None:
        """Decode the first queued frame, for which his processing time passes."""
        self._busy = True
        copy, header, agreed = self._queue.popleft()
        done = partial(self._processed, copy, header, agreed, self._decode(copy, agreed))
        self._simulation.env.timeout(self._pipeline.processing_ns).callbacks.append(done)

    def _processed(self, copy: ReceivedFrame, header: DataHeader, agreed: AgreedParameters, reconstruction: Promise, _: Event) -> None:
        """Hand over the reconstruction of a frame whose processing time has passed, and go on with the next frame."""
        if self._observer is not None:
            self._observer.decoded(agreed.context.negotiated, reconstruction)
        if self._pipeline.max_transmissions > 1:
            self._assemble(copy, header, agreed, reconstruction)
        else:
            self._evaluator.received(copy, agreed, reconstruction if self._pipeline.detects_erasures else None)
            self._evaluator.reconstructed(Node.BOB, copy, reconstruction)
        self._busy = False
        if self._queue:
            self._process_next()

    def _decode(self, copy: ReceivedFrame, agreed: AgreedParameters) -> Promise:
        """Promise the reconstruction of a copy under Bob's view of the agreement; see `operations.receive`."""
        pipeline, frame = self._pipeline, copy.frame
        keys = ItemKeys(pipeline.noise, frame.number * frame.items, frame.items)
        return self._simulation.worker.promise(pipeline.receive, copy.received, copy.gain, copy.noise_power, keys, *agreed.arrays)

    def _assemble(self, copy: ReceivedFrame, header: DataHeader, agreed: AgreedParameters, reconstruction: Promise) -> None:
        """Merge a copy with earlier copies of the same frame. Acknowledge the frame, or request its retransmission.

        The checksums decide what happens next, so the images are computed now, in one batch with the frames of other links that wait.
        """
        frame, worker, earlier = copy.frame, self._simulation.worker, self._partial
        if earlier is not None and earlier.frame == frame.number:
            reconstruction = worker.promise(self._pipeline.merge_transmissions, reconstruction, earlier.reconstruction)
        self._partial = None
        complete = frame.number <= self._newest_complete or not bool(worker.value(reconstruction)["erased"].any())
        self._evaluator.received(copy, agreed, None if complete else reconstruction)
        if frame.number <= self._newest_complete:  # Alice has not received the acknowledgement
            self._evaluator.reconstructed(Node.BOB, copy, None)
        elif complete or frame.attempt + 1 == self._pipeline.max_transmissions:
            self._newest_complete = frame.number
            self._evaluator.reconstructed(Node.BOB, copy, reconstruction)
        else:
            self._partial = PartialFrame(frame.number, reconstruction)
            self._evaluator.partially_reconstructed(copy, reconstruction)
        answer = self._session.acknowledge(header) if complete else self._session.refuse(header, NackReason.DAMAGED)
        self._simulation.env.process(answer)
