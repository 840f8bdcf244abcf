"""Named random streams: every draw depends on its seed, replication, stream name and index, and on nothing else.

A stream is a Philox generator whose key is a hash of the seed, the replication and the name, and whose counter holds the index (for
example a frame number). Adding a node, a link or a receiver therefore changes no other stream, and the noise of frame 17 is the same
whether or not frames 0..16 were drawn before.

    Streams    seed, replication, name --> StreamKey; a generator per draw
    Draws      the same draws from one generator that is repositioned, for a stream that is used often
    Normals    complex noise for a batch of items, each with a key of its own

Philox is a counter-based generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): any draw is reached at once.
"""

import hashlib
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class StreamKey:
    """The 128-bit key of a stream. A key and an index together identify one draw.

    high, low  the two words of the key, 0..2^64 - 1
    """

    high: int
    low: int


class Streams:
    """The random streams of one replication of a run.

    seed         seed of the scenario
    replication  number of the repetition under this seed

    >>> streams = Streams(seed=1)
    >>> bool(streams("noise", 3).random() == streams("noise", 3).random())
    True
    """

    def __init__(self, seed: int, replication: int = 0) -> None:
        self._root = f"linksim/{seed}/{replication}/".encode()

    def key(self, name: str) -> StreamKey:
        """Key of the stream `name`, a BLAKE2b hash of seed, replication and name. Any name is a stream, "bob/link-3/pilots" for example."""
        digest = hashlib.blake2b(self._root + name.encode(), digest_size=16).digest()
        return StreamKey(int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little"))

    def __call__(self, name: str, index: int = 0) -> np.random.Generator:
        """New generator at the start of draw `index` of stream `name`."""
        return generator(self.key(name), index)


def generator(key: StreamKey, index: int = 0) -> np.random.Generator:
    """New generator at the start of draw `index`. Consecutive draws are 2^128 numbers apart and therefore do not overlap."""
    bits = np.random.Philox(key=np.array([key.high, key.low], np.uint64), counter=np.array([0, 0, index, 0], np.uint64))
    return np.random.Generator(bits)


class Draws:
    """Indexed draws of one stream from a single generator object that is repositioned for every draw.

    A call costs about an eighth of a call of `generator`. The generator of an earlier call must not be used after the next call.

    >>> key = Streams(seed=1).key("fading")
    >>> Draws(key)(7).random() == generator(key, 7).random()
    True
    """

    def __init__(self, key: StreamKey) -> None:
        self._generator = generator(key)
        self._bits = self._generator.bit_generator
        self._state: Any = self._bits.state

    def __call__(self, index: int) -> np.random.Generator:
        """The generator at the start of draw `index`; its numbers equal those of `generator(key, index)`."""
        self._state["state"]["counter"][2] = index
        self._bits.state = self._state
        return self._generator


class Normals(threading.local):
    """Circular complex normals for a batch of items, each from its own stream.

    A single generator is repositioned for every item, which is about three times as fast as `Generator.standard_normal`. The generator is
    SFC64, seeded with the three words of an item's key as its author specifies: counter 1, and the first twelve numbers are discarded. The
    counter is part of the state and the state transition is invertible, so streams of different keys share no state within 2^64 numbers.
    The Box-Muller transform yields both parts of one normal from one 64-bit number. Every thread has a generator of its own.

    >>> normals, keys = Normals(), np.array([[1, 2, 0], [1, 2, 1]], np.uint64)
    >>> drawn = normals(keys, 10_000)
    >>> drawn.shape, bool(abs(np.mean(np.abs(drawn) ** 2) - 1.0) < 0.05), bool((normals(keys[1:], 10_000) == drawn[1]).all())
    ((2, 10000), True, True)
    """

    BLOCK = 16384  # numbers that are transformed at a time; the working set fits in the cache of a core
    DROPPED = 12

    def __init__(self) -> None:
        self._bits = np.random.SFC64(0)

    def __call__(self, keys: NDArray[np.uint64], count: int) -> NDArray[np.complex64]:
        """Draw the normals of a batch: complex64 [batch, count] of unit power, 1/2 in each part.

        keys   uint64 [batch, 3]: high and low word of the item's stream, and index of its draw
        count  number of normals per item; the first ones are the same for any count
        """
        seeds = np.ones((len(keys), 4), np.uint64)
        seeds[:, :3] = keys
        drawn = np.empty((len(keys), count), np.complex64)
        rows = max(1, self.BLOCK // max(1, count))
        raw = np.empty((rows, count), np.uint64)
        state = self._bits.state
        for first in range(0, len(keys), rows):
            block = drawn[first : first + rows]
            for row, seed in zip(raw, seeds[first : first + rows], strict=False):
                state["state"]["state"] = seed
                self._bits.state = state
                row[:] = self._bits.random_raw(count + self.DROPPED)[self.DROPPED :]
            _box_muller(raw[: len(block)], block)
        return drawn


def _box_muller(raw: NDArray[np.uint64], normals: NDArray[np.complex64]) -> None:
    """Fill `normals` with sqrt(ln(1 / u)) exp(j angle): u in (0, 1] from the lower half of each number, the angle from the upper half."""
    halves = raw.view(np.uint32).reshape(*raw.shape, 2)
    radius = halves[..., 0].astype(np.float32)
    radius += np.float32(0.5)
    np.divide(np.float32(2.0**32), radius, out=radius)
    np.log(radius, out=radius)
    np.sqrt(radius, out=radius)
    angle = halves[..., 1].view(np.int32).astype(np.float32)
    angle *= np.float32(np.pi * 2.0**-31)
    np.multiply(radius, np.cos(angle), out=normals.real)
    np.multiply(radius, np.sin(angle), out=normals.imag)
