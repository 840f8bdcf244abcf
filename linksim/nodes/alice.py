"""Alice: agrees on terms with Bob, draws images, promises their symbols and puts them on the air."""

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.context import Simulation
from linksim.control_plane.frame_parameters import AgreedParameters
from linksim.control_plane.session import AliceSession
from linksim.frames import DataFrame
from linksim.medium.air import Air
from linksim.nodes.evaluator import Evaluator
from linksim.nodes.latency import latency_ns
from linksim.phy.noise import item_keys
from linksim.rng import Key
from linksim.scenario.nodes import Alice as AliceSpec
from linksim.schemes.parameters import flatten
from linksim.units import seconds_to_ns
from linksim.worker import Operation


@dataclass(frozen=True)
class ImageSampler:
    """The order in which a link's images are sent: all of the source, shuffled, then again.

    order   int64 [n], places in the source
    labels  int64 [n], of the source
    """

    order: NDArray[np.int64]
    labels: NDArray[np.int64]

    def batch_indices(self, frame: int, images: int) -> NDArray[np.int64]:
        """Places in the source of the images of a frame, int64 [images]."""
        first = frame * images % len(self.order)
        if first + images <= len(self.order):
            return self.order[first : first + images]
        return self.order[np.arange(first, first + images) % len(self.order)]


@dataclass(frozen=True)
class TransmitPipeline:
    """What Alice needs to make a frame: her images, the operations `source` and `send`, and the shape of an item.

    attacked        operation that pollutes her images; None where nobody does
    noise           key of her scheme's own draws
    uses            channel uses of the payload of a frame
    attempts        transmissions of a frame; with more than one, Bob acknowledges it
    """

    sampler: ImageSampler
    source: Operation
    attacked: Operation | None
    send: Operation
    noise: Key
    items: int
    channel_uses: int
    attempts: int


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
        """SimPy process: all frames of the run, one after the other."""
        interval_ns = seconds_to_ns(self._spec.frame_interval_ms / 1e3)
        processing_ns = latency_ns(self._spec.processing, self._spec.images_per_frame)
        env, now = self._simulation.env, self._simulation.now
        for number in range(self._frames):
            if number * interval_ns > (now := self._simulation.now):
                yield env.timeout(number * interval_ns - now)
            agreed = yield from self._session.activate(number)
            if agreed is None:
                self._evaluator.held(number, self._session.epoch, self._spec.images_per_frame)
                continue
            yield env.timeout(processing_ns)
            yield from self._deliver(self._frame(number, agreed))

    def _deliver(self, frame: DataFrame) -> Generator[Any, Any, None]:
        """Transmit a frame, and again where Bob may ask for it."""

        def send(attempt: int) -> Generator[Any, Any, int]:
            self._evaluator.on_air(frame.number)
            return (yield from self._air.send_data(replace(frame, attempt=attempt) if attempt else frame))

        if self._pipeline.attempts > 1:
            yield from self._session.deliver(frame.number, send, self._pipeline.attempts)
        else:
            yield from send(0)
        self._evaluator.over(frame.number)

    def _frame(self, number: int, agreed: AgreedParameters) -> DataFrame:
        pipeline, worker = self._pipeline, self._simulation.worker
        indices = pipeline.sampler.batch_indices(number, self._spec.images_per_frame).reshape(pipeline.items, -1)
        labels, images = pipeline.sampler.labels[indices], worker.promise(pipeline.source, indices)
        source = images if pipeline.attacked is None else worker.promise(pipeline.attacked, images, labels)
        keys = item_keys(pipeline.noise, number * pipeline.items, pipeline.items)
        symbols = worker.promise(pipeline.send, source, keys, *flatten(agreed.parameters))
        self._evaluator.sent(number, images, source, labels, agreed)
        return DataFrame(number, agreed.epoch, pipeline.items, indices.size, pipeline.channel_uses, symbols)
