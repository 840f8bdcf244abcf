"""What both ends of a session have in common: an identity, what a handshake put in force, and the means to open, seal and shuffle."""

from dataclasses import dataclass

from linksim.records import ControlSent
from linksim.rng import Streams
from linksim.scenario.schema import Link
from linksim.schemes.layers import Book, FrameKeys
from linksim.schemes.stack import Stack
from linksim.schemes.terms import Belief
from linksim.secrecy import ALICE_TO_BOB, KeyPair, Opener, Refused, Sealer, SessionKeys
from linksim.world import wire
from linksim.world.agreement import Agreed, Ground, Pairs, Steps
from linksim.world.air import Air
from linksim.world.clock import World
from linksim.world.frames import ControlCopy
from linksim.world.messages import Clear, Sealed
from linksim.world.wire import Envelope, Malformed

ACCEPTED, LOST, REFUSED = range(3)  # outcomes of a message, as `records.ControlSent` words them


@dataclass(frozen=True, slots=True, eq=False)
class Secured:
    """What a handshake put in force at one end.

    books  the keys of each keyed layer of the stack
    """

    keys: SessionKeys
    sealer: Sealer
    opener: Opener
    books: tuple[Book, ...]


class End:
    """What both ends have: a world, an air, a stack of schemes, an identity, and what a handshake put in force.

    identity  public key, which the peer and everybody else may know
    """

    def __init__(self, world: World, lane: int, air: Air, link: Link, stack: Stack, streams: Streams, name: str, peer: str) -> None:
        self._world, self._lane, self._air, self._spec, self._stack = world, lane, air, link.session, stack
        self._me = KeyPair(streams(f"{name}/identity").bytes(32))
        self.identity = self._me.public
        self._peer = KeyPair(streams(f"{peer}/identity").bytes(32)).public  # of the peer's identity only the public key is taken
        self._streams, self._name = streams, name
        self._told = [layer.told for layer in stack.layers]
        self._handshakes = 0
        self.needed = stack.scheme.agrees is not Belief or link.session.probe_interval_ms > 0 or stack.attempts > 1
        self._secured: Secured | None = None

    def _secure(self, keys: SessionKeys, sends: int) -> Secured:
        """What follows from the keys of a handshake."""
        mine, theirs = (keys.alice_to_bob, keys.bob_to_alice) if sends == ALICE_TO_BOB else (keys.bob_to_alice, keys.alice_to_bob)
        return Secured(keys, Sealer(mine, sends), Opener(theirs, 1 - sends), tuple(layer.book(keys) for layer in self._stack.layers))

    def _draw_ephemeral(self) -> KeyPair:
        """A new one for each handshake. Their count stands for a source of true chance and so outlives a restart."""
        self._handshakes += 1
        return KeyPair(self._streams(f"{self._name}/ephemeral", self._handshakes).bytes(32))

    def _trusts(self, message: Clear | Sealed, raw: bytes) -> bool:
        """Whether a message that could be read is the peer's, and to be acted upon. May raise Refused."""
        return True

    def _unseal(self, envelope: Envelope) -> Sealed:
        """Open an envelope. Raises Refused where no keys in force open it."""
        if self._secured is None:
            raise Refused("there is no session")
        return wire.unseal(envelope, self._secured.opener)

    def _open(self, copy: ControlCopy) -> Clear | Sealed | None:
        """What a copy says; announces its fate. None where it says nothing to be trusted."""
        outcome = ACCEPTED
        message: Clear | Sealed | None = None
        try:
            parsed = wire.parse(copy.raw)
            message = self._unseal(parsed) if isinstance(parsed, Envelope) else parsed
            if not self._trusts(message, copy.raw):
                outcome, message = REFUSED, None
        except Malformed:
            outcome = LOST
        except Refused:
            outcome, message = REFUSED, None
        self._announce(copy, outcome)
        return message

    def _announce(self, copy: ControlCopy, outcome: int) -> None:
        frame = copy.frame
        sent = copy.start_ns, copy.airtime_ns, self._lane, frame.sender, frame.message, frame.sequence, frame.attempt
        self._world.announce(ControlSent(*sent, len(frame.raw), copy.uses, outcome, copy.origin))

    def _agreed(self, frame: int, epoch: int, snr_db: float, steps: Steps, pairs: Pairs) -> Agreed:
        """The agreement on a data frame. `pairs` are those that KEY told of."""
        secured = self._secured
        layers, keys = ([], None) if secured is None else (self._layers(secured.books, frame, pairs), secured.keys)
        return Agreed(self._stack.terms(snr_db, steps, layers), epoch, snr_db, Ground(keys, steps, pairs))

    def _layers(self, books: tuple[Book, ...], frame: int, pairs: Pairs) -> list[FrameKeys]:
        """The keys of each keyed layer of the stack: those that `pairs` chooses, or those that follow from the frame number."""
        found, first = list[FrameKeys](), 0
        for book, told in zip(books, self._told, strict=True):
            found.append(book.keys(frame, pairs[first : first + told]))
            first += told
        return found

    def _sizes(self) -> list[int]:
        """Size of the sets that each told pair of a frame chooses from."""
        assert self._secured is not None
        return [book.size for book, told in zip(self._secured.books, self._told, strict=True) for _ in range(told)]
