"""Alice's end of a session. She begins every exchange; `states` lists her states and transitions.

Before each data frame (`AliceSession.activate`), in this order:

    handshake   if she has no keys, if Bob has refused a frame, or if an exchange has failed and the pause after it is over
    probe       if she has keys and the probe interval is over: PROBE, REPORT, CONFIRM
    KEY, ACK    if the stack has transmitted keys
    CONFIRM     if nothing of the above has proven to her that Bob holds the keys

The frame is sent if Bob is known to hold the keys of the session and of the frame. All waiting is on the simulated clock; an exchange ends
after at most `session.max_transmissions` transmissions, so `activate` always ends.
"""

from collections.abc import Callable, Generator
from typing import Any

from linksim.context import Simulation
from linksim.control_plane import data_header
from linksim.control_plane.arq import Process, StopAndWait
from linksim.control_plane.endpoint import SecureState, SessionEndpoint
from linksim.control_plane.frame_parameters import AgreedParameters
from linksim.control_plane.handshake import HandshakeInitiator
from linksim.control_plane.messages import (
    DATA,
    Accept,
    Ack,
    Challenge,
    Clear,
    Confirm,
    Hello,
    Key,
    Nack,
    NackReason,
    Probe,
    Report,
    Sealed,
)
from linksim.control_plane.states import ALICE_TRANSITIONS, AliceEvent, AliceState, next_state
from linksim.control_plane.wire import SealedFrame
from linksim.enums import MessageKind, Node
from linksim.frames import ControlFrame
from linksim.medium.air import Air
from linksim.negotiation import bounds
from linksim.rng import Streams
from linksim.scenario.schema import LinkOptions
from linksim.schemes.layers import KeyIndices
from linksim.schemes.stack import Stack
from linksim.secrecy import ALICE_TO_BOB, verify_static_tag
from linksim.units import FOREVER_NS, seconds_to_ns

MAX_CHALLENGES = 3  # number of HELLOs of one handshake, after which it fails
MAX_ANSWER_BYTES = 72  # the timeout begins after the airtime of an answer of this length


