"""The air of one link: it carries a frame for its airtime and delivers a separate received version to each receiver.

    data frame     pilots, if a receiver needs them | header | payload        to Bob and Eve
    control frame  pilots, if the receiver needs them or measures | message   between Alice and Bob, and to Eve if she observes them

The air carries one frame at a time; a sender waits until the air is free. Gain, noise power and jamming of a received frame are determined
when the frame ends, while its symbols remain promises of the worker. Pilots are evaluated immediately, and control frames when they are
delivered, because the simulation depends on their content.
"""

from collections.abc import Callable, Generator, Iterable
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from simpy import Event

from linksim.context import EventKind, Simulation
from linksim.enums import Node
from linksim.frames import ControlFrame, DataFrame, OverheardMessage, ReceivedFrame, ReceivedMessage, Transmission
from linksim.jammers.jammer import Jammer
from linksim.medium.control_phy import ControlPhy
from linksim.medium.data_reception import DataReception, Deliver, Receiver, ReceptionLevels, sinr_db
from linksim.medium.header_phy import HeaderPhy
from linksim.medium.reception_records import DeliveredCopy, ReceptionRecorder
from linksim.phy.path import RadioPath
from linksim.phy.path_loss import LinkGeometry
from linksim.records import NODES
from linksim.rng import Streams
from linksim.scenario.attacks import NoAttack
from linksim.scenario.control_size import header_channel_uses
from linksim.scenario.schema import LinkOptions
from linksim.units import NS_PER_S, airtime_ns, seconds_to_ns
from linksim.worker import Operation

InjectFaults = Callable[[ReceivedMessage], Iterable[tuple[int, ReceivedMessage]]]  # copy -> (additional delay in ns, copy), ...


