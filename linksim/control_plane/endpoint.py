"""The common part of both ends of a session: identity, session keys, and the processing of received control messages.

    bytes --> wire.parse --> [decrypt with the keys in force] --> `_accepts`, defined by each end --> message, and a record of the copy
              malformed:      wrong tag or repeated counter:       out of place or not authentic:
              LOST            REFUSED                              REFUSED

An outcome other than ACCEPTED changes no state. Every copy leads to one record, whatever becomes of it.
"""

from dataclasses import dataclass
from functools import cached_property

from linksim.context import Simulation
from linksim.control_plane import wire
from linksim.control_plane.frame_parameters import AgreedParameters, ParameterContext
from linksim.control_plane.messages import Clear, Sealed
from linksim.control_plane.wire import MalformedFrame, SealedFrame
from linksim.enums import ControlOutcome
from linksim.errors import LinksimError
from linksim.frames import ReceivedMessage
from linksim.medium.air import Air
from linksim.negotiation import NegotiatedParameters, names, values
from linksim.records import ControlSent
from linksim.rng import Streams
from linksim.scenario.schema import LinkOptions
from linksim.schemes.layers import FrameKeys, KeyIndices, LayerKeys
from linksim.schemes.parameters import flatten
from linksim.schemes.stack import Stack
from linksim.secrecy import (
    ALICE_TO_BOB,
    KEY_BYTES,
    LAST_COUNTER,
    AuthenticationError,
    Decryptor,
    Encryptor,
    KeyPair,
    NonceExhausted,
    SessionKeys,
)


@dataclass(frozen=True, slots=True, eq=False)
class SecureState:
    """Everything that one end derives from the keys of a handshake.

    keys        the session keys
    encryptor   seals this end's messages
    decryptor   decrypts the peer's messages
    layer_keys  the keys of each keyed layer of the stack
    """

    keys: SessionKeys
    encryptor: Encryptor
    decryptor: Decryptor
    layer_keys: tuple[LayerKeys, ...]


