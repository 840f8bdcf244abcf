"""Alice: agrees on terms with Bob, draws images, promises their symbols and puts them on the air."""

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.phy.noise import item_keys
from linksim.rng import Key
from linksim.scenario.nodes import Alice as AliceSpec
from linksim.schemes.terms import leaves
from linksim.units import seconds_to_ns
from linksim.worker import Operation
from linksim.world.agreement import Agreed
from linksim.world.air import Air
from linksim.world.clock import World
from linksim.world.frames import DataFrame
from linksim.world.judge import Judge
from linksim.world.latency import latency_ns
from linksim.world.session import AliceSession


@dataclass(frozen=True)
class Album:
    """The order in which a lane's images are sent: all of the source, shuffled, then again.

    order   int64 [n], places in the source
    labels  int64 [n], of the source
    """

    order: NDArray[np.int64]
    labels: NDArray[np.int64]

    def page(self, frame: int, images: int) -> NDArray[np.int64]:
        """Places in the source of the images of a frame, int64 [images]."""
        first = frame * images % len(self.order)
        if first + images <= len(self.order):
            return self.order[first : first + images]
        return self.order[np.arange(first, first + images) % len(self.order)]


@dataclass(frozen=True)
class Outbox:
    """What Alice needs to make a frame: her images, the operations `source` and `send`, and the shape of an item.

    attacked        operation that pollutes her images; None where nobody does
    noise           key of her scheme's own draws
    uses            channel uses of the payload of a frame
    attempts        transmissions of a frame; with more than one, Bob acknowledges it
    """

    album: Album
    source: Operation
    attacked: Operation | None
    send: Operation
    noise: Key
    items: int
    uses: int
    attempts: int


class Alice:
    """The sender of one lane."""

    def __init__(self, world: World, air: Air, judge: Judge, session: AliceSession, outbox: Outbox, spec: AliceSpec, frames: int) -> None:
        self._world, self._air, self._judge, self._session = world, air, judge, session
        self._outbox, self._spec, self._frames = outbox, spec, frames

    def run(self) -> Generator[Any, Any, None]:
        """SimPy process: all frames of the run, one after the other."""
        interval_ns = seconds_to_ns(self._spec.interval_ms / 1e3)
        processing_ns = latency_ns(self._spec.processing, self._spec.images_per_frame)
        env, now = self._world.env, self._world.now
        for number in range(self._frames):
            if number * interval_ns > (now := self._world.now):
                yield env.timeout(number * interval_ns - now)
            agreed = yield from self._session.settle(number)
            if agreed is None:
                self._judge.held(number, self._session.epoch, self._spec.images_per_frame)
                continue
            yield env.timeout(processing_ns)
            yield from self._deliver(self._frame(number, agreed))

    def _deliver(self, frame: DataFrame) -> Generator[Any, Any, None]:
        """Transmit a frame, and again where Bob may ask for it."""

        def send(attempt: int) -> Generator[Any, Any, int]:
            self._judge.on_air(frame.number)
            return (yield from self._air.send_data(replace(frame, attempt=attempt) if attempt else frame))

        if self._outbox.attempts > 1:
            yield from self._session.deliver(frame.number, send, self._outbox.attempts)
        else:
            yield from send(0)
        self._judge.over(frame.number)

    def _frame(self, number: int, agreed: Agreed) -> DataFrame:
        outbox, worker = self._outbox, self._world.worker
        indices = outbox.album.page(number, self._spec.images_per_frame).reshape(outbox.items, -1)
        labels, images = outbox.album.labels[indices], worker.promise(outbox.source, indices)
        source = images if outbox.attacked is None else worker.promise(outbox.attacked, images, labels)
        keys = item_keys(outbox.noise, number * outbox.items, outbox.items)
        symbols = worker.promise(outbox.send, source, keys, *leaves(agreed.terms))
        self._judge.sent(number, images, source, labels, agreed)
        return DataFrame(number, agreed.epoch, outbox.items, indices.size, outbox.uses, symbols)
