"""The control plane of one lane: Alice's end and Bob's end side by side.

    Alice                                   Bob
    HELLO (ephemeral key, tag)      ----->
                                    <-----  ACCEPT (ephemeral key, tag)          keys exist; all below but PROBE is sealed
    PROBE (pilots)                  ----->  measures the SNR
                                    <-----  REPORT (SNR)
    CONFIRM (epoch + 1)             ----->  a data frame of that epoch tells Bob as much, should CONFIRM be lost
    KEY (frame, (p, s) per pair)    ----->
                                    <-----  ACK
    data frame (epoch)              ----->

Whoever waits for an answer sends again when it does not come (stop and wait) and gives up after a number of attempts. A handshake that
fails is tried again before the next frame; a probe round that fails leaves the terms as they were; a frame whose KEY is not acknowledged
is held back. Bob answers a repeated message as he answered the first, and opens no sealed message twice. A lost CONFIRM does no harm:
each round counts on from the epoch that Bob's REPORT names.
"""

from collections import OrderedDict
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import simpy

from linksim.phy import control
from linksim.records import ALICE, BOB
from linksim.rng import Streams
from linksim.scenario.schema import Link
from linksim.schemes.stack import Stack
from linksim.schemes.terms import Terms
from linksim.secrecy import ALICE_TO_BOB, BOB_TO_ALICE, TAG_BYTES, agree, check_accept, check_hello, prove_accept, prove_hello
from linksim.units import seconds_to_ns
from linksim.world import messages
from linksim.world.air import Air
from linksim.world.clock import World
from linksim.world.endpoint import End, Pairs
from linksim.world.frames import ControlCopy, ControlFrame
from linksim.world.messages import Accept, Ack, Confirm, Hello, Key, Probe, Report

LONGEST_ANSWER = 72  # bytes; an answer is given the airtime of this many before the timeout begins
LONGEST_WAIT = 8  # times the first wait for an answer
REMEMBERED = 64  # frames whose keys Bob keeps
EPOCHS = 2**16
REPORTED_DB = 100.0  # a report says no more than this and no less than its negative

Step = Generator[Any, Any, Any]


class AliceSession(End):
    """Alice's end: she begins every exchange.

    snr_db  her belief of the SNR at Bob, from his last report
    """

    def __init__(self, world: World, lane: int, air: Air, link: Link, stack: Stack, streams: Streams, names: tuple[str, str]) -> None:
        super().__init__(world, lane, air, link, stack, streams, *names)
        self.snr_db = link.alice.assumed_snr_db
        self._interval_ns = seconds_to_ns(link.session.probe_interval_ms / 1e3)
        trip_ns = 2 * seconds_to_ns(link.channel.bob.propagation_us / 1e6)
        answer_ns = air.airtime_ns(control.uses(LONGEST_ANSWER, link.radio.control_repeats))
        self._patience_ns = trip_ns + answer_ns + seconds_to_ns(link.session.timeout_ms / 1e3)
        self._probe_due_ns = 0
        self._sequence = 0
        self._hello, self._ephemeral = b"", self._draw_ephemeral()
        self._awaited: tuple[int, int, simpy.Event] | None = None
        air.hear(ALICE, self._hear)

    def settle(self, frame: int) -> Generator[Any, Any, Terms | None]:
        """All that must be agreed before data frame `frame`: its terms, or None where Bob could not be reached."""
        if not self.needed:
            return self._stack.terms(self.snr_db, [])
        if self._sealer is None and not (yield from self._handshake()):
            return None
        if self._interval_ns and self._world.now >= self._probe_due_ns:
            yield from self._probe()
        pairs = yield from self._key(frame)
        return None if pairs is None else self._stack.terms(self.snr_db, self._shuffles(frame, pairs))

    def _handshake(self) -> Generator[Any, Any, bool]:
        self._ephemeral = self._draw_ephemeral()
        bare = Hello(self.epoch, self._sequence, self._world.now, self._ephemeral.public, bytes(TAG_BYTES))
        hello = replace(bare, tag=prove_hello(self._me, self._ephemeral, self._peer, bare.covered()))
        self._hello = messages.frame(hello)
        return (yield from self._exchange(Hello.kind, Accept.kind, lambda: self._hello)) is not None

    def _trusts(self, message: messages.Clear | messages.Sealed, raw: bytes) -> bool:
        """An ACCEPT is trusted when the session's keys, which it makes possible, prove its tag. They are then in force."""
        if isinstance(message, Accept):
            keys = agree(self._me, self._ephemeral, self._peer, message.ephemeral, True, self._hello + message.covered())
            check_accept(keys, message.covered(), message.tag)
            if self._sealer is None:  # Bob repeats himself when HELLO is repeated
                self._keyed(keys, ALICE_TO_BOB)
        return True

    def _probe(self) -> Step:
        probe = Probe(self.epoch, self._sequence, self._radio.pilots)
        report = yield from self._exchange(Probe.kind, Report.kind, lambda: messages.frame(probe))
        self._probe_due_ns = self._world.now + self._interval_ns
        if isinstance(report, Report):
            self.snr_db, self.epoch = report.snr_db, (report.epoch + 1) % EPOCHS
            confirm = Confirm(self.epoch, report.sequence, self.epoch)
            yield from self._send(self._seal(confirm), Confirm.kind, report.sequence, 0)

    def _key(self, frame: int) -> Generator[Any, Any, Pairs | None]:
        """Tell Bob which shuffles the frame will have -> them (empty where nothing is to be told), or None where he did not acknowledge."""
        sizes = [book.size for book, told in zip(self._books, self._told(), strict=True) for _ in range(told)]
        if not sizes:
            return ()
        draw = self._streams(f"{self._name}/schemes", frame)
        pairs = tuple((int(draw.integers(size)), int(draw.integers(size))) for size in sizes)
        key = Key(self.epoch, self._sequence, frame, pairs)
        ack = yield from self._exchange(Key.kind, Ack.kind, lambda: self._seal(key))
        return None if ack is None else pairs

    def _exchange(self, kind: int, answer: int, make: Callable[[], bytes]) -> Generator[Any, Any, Any]:
        """Send until the answer comes or the attempts are spent -> the answer or None.

        `make` gives the bytes of each attempt. The wait doubles from attempt to attempt, up to `LONGEST_WAIT` times the first.
        """
        env, sequence = self._world.env, self._sequence
        self._sequence += 1
        for attempt in range(self._spec.attempts):
            answered = env.event()
            self._awaited = (answer, sequence, answered)
            yield from self._send(make(), kind, sequence, attempt)
            yield answered | env.timeout(self._patience_ns * min(2**attempt, LONGEST_WAIT))
            if answered.triggered:
                return answered.value
        self._awaited = None
        return None

    def _send(self, raw: bytes, kind: int, sequence: int, attempt: int) -> Step:
        return self._air.send_control(ControlFrame(raw, ALICE, kind, sequence, attempt, kind == Probe.kind))

    def _seal(self, message: messages.Sealed) -> bytes:
        assert self._sealer is not None
        return messages.seal(message, self._sealer)

    def _hear(self, copy: Any) -> None:
        message = self._open(copy)
        if message is not None and self._awaited is not None and (message.kind, message.sequence) == self._awaited[:2]:
            self._awaited[2].succeed(message)
            self._awaited = None


