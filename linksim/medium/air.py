"""The air of one link: carries a frame for its airtime and delivers a different copy to each receiver.

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

from linksim.context import CONTROL, DELIVERED, SENT, Simulation
from linksim.control_plane.faults import Faults
from linksim.frames import ControlFrame, DataFrame, ReceivedFrame, ReceivedMessage, Transmission
from linksim.jammers.jammer import Jammer
from linksim.medium.control_phy import ControlPhy
from linksim.phy import pilots
from linksim.phy.noise import item_keys, unit_noise
from linksim.phy.path import ChannelRealisation, RadioPath
from linksim.phy.path_loss import LinkGeometry
from linksim.records import ALICE, BOB, EVE, NODES, Reception
from linksim.rng import Key, Streams, generator
from linksim.scenario.channel import Path
from linksim.scenario.nodes import NoAttack
from linksim.scenario.schema import LinkOptions
from linksim.schemes.parameters import rows_of
from linksim.units import NS_PER_S, airtime_ns, linear_to_db, seconds_to_ns
from linksim.worker import Operation, Promise

Deliver = Callable[[ReceivedFrame | ReceivedMessage], object]


@dataclass(frozen=True)
class Receiver:
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
    """The medium of one link.

    carry, carry_jammed  the operations of `simulation.operations`
    """

    def __init__(
        self,
        simulation: Simulation,
        link: int,
        name: str,
        options: LinkOptions,
        streams: Streams,
        carry: Operation,
        carry_jammed: Operation,
    ) -> None:
        self._simulation, self._link, self._name, self._streams = simulation, link, name, streams
        self._carry, self._carry_jammed = carry, carry_jammed
        self._rate_hz, self._use_ns = options.radio.symbol_rate_hz, NS_PER_S / options.radio.symbol_rate_hz
        self._probe = pilots.pilots(options.radio.pilots)
        listening = [options.channel.bob] if isinstance(options.eve, NoAttack) else [options.channel.bob, options.channel.eve]
        estimated = any(path.csi == "pilots" for path in listening)
        self._in_front = len(self._probe) if estimated else 0
        self._free_ns = 0
        self._controls = 0
        self._receivers: dict[int, Receiver] = {}
        self._alice: Deliver | None = None
        self.jammer: Jammer | None = None
        self.faults: Faults | None = None
        self._specs, self._correlation = (options.channel.bob, options.channel.eve), options.channel.correlation
        places = options.channel.geometry
        self._geometries = tuple(LinkGeometry(places.alice, receiver, self._rate_hz) for receiver in (places.bob, places.eve))
        self.control_phy = ControlPhy(options.radio, options.channel.bob, streams.key(f"{name}/control"))

    def hear(self, number: int, deliver: Deliver) -> None:
        """Let node `number` (BOB, EVE or ALICE) hear; it is handed its copies. Alice hears control frames only."""
        if number == ALICE:
            self._alice = deliver
            return
        spec, name, key = self._specs[number], f"{self._name}/{NODES[number]}", self._streams.key
        twin = f"{self._name}/{NODES[BOB]}", self._correlation if number == EVE else 0.0
        path = RadioPath(spec, self._streams, name, *twin, self._geometries[number])
        delay_ns = seconds_to_ns(spec.propagation_us / 1e6)
        keys = key(f"{name}/noise"), key(f"{name}/jam"), key(f"{name}/pilots")
        self._receivers[number] = Receiver(number, path, spec, delay_ns, *keys, deliver)

    @property
    def receivers(self) -> tuple[Receiver, ...]:
        """Bob, and Eve where she listens."""
        return tuple(self._receivers.values())

    def channel_uses_of(self, payload: int) -> int:
        """Channel uses of a data frame, pilots included."""
        return self._in_front + payload

    def airtime_ns(self, channel_uses: int) -> int:
        return airtime_ns(channel_uses, self._rate_hz)

    def send_data(self, frame: DataFrame) -> Generator[Any, Any, int]:
        """Transmit; returns the start in ns when the frame has left the antenna."""
        channel_uses = self._in_front + frame.channel_uses
        start = yield from self._occupy(channel_uses, self._in_front, data=True)
        self._simulation.note(self._link, SENT, frame.number)
        for receiver in self._receivers.values():
            self._after(receiver.delay_ns, partial(self._deliver, receiver, self._copy(receiver, frame, start, channel_uses), frame.number))
        self._release()
        return start

    def send_control(self, frame: ControlFrame) -> Generator[Any, Any, None]:
        """Transmit between Alice and Bob; the path is the same both ways."""
        sent = self.control_phy.symbols(frame)
        start = yield from self._occupy(len(sent), 0, data=False)
        self._simulation.note(self._link, CONTROL, self._controls)
        receiver = self._receivers[BOB]
        copy = self._control_copy(receiver, frame, sent, start)
        self._release()
        self._controls += 1
        deliver = receiver.deliver if frame.sender == ALICE else self._alice
        if deliver is not None:
            for late_ns, received in self.faults.meet(copy) if self.faults else [(0, copy)]:
                self._after(receiver.delay_ns + late_ns, partial(deliver, received))

    def _occupy(self, channel_uses: int, front: int, *, data: bool) -> Generator[Any, Any, int]:
        """Wait for a free air, then for the airtime; returns the start."""
        env, now, airtime = self._simulation.env, self._simulation.now, self.airtime_ns(channel_uses)
        start = max(now, self._free_ns)
        self._free_ns = start + airtime
        if self.jammer:
            self.jammer.on_frame_start(Transmission(data, start, start + round(front * self._use_ns), start + airtime))
        yield env.timeout(start + airtime - now)
        return start

    def _release(self) -> None:
        if self.jammer:
            self.jammer.on_frame_end(busy=self._free_ns > self._simulation.now)

    def _after(self, delay_ns: int, call: Callable[[], object]) -> None:
        def due(_: object) -> None:
            call()

        self._simulation.env.timeout(delay_ns).callbacks.append(due)

    def _deliver(self, receiver: Receiver, copy: ReceivedFrame, number: int) -> None:
        self._simulation.note(self._link, DELIVERED, 2 * number + receiver.number)
        receiver.deliver(copy)

    def _copy(self, receiver: Receiver, frame: DataFrame, start: int, channel_uses: int) -> ReceivedFrame:
        front, items = self._in_front, frame.items
        realisation = receiver.path.during(start, channel_uses, self._use_ns)
        jam = self.jammer.power(receiver.number, start, channel_uses, self._use_ns) if self.jammer else None
        received = self._received(receiver, frame, realisation, jam)
        gain, noise_power, snr_db = realisation.gain, rows_of(realisation.noise_power, items), realisation.snr_db
        if receiver.spec.csi == "pilots":
            measured = self._measure(receiver, frame.draw, realisation, jam)
            gain, noise_power, snr_db = np.array([measured.gain], np.complex64), rows_of(measured.noise_power, items), measured.snr_db
        elif jam is not None:  # who knows all knows the interference too
            noise_power = noise_power + jam[front:].reshape(items, -1).mean(axis=1)
            snr_db = sinr_db(realisation, jam)
        jammed = 0.0 if jam is None else float(np.count_nonzero(jam)) / channel_uses
        self._simulation.emit(
            Reception(
                start, self._link, frame.number, receiver.number, realisation.mean_snr_db, realisation.snr_db, snr_db,
                jammed, 0.0 if jam is None else float(jam.mean()),
            )
        )  # fmt: skip
        assumed = per_item(gain, items, front)
        return ReceivedFrame(frame, start, received, assumed, noise_power, snr_db, receiver.spec.equaliser)

    def _received(self, receiver: Receiver, frame: DataFrame, realisation: ChannelRealisation, jam: NDArray[np.float32] | None) -> Promise:
        items, front, first = frame.items, self._in_front, frame.draw
        inputs = (
            frame.symbols,
            per_item(realisation.gain, items, front),
            rows_of(realisation.noise_power, items),
            item_keys(receiver.noise, first, items),
        )
        if jam is None:
            return self._simulation.worker.promise(self._carry, *inputs)
        assert self.jammer is not None
        power, jam_keys = jam[front:].reshape(items, -1), item_keys(receiver.jam, first, items)
        jamming = self.jammer.interference(receiver.number, frame, inputs[1], realisation.noise_power, power, jam_keys)
        return self._simulation.worker.promise(self._carry_jammed, *inputs, jamming)

    def _measure(
        self, receiver: Receiver, first: int, realisation: ChannelRealisation, jam: NDArray[np.float32] | None
    ) -> pilots.PilotEstimate:
        """What the receiver makes of the pilots in front of a data frame."""
        count = self._in_front
        draw = generator(receiver.pilots, first)
        level = realisation.noise_power if jam is None else realisation.noise_power + jam[:count]
        gain = realisation.gain if len(realisation.gain) == 1 else realisation.gain[:count]
        return pilots.estimate(gain * self._probe + unit_noise(draw, count) * np.sqrt(level), self._probe)

    def _control_copy(self, receiver: Receiver, frame: ControlFrame, sent: NDArray[np.complex64], start: int) -> ReceivedMessage:
        channel_uses = len(sent)
        realisation = receiver.path.during(start, channel_uses, self._use_ns)
        jam = self.jammer.power(receiver.number, start, channel_uses, self._use_ns) if self.jammer else None
        raw, snr_db = self.control_phy.receive(frame, sent, realisation, jam, self._controls)
        return ReceivedMessage(frame, raw, start, self.airtime_ns(channel_uses), channel_uses, snr_db, sinr_db(realisation, jam))


def sinr_db(realisation: ChannelRealisation, jam: NDArray[np.float32] | None) -> float:
    """SNR of a frame in dB, fading included, and its mean interference counted as noise."""
    return realisation.snr_db if jam is None else realisation.snr_db - linear_to_db(1.0 + float(jam.mean()) / realisation.noise_power)


def per_item(gain: NDArray[np.complex64], items: int, front: int) -> NDArray[np.complex64]:
    """Gain over a frame, complex64 [1] or [front + uses], as rows of its items: [items, 1] or [items, uses / items]."""
    return repeated(complex(gain[0]), items)[:, None] if len(gain) == 1 else gain[front:].reshape(items, -1)


@lru_cache(maxsize=4096)
def repeated(value: complex, items: int) -> NDArray[np.complex64]:
    """complex64 [items], the same one for the same arguments: never write to it."""
    return np.full(items, value, np.complex64)
