"""What both ends of a session have in common: a world, an air, an identity, and the means to seal, open and shuffle."""

from linksim.records import ControlSent
from linksim.rng import Streams
from linksim.scenario.schema import Link
from linksim.schemes.shuffles import ShuffleBook, Shuffles
from linksim.schemes.stack import Stack
from linksim.schemes.terms import Belief
from linksim.secrecy import ALICE_TO_BOB, KeyPair, Opener, Refused, Sealer, SessionKeys
from linksim.world import messages
from linksim.world.air import Air
from linksim.world.clock import World
from linksim.world.frames import ControlCopy
from linksim.world.messages import Envelope, Malformed

ACCEPTED, LOST, REFUSED = range(3)  # outcomes of a message, as `records.ControlSent` words them

Pairs = tuple[tuple[int, int], ...]  # (p, s) of each pair of images, permutation by permutation


class End:
    """What both ends have: a world, an air, a stack of schemes, their identity, and the means to seal and open."""

    def __init__(self, world: World, lane: int, air: Air, link: Link, stack: Stack, streams: Streams, name: str, peer: str) -> None:
        self._world, self._lane, self._air, self._spec, self._stack = world, lane, air, link.session, stack
        self._radio = link.radio
        self._me = KeyPair(streams(f"{name}/identity").bytes(32))
        self._peer = KeyPair(streams(f"{peer}/identity").bytes(32)).public  # of the peer's identity only the public key is taken
        self._streams, self._name = streams, name
        self._books: list[ShuffleBook] = []
        self._sealer: Sealer | None = None
        self._opener: Opener | None = None
        self.needed = stack.scheme.agrees is not Belief or link.session.probe_interval_ms > 0
        self._handshakes = 0
        self.epoch = 0

    def _keyed(self, keys: SessionKeys, sends: int) -> None:
        """Take up the keys of a handshake."""
        mine, theirs = (keys.alice_to_bob, keys.bob_to_alice) if sends == ALICE_TO_BOB else (keys.bob_to_alice, keys.alice_to_bob)
        self._sealer, self._opener = Sealer(mine, sends), Opener(theirs, 1 - sends)
        rows = self._stack.rows
        self._books = [
            ShuffleBook(keys, place, rows, layer.schemes, round(layer.substituted * rows)) for place, layer in enumerate(self._stack.layers)
        ]

    def _draw_ephemeral(self) -> KeyPair:
        """A new one for each handshake."""
        self._handshakes += 1
        return KeyPair(self._streams(f"{self._name}/ephemeral", self._handshakes).bytes(32))

    def _trusts(self, message: messages.Clear | messages.Sealed, raw: bytes) -> bool:
        """Whether a message that is not sealed is the peer's, and to be acted upon."""
        return True

    def _open(self, copy: ControlCopy) -> messages.Clear | messages.Sealed | None:
        """What a copy says; announces its fate. None where it says nothing to be trusted."""
        outcome = ACCEPTED
        message: messages.Clear | messages.Sealed | None = None
        try:
            parsed = messages.parse(copy.raw)
            if not isinstance(parsed, Envelope):
                message = parsed
            elif self._opener is not None:
                message = messages.unseal(parsed, self._opener)
            if message is None or not self._trusts(message, copy.raw):
                outcome, message = REFUSED, None
        except Malformed:
            outcome = LOST
        except Refused:
            outcome = REFUSED
        self._announce(copy, outcome)
        return message

    def _announce(self, copy: ControlCopy, outcome: int) -> None:
        f = copy.frame
        self._world.announce(
            ControlSent(
                copy.start_ns, copy.airtime_ns, self._lane, f.sender, f.message, f.sequence, f.attempt, len(f.raw), copy.uses, outcome
            )
        )  # fmt: skip

    def _told(self) -> list[int]:
        """Pairs of a frame that a KEY message tells of, for each permutation of the stack: none where keys are derived."""
        return [self._stack.pairs_at(place) if layer.keys == "table" else 0 for place, layer in enumerate(self._stack.layers)]

    def _shuffles(self, frame: int, pairs: Pairs) -> list[Shuffles]:
        """The shuffles of each permutation of the stack: those that `pairs` chooses, or those that follow from the frame number."""
        found, first = [], 0
        for place, (book, told) in enumerate(zip(self._books, self._told(), strict=True)):
            chosen = pairs[first : first + told]
            first += told
            found.append(book.chosen(chosen) if told else book.derived(frame, self._stack.pairs_at(place)))
        return found
