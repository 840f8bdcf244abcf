"""The jammer of a link: its on-intervals, the interference on each frame, and its records. This base class follows a schedule."""

import math
from collections.abc import Generator, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.context import EventKind, Simulation
from linksim.enums import Node
from linksim.frames import DataFrame, Transmission
from linksim.phy.jamming import channel_uses_hit
from linksim.records import JammingInterval
from linksim.scenario.jammers import Jamming
from linksim.units import db_to_linear
from linksim.worker import Operation, Promise

Symbols = NDArray[np.complex64]


class Jammer:
    """Gaussian interference during the on-intervals of the jammer.

    Power is relative to the mean received signal power at each receiver. At Alice, who receives Bob's control frames, it is that at Bob.

    spec      options of the jammer
    waveform  operation of the worker that computes the interference on data frames: `operations.gaussian_jamming`

    `hits` counts the frames with interference at Bob or Alice; `exhausted` is True once the energy budget is spent.
    """

    def __init__(self, simulation: Simulation, link: int, spec: Jamming, waveform: Operation) -> None:
        self._simulation, self._link, self._waveform = simulation, link, waveform
        self._jsr_db = (spec.jsr_bob_db, -math.inf if spec.jsr_eve_db is None else spec.jsr_eve_db)
        self._powers = tuple(db_to_linear(jsr_db) for jsr_db in self._jsr_db)
        self._ended: list[tuple[int, int]] = []
        self._on_since: int | None = None
        self._frame_on_air = False
        self._num_intervals = 0
        self.hits = 0
        self.exhausted = False

    def radiate(self, end_ns: int) -> Generator[Any, Any, None]:
        """SimPy process: radiate from now to `end_ns`."""
        self._on_since = start = self._simulation.now
        self._simulation.update_fingerprint(self._link, EventKind.JAMMED, self._num_intervals)
        self._num_intervals += 1
        yield self._simulation.env.timeout(end_ns - start)
        self._on_since = None
        if self._frame_on_air:
            self._ended.append((start, end_ns))
        self._report(start, end_ns)

    def stop(self) -> None:
        """Report the current interval at the end of the run."""
        if self._on_since is not None and self._simulation.now > self._on_since:
            self._report(self._on_since, self._simulation.now)

    def on_frame_start(self, frame: Transmission) -> None:
        """Record on-intervals from now on, because a frame is about to be transmitted."""
        self._frame_on_air = True

    def on_frame_end(self, busy: bool) -> None:
        """Discard the recorded intervals, because a frame has ended and has been evaluated.

        busy  True if the next frame starts immediately; no later frame has started yet
        """
        self._ended.clear()
        self._frame_on_air = busy

    def power(self, receiver: int, frame_ns: int, channel_uses: int, use_ns: float) -> NDArray[np.float32] | None:
        """Interference power of each channel use of a frame that has just ended: float32 [channel_uses], or None without interference.

        receiver  Node.BOB (also for control frames that Alice receives) or Node.EVE
        frame_ns  start of the frame
        use_ns    duration of a channel use
        """
        if not self._powers[receiver]:
            return None
        found: NDArray[np.float32] | None = None
        now = self._simulation.now
        for start, end in (*self._ended, *([(self._on_since, now)] if self._on_since is not None else ())):
            first, last = channel_uses_hit(start, end, frame_ns, use_ns, channel_uses)
            if first < last:
                found = np.zeros(channel_uses, np.float32) if found is None else found
                found[first:last] = self._powers[receiver]
        self.hits += found is not None and receiver == Node.BOB
        return found

    def interference(
        self, receiver: int, frame: DataFrame, gain: Symbols, noise_power: float, power: NDArray[np.float32], keys: NDArray[np.int64]
    ) -> Promise:
        """Interference on the payload of a data frame at a receiver: promise of complex [items, channel_uses / items].

        The interference at Bob is requested before that at Eve.

        gain         complex64 [items, 1] or [items, channel_uses / items], gain of the path from Alice
        noise_power  N0 at the receiver
        power        float32 [items, channel_uses / items], interference power
        keys         int64 [items, 3], streams of the interference at the receiver
        """
        return self._simulation.worker.promise(self._waveform, power, keys)

    def idle_reason(self) -> str:
        """Reason why the jammer hit no frame, as the predicate of a sentence."""
        return "spent its energy budget before the first frame" if self.exhausted else "hit no frame"

    def _report(self, start: int, end: int) -> None:
        """Emit the record of an interval."""
        jsr_bob_db, jsr_eve_db = self._jsr_db
        energy = self._powers[Node.BOB] * (end - start) / 1e9
        self._simulation.emit(
            JammingInterval(time_ns=start, end_ns=end, link=self._link, jsr_bob_db=jsr_bob_db, jsr_eve_db=jsr_eve_db, energy=energy)
        )


def follow_schedule(simulation: Simulation, jammers: Sequence[Jammer], schedule: Iterator[tuple[int, int]]) -> Generator[Any, Any, None]:
    """SimPy process: during interval n of the schedule, jammer n modulo the number of jammers radiates.

    jammers  the jammer of one link, or those of all links of a sweep
    """
    for number, (start, end) in enumerate(schedule):
        if start > simulation.now:
            yield simulation.env.timeout(start - simulation.now)
        yield from jammers[number % len(jammers)].radiate(end)
    for jammer in jammers:  # the schedule ends only if there is an energy budget
        jammer.exhausted = True
