"""The jammer of a link: its on-intervals, the interference on each frame, and its records. This base class follows a schedule.

    schedule (phy.jamming) --follow_schedule--> radiate()            on-intervals, each with a record
    the air (linksim.medium) --on_frame_start--> ... --on_frame_end-->   the intervals that overlap a frame
                             --power-->         interference power per channel use at Bob and at Eve
                             --interference-->  promise of the interfering symbols, which the worker adds to the received ones

The base class depends on time alone and not on frames; the other kinds override `on_frame_start` or `interference`. Between frames a
jammer forgets past intervals, so that a long run takes no more memory than a frame.
"""

import math
from collections.abc import Generator, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.context import EventKind, Simulation
from linksim.enums import Node
from linksim.frames import DataFrame, Transmission
from linksim.phy.jamming import channel_uses_hit
from linksim.phy.noise import ItemKeys
from linksim.records import JammingInterval
from linksim.scenario.jammers import Jamming
from linksim.units import db_to_linear
from linksim.worker import Operation, Promise

Symbols = NDArray[np.complex64]


class Jammer:
    """Gaussian interference during the on-intervals of the jammer.

    Power is relative to the mean received signal power at each receiver. At Alice, who receives Bob's control frames, it is that at Bob.

    simulation  shared state of the run
    link        number of the link in the run
    spec        options of the jammer
    waveform    operation of the worker that computes the interference on data frames: `operations.gaussian_jamming`

    hits       number of frames with interference at Bob or Alice
    exhausted  whether the energy budget is spent
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
        """SimPy process: radiate from now to `end_ns` (in ns of simulated time), then emit the record of the interval."""
        self._on_since = start = self._simulation.now
        self._simulation.update_fingerprint(self._link, EventKind.JAMMED, self._num_intervals)
        self._num_intervals += 1
        yield self._simulation.env.timeout(end_ns - start)
        self._on_since = None
        if self._frame_on_air:
            self._ended.append((start, end_ns))
        self._report(start, end_ns)

    def stop(self) -> None:
        """Emit the record of the interval that has begun, up to now. The run calls it once, at its end."""
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

        receiver      Node.BOB (also for control frames that Alice receives) or Node.EVE
        frame_ns      start of the frame in ns
        channel_uses  number of channel uses of the frame, pilots included
        use_ns        duration of a channel use in ns

        The power is relative to the mean power of the signal at the receiver, which is 1. A channel use counts as jammed if the jammer is
        on in its middle (`phy.jamming.channel_uses_hit`).
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
        self, receiver: int, frame: DataFrame, gain: Symbols, noise_power: float, power: NDArray[np.float32], keys: ItemKeys
    ) -> Promise:
        """Interference on the payload of a data frame at a receiver: promise of complex [items, channel_uses / items].

        The interference at Bob is requested before that at Eve.

        receiver     Node.BOB or Node.EVE
        frame        the frame
        gain         complex64 [items, 1] or [items, channel_uses / items], gain of the path from Alice
        noise_power  N0 at the receiver, per complex symbol
        power        float32 [items, channel_uses / items], interference power
        keys         streams of the interference at the receiver
        """
        return self._simulation.worker.promise(self._waveform, power, keys)

    def idle_reason(self) -> str:
        """Reason why the jammer hit no frame, as the predicate of a sentence; a run warns with it."""
        return "spent its energy budget before the first frame" if self.exhausted else "hit no frame"

    def _report(self, start: int, end: int) -> None:
        """Emit the record of an interval from `start` to `end` in ns."""
        jsr_bob_db, jsr_eve_db = self._jsr_db
        energy = self._powers[Node.BOB] * (end - start) / 1e9
        self._simulation.emit(
            JammingInterval(time_ns=start, end_ns=end, link=self._link, jsr_bob_db=jsr_bob_db, jsr_eve_db=jsr_eve_db, energy=energy)
        )


def follow_schedule(simulation: Simulation, jammers: Sequence[Jammer], schedule: Iterator[tuple[int, int]]) -> Generator[Any, Any, None]:
    """SimPy process: during interval n of the schedule, jammer n modulo the number of jammers radiates.

    simulation  shared state of the run
    jammers     the jammer of one link, or those of all links of a sweep
    schedule    on-intervals (start, end) in ns, in order; it ends when the energy budget is spent, or never
    """
    for number, (start, end) in enumerate(schedule):
        if start > simulation.now:
            yield simulation.env.timeout(start - simulation.now)
        yield from jammers[number % len(jammers)].radiate(end)
    for jammer in jammers:  # the schedule ends only if there is an energy budget
        jammer.exhausted = True
