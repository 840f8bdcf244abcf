"""The control plane of one link: Alice's end and Bob's end side by side.

    Alice                                   Bob
    HELLO (ephemeral key, tag)      ----->
                                    <-----  ACCEPT (ephemeral key, tag)          keys exist; all below but NACK is sealed
    PROBE (pilots)                  ----->  measures the SNR
                                    <-----  REPORT (SNR, steps, epoch offered)   new terms get a new number
    CONFIRM (that epoch)            ----->  a data frame or KEY of that epoch tells Bob as much, should CONFIRM be lost
    KEY (frame, (p, s) per pair)    ----->
                                    <-----  ACK
    data frame (epoch)              ----->
                                    <-----  NACK (frame), where Bob has no terms for it; ACK or NACK, where the scheme repeats data frames

Whoever waits for an answer sends again when it does not come (`simulation.arq`). A frame whose KEY is not acknowledged is held back; a probe
round that fails leaves the terms as they were. Either failure, and a NACK, makes Alice doubt that Bob still has the session: she shakes
hands again, and goes on with the old session until Bob accepts. Bob takes a new session up only when a sealed message proves that Alice
holds its keys, and she sends no data before he has answered under them. Bob answers a repeated message as he answered the first, never
offers two terms under one number, and opens no sealed message twice. docs/wire-format.md has the argument.
"""

from collections import OrderedDict
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

from linksim.context import Simulation
from linksim.control_plane import wire
from linksim.control_plane.arq import Step, StopAndWait
from linksim.control_plane.endpoint import SecureState, SessionEndpoint
from linksim.control_plane.frame_parameters import AgreedParameters, Pairs, ParameterOffers
from linksim.control_plane.handshake import HandshakeInitiator, HandshakeResponder
from linksim.control_plane.messages import (
    DATA,
    DISAGREED,
    REPORTED_DB,
    Accept,
    Ack,
    Clear,
    Confirm,
    Hello,
    Key,
    Nack,
    Probe,
    Report,
    Sealed,
)
from linksim.control_plane.policy_controller import StepSelector, keep_current
from linksim.control_plane.wire import SealedFrame
from linksim.frames import ControlFrame, DataFrame, ReceivedMessage
from linksim.medium.air import Air
from linksim.nodes.latency import latency_ns
from linksim.records import ALICE, BOB
from linksim.rng import Streams
from linksim.scenario.schema import LinkOptions
from linksim.schemes.stack import Stack
from linksim.secrecy import ALICE_TO_BOB, BOB_TO_ALICE, TAG_BYTES, AuthenticationError, make_nack_tag, verify_nack_tag
from linksim.units import FOREVER_NS, seconds_to_ns

LONGEST_ANSWER = 72  # bytes; an answer is given the airtime of this many before the timeout begins
MAX_REMEMBERED = 64  # frames whose keys Bob keeps


