"""Alice's and Bob's session over a pipe of bytes instead of a radio, with the real messages, encryption and clock, and with any faults."""

from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from linksim.context import Simulation
from linksim.control_plane.alice_session import AliceSession
from linksim.control_plane.bob_session import BobSession
from linksim.control_plane.faults import FaultInjector, restart_periodically
from linksim.control_plane.frame_parameters import AgreedParameters
from linksim.control_plane.messages import Hello, Key, NackReason, Probe
from linksim.control_plane.policy_controller import ParameterSelector
from linksim.enums import HeaderOutcome, Node
from linksim.frames import ControlFrame, ReceivedMessage
from linksim.negotiation import NegotiatedParameters, bounded
from linksim.nets.cards import RuntimeSettings
from linksim.nets.codecs import ResidualJscc
from linksim.nets.weights import build
from linksim.records import ControlSent, Record
from linksim.rng import Streams
from linksim.scenario.schema import LinkOptions
from linksim.schemes.base_schemes import BaseScheme
from linksim.schemes.deepjscc import DeepJscc
from linksim.schemes.stack import build_stack
from linksim.units import seconds_to_ns
from linksim.worker import Worker

BYTE_NS = 1_000
DATA_NS = 100_000
DELAY_NS = 2_000


@dataclass(frozen=True, slots=True)
class TwoNumbers(NegotiatedParameters):
    """Two negotiated parameters of the widest range."""

    first: int = bounded(0, 65535, "first number")
    second: int = bounded(0, 65535, "second number")


def options(faults: dict[str, float], **session: Any) -> LinkOptions:
    """Options of a link with one pair of images per frame, transmitted keys, and new steps every millisecond (every third frame)."""
    timing = {"probe_interval_ms": 1.0, "timeout_ms": 0.2, "max_transmissions": 4}
    return LinkOptions.model_validate(
        {
            "scheme": [{"name": "permutation", "key_set_size": 16}, "deepjscc"],
            "alice": {"images_per_frame": 2},
            "session": timing | session | {"faults": faults},
        }
    )


@cache
def base() -> BaseScheme:
    network = build("codec", {"channels": 16, "blocks": 1, "stem": 4, "width": 8, "inner": 4})
    assert isinstance(network, ResidualJscc)
    return BaseScheme(DeepJscc(network), network.rows, RuntimeSettings(1, "float32"), negotiated=TwoNumbers())


