"""What goes wrong with control frames between the air and their hearer, and with the nodes themselves.

What a frame meets is drawn from the link's own stream, one draw per frame in the order of the air.
"""

import math
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import numpy as np

from linksim.context import Simulation
from linksim.control_plane import wire
from linksim.control_plane.handshake import HandshakeInitiator
from linksim.control_plane.messages import Accept, Hello
from linksim.frames import ControlFrame, ReceivedMessage
from linksim.records import ALICE, DUPLICATE, FORGERY, REPLAY
from linksim.rng import Draws, Key
from linksim.scenario.faults import Faults as FaultsSpec
from linksim.secrecy import TAG_BYTES, KeyPair
from linksim.units import seconds_to_ns

MAX_REMEMBERED = 64  # frames that an attacker keeps to replay
LONGEST = 120  # random bytes of a forgery


class Faults:
    """Stands between the air of one link and the receivers of its two ends.

    key   of the draws
    bobs  Bob's identity, which a forger knows
    """

    def __init__(self, spec: FaultsSpec, key: Key, bobs: bytes) -> None:
        self._spec, self._draws, self._bobs = spec, Draws(key), bobs
        self._late_ns = seconds_to_ns(spec.max_delay_ms / 1e3)
        self._past: deque[ReceivedMessage] = deque(maxlen=MAX_REMEMBERED)
        self._frames = 0

    def meet(self, copy: ReceivedMessage) -> list[tuple[int, ReceivedMessage]]:
        """What reaches the hearer of a frame: how much later than it should, in ns, and what. A frame that is lost comes without a byte."""
        spec, draw = self._spec, self._draws(self._frames)
        self._frames += 1
        lost, twice, late, old, flipped, cut, forged = draw.random(7).tolist()
        raw = b"" if lost < spec.loss else copy.raw
        if raw and flipped < spec.bit_flip:
            raw = flip(raw, int(draw.integers(8 * len(raw))))
        if raw and cut < spec.truncate:
            raw = raw[: int(draw.integers(len(raw)))]
        found = [(self._later(draw) if late < spec.reorder else 0, replace(copy, raw=raw))]
        if twice < spec.duplicate:
            found.append((self._later(draw), extra(copy, DUPLICATE)))
        if self._past and old < spec.replay:
            again = self._past[int(draw.integers(len(self._past)))]
            found.append((self._later(draw), replace(extra(again, REPLAY), start_ns=copy.start_ns)))
        if forged < spec.forge:
            found.append((self._later(draw), self._forgery(copy, draw)))
        self._past.append(copy)
        return found

    def _later(self, draw: np.random.Generator) -> int:
        return int(draw.integers(self._late_ns + 1))

    def _forgery(self, copy: ReceivedMessage, draw: np.random.Generator) -> ReceivedMessage:
        """What somebody sends who has neither end's private key."""
        kind, sender = copy.frame.message, copy.frame.sender
        manner = draw.integers(3)
        if manner == 0:
            raw = draw.bytes(int(draw.integers(1, LONGEST)))
        elif manner == 1:
            content = copy.raw[:-4]
            raw = wire.checked(flip(content, int(draw.integers(8 * len(content)))))
        else:
            me, ephemeral = KeyPair(draw.bytes(32)), KeyPair(draw.bytes(32))
            if sender == ALICE:
                raw, kind = HandshakeInitiator(me, ephemeral, self._bobs, 0, copy.frame.sequence, copy.start_ns + 1).frame, Hello.kind
            else:
                raw, kind = wire.frame(Accept(0, copy.frame.sequence, ephemeral.public, draw.bytes(TAG_BYTES))), Accept.kind
        return extra(replace(copy, raw=raw, snr_db=math.nan, frame=ControlFrame(raw, sender, kind, copy.frame.sequence, 0, False)), FORGERY)


def flip(raw: bytes, bit: int) -> bytes:
    """`raw` with one bit flipped, 0 for the last of its last byte."""
    return (int.from_bytes(raw, "big") ^ 1 << bit).to_bytes(len(raw), "big")


def extra(copy: ReceivedMessage, origin: int) -> ReceivedMessage:
    """A copy that its sender did not send: it took none of his air."""
    return replace(copy, airtime_ns=0, channel_uses=0, origin=origin)


def restarting(simulation: Simulation, every_ns: int, restart: Callable[[], None]) -> Generator[Any, Any, None]:
    """SimPy process: a node that loses all but its identity every `every_ns`."""
    while True:
        yield simulation.env.timeout(every_ns)
        restart()
