"""Alice: agrees on frame parameters with Bob, draws images, promises their symbols and transmits them."""

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.context import Simulation
from linksim.control_plane.alice_session import AliceSession
from linksim.control_plane.frame_parameters import AgreedParameters
from linksim.frames import DataFrame
from linksim.medium.air import Air
from linksim.nodes.evaluator import Evaluator
from linksim.phy.noise import item_keys
from linksim.rng import StreamKey
from linksim.scenario.nodes import Alice as AliceSpec
from linksim.schemes.parameters import flatten
from linksim.units import seconds_to_ns
from linksim.worker import Operation


@dataclass(frozen=True)
class ImageSampler:
    """The order in which a link sends images: its images of the dataset in random order, then again in the same order.

    order   indices into the dataset, int64 [n]
    labels  labels of the dataset, int64 [n]

    >>> sampler = ImageSampler(np.array([2, 0, 1]), np.zeros(3, np.int64))
    >>> sampler.batch_indices(frame=1, images=2).tolist()
    [1, 2]
    """

    order: NDArray[np.int64]
    labels: NDArray[np.int64]

    def batch_indices(self, frame: int, images: int) -> NDArray[np.int64]:
        """Return the indices of the images of a frame, int64 [images]."""
        first = frame * images % len(self.order)
        if first + images <= len(self.order):
            return self.order[first : first + images]
        return self.order[np.arange(first, first + images) % len(self.order)]


@dataclass(frozen=True)
class TransmitPipeline:
    """Alice's images and operations.

    sampler            order of the images
    load_images        operation `operations.load_images`
    attack             operation that attacks the images before they are encoded, None without an attack
    send               operation `operations.send`
    noise              key of the scheme's random stream
    items              number of the scheme's items in a frame
    channel_uses       complex channel uses of the payload of a frame
    max_transmissions  number of transmissions of a frame; if it is above 1, Bob acknowledges frames
    """

    sampler: ImageSampler
    load_images: Operation
    attack: Operation | None
    send: Operation
    noise: StreamKey
    items: int
    channel_uses: int
    max_transmissions: int


class Alice:
    """The sender of one link."""

    def __init__(
        self,
        simulation: Simulation,
        air: Air,
        evaluator: Evaluator,
        session: AliceSession,
        pipeline: TransmitPipeline,
        spec: AliceSpec,
        frames: int,
    ) -> None:
        self._simulation, self._air, self._evaluator, self._session = simulation, air, evaluator, session
        self._pipeline, self._spec, self._frames = pipeline, spec, frames

    def run(self) -> Generator[Any, Any, None]:
        """SimPy process that sends all frames of the run, one after the other."""
        interval_ns = seconds_to_ns(self._spec.frame_interval_ms / 1e3)
        processing_ns = self._spec.processing.latency_ns(self._spec.images_per_frame)
        env, now = self._simulation.env, self._simulation.now
        for number in range(self._frames):
            if number * interval_ns > (now := self._simulation.now):
                yield env.timeout(number * interval_ns - now)
            agreed = yield from self._session.activate(number)
            if agreed is None:
                self._evaluator.suppressed(number, self._session.epoch, self._spec.images_per_frame)
                continue
            yield env.timeout(processing_ns)
            yield from self._deliver(self._make_frame(number, agreed))

    def _deliver(self, frame: DataFrame) -> Generator[Any, Any, None]:
        """Transmit a frame, and retransmit it if Bob requests it."""

        def send(attempt: int) -> Generator[Any, Any, int]:
            self._evaluator.transmitted(frame.number)
            return (yield from self._air.send_data(replace(frame, attempt=attempt) if attempt else frame))

        if self._pipeline.max_transmissions > 1:
            yield from self._session.deliver(frame.number, send, self._pipeline.max_transmissions)
        else:
            yield from send(0)
        self._evaluator.completed(frame.number)

    def _make_frame(self, number: int, agreed: AgreedParameters) -> DataFrame:
        pipeline, worker = self._pipeline, self._simulation.worker
        indices = pipeline.sampler.batch_indices(number, self._spec.images_per_frame).reshape(pipeline.items, -1)
        labels, images = pipeline.sampler.labels[indices], worker.promise(pipeline.load_images, indices)
        attacked = images if pipeline.attack is None else worker.promise(pipeline.attack, images, labels)
        keys = item_keys(pipeline.noise, number * pipeline.items, pipeline.items)
        symbols = worker.promise(pipeline.send, attacked, keys, *flatten(agreed.parameters))
        self._evaluator.created(number, images, attacked, labels, agreed)
        return DataFrame(number, agreed.epoch, pipeline.items, indices.size, pipeline.channel_uses, symbols)
