"""The air of one link: it carries a frame for its airtime and delivers a separate received version to each receiver.

The air carries one frame at a time; a sender waits until the air is free. Gain, noise power and jamming of a received frame are determined
when the frame ends, while its symbols remain promises of the worker. Control frames and pilots are evaluated immediately, because the
simulation depends on their content.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.context import EventKind, Simulation
from linksim.control_plane.faults import FaultInjector
from linksim.enums import Node
from linksim.frames import ControlFrame, DataFrame, OverheardMessage, ReceivedFrame, ReceivedMessage, Transmission
from linksim.jammers.jammer import Jammer
from linksim.medium.control_phy import ControlPhy
from linksim.phy import pilots
from linksim.phy.noise import item_keys, unit_noise
from linksim.phy.path import ChannelRealisation, RadioPath
from linksim.phy.path_loss import LinkGeometry
from linksim.records import NODES, Reception
from linksim.rng import StreamKey, Streams, generator
from linksim.scenario.channel import Path
from linksim.scenario.nodes import NoAttack
from linksim.scenario.schema import LinkOptions
from linksim.schemes.parameters import per_item_float
from linksim.units import NS_PER_S, airtime_ns, linear_to_db, seconds_to_ns
from linksim.worker import Named, Operation, Promise

Deliver = Callable[[ReceivedFrame | ReceivedMessage], object]


@dataclass(frozen=True)
class Receiver:
    """One receiver of data frames.

    number    Node.BOB or Node.EVE
    path      radio path from Alice
    spec      options of the path
    delay_ns  propagation delay
    noise     stream of the noise on data frames, drawn by the worker
    jamming   stream of the interference on data frames
    pilots    stream of the noise on the pilots of data frames, drawn immediately
    deliver   callback that takes received frames
    """

    number: int
    path: RadioPath
    spec: Path
    delay_ns: int
    noise: StreamKey
    jamming: StreamKey
    pilots: StreamKey
    deliver: Deliver


class Air:
    """The air of one link.

    link                                 number of the link in the run
    name                                 prefix of its streams, such as "air/link-3"
    apply_channel, apply_jammed_channel  operations of the worker that compute received symbols, without and with interference
    """

    def __init__(
        self,
        simulation: Simulation,
        link: int,
        name: str,
        options: LinkOptions,
        streams: Streams,
        apply_channel: Operation,
        apply_jammed_channel: Operation,
    ) -> None:
        self._simulation, self._link, self._name, self._streams = simulation, link, name, streams
        self._apply_channel, self._apply_jammed_channel = apply_channel, apply_jammed_channel
        self._symbol_rate_hz, self._use_ns = options.radio.symbol_rate_hz, NS_PER_S / options.radio.symbol_rate_hz
        self._pilots = pilots.pilots(options.radio.pilots)
        paths = [options.channel.bob] if isinstance(options.eve, NoAttack) else [options.channel.bob, options.channel.eve]
        estimated = any(path.csi == "pilots" for path in paths)
        self._num_pilots = len(self._pilots) if estimated else 0
        self._free_ns = 0
        self._num_control_frames = 0
        self._receivers: dict[int, Receiver] = {}
        self._alice: Deliver | None = None
        self.jammer: Jammer | None = None
        self.faults: FaultInjector | None = None
        self._specs, self._correlation = (options.channel.bob, options.channel.eve), options.channel.correlation
        self._radio = options.radio
        self._eavesdropper: tuple[ControlPhy, Callable[[OverheardMessage], object]] | None = None
        geometry = options.channel.geometry
        self._geometries = tuple(LinkGeometry(geometry.alice, receiver, self._symbol_rate_hz) for receiver in (geometry.bob, geometry.eve))
        self.control_phy = ControlPhy(options.radio, options.channel.bob, streams.key(f"{name}/control"))

    def add_receiver(self, number: int, deliver: Deliver) -> None:
        """Register the callback of node `number` (Node.BOB, Node.EVE or Node.ALICE). Alice receives control frames only."""
        if number == Node.ALICE:
            self._alice = deliver
            return
        spec, name, key = self._specs[number], f"{self._name}/{NODES[number]}", self._streams.key
        reference = f"{self._name}/{NODES[Node.BOB]}", self._correlation if number == Node.EVE else 0.0
        path = RadioPath(spec, self._streams, name, *reference, self._geometries[number])
        delay_ns = seconds_to_ns(spec.propagation_us / 1e6)
        keys = key(f"{name}/noise"), key(f"{name}/jam"), key(f"{name}/pilots")
        self._receivers[number] = Receiver(number, path, spec, delay_ns, *keys, deliver)

    def add_eavesdropper(self, deliver: Callable[[OverheardMessage], object]) -> None:
        """Register Eve's callback for her own copy of every control frame. Without it no such copy is computed."""
        noise = self._streams.key(f"{self._name}/{NODES[Node.EVE]}/control")
        self._eavesdropper = ControlPhy(self._radio, self._specs[Node.BOB], noise, self._specs[Node.EVE]), deliver

    @property
    def receivers(self) -> tuple[Receiver, ...]:
        """Bob, and Eve if there is an attack."""
        return tuple(self._receivers.values())

    def channel_uses_of(self, payload: int) -> int:
        """Channel uses of a data frame with `payload` channel uses of payload, including pilots."""
        return self._num_pilots + payload

    def airtime_ns(self, channel_uses: int) -> int:
        """Duration of `channel_uses` channel uses in ns."""
        return airtime_ns(channel_uses, self._symbol_rate_hz)

    def send_data(self, frame: DataFrame) -> Generator[Any, Any, int]:
        """SimPy process: transmit a data frame. It ends with the frame and returns the start of the transmission in ns."""
        channel_uses = self._num_pilots + frame.channel_uses
        start = yield from self._occupy(channel_uses, self._num_pilots, data=True)
        self._simulation.update_fingerprint(self._link, EventKind.SENT, frame.number)
        for receiver in self._receivers.values():
            received = self._received_frame(receiver, frame, start, channel_uses)
            self._after(receiver.delay_ns, partial(self._deliver, receiver, received, frame.number))
        self._release()
        return start

    def send_control(self, frame: ControlFrame) -> Generator[Any, Any, None]:
        """SimPy process: transmit a control frame between Alice and Bob. The path is reciprocal."""
        sent = self.control_phy.symbols(frame)
        start = yield from self._occupy(len(sent), 0, data=False)
        self._simulation.update_fingerprint(self._link, EventKind.CONTROL, self._num_control_frames)
        receiver = self._receivers[Node.BOB]
        copy = self._received_message(receiver, self.control_phy, frame, sent, start)
        if self._eavesdropper is not None:
            self._overhear(*self._eavesdropper, frame, sent, start)
        self._release()
        self._num_control_frames += 1
        deliver = receiver.deliver if frame.sender == Node.ALICE else self._alice
        if deliver is not None:
            for extra_delay_ns, received in self.faults.apply(copy) if self.faults else [(0, copy)]:
                self._after(receiver.delay_ns + extra_delay_ns, partial(deliver, received))

    def _occupy(self, channel_uses: int, num_pilots: int, *, data: bool) -> Generator[Any, Any, int]:
        """Wait until the air is free, then for the airtime, and return the start of the transmission in ns."""
        env, now, airtime = self._simulation.env, self._simulation.now, self.airtime_ns(channel_uses)
        start = max(now, self._free_ns)
        self._free_ns = start + airtime
        if self.jammer:
            self.jammer.on_frame_start(Transmission(data, start, start + round(num_pilots * self._use_ns), start + airtime))
        yield env.timeout(start + airtime - now)
        return start

    def _release(self) -> None:
        if self.jammer:
            self.jammer.on_frame_end(busy=self._free_ns > self._simulation.now)

    def _after(self, delay_ns: int, call: Callable[[], object]) -> None:
        """Schedule a call after `delay_ns` of simulated time."""

        def due(_: object) -> None:
            call()

        self._simulation.env.timeout(delay_ns).callbacks.append(due)

    def _deliver(self, receiver: Receiver, copy: ReceivedFrame, number: int) -> None:
        self._simulation.update_fingerprint(self._link, EventKind.DELIVERED, 2 * number + receiver.number)
        receiver.deliver(copy)

    def _received_frame(self, receiver: Receiver, frame: DataFrame, start: int, channel_uses: int) -> ReceivedFrame:
        """A data frame that has just ended, as one receiver receives it; its reception is emitted."""
        num_pilots, items = self._num_pilots, frame.items
        realisation = receiver.path.during(start, channel_uses, self._use_ns)
        jamming_power = self.jammer.power(receiver.number, start, channel_uses, self._use_ns) if self.jammer else None
        received = self._received_symbols(receiver, frame, realisation, jamming_power)
        gain, noise_power, snr_db = realisation.gain, per_item_float(realisation.noise_power, items), realisation.snr_db
        if receiver.spec.csi == "pilots":
            estimate = self._estimate_channel(receiver, frame.draw, realisation, jamming_power)
            gain, noise_power, snr_db = (
                np.array([estimate.gain], np.complex64),
                per_item_float(estimate.noise_power, items),
                estimate.snr_db,
            )
        elif jamming_power is not None:  # with perfect channel knowledge the receiver also knows the interference
            noise_power = noise_power + jamming_power[num_pilots:].reshape(items, -1).mean(axis=1)
            snr_db = sinr_db(realisation, jamming_power)
        jammed_fraction = 0.0 if jamming_power is None else float(np.count_nonzero(jamming_power)) / channel_uses
        mean_jsr = 0.0 if jamming_power is None else float(jamming_power.mean())

        def record(sent: Named) -> None:
            """Emit the record once the radiated power is known: SNR and jamming-to-signal ratio refer to it."""
            power = float(sent["power"].mean())
            self._simulation.emit(
                Reception(
                    time_ns=start,
                    link=self._link,
                    frame=frame.number,
                    receiver=receiver.number,
                    power=power,
                    mean_snr_db=realisation.mean_snr_db,
                    snr_db=realisation.snr_db + linear_to_db(power),
                    estimated_snr_db=snr_db,
                    jammed_fraction=jammed_fraction,
                    mean_jsr=mean_jsr / power if power else 0.0,
                )
            )

        self._simulation.worker.then(frame.symbols, record)
        assumed = per_item(gain, items, num_pilots)
        return ReceivedFrame(frame, start, received, assumed, noise_power, snr_db, receiver.spec.equaliser)

    def _received_symbols(
        self, receiver: Receiver, frame: DataFrame, realisation: ChannelRealisation, jamming_power: NDArray[np.float32] | None
    ) -> Promise:
        """Promise of the received symbols of a data frame, complex [items, channel_uses / items]."""
        items, num_pilots, first = frame.items, self._num_pilots, frame.draw
        inputs = (
            frame.symbols,
            per_item(realisation.gain, items, num_pilots),
            per_item_float(realisation.noise_power, items),
            item_keys(receiver.noise, first, items),
        )
        if jamming_power is None:
            return self._simulation.worker.promise(self._apply_channel, *inputs)
        assert self.jammer is not None
        power, jamming_keys = jamming_power[num_pilots:].reshape(items, -1), item_keys(receiver.jamming, first, items)
        jamming = self.jammer.interference(receiver.number, frame, inputs[1], realisation.noise_power, power, jamming_keys)
        return self._simulation.worker.promise(self._apply_jammed_channel, *inputs, jamming)

    def _estimate_channel(
        self, receiver: Receiver, first: int, realisation: ChannelRealisation, jamming_power: NDArray[np.float32] | None
    ) -> pilots.PilotEstimate:
        """The receiver's channel estimate from the pilots of a data frame."""
        count = self._num_pilots
        draw = generator(receiver.pilots, first)
        level = realisation.noise_power if jamming_power is None else realisation.noise_power + jamming_power[:count]
        gain = realisation.gain if len(realisation.gain) == 1 else realisation.gain[:count]
        return pilots.estimate(gain * self._pilots + unit_noise(draw, count) * np.sqrt(level), self._pilots)

    def _overhear(
        self,
        phy: ControlPhy,
        deliver: Callable[[OverheardMessage], object],
        frame: ControlFrame,
        sent: NDArray[np.complex64],
        start: int,
    ) -> None:
        """Deliver a control frame that has just ended as Eve receives it."""
        eve = self._receivers[Node.EVE]
        copy = self._received_message(eve, phy, frame, sent, start)
        overheard = OverheardMessage(copy.raw, start, copy.airtime_ns, copy.channel_uses, copy.snr_db)
        self._after(eve.delay_ns, partial(deliver, overheard))

    def _received_message(
        self, receiver: Receiver, phy: ControlPhy, frame: ControlFrame, sent: NDArray[np.complex64], start: int
    ) -> ReceivedMessage:
        """A control frame that has just ended, as a receiver demodulates it."""
        channel_uses = len(sent)
        realisation = receiver.path.during(start, channel_uses, self._use_ns)
        jamming_power = self.jammer.power(receiver.number, start, channel_uses, self._use_ns) if self.jammer else None
        raw, snr_db = phy.receive(frame, sent, realisation, jamming_power, self._num_control_frames)
        return ReceivedMessage(frame, raw, start, self.airtime_ns(channel_uses), channel_uses, snr_db, sinr_db(realisation, jamming_power))


def sinr_db(realisation: ChannelRealisation, jamming_power: NDArray[np.float32] | None) -> float:
    """Signal-to-interference-and-noise ratio of a frame in dB, including fading; the mean interference power adds to the noise power."""
    if jamming_power is None:
        return realisation.snr_db
    return realisation.snr_db - linear_to_db(1.0 + float(jamming_power.mean()) / realisation.noise_power)


def per_item(gain: NDArray[np.complex64], items: int, num_pilots: int) -> NDArray[np.complex64]:
    """Gain of a frame, complex64 [1] or [num_pilots + channel_uses], per item: [items, 1] or [items, channel_uses / items]."""
    return repeat(complex(gain[0]), items)[:, None] if len(gain) == 1 else gain[num_pilots:].reshape(items, -1)


@lru_cache(maxsize=4096)
def repeat(value: complex, items: int) -> NDArray[np.complex64]:
    """Cached complex64 [items] of equal values; callers must not modify it."""
    return np.full(items, value, np.complex64)