class Pipe:
    """A replacement of `Air` for sessions: one frame at a time, one microsecond per byte, no noise, and faults before both receivers."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._free_ns = 0
        self._receivers: dict[int, Callable[[ReceivedMessage], object]] = {}
        self.faults: FaultInjector | None = None
        self.sent: Counter[tuple[int, bool]] = Counter()  # (kind, whether it is the first attempt)
        self.control_phy = self

    def add_receiver(self, number: int, deliver: Callable[[Any], object]) -> None:
        self._receivers[number] = deliver

    def channel_uses(self, size: int) -> int:
        return size

    def airtime_ns(self, channel_uses: int) -> int:
        return channel_uses * BYTE_NS

    def occupy(self, airtime_ns: int) -> Generator[Any, Any, int]:
        now = self._simulation.now
        start = max(now, self._free_ns)
        self._free_ns = start + airtime_ns
        yield self._simulation.env.timeout(self._free_ns - now)
        return start

    def send_control(self, frame: ControlFrame) -> Generator[Any, Any, None]:
        self.sent[frame.message, frame.attempt == 0] += 1
        channel_uses = len(frame.raw)
        start = yield from self.occupy(channel_uses * BYTE_NS)
        copy = ReceivedMessage(frame, frame.raw, start, channel_uses * BYTE_NS, channel_uses, 10.0 + start % 997 / 100, 10.0)
        receiver = self._receivers[Node.BOB if frame.sender == Node.ALICE else Node.ALICE]
        for delay_ns, received in self.faults.apply(copy) if self.faults else [(0, copy)]:
            self.after(DELAY_NS + delay_ns, partial(receiver, received))

    def after(self, delay_ns: int, call: Callable[[], object]) -> None:
        def due(_: object) -> None:
            call()

        self._simulation.env.timeout(delay_ns).callbacks.append(due)


class Pair:
    """Both sessions of one link, and an observer of both. Alice sends one frame after the other whenever there is an agreement, until
    `frames` frames are done or `exchanges` exchanges have begun.

    decoded     frames that Bob decodes with Alice's parameters
    wrong       frames that he decodes with other parameters
    refused     frames for which he has no parameters
    suppressed  frames that Alice does not send
    headers     outcome -> number of headers of data frames at Bob, Alice's and others'
    outcomes    (kind, origin, outcome) -> number of copies of control frames
    watch       function that is called with the number of each frame that is done
    """

    def __init__(self, options: LinkOptions, frames: int, exchanges: int = 2**31, seed: int = 1, max_time_s: float = 1000.0) -> None:
        self.simulation, streams = Simulation(Worker()), Streams(seed)
        self.pipe = Pipe(self.simulation)
        stack = build_stack(options.scheme, base(), options.alice.images_per_frame)
        ends = self.simulation, 0, self.pipe, options, stack, streams
        self.bob = BobSession(*ends, ("bob", "alice"))  # type: ignore[arg-type]  # a pipe has all methods of an air that a session uses
        self.alice = AliceSession(*ends, ("alice", "bob"))  # type: ignore[arg-type]
        self.pipe.add_receiver(Node.BOB, self.bob_receives)
        spec = options.session.faults
        if spec.any_on_frames:
            self.pipe.faults = FaultInjector(spec, streams.key("faults"), self.bob.identity)
        for every_ms, end in ((spec.alice_restart_ms, self.alice), (spec.bob_restart_ms, self.bob)):
            if every_ms:
                self.simulation.env.process(restart_periodically(self.simulation, seconds_to_ns(every_ms / 1e3), end.restart))
        self._frames, self._exchanges, self._limit_ns = frames, exchanges, seconds_to_ns(max_time_s)
        self.decoded = self.wrong = self.refused = self.suppressed = 0
        self.outcomes: Counter[tuple[int, int, int]] = Counter()
        self.headers: Counter[int] = Counter()
        self.watch: Callable[[int], None] = lambda _: None
        self.simulation.listen(self._listen)

    def run(self) -> "Pair":
        """Run until all frames are done. A deadlock fails the run or exceeds its time limit."""
        done = self.simulation.env.process(self._run())
        self.simulation.env.run(until=done | self.simulation.env.timeout(self._limit_ns))
        assert done.triggered, "the run exceeded its time limit"
        return self

    def exchanges(self) -> int:
        """Number of exchanges that have begun."""
        return sum(self.pipe.sent[kind, True] for kind in (Hello.kind, Probe.kind, Key.kind))

    def accepted(self, origin: int) -> int:
        """Number of accepted copies of an origin."""
        return sum(count for (_, source, outcome), count in self.outcomes.items() if (source, outcome) == (origin, 0))

    def of_origin(self, origin: int) -> int:
        """Number of copies of an origin."""
        return sum(count for (_, source, _), count in self.outcomes.items() if source == origin)

    def _listen(self, record: Record) -> None:
        assert isinstance(record, ControlSent)
        self.outcomes[record.message, record.origin, record.outcome] += 1

    def bob_receives(self, copy: ReceivedMessage) -> None:
        self.simulation.env.process(self.bob.answer(copy))

    def _run(self) -> Generator[Any, Any, None]:
        number = -1
        while (number := number + 1) < self._frames and self.exchanges() < self._exchanges:
            agreed = yield from self.alice.activate(number)
            if agreed is None:
                self.suppressed += 1
            else:
                yield from self.pipe.occupy(DATA_NS)
                self.pipe.after(DELAY_NS, partial(self.data, self.alice.header(number, 0, agreed), agreed))
            self.watch(number)
        yield self.simulation.env.timeout(DELAY_NS + 1)  # until the last frame has arrived

    def data(self, raw: bytes, sent: AgreedParameters | None) -> None:
        """Let Bob receive a data frame with header `raw`, as his node does; `sent` is Alice's view, None if it is not her frame."""
        outcome, header = self.bob.open_header(raw)
        self.headers[outcome] += 1
        if header is None:
            assert outcome != HeaderOutcome.DECODED
            return
        found = self.bob.parameters(header, 10.0)
        if found is None:
            self.refused += 1
            self.simulation.env.process(self.bob.refuse(header, NackReason.NO_PARAMETERS))
        elif sent is None:
            self.wrong += 1
        elif (found.context, found.epoch) == (sent.context, sent.epoch):
            self.decoded += 1
        else:
            self.wrong += 1


def drawn_values(seed: int) -> ParameterSelector:
    """A selector that never returns the same values twice, so that the parameters of different rounds differ."""
    draw = np.random.Generator(np.random.Philox(seed))

    def choose(current: NegotiatedParameters, measured_db: float, true_db: float, sequence: int) -> Generator[Any, Any, TwoNumbers]:
        yield from ()
        return TwoNumbers(int(draw.integers(1, 65536)), int(draw.integers(65536)))

    return choose