class AliceSession(SessionEndpoint):
    """Alice's end: she begins every exchange.

    epoch, steps  number of the terms she works under, and their diffusion steps
    snr_db        her belief of the SNR at Bob, from his last report
    """

    def __init__(
        self, simulation: Simulation, link: int, air: Air, options: LinkOptions, stack: Stack, streams: Streams, names: tuple[str, str]
    ) -> None:
        super().__init__(simulation, link, air, options, stack, streams, *names)
        self._assumed_snr_db, self._pilots = options.alice.assumed_snr_db, options.radio.pilots
        self._interval_ns = seconds_to_ns(options.session.probe_interval_ms / 1e3)
        trip_ns = 2 * seconds_to_ns(options.channel.bob.propagation_us / 1e6)
        answer_ns = air.airtime_ns(air.control_phy.channel_uses(LONGEST_ANSWER))
        patience_ns = trip_ns + answer_ns + seconds_to_ns(options.session.timeout_ms / 1e3)
        self._arq = StopAndWait(simulation.env, options.session.max_transmissions, patience_ns)
        self._decoding_ns = latency_ns(options.bob.processing, options.alice.images_per_frame)
        self.restart()
        air.hear(ALICE, self._hear)

    def restart(self) -> None:
        """Lose all but the identity, as a node does that loses power. What is under way fails."""
        self._secure_state, self._proven, self._disagreed = None, False, False
        self.epoch, self.steps, self.snr_db = 0, self._stack.steps, self._assumed_snr_db
        self._sequence = 0
        self._probe_due_ns = self._handshake_due_ns = self._simulation.now
        self._opening: HandshakeInitiator | None = None
        self._frames, self._refused = range(0), (-1, -1)  # sent in this session; the newest of which a NACK told
        self._arq.abort()

    def activate(self, frame: int) -> Generator[Any, Any, AgreedParameters | None]:
        """All that must be agreed before data frame `frame`, or None where Bob could not be reached and the frame must be held."""
        if not self.needed:
            return self._agreed(frame, self.epoch, self.snr_db, self.steps, ())
        bold = self._spec.desynchronisation == "allowed"
        if self._disagreed or self._simulation.now >= self._handshake_due_ns:
            yield from self._handshake()
        if self._secure_state is not None and self._interval_ns and self._simulation.now >= self._probe_due_ns:
            yield from self._probe()
        pairs, told = (yield from self._key(frame)) if self._secure_state is not None else ((), False)
        if told and not self._proven:
            yield from self._acknowledged(Confirm(self.epoch, self._sequence, self.epoch))
        if self._secure_state is None or not (bold or (told and self._proven)):
            return None
        self._frames = range(self._frames.start if self._frames else frame, frame + 1)
        return self._agreed(frame, self.epoch, self.snr_db, self.steps, pairs)

    def deliver(self, frame: int, send: Callable[[int], Step], attempts: int) -> Generator[Any, Any, bool]:
        """Have data frame `frame` sent by `send(attempt)` until Bob acknowledges it -> whether he did before `attempts` were spent."""

        def answers(message: Any, attempt: int) -> bool:
            nack = isinstance(message, Nack) and message.attempt == attempt  # of an earlier one it comes late and asks for nothing
            return message.sequence == frame and (nack or (isinstance(message, Ack) and message.acknowledged == DATA))

        def again(message: Any) -> bool:
            return isinstance(message, Nack) and message.reason != DISAGREED

        answer = yield from self._arq.exchange(send, answers, self._decoding_ns, again, attempts)
        return isinstance(answer, Ack)

    def _handshake(self) -> Step:
        """Agree on new keys. Where Bob does not answer, what there was stays in force."""
        opening = HandshakeInitiator(self._me, self._draw_ephemeral(), self._peer, self.epoch, self._sequence, self._simulation.now)
        self._opening = opening
        if (yield from self._exchange(Hello.kind, Accept, lambda: opening.frame)) is None and self._secure_state is not None:
            self._handshake_due_ns = self._simulation.now + self._interval_ns
        self._opening = None

    def _trusts(self, message: Clear | Sealed, raw: bytes) -> bool:
        """An ACCEPT is trusted when the session's keys, which it makes possible, prove its tag; they are then in force.
        A NACK, when its tag proves Bob and it is news of a frame of this session."""
        if isinstance(message, Accept) and self._opening is not None:
            self._install_keys(self._secure(self._opening.keys(message), ALICE_TO_BOB))
        elif isinstance(message, Nack):
            verify_nack_tag(self._me, self._peer, message.covered(), message.tag)
            news = message.sequence, message.attempt
            if message.sequence not in self._frames or news <= self._refused:
                return False
            self._refused = news
            self._disagreed |= message.reason == DISAGREED
        else:
            return isinstance(message, Report | Ack)
        return True

    def _install_keys(self, secure: SecureState) -> None:
        self._secure_state, self._proven, self._disagreed, self._opening = secure, False, False, None
        self.steps, self._frames = self._stack.steps, range(0)
        self._probe_due_ns, self._handshake_due_ns = self._simulation.now, FOREVER_NS

    def _decode_sealed(self, envelope: SealedFrame) -> Sealed:
        message = super()._decode_sealed(envelope)
        self._proven, self._handshake_due_ns = True, FOREVER_NS  # Bob seals under keys that were proven to him, and under no others
        return message

    def _probe(self) -> Step:
        probe = Probe(self.epoch, self._sequence, self._pilots)
        report = yield from self._exchange(Probe.kind, Report, lambda: self._encode_sealed(probe))
        self._probe_due_ns = self._simulation.now + self._interval_ns
        if report is None:
            self._suspect_lost_session(self._interval_ns)
            return
        self.snr_db, self.epoch, self.steps = report.snr_db, report.offered_epoch, (report.t_d, report.t_plus)
        confirm = Confirm(self.epoch, report.sequence, self.epoch)
        yield from self._air.send_control(ControlFrame(self._encode_sealed(confirm), ALICE, Confirm.kind, report.sequence, 0, False))

    def _key(self, frame: int) -> Generator[Any, Any, tuple[Pairs, bool]]:
        """Tell Bob which shuffles the frame will have -> them (empty where nothing is to be told), and whether he knows."""
        if not any(self._told):
            return (), True
        draw = self._streams(f"{self._name}/schemes", frame)
        pairs = tuple((int(draw.integers(size)), int(draw.integers(size))) for size in self._sizes())
        key = Key(self.epoch, self._sequence, frame, pairs)
        return pairs, (yield from self._acknowledged(key))

    def _acknowledged(self, message: Key | Confirm) -> Generator[Any, Any, bool]:
        """Send a message until Bob acknowledges it -> whether he did."""
        ack = yield from self._exchange(message.kind, Ack, lambda: self._encode_sealed(message))
        if ack is None:
            self._suspect_lost_session(0)
        return ack is not None

    def _suspect_lost_session(self, pause_ns: int) -> None:
        """Bob does not answer. If that is because he lost the session, a new handshake will mend it, to be tried after a pause."""
        self._handshake_due_ns = min(self._handshake_due_ns, self._simulation.now + pause_ns)

    def _exchange(self, kind: int, answer: type[Accept | Report | Ack], make: Callable[[], bytes]) -> Generator[Any, Any, Any]:
        """Send until the answer comes or the attempts are spent -> the answer or None. `make` gives the bytes of each attempt."""
        sequence = self._sequence
        self._sequence += 1

        def send(attempt: int) -> Step:
            return self._air.send_control(ControlFrame(make(), ALICE, kind, sequence, attempt, kind == Probe.kind))

        def answers(message: Any, _: int) -> bool:
            return isinstance(message, answer) and message.sequence == sequence and getattr(message, "acknowledged", kind) == kind

        return (yield from self._arq.exchange(send, answers))

    def _encode_sealed(self, message: Sealed) -> bytes:
        assert self._secure_state is not None
        return wire.encode_sealed(message, self._secure_state.encryptor)

    def _hear(self, copy: Any) -> None:
        message = self._open(copy)
        if message is not None:
            self._arq.hear(message)