class AliceSession(SessionEndpoint):
    """Alice's end. The arguments are those of `SessionEndpoint`, with `names` = (own name, name of the peer) in the random streams.

    state       state of the session
    epoch       number of the parameters that she uses, 0..65535; 0 before the first REPORT
    negotiated  values of the negotiated parameters that she uses; those of the stack before the first REPORT and in a new session
    snr_db      estimated SNR at Bob in dB, from his last report; `alice.assumed_snr_db` before
    """

    def __init__(
        self, simulation: Simulation, link: int, air: Air, options: LinkOptions, stack: Stack, streams: Streams, names: tuple[str, str]
    ) -> None:
        super().__init__(simulation, link, air, options, stack, streams, *names)
        self._assumed_snr_db, self._pilots = options.alice.assumed_snr_db, options.radio.pilots
        self._interval_ns = seconds_to_ns(options.session.probe_interval_ms / 1e3)
        round_trip_ns = 2 * seconds_to_ns(options.channel.bob.propagation_us / 1e6)
        answer_ns = air.airtime_ns(air.control_phy.channel_uses(MAX_ANSWER_BYTES))
        timeout_ns = round_trip_ns + answer_ns + seconds_to_ns(options.session.timeout_ms / 1e3)
        self._arq = StopAndWait(simulation.env, options.session.max_transmissions, timeout_ns)
        self._decoding_ns = options.bob.processing.latency_ns(options.alice.images_per_frame)
        self.state = AliceState.NO_SESSION
        self.restart()
        air.add_receiver(Node.ALICE, self._receive)

    def restart(self) -> None:
        """Lose everything but the identity, like a node that loses power. An exchange that is under way fails."""
        self._secure_state = None
        self.epoch, self.negotiated, self.snr_db = 0, self._stack.negotiated, self._assumed_snr_db
        self._sequence = 0
        self._probe_due_ns = self._handshake_due_ns = self._simulation.now
        self._handshake: HandshakeInitiator | None = None
        self._frames, self._newest_nack = range(0), (-1, -1)  # data frames sent in this session; (frame, attempt) of the newest NACK
        self._go(AliceEvent.RESTART)
        self._arq.abort()

    def _go(self, event: AliceEvent) -> None:
        """Change the state. Raises TransitionError for an event that is not defined in the current state."""
        self.state = next_state(ALICE_TRANSITIONS, self.state, event)

    def activate(self, frame: int) -> Generator[Any, Any, AgreedParameters | None]:
        """SimPy process that agrees with Bob on data frame `frame`.

        Returns the agreement, or None if there is none and the frame must not be sent.
        """
        if not self.needed:
            return self._agreed_parameters(frame, self.epoch, self.snr_db, self.negotiated, ())
        unprotected = self._options.desynchronisation == "allowed"
        if self.state.needs_handshake or (self.state.suspect and self._simulation.now >= self._handshake_due_ns):
            yield from self._open_session()
        if self._secure_state is not None and self._interval_ns and self._simulation.now >= self._probe_due_ns:
            yield from self._probe()
        pairs, known = (yield from self._transmit_keys(frame)) if self._secure_state is not None else ((), False)
        if known and not self.state.proven:
            yield from self._acknowledged(Confirm(self.epoch, self._sequence, self.epoch))
        if self._secure_state is None or not (unprotected or (known and self.state.proven)):
            return None
        self._frames = range(self._frames.start if self._frames else frame, frame + 1)
        return self._agreed_parameters(frame, self.epoch, self.snr_db, self.negotiated, pairs)

    def header(self, frame: int, attempt: int, agreed: AgreedParameters) -> bytes:
        """Return the header of a transmission of a data frame, with the keys of the session in which it was agreed on."""
        return data_header.encode(self._link, agreed.epoch, frame, attempt, agreed.context.keys)

    def deliver(self, frame: int, send: Callable[[int], Process], max_transmissions: int) -> Generator[Any, Any, bool]:
        """SimPy process that has data frame `frame` sent by `send(attempt)` until Bob acknowledges it.

        Returns whether he did within `max_transmissions` transmissions.
        """

        def is_answer(message: Any, attempt: int) -> bool:
            nack = isinstance(message, Nack) and message.attempt == attempt  # a late NACK of an earlier transmission requests nothing
            return message.sequence == frame and (nack or (isinstance(message, Ack) and message.acknowledged == DATA))

        def requests_retransmission(message: Any) -> bool:
            return isinstance(message, Nack) and message.reason != NackReason.NO_PARAMETERS

        answer = yield from self._arq.exchange(send, is_answer, self._decoding_ns, requests_retransmission, max_transmissions)
        return isinstance(answer, Ack)

    def _open_session(self) -> Process:
        """Agree on new keys with Bob, with another HELLO if he answers the first with a challenge.

        If he does not answer, the old session stays in force.
        """
        handshake = HandshakeInitiator(self._me, self._draw_ephemeral(), self._peer, self.epoch, self._sequence, self._simulation.now)
        for _ in range(MAX_CHALLENGES):
            answer = yield from self._send_hello(handshake)
            if not isinstance(answer, Challenge):
                break
            handshake = handshake.answer(answer, self._sequence)
        if not isinstance(answer, Accept):
            self._handshake_due_ns = self._simulation.now + self._interval_ns
            self._go(AliceEvent.HANDSHAKE_FAILED)
        self._handshake = None

    def _send_hello(self, handshake: HandshakeInitiator) -> Process:
        """Begin a handshake. Returns Bob's ACCEPT or CHALLENGE, or None."""
        self._handshake = handshake
        return (yield from self._exchange(Hello.kind, (Accept, Challenge), lambda: handshake.frame))

    def _accepts(self, message: Clear | Sealed, raw: bytes) -> bool:
        """Accept ACCEPT if the session keys that follow from it verify its tag; the keys are then in force.

        Accept CHALLENGE if it answers the HELLO of the handshake under way, and REPORT if it offers valid values. Accept NACK if its tag is
        Bob's for a header of this session, and it is newer than the last one and about a frame that she has sent.
        """
        if isinstance(message, Accept) and self._handshake is not None:
            self._install_keys(self._secure(self._handshake.keys(message), ALICE_TO_BOB))
        elif isinstance(message, Challenge) and self._handshake is not None:
            self._handshake.verify(message)
        elif isinstance(message, Nack):
            if self._secure_state is None:
                return False
            header = data_header.header_tag(self._secure_state.keys, self._link, message.epoch, message.sequence, message.attempt)
            verify_static_tag(self._me, self._peer, b"nack", message.covered() + header, message.tag)
            nack = message.sequence, message.attempt
            if message.sequence not in self._frames or nack <= self._newest_nack:
                return False
            self._newest_nack = nack
            if message.reason == NackReason.NO_PARAMETERS:
                self._go(AliceEvent.REFUSED)
        elif isinstance(message, Report):
            return self._offers_valid_values(message)
        else:
            return isinstance(message, Ack)
        return True

    def _offers_valid_values(self, report: Report) -> bool:
        """Return whether a report offers a value within its bounds for each negotiated parameter."""
        declared = bounds(type(self._stack.negotiated))
        in_bounds = (bound.lowest <= value <= bound.highest for bound, value in zip(declared, report.values, strict=False))
        return len(report.values) == len(declared) and all(in_bounds)

    def _install_keys(self, secure: SecureState) -> None:
        """Put new keys in force, with the stack's own parameters. A probe is due at once, because Bob's offers went with the old keys."""
        self._secure_state, self._handshake = secure, None
        self.negotiated, self._frames = self._stack.negotiated, range(0)
        self._probe_due_ns, self._handshake_due_ns = self._simulation.now, FOREVER_NS
        self._go(AliceEvent.ACCEPTED)

    def _decode_sealed(self, sealed_frame: SealedFrame) -> Sealed:
        """Decrypt a message of Bob, which ends the suspicion that he has lost the session."""
        message = super()._decode_sealed(sealed_frame)
        self._handshake_due_ns = FOREVER_NS
        self._go(AliceEvent.OPENED)  # Bob seals only with keys that Alice has proven to him
        return message

    def _probe(self) -> Process:
        """Make a probe round and use what Bob offers. Without his answer the parameters stay as they are.

        CONFIRM is sent once. If it is lost, the next sealed message carries the epoch, and a data frame names it in its header.
        """
        probe = Probe(self.epoch, self._sequence, self._pilots)
        report = yield from self._exchange(Probe.kind, Report, lambda: self._encode_sealed(probe))
        self._probe_due_ns = self._simulation.now + self._interval_ns
        if report is None:
            self._suspect_lost_session(self._interval_ns)
            return
        self.snr_db, self.epoch = report.snr_db, report.offered_epoch
        self.negotiated = type(self._stack.negotiated)(*report.values)
        confirm = Confirm(self.epoch, report.sequence, self.epoch)
        yield from self._air.send_control(ControlFrame(self._encode_sealed(confirm), Node.ALICE, Confirm.kind, report.sequence, 0, False))

    def _transmit_keys(self, frame: int) -> Generator[Any, Any, tuple[KeyIndices, bool]]:
        """Draw the (p, s) of a data frame and send them in KEY.

        Returns them, () if the stack has no transmitted keys, and whether Bob has acknowledged them.
        """
        if not any(self._num_transmitted):
            return (), True
        draw = self._streams(f"{self._name}/schemes", frame)
        pairs = tuple((int(draw.integers(size)), int(draw.integers(size))) for size in self._set_sizes())
        key = Key(self.epoch, self._sequence, frame, pairs)
        return pairs, (yield from self._acknowledged(key))

    def _acknowledged(self, message: Key | Confirm) -> Generator[Any, Any, bool]:
        """Send a message until Bob acknowledges it. Returns whether he did."""
        ack = yield from self._exchange(message.kind, Ack, lambda: self._encode_sealed(message))
        if ack is None:
            self._suspect_lost_session(0)
        return ack is not None

    def _suspect_lost_session(self, pause_ns: int) -> None:
        """Schedule a new handshake after a pause, because Bob does not answer and may have lost the session."""
        self._handshake_due_ns = min(self._handshake_due_ns, self._simulation.now + pause_ns)
        self._go(AliceEvent.EXCHANGE_FAILED)

    def _exchange(
        self, kind: MessageKind, answer: type[Report | Ack] | tuple[type[Accept], type[Challenge]], make: Callable[[], bytes]
    ) -> Generator[Any, Any, Any]:
        """Send a message until its answer arrives. Returns the answer, or None. `make` returns the bytes of the next transmission."""
        sequence = self._sequence
        self._sequence += 1

        def send(attempt: int) -> Process:
            return self._air.send_control(ControlFrame(make(), Node.ALICE, kind, sequence, attempt, kind == Probe.kind))

        def is_answer(message: Any, _: int) -> bool:
            return isinstance(message, answer) and message.sequence == sequence and getattr(message, "acknowledged", kind) == kind

        return (yield from self._arq.exchange(send, is_answer))

    def _receive(self, copy: Any) -> None:
        """Process a received control message: an accepted one may be the answer that an exchange waits for."""
        message = self._decode(copy)
        if message is not None:
            self._arq.receive(message)