class BobSession(End):
    """Bob's end: he answers."""

    def __init__(self, world: World, lane: int, air: Air, link: Link, stack: Stack, streams: Streams, names: tuple[str, str]) -> None:
        super().__init__(world, lane, air, link, stack, streams, *names)
        self._keys: OrderedDict[int, Pairs] = OrderedDict()
        self._offered: int | None = None  # the epoch that a report of his allows Alice to begin
        self._last_hello, self._last_accept, self._newest_hello_ns = b"", b"", -1

    def terms(self, frame: int, epoch: int, snr_db: float) -> Terms | None:
        """Terms of a data frame that has just come under `epoch`, or None where Bob has none for it."""
        if epoch == self._offered:
            self.epoch, self._offered = epoch, None
        if epoch != self.epoch or len(self._books) < len(self._stack.layers):
            return None
        pairs = self._keys.pop(frame, None) if any(self._told()) else ()
        return None if pairs is None else self._stack.terms(snr_db, self._shuffles(frame, pairs))

    def answer(self, copy: ControlCopy) -> Step:
        """Take in a control message and send what it asks for."""
        message = self._open(copy)
        if isinstance(message, Hello):
            yield from self._air.send_control(ControlFrame(self._last_accept, BOB, Accept.kind, message.sequence, 0, False))
        elif isinstance(message, Probe) and self._sealer is not None:
            self._offered = (self.epoch + 1) % EPOCHS
            snr_db = min(max(copy.snr_db, -REPORTED_DB), REPORTED_DB)
            yield from self._reply(Report(self.epoch, message.sequence, snr_db))
        elif isinstance(message, Confirm) and message.agreed_epoch == self._offered:
            self.epoch, self._offered = message.agreed_epoch, None
        elif isinstance(message, Key):
            self._keys[message.frame] = message.pairs
            while len(self._keys) > REMEMBERED:
                self._keys.popitem(last=False)
            yield from self._reply(Ack(self.epoch, message.sequence, Key.kind))

    def _trusts(self, message: messages.Clear | messages.Sealed, raw: bytes) -> bool:
        """A HELLO is trusted when its tag proves Alice and it is no replay. A repeat of the last one changes nothing; a new one, the keys.
        A KEY must choose from the sets, for as many pairs as a frame has."""
        if isinstance(message, Hello) and raw != self._last_hello:
            check_hello(self._me, self._peer, message.ephemeral, message.covered(), message.tag)
            if message.sent_ns <= self._newest_hello_ns:
                return False
            self._accept(message, raw)
        return not isinstance(message, Key) or self._fits(message.pairs)

    def _fits(self, pairs: Pairs) -> bool:
        sizes = [book.size for book, told in zip(self._books, self._told(), strict=True) for _ in range(told)]
        return len(pairs) == len(sizes) and all(max(pair) < size for pair, size in zip(pairs, sizes, strict=True))

    def _accept(self, hello: Hello, raw: bytes) -> None:
        """Take up a session and keep the ACCEPT that says so."""
        ephemeral = self._draw_ephemeral()
        bare = Accept(hello.epoch, hello.sequence, ephemeral.public, bytes(TAG_BYTES))
        keys = agree(self._me, ephemeral, self._peer, hello.ephemeral, False, raw + bare.covered())
        self._keyed(keys, BOB_TO_ALICE)
        self._last_hello, self._newest_hello_ns = raw, hello.sent_ns
        self._last_accept = messages.frame(replace(bare, tag=prove_accept(keys, bare.covered())))
        self.epoch, self._offered = hello.epoch, None

    def _reply(self, message: Report | Ack) -> Step:
        assert self._sealer is not None
        raw = messages.seal(message, self._sealer)
        yield from self._air.send_control(ControlFrame(raw, BOB, message.kind, message.sequence, 0, False))
