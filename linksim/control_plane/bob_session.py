"""Bob's end of a session. He answers Alice's messages; `states` lists his states and transitions."""

from collections import OrderedDict
from collections.abc import Generator
from dataclasses import replace
from typing import Any

from linksim.context import Simulation
from linksim.control_plane import wire
from linksim.control_plane.arq import Process
from linksim.control_plane.endpoint import SecureState, SessionEndpoint
from linksim.control_plane.frame_parameters import AgreedParameters, ParameterOffers
from linksim.control_plane.handshake import HandshakeResponder
from linksim.control_plane.messages import (
    DATA,
    MAX_REPORTED_DB,
    Accept,
    Ack,
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
from linksim.control_plane.wire import SealedFrame
from linksim.enums import Node
from linksim.frames import ControlFrame, DataFrame, ReceivedMessage
from linksim.medium.air import Air
from linksim.negotiation import values
from linksim.rng import Streams
from linksim.scenario.schema import LinkOptions
from linksim.schemes.layers import KeyIndices
from linksim.schemes.stack import Stack
from linksim.secrecy import BOB_TO_ALICE, TAG_BYTES, AuthenticationError, make_nack_tag

MAX_KEYED_FRAMES = 64  # number of data frames whose (p, s) Bob keeps


class BobSession(SessionEndpoint):
    """Bob's end.

    state   state of the session
    choose  process that selects the negotiated parameters which he offers to Alice
    """

    def __init__(
        self, simulation: Simulation, link: int, air: Air, options: LinkOptions, stack: Stack, streams: Streams, names: tuple[str, str]
    ) -> None:
        super().__init__(simulation, link, air, options, stack, streams, *names)
        self.choose: ParameterSelector = keep_current
        self.state = BobState.NO_SESSION
        self.restart()

    def restart(self) -> None:
        """Lose everything but the identity, like a node that loses power."""
        self._responder = HandshakeResponder(self._me, self._draw_ephemeral, self._peer)
        self._install_keys(None, 0)
        self._go(BobEvent.RESTART)

    def _go(self, event: BobEvent) -> None:
        """Change the state. Raises TransitionError for an event that is not defined in the current state."""
        self.state = next_state(BOB_TRANSITIONS, self.state, event)

    def _install_keys(self, secure: SecureState | None, epoch: int) -> None:
        self._secure_state = secure
        self._pending: tuple[SecureState, int] | None = None  # accepted keys that Alice has not yet proven, and their first epoch
        self._offers = ParameterOffers(epoch, self._stack.negotiated)
        self._report: Report | None = None
        self._newest_probe = -1  # sequence number of the newest PROBE
        self._pairs: OrderedDict[int, KeyIndices] = OrderedDict()  # (p, s) by data frame

    def parameters(self, frame: int, epoch: int, snr_db: float) -> AgreedParameters | None:
        """Return Bob's view of the agreement on a data frame that has arrived with `epoch`, or None if he has no parameters for it.

        With `desynchronisation: allowed` he uses the parameters in force and the newest (p, s) if he has no others.
        """
        self._offers.activate(epoch)
        pairs = self._pairs.get(frame) if any(self._num_transmitted) else ()
        agreed = not self.needed or (self._secure_state is not None and epoch == self._offers.epoch and pairs is not None)
        if not agreed and (self._secure_state is None or self._options.desynchronisation == "protected"):
            return None
        if pairs is None:
            pairs = next(reversed(self._pairs.values()), ((0, 0),) * sum(self._num_transmitted))
        return self._agreed_parameters(frame, self._offers.epoch, snr_db, self._offers.negotiated, pairs)

    def acknowledge(self, frame: DataFrame) -> Process:
        """SimPy process that tells Alice that a data frame arrived."""
        yield from self._reply(Ack(self._offers.epoch, frame.number, DATA))

    def refuse(self, frame: DataFrame, reason: NackReason) -> Process:
        """SimPy process that tells Alice that a data frame was not accepted."""
        untagged = Nack(frame.epoch, frame.number, frame.attempt, reason, bytes(TAG_BYTES))
        nack = replace(untagged, tag=make_nack_tag(self._me, self._peer, untagged.covered()))
        yield from self._air.send_control(ControlFrame(wire.frame(nack), Node.BOB, Nack.kind, frame.number, frame.attempt, False))

    def answer(self, copy: ReceivedMessage) -> Process:
        """SimPy process that receives a control message and sends the answer to it."""
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
        """Accept HELLO if its tag is Alice's and it is no replay; a new HELLO makes new pending keys.

        Accept KEY if it has as many pairs as a data frame and every pair lies within the key sets.
        """
        if isinstance(message, Hello):
            keys = self._responder.keys(message, raw)
            if keys is not None:
                self._pending = self._secure(keys, BOB_TO_ALICE), message.epoch
                self._go(BobEvent.HELLO)
        elif isinstance(message, Key):
            sizes = self._set_sizes()
            return len(message.pairs) == len(sizes) and all(max(pair) < size for pair, size in zip(message.pairs, sizes, strict=True))
        return isinstance(message, Hello | Probe | Confirm)

    def _reply(self, message: Report | Ack) -> Process:
        if self._secure_state is not None:
            raw = wire.encode_sealed(message, self._secure_state.encryptor)
            yield from self._air.send_control(ControlFrame(raw, Node.BOB, message.kind, message.sequence, 0, False))