class Air:
    """The air of one link.

    simulation                           shared state of the run
    link                                 number of the link in the run
    name                                 prefix of its streams, such as "air/link-3"
    options                              options of the link
    streams                              random streams of the run
    apply_channel, apply_jammed_channel  operations of the worker that compute received symbols, without and with interference
    receptions                           records the copies of data frames, for all links of the run
    jammer                               the link's jammer, None without one; it is notified of the start and end of every frame
    inject_faults                        faults of control frames before they reach their addressee, None without faults
    control_phy                          physical layer of control frames between Alice and Bob
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
        receptions: ReceptionRecorder,
    ) -> None:
        self._simulation, self._link, self._name, self._streams = simulation, link, name, streams
        self._symbol_rate_hz, self._use_ns = options.radio.symbol_rate_hz, NS_PER_S / options.radio.symbol_rate_hz
        paths = [options.channel.bob] if isinstance(options.eve, NoAttack) else [options.channel.bob, options.channel.eve]
        estimated = any(path.csi == "pilots" for path in paths)
        self._num_pilots = options.radio.pilots if estimated else 0
        self._reception = DataReception(simulation.worker, options.radio, self._num_pilots, apply_channel, apply_jammed_channel)
        self._receptions = receptions
        self._free_ns = 0
        self._num_control_frames = 0
        self._receivers: dict[int, Receiver] = {}
        self._alice: Deliver | None = None
        self.jammer: Jammer | None = None
        self.inject_faults: InjectFaults | None = None
        self._specs, self._correlation = (options.channel.bob, options.channel.eve), options.channel.correlation
        self._radio, self._header_uses = options.radio, lru_cache(maxsize=1)(partial(header_channel_uses, options.radio))
        self._eavesdropper: tuple[ControlPhy, Callable[[OverheardMessage], object]] | None = None
        geometry = options.channel.geometry
        self._geometries = tuple(LinkGeometry(geometry.alice, receiver, self._symbol_rate_hz) for receiver in (geometry.bob, geometry.eve))
        self.control_phy = ControlPhy(options.radio, options.channel.bob, streams.key(f"{name}/control"), simulation.worker)

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
        header = HeaderPhy(self._radio, key(f"{name}/header"))
        self._receivers[number] = Receiver(number, path, spec, delay_ns, header, *keys, deliver)

    def add_eavesdropper(self, deliver: Callable[[OverheardMessage], object]) -> None:
        """Register Eve's callback for her own copy of every control frame. Without it no such copy is computed."""
        noise = self._streams.key(f"{self._name}/{NODES[Node.EVE]}/control")
        phy = ControlPhy(self._radio, self._specs[Node.BOB], noise, self._simulation.worker, self._specs[Node.EVE])
        self._eavesdropper = phy, deliver

    @property
    def receivers(self) -> tuple[Receiver, ...]:
        """Bob, and Eve if there is an attack."""
        return tuple(self._receivers.values())

    def channel_uses_of(self, payload: int, header: int) -> int:
        """Channel uses of a data frame with `payload` channel uses of payload and `header` bytes of header, including pilots."""
        return self._num_pilots + header_channel_uses(self._radio, header) + payload

    def airtime_ns(self, channel_uses: int) -> int:
        """Duration of `channel_uses` channel uses in ns."""
        return airtime_ns(channel_uses, self._symbol_rate_hz)

    def send_data(self, frame: DataFrame) -> Generator[Any, Any, int]:
        """SimPy process: transmit a data frame. It ends with the frame and returns the start of the transmission in ns.

        Each receiver gets its copy one propagation delay after the end.
        """
        header_uses = self._header_uses(len(frame.header))
        overhead = self._num_pilots + header_uses
        start, env = self._reserve(overhead + frame.channel_uses, overhead, data=True), self._simulation.env
        yield env.timeout(self._free_ns - env.now)
        self._simulation.update_fingerprint(self._link, EventKind.SENT, frame.number)
        arrivals: dict[int, list[Any]] = {}  # by delay: receivers at equal distance share an event
        for receiver in self._receivers.values():
            deliver = partial(self._deliver, receiver, *self._reception.receive(receiver, frame, start, header_uses, self.jammer))
            if receiver.delay_ns in arrivals:
                arrivals[receiver.delay_ns].append(deliver)
            else:
                arrivals[receiver.delay_ns] = self._after(receiver.delay_ns, deliver)
        self._release()
        return start

    def send_control(self, frame: ControlFrame) -> Generator[Any, Any, None]:
        """SimPy process: transmit a control frame between Alice and Bob. It ends with the frame.

        The path is reciprocal: gain, noise and jamming are those at Bob, in both directions. Faults apply after reception, and Eve's copy
        has none. Without a receiver at Alice, frames to her are not delivered.
        """
        sent = self.control_phy.symbols(frame)
        start, env = self._reserve(len(sent), 0, data=False), self._simulation.env
        yield env.timeout(self._free_ns - env.now)
        self._simulation.update_fingerprint(self._link, EventKind.CONTROL, self._num_control_frames)
        receiver = self._receivers[Node.BOB]
        copy = self._received_message(receiver, self.control_phy, frame, sent, start)
        if self._eavesdropper is not None:
            self._overhear(*self._eavesdropper, frame, sent, start)
        self._release()
        self._num_control_frames += 1
        deliver = receiver.deliver if frame.sender == Node.ALICE else self._alice
        if deliver is not None:
            for extra_delay_ns, arriving in self._arrivals(copy):
                self._after(receiver.delay_ns + extra_delay_ns, partial(_hand_over, deliver, arriving))

    def _arrivals(self, copy: Callable[[], ReceivedMessage]) -> list[tuple[int, Callable[[], ReceivedMessage]]]:
        """What reaches the addressee of a control frame, with additional delays in ns: its copy, or what the faults make of it."""
        if self.inject_faults is None:
            return [(0, copy)]
        return [(extra_delay_ns, lambda found=found: found) for extra_delay_ns, found in self.inject_faults(copy())]  # type: ignore[misc]

    def _reserve(self, channel_uses: int, overhead: int, *, data: bool) -> int:
        """Take the air for a frame as soon as it is free, and return the start of the transmission in ns.

        overhead  channel uses before the payload
        """
        start = max(self._simulation.now, self._free_ns)
        self._free_ns = start + self.airtime_ns(channel_uses)
        if self.jammer:
            self.jammer.on_frame_start(Transmission(data, start, start + round(overhead * self._use_ns), self._free_ns))
        return start

    def _release(self) -> None:
        """Tell the jammer that a frame has ended, and whether another sender has already taken the air."""
        if self.jammer:
            self.jammer.on_frame_end(busy=self._free_ns > self._simulation.now)

    def _after(self, delay_ns: int, call: Callable[[Event], None]) -> list[Any]:
        """Schedule a call after `delay_ns` of simulated time; its argument is the event of that instant. Returns the calls of the event."""
        callbacks: list[Any] = self._simulation.env.timeout(delay_ns).callbacks
        callbacks.append(call)
        return callbacks

    def _deliver(self, receiver: Receiver, copy: ReceivedFrame, levels: ReceptionLevels, _: Event) -> None:
        """Hand a copy of a data frame to its receiver, and announce its record, which needs the radiated power of the symbols."""
        simulation, frame = self._simulation, copy.frame
        simulation.update_fingerprint(self._link, EventKind.DELIVERED, 2 * frame.number + receiver.number)
        header = receiver.deliver(copy)
        assert header is not None
        delivered = DeliveredCopy(copy.start_ns, self._link, frame.number, receiver.number, levels, copy.snr_db, header)
        simulation.worker.announce(frame.symbols, self._receptions, delivered)

    def _overhear(
        self,
        phy: ControlPhy,
        deliver: Callable[[OverheardMessage], object],
        frame: ControlFrame,
        sent: NDArray[np.complex64],
        start: int,
    ) -> None:
        """Deliver a control frame that has just ended as Eve receives it.

        One path stands for those from both senders. Her noise has a stream of its own, so she changes nothing for Bob.
        """
        eve = self._receivers[Node.EVE]
        received = self._received_message(eve, phy, frame, sent, start)

        def overheard() -> OverheardMessage:
            copy = received()
            return OverheardMessage(copy.raw, start, copy.airtime_ns, copy.channel_uses, copy.snr_db)

        self._after(eve.delay_ns, partial(_hand_over, deliver, overheard))

    def _received_message(
        self, receiver: Receiver, phy: ControlPhy, frame: ControlFrame, sent: NDArray[np.complex64], start: int
    ) -> Callable[[], ReceivedMessage]:
        """A function that returns a control frame that has just ended, as a receiver demodulates it; called when the receiver gets it.

        sent   transmitted symbols, complex64 [channel_uses]
        start  start of the transmission in ns
        """
        channel_uses = len(sent)
        realisation = receiver.path.during(start, channel_uses, self._use_ns)
        jamming_power = self.jammer.power(receiver.number, start, channel_uses, self._use_ns) if self.jammer else None
        raw, snr_db = phy.receive(frame, sent, realisation, jamming_power, self._num_control_frames)
        true_snr_db = sinr_db(realisation, jamming_power)
        return lambda: ReceivedMessage(frame, raw(), start, self.airtime_ns(channel_uses), channel_uses, snr_db, true_snr_db)


def _hand_over(deliver: Callable[[Any], object], copy: Callable[[], ReceivedMessage | OverheardMessage], _: Event) -> None:
    """Call a receiver's callback with its copy of a control frame."""
    deliver(copy())
