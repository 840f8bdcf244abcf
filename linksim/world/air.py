"""The air of one lane: carries a frame for its airtime and delivers a different copy to each ear.

One frame at a time: a sender waits until the air is free. What a copy holds (gain, noise, jamming over the frame's interval) is settled
when the frame ends; the symbols stay promised. Control bytes and pilots are few, and the world needs what becomes of them: they are
computed at once.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.phy import pilots
from linksim.phy.noise import item_keys, unit_noise
from linksim.phy.path import RadioPath, Stretch
from linksim.phy.path_loss import Hop
from linksim.records import ALICE, BOB, EVE, NODES, Reception
from linksim.rng import Key, Streams, generator
from linksim.scenario.channel import Path
from linksim.scenario.nodes import NoAttack
from linksim.scenario.schema import Link
from linksim.schemes.terms import rows_of
from linksim.units import NS_PER_S, airtime_ns, linear_to_db, seconds_to_ns
from linksim.worker import Operation, Promise
from linksim.world.clock import CONTROL, DELIVERED, SENT, World
from linksim.world.faults import Faults
from linksim.world.frames import ControlCopy, ControlFrame, DataCopy, DataFrame, Transmission
from linksim.world.jammer import Jammer
from linksim.world.signalling import Signalling

Deliver = Callable[[DataCopy | ControlCopy], object]


@dataclass(frozen=True)
class Ear:
    """One receiver as the air sees it.

    number   BOB or EVE
    noise    key of its noise on data frames, drawn by the worker
    jam      key of the interference it meets there
    pilots   key of the noise on the pilots in front of them, drawn at once
    deliver  takes its copies
    """

    number: int
    path: RadioPath
    spec: Path
    delay_ns: int
    noise: Key
    jam: Key
    pilots: Key
    deliver: Deliver


class Air:
    """The medium of one lane.

    carry, carry_jammed  the operations of `world.operations`
    """

    def __init__(self, world: World, lane: int, name: str, link: Link, streams: Streams, carry: Operation, carry_jammed: Operation) -> None:
        self._world, self._lane, self._name, self._streams = world, lane, name, streams
        self._carry, self._carry_jammed = carry, carry_jammed
        self._rate_hz, self._use_ns = link.radio.symbol_rate_hz, NS_PER_S / link.radio.symbol_rate_hz
        self._probe = pilots.pilots(link.radio.pilots)
        listening = [link.channel.bob] if isinstance(link.eve, NoAttack) else [link.channel.bob, link.channel.eve]
        estimated = any(path.csi == "pilots" for path in listening)
        self._in_front = len(self._probe) if estimated else 0
        self._free_ns = 0
        self._controls = 0
        self._ears: dict[int, Ear] = {}
        self._alice: Deliver | None = None
        self.jammer: Jammer | None = None
        self.faults: Faults | None = None
        self._specs, self._correlation = (link.channel.bob, link.channel.eve), link.channel.correlation
        places = link.channel.geometry
        self._hops = tuple(Hop(places.alice, ear, self._rate_hz) for ear in (places.bob, places.eve))
        self.signalling = Signalling(link.radio, link.channel.bob, streams.key(f"{name}/control"))

    def hear(self, number: int, deliver: Deliver) -> None:
        """Let node `number` (BOB, EVE or ALICE) hear; it is handed its copies. Alice hears control frames only."""
        if number == ALICE:
            self._alice = deliver
            return
        spec, name, key = self._specs[number], f"{self._name}/{NODES[number]}", self._streams.key
        twin = f"{self._name}/{NODES[BOB]}", self._correlation if number == EVE else 0.0
        path = RadioPath(spec, self._streams, name, *twin, self._hops[number])
        delay_ns = seconds_to_ns(spec.propagation_us / 1e6)
        keys = key(f"{name}/noise"), key(f"{name}/jam"), key(f"{name}/pilots")
        self._ears[number] = Ear(number, path, spec, delay_ns, *keys, deliver)

    @property
    def ears(self) -> tuple[Ear, ...]:
        """Bob, and Eve where she listens."""
        return tuple(self._ears.values())

    def uses_of(self, payload: int) -> int:
        """Channel uses of a data frame, pilots included."""
        return self._in_front + payload

    def airtime_ns(self, uses: int) -> int:
        return airtime_ns(uses, self._rate_hz)

    def send_data(self, frame: DataFrame) -> Generator[Any, Any, int]:
        """Transmit; returns the start in ns when the frame has left the antenna."""
        uses = self._in_front + frame.uses
        start = yield from self._occupy(uses, self._in_front, data=True)
        self._world.note(self._lane, SENT, frame.number)
        for ear in self._ears.values():
            self._after(ear.delay_ns, partial(self._deliver, ear, self._copy(ear, frame, start, uses), frame.number))
        self._release()
        return start

    def send_control(self, frame: ControlFrame) -> Generator[Any, Any, None]:
        """Transmit between Alice and Bob; the path is the same both ways."""
        sent = self.signalling.symbols(frame)
        start = yield from self._occupy(len(sent), 0, data=False)
        self._world.note(self._lane, CONTROL, self._controls)
        ear = self._ears[BOB]
        copy = self._control_copy(ear, frame, sent, start)
        self._release()
        self._controls += 1
        deliver = ear.deliver if frame.sender == ALICE else self._alice
        if deliver is not None:
            for late_ns, heard in self.faults.meet(copy) if self.faults else [(0, copy)]:
                self._after(ear.delay_ns + late_ns, partial(deliver, heard))

    def _occupy(self, uses: int, front: int, *, data: bool) -> Generator[Any, Any, int]:
        """Wait for a free air, then for the airtime; returns the start."""
        env, now, airtime = self._world.env, self._world.now, self.airtime_ns(uses)
        start = max(now, self._free_ns)
        self._free_ns = start + airtime
        if self.jammer:
            self.jammer.watch(Transmission(data, start, start + round(front * self._use_ns), start + airtime))
        yield env.timeout(start + airtime - now)
        return start

    def _release(self) -> None:
        if self.jammer:
            self.jammer.forget(busy=self._free_ns > self._world.now)

    def _after(self, delay_ns: int, call: Callable[[], object]) -> None:
        def due(_: object) -> None:
            call()

        self._world.env.timeout(delay_ns).callbacks.append(due)

    def _deliver(self, ear: Ear, copy: DataCopy, number: int) -> None:
        self._world.note(self._lane, DELIVERED, 2 * number + ear.number)
        ear.deliver(copy)

    def _copy(self, ear: Ear, frame: DataFrame, start: int, uses: int) -> DataCopy:
        front, items = self._in_front, frame.items
        stretch = ear.path.during(start, uses, self._use_ns)
        jam = self.jammer.power(ear.number, start, uses, self._use_ns) if self.jammer else None
        heard = self._heard(ear, frame, stretch, jam)
        gain, noise_power, snr_db = stretch.gain, rows_of(stretch.noise_power, items), stretch.snr_db
        if ear.spec.csi == "pilots":
            measured = self._measure(ear, frame.draw, stretch, jam)
            gain, noise_power, snr_db = np.array([measured.gain], np.complex64), rows_of(measured.noise_power, items), measured.snr_db
        elif jam is not None:  # who knows all knows the interference too
            noise_power = noise_power + jam[front:].reshape(items, -1).mean(axis=1)
            snr_db = disturbed_db(stretch, jam)
        jammed = 0.0 if jam is None else float(np.count_nonzero(jam)) / uses
        self._world.announce(
            Reception(
                start, self._lane, frame.number, ear.number, stretch.mean_snr_db, stretch.snr_db, snr_db,
                jammed, 0.0 if jam is None else float(jam.mean()),
            )
        )  # fmt: skip
        believed = per_item(gain, items, front)
        return DataCopy(frame, start, heard, believed, noise_power, snr_db, ear.spec.equaliser)

    def _heard(self, ear: Ear, frame: DataFrame, stretch: Stretch, jam: NDArray[np.float32] | None) -> Promise:
        items, front, first = frame.items, self._in_front, frame.draw
        inputs = (
            frame.symbols,
            per_item(stretch.gain, items, front),
            rows_of(stretch.noise_power, items),
            item_keys(ear.noise, first, items),
        )
        if jam is None:
            return self._world.worker.promise(self._carry, *inputs)
        assert self.jammer is not None
        power, jam_keys = jam[front:].reshape(items, -1), item_keys(ear.jam, first, items)
        jamming = self.jammer.interference(ear.number, frame, inputs[1], stretch.noise_power, power, jam_keys)
        return self._world.worker.promise(self._carry_jammed, *inputs, jamming)

    def _measure(self, ear: Ear, first: int, stretch: Stretch, jam: NDArray[np.float32] | None) -> pilots.PilotEstimate:
        """What the receiver makes of the pilots in front of a data frame."""
        count = self._in_front
        draw = generator(ear.pilots, first)
        level = stretch.noise_power if jam is None else stretch.noise_power + jam[:count]
        gain = stretch.gain if len(stretch.gain) == 1 else stretch.gain[:count]
        return pilots.estimate(gain * self._probe + unit_noise(draw, count) * np.sqrt(level), self._probe)

    def _control_copy(self, ear: Ear, frame: ControlFrame, sent: NDArray[np.complex64], start: int) -> ControlCopy:
        uses = len(sent)
        stretch = ear.path.during(start, uses, self._use_ns)
        jam = self.jammer.power(ear.number, start, uses, self._use_ns) if self.jammer else None
        raw, snr_db = self.signalling.receive(frame, sent, stretch, jam, self._controls)
        return ControlCopy(frame, raw, start, self.airtime_ns(uses), uses, snr_db, disturbed_db(stretch, jam))


def disturbed_db(stretch: Stretch, jam: NDArray[np.float32] | None) -> float:
    """SNR of a frame in dB, fading included, and its mean interference counted as noise."""
    return stretch.snr_db if jam is None else stretch.snr_db - linear_to_db(1.0 + float(jam.mean()) / stretch.noise_power)


def per_item(gain: NDArray[np.complex64], items: int, front: int) -> NDArray[np.complex64]:
    """Gain over a frame, complex64 [1] or [front + uses], as rows of its items: [items, 1] or [items, uses / items]."""
    return repeated(complex(gain[0]), items)[:, None] if len(gain) == 1 else gain[front:].reshape(items, -1)


@lru_cache(maxsize=4096)
def repeated(value: complex, items: int) -> NDArray[np.complex64]:
    """complex64 [items], the same one for the same arguments: never write to it."""
    return np.full(items, value, np.complex64)
