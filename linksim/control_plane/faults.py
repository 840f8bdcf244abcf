"""Faults of control frames between the air and their receiver, and restarts of the nodes.

    copy --> lost? --> bit flipped? --> truncated? --> delayed? --> receiver
         +-> the same frame again, with a delay                     Origin.DUPLICATE
         +-> one of the last 64 frames of either direction          Origin.REPLAY
         +-> a frame of an attacker without keys                    Origin.FORGERY

Each fault is drawn independently for each frame, from the link's own random stream, one generator per frame in the order of transmission.
So a link has the same faults whatever happens on other links. An injected copy takes no airtime: the attacker has a transmitter of his own,
which disturbs nothing. Data frames have no such faults, and no forged ones are injected: noise and jamming damage them, and the header of a
forged or repeated one is refused by its tag and its number (`BobSession.open_header`), which `tests/test_session_attacks.py` shows.
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
from linksim.enums import Node, Origin
from linksim.frames import ControlFrame, ReceivedMessage
from linksim.rng import Draws, StreamKey
from linksim.scenario.faults import Faults as FaultOptions
from linksim.secrecy import TAG_BYTES, KeyPair
from linksim.units import seconds_to_ns

MAX_REPLAYABLE = 64  # number of past frames that an attacker keeps for replay
MAX_FORGERY_BYTES = 120  # upper bound (exclusive) of the length of a forgery from random bytes


class FaultInjector:
    """Applies faults to the control frames of one link, between the air and the two receivers.

    spec          probabilities of the faults, 0..1 each, and the largest delay
    key           key of the random stream
    bob_identity  Bob's public key, which a forger knows
    """

    def __init__(self, spec: FaultOptions, key: StreamKey, bob_identity: bytes) -> None:
        self._spec, self._draws, self._bob_identity = spec, Draws(key), bob_identity
        self._max_delay_ns = seconds_to_ns(spec.max_delay_ms / 1e3)
        self._past: deque[ReceivedMessage] = deque(maxlen=MAX_REPLAYABLE)
        self._frames = 0

    def apply(self, copy: ReceivedMessage) -> list[tuple[int, ReceivedMessage]]:
        """Return the copies that reach the receiver of a frame, as pairs (additional delay in ns, copy). A lost frame has no bytes."""
        spec, draw = self._spec, self._draws(self._frames)
        self._frames += 1
        lost, duplicated, delayed, replayed, flipped, truncated, forged = draw.random(7).tolist()
        raw = b"" if lost < spec.loss else copy.raw
        if raw and flipped < spec.bit_flip:
            raw = flip_bit(raw, int(draw.integers(8 * len(raw))))
        if raw and truncated < spec.truncate:
            raw = raw[: int(draw.integers(len(raw)))]
        arriving = [(self._delay_ns(draw) if delayed < spec.reorder else 0, replace(copy, raw=raw))]
        if duplicated < spec.duplicate:
            arriving.append((self._delay_ns(draw), injected(copy, Origin.DUPLICATE)))
        if self._past and replayed < spec.replay:
            old = self._past[int(draw.integers(len(self._past)))]
            arriving.append((self._delay_ns(draw), replace(injected(old, Origin.REPLAY), start_ns=copy.start_ns)))
        if forged < spec.forge:
            arriving.append((self._delay_ns(draw), self._forgery(copy, draw)))
        self._past.append(copy)
        return arriving

    def _delay_ns(self, draw: np.random.Generator) -> int:
        """Return a delay in ns, uniform in 0..`max_delay_ms`."""
        return int(draw.integers(self._max_delay_ns + 1))

    def _forgery(self, copy: ReceivedMessage, draw: np.random.Generator) -> ReceivedMessage:
        """Return a frame of an attacker without private keys: random bytes, a changed frame with a right checksum, or a false identity."""
        kind, sender = copy.frame.message, copy.frame.sender
        method = draw.integers(3)
        if method == 0:
            raw = draw.bytes(int(draw.integers(1, MAX_FORGERY_BYTES)))
        elif method == 1:
            content = copy.raw[:-4]
            raw = wire.append_checksum(flip_bit(content, int(draw.integers(8 * len(content)))))
        else:
            me, ephemeral = KeyPair(draw.bytes(32)), KeyPair(draw.bytes(32))
            if sender == Node.ALICE:
                raw, kind = (
                    HandshakeInitiator(me, ephemeral, self._bob_identity, 0, copy.frame.sequence, copy.start_ns + 1).frame,
                    Hello.kind,
                )
            else:
                raw, kind = wire.frame(Accept(0, copy.frame.sequence, ephemeral.public, draw.bytes(TAG_BYTES))), Accept.kind
        frame = ControlFrame(raw, sender, kind, copy.frame.sequence, 0, False)
        return injected(replace(copy, raw=raw, snr_db=math.nan, frame=frame), Origin.FORGERY)


def flip_bit(raw: bytes, bit: int) -> bytes:
    """Return `raw` with one bit flipped. Bit 0 is the least significant bit of the last byte.

    >>> flip_bit(bytes([0, 0]), 9).hex()
    '0200'
    """
    return (int.from_bytes(raw, "big") ^ 1 << bit).to_bytes(len(raw), "big")


def injected(copy: ReceivedMessage, origin: Origin) -> ReceivedMessage:
    """Return a copy that the frame's sender did not transmit. It takes no airtime."""
    return replace(copy, airtime_ns=0, channel_uses=0, origin=origin)


def restart_periodically(simulation: Simulation, interval_ns: int, restart: Callable[[], None]) -> Generator[Any, Any, None]:
    """SimPy process that calls `restart` every `interval_ns` (at least 1), for the first time after one interval. It never ends."""
    while True:
        yield simulation.env.timeout(interval_ns)
        restart()
