"""Bob's end of a session. He answers Alice's messages; `states` lists his states and transitions.

    message          accepted if                                        effect                                     answer
    HELLO            tag right, time or number new                      new pending keys                           ACCEPT
                     tag right, neither new                             none (recorded as refused)                 CHALLENGE
                     repeats the last accepted one                      none                                       the same ACCEPT
    PROBE            sealed with the keys in force or pending           an offer under a new epoch                 REPORT
    CONFIRM, KEY     as PROBE                                           its epoch comes into force; (p, s) kept    ACK, see `answer`
    data frame       header authentic and new                           none                                       NACK without parameters

A message that is sealed with pending keys puts them in force. He begins no exchange and has no timer: what he sends is lost at worst, and
Alice asks again.
"""

from collections import OrderedDict
from collections.abc import Generator
from dataclasses import replace
from typing import Any

from linksim.context import Simulation
from linksim.control_plane import data_header, wire
from linksim.control_plane.arq import Process
from linksim.control_plane.data_header import DataHeader
from linksim.control_plane.endpoint import SecureState, SessionEndpoint
from linksim.control_plane.frame_parameters import AgreedParameters, ParameterOffers
from linksim.control_plane.handshake import HandshakeResponder, StaleHello
from linksim.control_plane.messages import (
    DATA,
    MAX_REPORTED_DB,
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
from linksim.control_plane.policy_controller import ParameterSelector, keep_current
from linksim.control_plane.states import BOB_TRANSITIONS, BobEvent, BobState, next_state
from linksim.control_plane.wire import MalformedFrame, SealedFrame
from linksim.enums import HeaderOutcome, Node
from linksim.frames import ControlFrame, ReceivedMessage
from linksim.medium.air import Air
from linksim.negotiation import values
from linksim.rng import Streams
from linksim.scenario.schema import LinkOptions
from linksim.schemes.layers import KeyIndices
from linksim.schemes.stack import Stack
from linksim.secrecy import BOB_TO_ALICE, KEY_BYTES, TAG_BYTES, AuthenticationError, make_static_tag

MAX_KEYED_FRAMES = 64  # number of data frames whose (p, s) Bob keeps


class BobSession(SessionEndpoint):
    """Bob's end. The arguments are those of `SessionEndpoint`, with `names` = (own name, name of the peer) in the random streams.

    state   state of the session
    choose  process that selects the negotiated parameters which he offers to Alice; `keep_current` unless set
    """

    def __init__(
        self, simulation: Simulation, link: int, air: Air, options: LinkOptions, stack: Stack, streams: Streams, names: tuple[str, str]
    ) -> None:
        super().__init__(simulation, link, air, options, stack, streams, *names)
        self.choose: ParameterSelector = keep_current
        self.state = BobState.NO_SESSION
        self._starts = -1
        self.restart()

    def restart(self) -> None:
        """Lose everything but the identity, like a node that loses power."""
        self._starts += 1  # a restart does not reset it, because it replaces a true random source
        self._handshakes_since: HandshakeResponder | None = None
        self._install_keys(None, 0)
        self._go(BobEvent.RESTART)

    @property
    def _responder(self) -> HandshakeResponder:
        """His half of the handshakes since the last restart, made for the first of them."""
        if self._handshakes_since is None:
            secret = self._streams(f"{self._name}/challenge", self._starts).bytes(KEY_BYTES)
            self._handshakes_since = HandshakeResponder(self._me, self._draw_ephemeral, self._peer, secret)
        return self._handshakes_since

    def _go(self, event: BobEvent) -> None:
        """Change the state. Raises TransitionError for an event that is not defined in the current state."""
        self.state = next_state(BOB_TRANSITIONS, self.state, event)

    def _install_keys(self, secure: SecureState | None, epoch: int) -> None:
        """Put keys in force, or none, and forget all that belongs to the old ones. `epoch` is the number of the initial parameters."""
        self._secure_state = secure
        self._pending: tuple[SecureState, int] | None = None  # accepted keys that Alice has not yet proven, and their first epoch
        self._offers = ParameterOffers(epoch, self._stack.negotiated)
        self._report: Report | None = None
        self._newest_probe = -1  # sequence number of the newest PROBE
        self._pairs: OrderedDict[int, KeyIndices] = OrderedDict()  # (p, s) by data frame
        self._newest_header = (-1, -1)  # (frame, attempt) of the newest header

    def open_header(self, raw: bytes) -> tuple[HeaderOutcome, DataHeader | None]:
        """Return what became of a received header, and the header if it is accepted.

        A header with a wrong tag is refused, and so is one that is not newer than the last one of the session: Alice numbers her frames in
        increasing order and never sends a header twice. Without keys in force Bob cannot verify a header. He has no parameters then
        either, and his NACK contains the header's tag, by which Alice recognises her own headers.
        """
        try:
            header = data_header.parse(raw)
            if not self.needed:
                return (HeaderOutcome.FORGED, None) if header.tag else (HeaderOutcome.DECODED, header)
            self._authenticate(header)
        except MalformedFrame:
            return HeaderOutcome.LOST, None
        except AuthenticationError:
            return HeaderOutcome.FORGED, None
        return HeaderOutcome.DECODED, header

    def _authenticate(self, header: DataHeader) -> None:
        """Raise AuthenticationError for a header that is not Alice's or not new.

        With `desynchronisation: allowed` she also sends data with keys that are still pending here.
        """
        if self._secure_state is None:
            return
        try:
            header.verify(self._link, self._secure_state.keys)
        except AuthenticationError:
            if self._pending is None or self._options.desynchronisation == "protected":
                raise
            header.verify(self._link, self._pending[0].keys)
            return
        if (header.frame, header.attempt) <= self._newest_header:
            raise AuthenticationError(f"header {header.frame}/{header.attempt} is not newer than {self._newest_header}")
        self._newest_header = header.frame, header.attempt

    def parameters(self, header: DataHeader, snr_db: float) -> AgreedParameters | None:
        """Return Bob's view of the agreement on the data frame with this header, or None if he has no parameters for it.

        The epoch selects the parameters in force or those of an open offer. A header changes neither: only sealed messages do. With
        `desynchronisation: allowed` Bob uses the parameters in force and the newest (p, s) if he has no others.
        """
        negotiated = self._offers.find(header.epoch)
        pairs = self._pairs.get(header.frame) if any(self._num_transmitted) else ()
        agreed = not self.needed or (self._secure_state is not None and negotiated is not None and pairs is not None)
        if not agreed and (self._secure_state is None or self._options.desynchronisation == "protected"):
            return None
        if pairs is None:
            pairs = next(reversed(self._pairs.values()), ((0, 0),) * sum(self._num_transmitted))
        epoch, negotiated = (self._offers.epoch, self._offers.negotiated) if negotiated is None else (header.epoch, negotiated)
        return self._agreed_parameters(header.frame, epoch, snr_db, negotiated, pairs)

    def acknowledge(self, header: DataHeader) -> Process:
        """SimPy process that tells Alice that the data frame with this header arrived."""
        yield from self._reply(Ack(self._offers.epoch, header.frame, DATA))

    def refuse(self, header: DataHeader, reason: NackReason) -> Process:
        """SimPy process that tells Alice that the data frame with this header was not accepted."""
        untagged = Nack(header.epoch, header.frame, header.attempt, reason, bytes(TAG_BYTES))
        nack = replace(untagged, tag=make_static_tag(self._me, self._peer, b"nack", untagged.covered() + header.tag))
        yield from self._air.send_control(ControlFrame(wire.frame(nack), Node.BOB, Nack.kind, header.frame, header.attempt, False))

    def _challenge(self, hello: Hello, raw: bytes) -> Process:
        """SimPy process that asks for another HELLO."""
        challenge = self._responder.challenge(hello, raw)
        yield from self._air.send_control(ControlFrame(challenge, Node.BOB, Challenge.kind, hello.sequence, 0, False))

    def answer(self, copy: ReceivedMessage) -> Process:
        """SimPy process that receives a control message and sends the answer to it.

        CONFIRM is acknowledged only if its epoch was in force before: Alice then asks for a proof that Bob holds the keys. After a REPORT
        she needs none.
        """
        message = self._decode(copy)
        if isinstance(message, Hello):
            yield from self._air.send_control(ControlFrame(self._responder.frame, Node.BOB, Accept.kind, message.sequence, 0, False))
        elif isinstance(message, Probe):
            self._offers.activate(message.epoch)
            report = yield from self._report_on(message.sequence, copy)
            if report is not None:
                yield from self._reply(report)
        elif isinstance(message, Confirm):
            if not self._offers.activate(message.agreed_epoch) and message.agreed_epoch == self._offers.epoch:
                yield from self._reply(Ack(self._offers.epoch, message.sequence, Confirm.kind))
        elif isinstance(message, Key):
            self._offers.activate(message.epoch)
            self._pairs[message.frame] = message.pairs
            while len(self._pairs) > MAX_KEYED_FRAMES:
                self._pairs.popitem(last=False)
            yield from self._reply(Ack(self._offers.epoch, message.sequence, Key.kind))

    def _report_on(self, sequence: int, copy: ReceivedMessage) -> Generator[Any, Any, Report | None]:
        """Return the answer to a PROBE.

        A repeated PROBE gets the same answer. There is no answer to an older PROBE, or while the answer to this one is not ready.
        """
        if sequence <= self._newest_probe:
            return self._report if self._report is not None and sequence == self._report.sequence else None
        self._newest_probe, offers = sequence, self._offers
        measured = min(max(copy.snr_db, -MAX_REPORTED_DB), MAX_REPORTED_DB)
        chosen = yield from self.choose(offers.negotiated, measured, copy.true_snr_db, sequence)
        if offers is not self._offers or sequence < self._newest_probe:  # a new session or a newer round began in the meantime
            return None
        self._report = Report(offers.epoch, sequence, measured, offers.offer(chosen), values(chosen))
        return self._report

    def _decode_sealed(self, sealed_frame: SealedFrame) -> Sealed:
        """Decrypt a sealed frame with the keys in force, or with the pending keys, which are then proven and put in force."""
        try:
            return super()._decode_sealed(sealed_frame)
        except AuthenticationError:
            if self._pending is None:
                raise
            message = wire.decode_sealed(sealed_frame, self._pending[0].decryptor)
            self._install_keys(*self._pending)
            self._go(BobEvent.PROOF)
            return message

    def _accepts(self, message: Clear | Sealed, raw: bytes) -> bool:
        """Accept HELLO if its tag is Alice's and it is no replay; a new HELLO makes new pending keys. Challenge it if it may be a replay.

        Accept KEY if it has as many pairs as a data frame and every pair lies within the key sets.
        """
        if isinstance(message, Hello):
            try:
                keys = self._responder.keys(message, raw)
            except StaleHello:
                self._simulation.env.process(self._challenge(message, raw))
                raise
            if keys is not None:
                self._pending = self._secure(keys, BOB_TO_ALICE), message.epoch
                self._go(BobEvent.HELLO)
        elif isinstance(message, Key):
            sizes = self._set_sizes()
            return len(message.pairs) == len(sizes) and all(max(pair) < size for pair, size in zip(message.pairs, sizes, strict=True))
        return isinstance(message, Hello | Probe | Confirm)

    def _reply(self, message: Report | Ack) -> Process:
        """SimPy process that seals and sends an answer, or nothing if the session was lost while the answer was prepared."""
        if self._secure_state is not None:
            raw = self._encode_sealed(message)
            yield from self._air.send_control(ControlFrame(raw, Node.BOB, message.kind, message.sequence, 0, False))