class SessionEndpoint:
    """One end of a session. Subclasses add Alice's and Bob's behaviour.

    Private keys are drawn from the streams of the run. This is for repeatability alone; the peer's private key is used for its public one.

    simulation  shared state of the run
    link        number of the link
    air         air of the link, or any object with `send_control`, `airtime_ns` and `control_phy`
    options     options of the link
    stack       the link's stack of schemes
    streams     random streams of the run
    name        name of this end in the random streams
    peer        name of the other end
    needed      False if the link works without any control message: nothing is keyed, negotiated, probed or acknowledged
    """

    def __init__(
        self, simulation: Simulation, link: int, air: Air, options: LinkOptions, stack: Stack, streams: Streams, name: str, peer: str
    ) -> None:
        self._simulation, self._link, self._air, self._options, self._stack = simulation, link, air, options.session, stack
        self._streams, self._name, self._peer_name = streams, name, peer
        self._num_transmitted = [layer.num_transmitted for layer in stack.layers]  # pairs (p, s) in KEY, layer by layer
        self._handshakes = 0
        self.needed = stack.negotiates or options.session.probe_interval_ms > 0 or stack.max_transmissions > 1
        self._secure_state: SecureState | None = None
        self._basis: tuple[object, ...] = ()
        self._agreed: AgreedParameters | None = None  # of the newest frame, for those with the same basis

    @property
    def identity(self) -> bytes:
        """Public key of this end, 32 bytes."""
        return self._me.public

    @cached_property
    def _me(self) -> KeyPair:
        """Own identity. It takes longer than the rest of a link, and a link without a session needs none."""
        return KeyPair(self._streams(f"{self._name}/identity").bytes(KEY_BYTES))

    @cached_property
    def _peer(self) -> bytes:
        """Public key of the peer's identity, 32 bytes; its private key is not used."""
        return KeyPair(self._streams(f"{self._peer_name}/identity").bytes(KEY_BYTES)).public

    def _secure(self, keys: SessionKeys, direction: int) -> SecureState:
        """Return what follows from session keys for the end that sends in `direction`."""
        mine, theirs = (keys.alice_to_bob, keys.bob_to_alice) if direction == ALICE_TO_BOB else (keys.bob_to_alice, keys.alice_to_bob)
        layer_keys = tuple(layer.for_session(keys) for layer in self._stack.layers)
        return SecureState(keys, Encryptor(mine, direction), Decryptor(theirs, 1 - direction), layer_keys)

    def _draw_ephemeral(self) -> KeyPair:
        """Return a new ephemeral key pair. The counter of handshakes replaces a true random source, so a restart does not reset it."""
        self._handshakes += 1
        return KeyPair(self._streams(f"{self._name}/ephemeral", self._handshakes).bytes(32))

    def _accepts(self, message: Clear | Sealed, raw: bytes) -> bool:
        """Return whether a message is authentic and allowed in the current state. May raise AuthenticationError.

        message  the message, decrypted if it was sealed
        raw      bytes of its frame
        """
        return True

    def _encode_sealed(self, message: Sealed) -> bytes:
        """Return the frame of a message. Every call uses another counter, so a retransmission calls it again.

        Raises LinksimError if the session has no counters left: a session is not renewed for this reason, and no run comes near it.
        """
        assert self._secure_state is not None
        try:
            return wire.encode_sealed(message, self._secure_state.encryptor)
        except NonceExhausted:
            raise LinksimError(
                f"link {self._link}: {self._name.partition('/')[0]} has sealed {LAST_COUNTER + 1:,} messages in one session, the most that "
                "one key allows; allowed: fewer frames, or a longer session.probe_interval_ms"
            ) from None

    def _decode_sealed(self, sealed_frame: SealedFrame) -> Sealed:
        """Decrypt a sealed frame. Raises AuthenticationError if the keys in force do not fit."""
        if self._secure_state is None:
            raise AuthenticationError("there is no session")
        return wire.decode_sealed(sealed_frame, self._secure_state.decryptor)

    def _decode(self, copy: ReceivedMessage) -> Clear | Sealed | None:
        """Return the message in a received copy, or None if it is lost or refused. Emits the record of the copy."""
        outcome = ControlOutcome.ACCEPTED
        message: Clear | Sealed | None = None
        try:
            parsed = wire.parse(copy.raw)
            message = self._decode_sealed(parsed) if isinstance(parsed, SealedFrame) else parsed
            if not self._accepts(message, copy.raw):
                outcome, message = ControlOutcome.REFUSED, None
        except MalformedFrame:
            outcome = ControlOutcome.LOST
        except AuthenticationError:
            outcome, message = ControlOutcome.REFUSED, None
        self._emit(copy, outcome)
        return message

    def _emit(self, copy: ReceivedMessage, outcome: ControlOutcome) -> None:
        """Emit the record of a copy. Message and sequence are those that were sent, also if the bytes no longer show them."""
        frame = copy.frame
        self._simulation.emit(
            ControlSent(
                time_ns=copy.start_ns,
                airtime_ns=copy.airtime_ns,
                link=self._link,
                sender=frame.sender,
                message=frame.message,
                sequence=frame.sequence,
                attempt=frame.attempt,
                size_bytes=len(frame.raw),
                channel_uses=copy.channel_uses,
                outcome=outcome,
                origin=copy.origin,
            )
        )

    def _agreed_parameters(
        self, frame: int, epoch: int, snr_db: float, negotiated: NegotiatedParameters, pairs: KeyIndices
    ) -> AgreedParameters:
        """Return this end's view of the agreement on a data frame.

        frame, epoch  numbers of the frame and of its parameters
        snr_db        SNR that this end assumes, in dB
        negotiated    values of the negotiated parameters
        pairs         (p, s) that KEY transmitted, () if there are none
        """
        secure = self._secure_state
        keys = None if secure is None else secure.keys
        basis = epoch, snr_db, negotiated, pairs, keys
        if self._agreed is not None and basis == self._basis:
            return self._agreed
        frame_keys = [] if secure is None else self._frame_keys(secure.layer_keys, frame, pairs)
        parameters = self._stack.parameters(snr_db, negotiated, frame_keys)
        numbers = dict(zip(names(type(negotiated)), values(negotiated), strict=True))
        context = ParameterContext(keys, negotiated, pairs)
        agreed = AgreedParameters(parameters, epoch, snr_db, context, flatten(parameters), numbers)
        if not self._stack.layers:  # else the keys depend on the frame
            self._basis, self._agreed = basis, agreed
        return agreed

    def _frame_keys(self, layer_keys: tuple[LayerKeys, ...], frame: int, pairs: KeyIndices) -> list[FrameKeys]:
        """Return the keys of each keyed layer: those that `pairs` selects, or those that are derived from the frame number."""
        found, first = list[FrameKeys](), 0
        for keys, count in zip(layer_keys, self._num_transmitted, strict=True):
            found.append(keys.frame_keys(frame, pairs[first : first + count]))
            first += count
        return found

    def _set_sizes(self) -> list[int]:
        """Return the size of the key sets to which each transmitted pair of a frame refers."""
        assert self._secure_state is not None
        layers = zip(self._secure_state.layer_keys, self._num_transmitted, strict=True)
        return [keys.size for keys, count in layers for _ in range(count)]