class BobSession(SessionEndpoint):
    """Bob's end: he answers. `choose` is how he comes by the diffusion steps that he asks for."""

    def __init__(
        self, simulation: Simulation, link: int, air: Air, options: LinkOptions, stack: Stack, streams: Streams, names: tuple[str, str]
    ) -> None:
        super().__init__(simulation, link, air, options, stack, streams, *names)
        self.choose: StepSelector = keep_current
        self.restart()

    def restart(self) -> None:
        """Lose all but the identity, as a node does that loses power."""
        self._pending: tuple[SecureState, int] | None = None  # accepted, but not yet proven by Alice; and the epoch it begins with
        self._answering = HandshakeResponder(self._me, self._draw_ephemeral, self._peer)
        self._install_keys(None, 0)

    def _install_keys(self, secure: SecureState | None, epoch: int) -> None:
        self._secure_state, self._pending = secure, None
        self._offers = ParameterOffers(epoch, self._stack.steps)
        self._report: Report | None = None
        self._measuring = -1  # number of the newest exchange in which he measured
        self._keys: OrderedDict[int, Pairs] = OrderedDict()

    def parameters(self, frame: int, epoch: int, snr_db: float) -> AgreedParameters | None:
        """What he takes for agreed on a data frame that has just come under `epoch`, or None where he has no terms for it.

        With `desynchronisation: allowed` it is whatever he has: the steps in force, and the pairs told last.
        """
        self._offers.activate(epoch)
        pairs = self._keys.get(frame) if any(self._told) else ()
        known = not self.needed or (self._secure_state is not None and epoch == self._offers.epoch and pairs is not None)
        if not known and (self._secure_state is None or self._spec.desynchronisation == "protected"):
            return None
        if pairs is None:
            pairs = next(reversed(self._keys.values()), ((0, 0),) * sum(self._told))
        return self._agreed(frame, self._offers.epoch, snr_db, self._offers.steps, pairs)

    def acknowledge(self, frame: DataFrame) -> Step:
        """Tell Alice that a data frame arrived."""
        yield from self._reply(Ack(self._offers.epoch, frame.number, DATA))

    def refuse(self, frame: DataFrame, reason: int) -> Step:
        """Tell Alice that a data frame could not be taken: `messages.DISAGREED` or `messages.DAMAGED`."""
        bare = Nack(frame.epoch, frame.number, frame.attempt, reason, bytes(TAG_BYTES))
        nack = replace(bare, tag=make_nack_tag(self._me, self._peer, bare.covered()))
        yield from self._air.send_control(ControlFrame(wire.frame(nack), BOB, Nack.kind, frame.number, frame.attempt, False))

    def answer(self, copy: ReceivedMessage) -> Step:
        """Take in a control message and send what it asks for."""
        message = self._open(copy)
        if isinstance(message, Hello):
            yield from self._air.send_control(ControlFrame(self._answering.frame, BOB, Accept.kind, message.sequence, 0, False))
        elif isinstance(message, Probe):
            self._offers.activate(message.epoch)
            report = yield from self._measured(message.sequence, copy)
            if report is not None:
                yield from self._reply(report)
        elif isinstance(message, Confirm):
            if not self._offers.activate(message.agreed_epoch) and message.agreed_epoch == self._offers.epoch:
                yield from self._reply(Ack(self._offers.epoch, message.sequence, Confirm.kind))
        elif isinstance(message, Key):
            self._offers.activate(message.epoch)
            self._keys[message.frame] = message.pairs
            while len(self._keys) > MAX_REMEMBERED:
                self._keys.popitem(last=False)
            yield from self._reply(Ack(self._offers.epoch, message.sequence, Key.kind))

    def _measured(self, sequence: int, copy: ReceivedMessage) -> Generator[Any, Any, Report | None]:
        """The answer to a PROBE; a repeat is answered as the first was, one that comes late, or while he still chooses, not at all."""
        if sequence <= self._measuring:
            return self._report if self._report is not None and sequence == self._report.sequence else None
        self._measuring, offers = sequence, self._offers
        measured = min(max(copy.snr_db, -REPORTED_DB), REPORTED_DB)
        steps = yield from self.choose(offers.steps, measured, copy.true_snr_db, sequence)
        if offers is not self._offers or sequence < self._measuring:  # a new session began, or a newer round, while he chose
            return None
        self._report = Report(offers.epoch, sequence, measured, offers.offer(steps), *steps)
        return self._report

    def _decode_sealed(self, envelope: SealedFrame) -> Sealed:
        """Open an envelope under the keys in force, or under those of a handshake that it thereby proves."""
        try:
            return super()._decode_sealed(envelope)
        except AuthenticationError:
            if self._pending is None:
                raise
            message = wire.decode_sealed(envelope, self._pending[0].decryptor)
            self._install_keys(*self._pending)
            return message

    def _trusts(self, message: Clear | Sealed, raw: bytes) -> bool:
        """A HELLO is trusted when its tag proves Alice and it is no replay; a new one makes new keys.
        A KEY must choose from the sets, for as many pairs as a frame has."""
        if isinstance(message, Hello):
            keys = self._answering.keys(message, raw)
            if keys is not None:
                self._pending = self._secure(keys, BOB_TO_ALICE), message.epoch
        elif isinstance(message, Key):
            sizes = self._sizes()
            return len(message.pairs) == len(sizes) and all(max(pair) < size for pair, size in zip(message.pairs, sizes, strict=True))
        return isinstance(message, Hello | Probe | Confirm)

    def _reply(self, message: Report | Ack) -> Step:
        if self._secure_state is not None:
            raw = wire.encode_sealed(message, self._secure_state.encryptor)
            yield from self._air.send_control(ControlFrame(raw, BOB, message.kind, message.sequence, 0, False))
