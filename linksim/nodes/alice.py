"""Alice: agrees on frame parameters with Bob, draws images, promises their symbols and transmits them.

Nothing that she sends is computed when she sends it. A frame carries a promise of its symbols, which the worker computes in a full batch or
when a process needs a value. Her processing time passes on the simulated clock, whatever time the networks take.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.context import Simulation
from linksim.control_plane.alice_session import AliceSession
from linksim.control_plane.frame_parameters import AgreedParameters
from linksim.frames import DataFrame
from linksim.medium.air import Air
from linksim.nodes.attack_strengths import AttackStrengths
from linksim.nodes.evaluator import Evaluator
from linksim.nodes.image_sampler import ImageSampler
from linksim.phy.noise import ItemKeys
from linksim.records import SourceAttackStrength
from linksim.rng import StreamKey
from linksim.scenario.nodes import Alice as AliceSpec
from linksim.units import seconds_to_ns
from linksim.worker import Operation


@dataclass(frozen=True)
class TransmitPipeline:
    """Alice's images and operations.

    sampler            images that the link sends
    load_images        operation `operations.load_images`
    attack             operation that attacks the images before they are encoded, None without an attack
    strengths          strengths of the attack, None if it does not vary
    send               operation `operations.send`
    noise              key of the scheme's random stream, with one draw per item of the run
    items              number of the scheme's items in a frame
    channel_uses       complex channel uses of the payload of a frame, without pilots and header
    max_transmissions  number of transmissions of a frame; if it is above 1, Bob acknowledges frames
    """

    sampler: ImageSampler
    load_images: Operation
    attack: Operation | None
    strengths: AttackStrengths | None
    send: Operation
    noise: StreamKey
    items: int
    channel_uses: int
    max_transmissions: int


class Alice:
    """The sender of one link.

    simulation  shared state of the run
    link        number of the link
    air         air of the link
    evaluator   evaluator of the link, which keeps the originals of what she sends
    session     her end of the control plane
    pipeline    her images and operations
    spec        options: images per frame, interval between frames, processing time
    frames      number of data frames that she sends in the run
    """

    def __init__(
        self,
        simulation: Simulation,
        link: int,
        air: Air,
        evaluator: Evaluator,
        session: AliceSession,
        pipeline: TransmitPipeline,
        spec: AliceSpec,
        frames: int,
    ) -> None:
        self._simulation, self._link, self._air, self._evaluator, self._session = simulation, link, air, evaluator, session
        self._pipeline, self._spec, self._frames = pipeline, spec, frames

    def run(self) -> Generator[Any, Any, None]:
        """SimPy process that sends all frames of the run, one after the other.

        Frame `n` starts at `n` times the frame interval, or as soon as the frames before it are done. Without an agreement with Bob the
        frame is not sent; its number is used up.
        """
        interval_ns = seconds_to_ns(self._spec.frame_interval_ms / 1e3)
        processing_ns = self._spec.processing.latency_ns(self._spec.images_per_frame)
        env = self._simulation.env
        for number in range(self._frames):
            if number * interval_ns > env.now:
                yield env.timeout(number * interval_ns - env.now)
            agreed = yield from self._session.activate(number)
            if agreed is None:
                self._evaluator.suppressed(number, self._session.epoch, self._spec.images_per_frame)
                continue
            yield env.timeout(processing_ns)
            frame = self._make_frame(number, agreed)
            if self._pipeline.max_transmissions > 1:
                yield from self._deliver(frame, agreed)
            else:
                self._evaluator.transmitted(number)
                yield from self._air.send_data(frame)
            self._evaluator.completed(number)

    def _deliver(self, frame: DataFrame, agreed: AgreedParameters) -> Generator[Any, Any, None]:
        """Transmit a frame until Bob acknowledges it."""

        def send(attempt: int) -> Generator[Any, Any, int]:
            self._evaluator.transmitted(frame.number)
            if not attempt:
                return self._air.send_data(frame)
            header = self._session.header(frame.number, attempt, agreed)
            return self._air.send_data(frame._replace(attempt=attempt, header=header))

        yield from self._session.deliver(frame.number, send, self._pipeline.max_transmissions)

    def _make_frame(self, number: int, agreed: AgreedParameters) -> DataFrame:
        """Promise the images and the symbols of a frame, and register it at the evaluator. No simulated time passes.

        The noise of item `i` has the number `number * items + i`, so that a frame is the same whatever frames were suppressed before it.
        """
        pipeline, worker = self._pipeline, self._simulation.worker
        indices = pipeline.sampler.batch_indices(number, self._spec.images_per_frame).reshape(pipeline.items, -1)
        images = attacked = worker.promise(pipeline.load_images, indices)
        if pipeline.attack is not None:
            attacked = worker.promise(pipeline.attack, images, pipeline.sampler.labels[indices], *self._strengths(number))
        keys = ItemKeys(pipeline.noise, number * pipeline.items, pipeline.items)
        symbols = worker.promise(pipeline.send, attacked, keys, *agreed.arrays)
        self._evaluator.created(number, images, attacked, indices, agreed)
        header = self._session.header(number, 0, agreed)
        return DataFrame(number, agreed.epoch, header, pipeline.items, indices.size, pipeline.channel_uses, symbols)

    def _strengths(self, number: int) -> tuple[NDArray[np.float32], ...]:
        """Return the strength of the attack on each item of a frame, float32 [items], and emit it; nothing if it does not vary."""
        if self._pipeline.strengths is None:
            return ()
        now = self._simulation.now
        strength = self._pipeline.strengths.at(now)
        self._simulation.emit(SourceAttackStrength(time_ns=now, link=self._link, frame=number, attack_strength=strength))
        return (np.full(self._pipeline.items, strength, np.float32),)
