"""The jammer of a lane: a process that follows its plan, and the interference that a frame meets."""

import math
from collections.abc import Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.phy.jamming import affordable, uses_hit
from linksim.records import BOB, Jam
from linksim.scenario.jammers import BarrageJammer, PulsedJammer
from linksim.units import db_to_linear
from linksim.world.clock import JAMMED, World


class Jammer:
    """Gaussian interference from the intervals during which the jammer was on.

    Power is relative to the mean received signal power at each ear.
    """

    def __init__(self, world: World, lane: int, spec: BarrageJammer | PulsedJammer) -> None:
        self._world, self._lane, self._spec = world, lane, spec
        self._powers = (db_to_linear(spec.jsr_bob_db), 0.0 if spec.jsr_eve_db is None else db_to_linear(spec.jsr_eve_db))
        self._past: list[tuple[int, int]] = []
        self._since: int | None = None
        self._watched = False
        self.hits = 0

    def run(self) -> Generator[Any, Any, None]:
        """SimPy process."""
        env = self._world.env
        for number, (start, end) in enumerate(affordable(self._spec)):
            if start > self._world.now:
                yield env.timeout(start - self._world.now)
            self._since = start
            self._world.note(self._lane, JAMMED, number)
            yield env.timeout(end - self._world.now)
            self._since = None
            if self._watched:
                self._past.append((start, end))
            self._tell(start, end)

    def stop(self) -> None:
        """The run is over: tell the interval that is under way."""
        if self._since is not None and self._world.now > self._since:
            self._tell(self._since, self._world.now)

    def watch(self) -> None:
        """A frame is about to take the air: remember what happens to it."""
        self._watched = True

    def forget(self, busy: bool) -> None:
        """A frame has ended and its copies are made. No later frame began before now; `busy` tells whether one begins at once."""
        self._past.clear()
        self._watched = busy

    def power(self, ear: int, frame_ns: int, uses: int, use_ns: float) -> NDArray[np.float32] | None:
        """Interference power of each use of a frame that has just ended: float32 [uses], or None where the ear met none."""
        if not self._powers[ear]:
            return None
        hit: NDArray[np.float32] | None = None
        now = self._world.now
        for start, end in (*self._past, *([(self._since, now)] if self._since is not None else ())):
            first, last = uses_hit(start, end, frame_ns, use_ns, uses)
            if first < last:
                hit = np.zeros(uses, np.float32) if hit is None else hit
                hit[first:last] = self._powers[ear]
        self.hits += hit is not None and ear == BOB
        return hit

    def _tell(self, start: int, end: int) -> None:
        spec = self._spec
        eve_db = -math.inf if spec.jsr_eve_db is None else spec.jsr_eve_db
        energy = self._powers[BOB] * (end - start) / 1e9
        self._world.announce(Jam(start, end, self._lane, spec.jsr_bob_db, eve_db, energy))
