"""The jammer of a link: when it was on, what a frame met of it, and what the trace is told of it. Here it follows the clock."""

import math
from collections.abc import Generator, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.context import JAMMED, Simulation
from linksim.frames import DataFrame, Transmission
from linksim.phy.jamming import channel_uses_hit
from linksim.records import BOB, JammingInterval
from linksim.scenario.jammers import Jamming
from linksim.units import db_to_linear
from linksim.worker import Operation, Promise

Symbols = NDArray[np.complex64]


class Jammer:
    """Gaussian interference from the intervals during which the jammer was on.

    Power is relative to the mean received signal power at each receiver; at Alice, for what Bob sends, it is that at Bob.

    emit  makes the interference on data frames: the operation `simulation.operations.gaussian`

    `hits` counts the frames that met it at Bob or Alice; `spent` tells whether it could pay for no more.
    """

    def __init__(self, simulation: Simulation, link: int, spec: Jamming, emit: Operation) -> None:
        self._simulation, self._link, self._emit = simulation, link, emit
        self._jsr_db = (spec.jsr_bob_db, -math.inf if spec.jsr_eve_db is None else spec.jsr_eve_db)
        self._powers = tuple(db_to_linear(jsr_db) for jsr_db in self._jsr_db)
        self._past: list[tuple[int, int]] = []
        self._since: int | None = None
        self._watched = False
        self._turns = 0
        self.hits = 0
        self.spent = False

    def radiate(self, end_ns: int) -> Generator[Any, Any, None]:
        """SimPy process: be on from now to `end_ns`."""
        self._since = start = self._simulation.now
        self._simulation.note(self._link, JAMMED, self._turns)
        self._turns += 1
        yield self._simulation.env.timeout(end_ns - start)
        self._since = None
        if self._watched:
            self._past.append((start, end_ns))
        self._tell(start, end_ns)

    def stop(self) -> None:
        """The run is over: tell the interval that is under way."""
        if self._since is not None and self._simulation.now > self._since:
            self._tell(self._since, self._simulation.now)

    def on_frame_start(self, frame: Transmission) -> None:
        """A frame is about to take the air: remember what happens to it."""
        self._watched = True

    def on_frame_end(self, busy: bool) -> None:
        """A frame has ended and its copies are made. No later frame began before now; `busy` tells whether one begins at once."""
        self._past.clear()
        self._watched = busy

    def power(self, receiver: int, frame_ns: int, channel_uses: int, use_ns: float) -> NDArray[np.float32] | None:
        """Interference power of each use of a frame that has just ended: float32 [uses], or None where the receiver met none."""
        if not self._powers[receiver]:
            return None
        hit: NDArray[np.float32] | None = None
        now = self._simulation.now
        for start, end in (*self._past, *([(self._since, now)] if self._since is not None else ())):
            first, last = channel_uses_hit(start, end, frame_ns, use_ns, channel_uses)
            if first < last:
                hit = np.zeros(channel_uses, np.float32) if hit is None else hit
                hit[first:last] = self._powers[receiver]
        self.hits += hit is not None and receiver == BOB
        return hit

    def interference(
        self, receiver: int, frame: DataFrame, gain: Symbols, noise_power: float, power: NDArray[np.float32], keys: NDArray[np.int64]
    ) -> Promise:
        """What arrives at a receiver with the payload of a data frame: promise of complex [items, uses / items].

        gain         complex64 [items, 1] or [items, uses / items], of the path from Alice
        noise_power  N0 there
        power        float32 [items, uses / items], of the interference
        keys         int64 [items, 3], of the receiver's interference

        Bob's is asked for before Eve's.
        """
        return self._simulation.worker.promise(self._emit, power, keys)

    def idle_reason(self) -> str:
        """Why it met no frame, where it met none."""
        return "spent its energy budget before it met a frame" if self.spent else "met no frame"

    def _tell(self, start: int, end: int) -> None:
        self._simulation.emit(JammingInterval(start, end, self._link, *self._jsr_db, self._powers[BOB] * (end - start) / 1e9))


def follow(simulation: Simulation, jammers: Sequence[Jammer], plan: Iterator[tuple[int, int]]) -> Generator[Any, Any, None]:
    """SimPy process: interval n of the plan is spent on jammer n modulo their number: the one of a link, or those of a sweep's links."""
    for number, (start, end) in enumerate(plan):
        if start > simulation.now:
            yield simulation.env.timeout(start - simulation.now)
        yield from jammers[number % len(jammers)].radiate(end)
    for jammer in jammers:  # a plan without end, unless there is a budget
        jammer.spent = True
