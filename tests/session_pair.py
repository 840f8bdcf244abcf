"""Alice's and Bob's session over a pipe of bytes instead of a radio: the real messages, seals and clock, and any faults."""

from collections import Counter
from collections.abc import Callable, Generator
from functools import cache, partial
from typing import Any

import numpy as np

from linksim.context import Simulation
from linksim.control_plane.faults import Faults, restarting
from linksim.control_plane.frame_parameters import AgreedParameters, Steps
from linksim.control_plane.messages import DISAGREED, Hello, Key, Probe
from linksim.control_plane.policy_controller import StepSelector
from linksim.control_plane.session import AliceSession, BobSession
from linksim.frames import ControlFrame, DataFrame, ReceivedMessage
from linksim.nets.cards import RuntimeSettings
from linksim.nets.codecs import ResidualJscc
from linksim.nets.weights import build
from linksim.records import ALICE, BOB, ControlSent, Record
from linksim.rng import Streams
from linksim.scenario.schema import LinkOptions
from linksim.schemes.base_schemes import BaseScheme
from linksim.schemes.deepjscc import DeepJscc
from linksim.schemes.stack import build_stack
from linksim.units import seconds_to_ns
from linksim.worker import Promise, Worker

BYTE_NS = 1_000
DATA_NS = 100_000
DELAY_NS = 2_000


@cache
def base() -> BaseScheme:
    network = build("codec", {"channels": 16, "blocks": 1, "stem": 4, "width": 8, "inner": 4})
    assert isinstance(network, ResidualJscc)
    return BaseScheme(DeepJscc(network), network.rows, RuntimeSettings(1, "float32"))


class Pipe:
    """What a session sees of an air: one frame at a time, a microsecond a byte, no noise. Faults stand before both receivers."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._free_ns = 0
        self._receivers: dict[int, Callable[[ReceivedMessage], object]] = {}
        self.faults: Faults | None = None
        self.sent: Counter[tuple[int, bool]] = Counter()  # (kind, whether it is the first attempt)
        self.control_phy = self

    def hear(self, number: int, deliver: Callable[[Any], object]) -> None:
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
        receiver = self._receivers[BOB if frame.sender == ALICE else ALICE]
        for late_ns, received in self.faults.meet(copy) if self.faults else [(0, copy)]:
            self.after(DELAY_NS + late_ns, partial(receiver, received))

    def after(self, delay_ns: int, call: Callable[[], object]) -> None:
        def due(_: object) -> None:
            call()

        self._simulation.env.timeout(delay_ns).callbacks.append(due)


class Pair:
    """Both sessions of one link, and who sees both. Frames are settled one after the other, and sent where that worked, until
    `frames` are through or `exchanges` have begun.

    decoded, wrong, unknown, held  frames under the terms that Alice sent them with, under others, under none that Bob had, kept by Alice
    fates                          (kind, origin, outcome) -> how many copies of control frames
    watch                          called after each frame was settled or held
    """

    def __init__(self, options: LinkOptions, frames: int, exchanges: int = 2**31, seed: int = 1, max_time_s: float = 1000.0) -> None:
        self.simulation, streams = Simulation(Worker()), Streams(seed)
        self.pipe = Pipe(self.simulation)
        stack = build_stack(options.scheme, base(), options.alice.images_per_frame)
        ends = self.simulation, 0, self.pipe, options, stack, streams
        self.bob = BobSession(*ends, ("bob", "alice"))  # type: ignore[arg-type]  # a pipe is air enough for a session
        self.alice = AliceSession(*ends, ("alice", "bob"))  # type: ignore[arg-type]
        self.pipe.hear(BOB, self._bob_hears)
        spec = options.session.faults
        if spec.any_on_frames:
            self.pipe.faults = Faults(spec, streams.key("faults"), self.bob.identity)
        for every_ms, end in ((spec.alice_restart_ms, self.alice), (spec.bob_restart_ms, self.bob)):
            if every_ms:
                self.simulation.env.process(restarting(self.simulation, seconds_to_ns(every_ms / 1e3), end.restart))
        self._frames, self._exchanges, self._limit_ns = frames, exchanges, seconds_to_ns(max_time_s)
        self.decoded = self.wrong = self.unknown = self.held = 0
        self.fates: Counter[tuple[int, int, int]] = Counter()
        self.watch: Callable[[int], None] = lambda _: None
        self.simulation.listen(self._listen)

    def run(self) -> "Pair":
        """Until all frames were settled or held. A process that waits for what never comes fails the run, or lets its limit pass."""
        done = self.simulation.env.process(self._run())
        self.simulation.env.run(until=done | self.simulation.env.timeout(self._limit_ns))
        assert done.triggered, "the limit has passed"
        return self

    def exchanges(self) -> int:
        """How many have begun."""
        return sum(self.pipe.sent[kind, True] for kind in (Hello.kind, Probe.kind, Key.kind))

    def accepted(self, origin: int) -> int:
        """Copies of an origin that an end acted upon."""
        return sum(count for (_, source, outcome), count in self.fates.items() if (source, outcome) == (origin, 0))

    def of_origin(self, origin: int) -> int:
        return sum(count for (_, source, _), count in self.fates.items() if source == origin)

    def _listen(self, record: Record) -> None:
        assert isinstance(record, ControlSent)
        self.fates[record.message, record.origin, record.outcome] += 1

    def _bob_hears(self, copy: ReceivedMessage) -> None:
        self.simulation.env.process(self.bob.answer(copy))

    def _run(self) -> Generator[Any, Any, None]:
        number = -1
        while (number := number + 1) < self._frames and self.exchanges() < self._exchanges:
            agreed = yield from self.alice.activate(number)
            if agreed is None:
                self.held += 1
            else:
                yield from self.pipe.occupy(DATA_NS)
                self.pipe.after(DELAY_NS, partial(self._data, number, agreed))
            self.watch(number)
        yield self.simulation.env.timeout(DELAY_NS + 1)  # the last frame arrives

    def _data(self, number: int, sent: AgreedParameters) -> None:
        found = self.bob.parameters(number, sent.epoch, 10.0)
        if found is None:
            self.unknown += 1
            self.simulation.env.process(self.bob.refuse(DataFrame(number, sent.epoch, 1, 1, 1, Promise.__new__(Promise)), DISAGREED))
        elif (found.context, found.epoch) == (sent.context, sent.epoch):
            self.decoded += 1
        else:
            self.wrong += 1


def drawn_steps(seed: int) -> StepSelector:
    """A policy that never says the same twice, so that terms of different rounds differ."""
    draw = np.random.Generator(np.random.Philox(seed))

    def choose(steps: Steps, measured_db: float, true_db: float, sequence: int) -> Generator[Any, Any, Steps]:
        yield from ()
        return int(draw.integers(1, 65536)), int(draw.integers(65536))

    return choose
