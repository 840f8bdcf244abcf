"""What both ends of a session have in common: an identity, what a handshake put in force, and the means to open, seal and shuffle."""

from dataclasses import dataclass

from linksim.context import Simulation
from linksim.control_plane import wire
from linksim.control_plane.frame_parameters import AgreedParameters, Pairs, ParameterContext, Steps
from linksim.control_plane.messages import Clear, Sealed
from linksim.control_plane.wire import MalformedFrame, SealedFrame
from linksim.frames import ReceivedMessage
from linksim.medium.air import Air
from linksim.records import ControlSent
from linksim.rng import Streams
from linksim.scenario.schema import LinkOptions
from linksim.schemes.layer_keys import FrameKeys, LayerKeys
from linksim.schemes.parameters import SnrEstimate
from linksim.schemes.stack import Stack
from linksim.secrecy import ALICE_TO_BOB, AuthenticationError, Decryptor, Encryptor, KeyPair, SessionKeys

ACCEPTED, LOST, REFUSED = range(3)  # outcomes of a message, as `records.ControlSent` words them


@dataclass(frozen=True, slots=True, eq=False)
class SecureState:
    """What a handshake put in force at one end.

    books  the keys of each keyed layer of the stack
    """

    keys: SessionKeys
    encryptor: Encryptor
    decryptor: Decryptor
    books: tuple[LayerKeys, ...]


class SessionEndpoint:
    """What both ends have: a world, an air, a stack of schemes, an identity, and what a handshake put in force.

    identity  public key, which the peer and everybody else may know
    """

    def __init__(
        self, simulation: Simulation, link: int, air: Air, options: LinkOptions, stack: Stack, streams: Streams, name: str, peer: str
    ) -> None:
        self._simulation, self._link, self._air, self._spec, self._stack = simulation, link, air, options.session, stack
        self._me = KeyPair(streams(f"{name}/identity").bytes(32))
        self.identity = self._me.public
        self._peer = KeyPair(streams(f"{peer}/identity").bytes(32)).public  # of the peer's identity only the public key is taken
        self._streams, self._name = streams, name
        self._told = [layer.told for layer in stack.layers]
        self._handshakes = 0
        self.needed = stack.scheme.agrees is not SnrEstimate or options.session.probe_interval_ms > 0 or stack.max_transmissions > 1
        self._secure_state: SecureState | None = None

    def _secure(self, keys: SessionKeys, sends: int) -> SecureState:
        """What follows from the keys of a handshake."""
        mine, theirs = (keys.alice_to_bob, keys.bob_to_alice) if sends == ALICE_TO_BOB else (keys.bob_to_alice, keys.alice_to_bob)
        return SecureState(
            keys, Encryptor(mine, sends), Decryptor(theirs, 1 - sends), tuple(layer.layer_keys(keys) for layer in self._stack.layers)
        )

    def _draw_ephemeral(self) -> KeyPair:
        """A new one for each handshake. Their count stands for a source of true chance and so outlives a restart."""
        self._handshakes += 1
        return KeyPair(self._streams(f"{self._name}/ephemeral", self._handshakes).bytes(32))

    def _trusts(self, message: Clear | Sealed, raw: bytes) -> bool:
        """Whether a message that could be read is the peer's, and to be acted upon. May raise Refused."""
        return True

    def _decode_sealed(self, envelope: SealedFrame) -> Sealed:
        """Open an envelope. Raises Refused where no keys in force open it."""
        if self._secure_state is None:
            raise AuthenticationError("there is no session")
        return wire.decode_sealed(envelope, self._secure_state.decryptor)

    def _open(self, copy: ReceivedMessage) -> Clear | Sealed | None:
        """What a copy says; announces its fate. None where it says nothing to be trusted."""
        outcome = ACCEPTED
        message: Clear | Sealed | None = None
        try:
            parsed = wire.parse(copy.raw)
            message = self._decode_sealed(parsed) if isinstance(parsed, SealedFrame) else parsed
            if not self._trusts(message, copy.raw):
                outcome, message = REFUSED, None
        except MalformedFrame:
            outcome = LOST
        except AuthenticationError:
            outcome, message = REFUSED, None
        self._emit(copy, outcome)
        return message

    def _emit(self, copy: ReceivedMessage, outcome: int) -> None:
        frame = copy.frame
        sent = copy.start_ns, copy.airtime_ns, self._link, frame.sender, frame.message, frame.sequence, frame.attempt
        self._simulation.emit(ControlSent(*sent, len(frame.raw), copy.channel_uses, outcome, copy.origin))

    def _agreed(self, frame: int, epoch: int, snr_db: float, steps: Steps, pairs: Pairs) -> AgreedParameters:
        """The agreement on a data frame. `pairs` are those that KEY told of."""
        secure = self._secure_state
        layers, keys = ([], None) if secure is None else (self._layers(secure.books, frame, pairs), secure.keys)
        return AgreedParameters(self._stack.parameters(snr_db, steps, layers), epoch, snr_db, ParameterContext(keys, steps, pairs))

    def _layers(self, books: tuple[LayerKeys, ...], frame: int, pairs: Pairs) -> list[FrameKeys]:
        """The keys of each keyed layer of the stack: those that `pairs` chooses, or those that follow from the frame number."""
        found, first = list[FrameKeys](), 0
        for layer_keys, told in zip(books, self._told, strict=True):
            found.append(layer_keys.keys(frame, pairs[first : first + told]))
            first += told
        return found

    def _sizes(self) -> list[int]:
        """Size of the sets that each told pair of a frame chooses from."""
        assert self._secure_state is not None
        return [layer_keys.size for layer_keys, told in zip(self._secure_state.books, self._told, strict=True) for _ in range(told)]
