"""Named random streams: every draw belongs to a (seed, name, index) and to nothing else.

A stream is a Philox generator whose key is a hash of seed and name and whose counter holds the index (a frame number, say), so adding
a node, a lane or a listener disturbs no other stream, and frame 17's noise is the same whether or not frames 0..16 were ever drawn.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Key:
    """Names one stream in 128 bits; with an index it names one draw."""

    high: int
    low: int


class Streams:
    """The streams of one run."""

    def __init__(self, seed: int, run: int = 0) -> None:
        self._root = f"linksim/{seed}/{run}/".encode()

    def key(self, name: str) -> Key:
        digest = hashlib.blake2b(self._root + name.encode(), digest_size=16).digest()
        return Key(int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little"))

    def __call__(self, name: str, index: int = 0) -> np.random.Generator:
        """A fresh generator at the start of draw `index` of stream `name`."""
        return generator(self.key(name), index)


def generator(key: Key, index: int = 0) -> np.random.Generator:
    """A fresh generator at the start of draw `index`. Draws are 2^128 numbers apart: none reaches the next."""
    bits = np.random.Philox(key=np.array([key.high, key.low], np.uint64), counter=np.array([0, 0, index, 0], np.uint64))
    return np.random.Generator(bits)


class Normals:
    """Draws standard normals for a batch of keyed items, each from its own stream; one generator object, re-aimed per item."""

    def __init__(self) -> None:
        self._bits = np.random.Philox(key=0)
        self._generator = np.random.Generator(self._bits)

    def __call__(self, keys: NDArray[np.uint64], count: int) -> NDArray[np.float32]:
        """keys uint64 [batch, 3]: high, low, index -> float32 [batch, count]."""
        drawn = np.empty((len(keys), count), np.float32)
        state = self._bits.state
        state["buffer_pos"], state["has_uint32"], state["uinteger"] = 4, 0, 0  # nothing is left over from the item before
        for row, (high, low, index) in zip(drawn, keys, strict=True):
            state["state"]["key"][:] = (high, low)
            state["state"]["counter"][:] = (0, 0, index, 0)
            self._bits.state = state
            self._generator.standard_normal(dtype=np.float32, out=row)
        return drawn
