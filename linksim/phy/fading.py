"""Fading: the complex gain of a path about its mean, a function of the simulated instant with E|gain|^2 = 1."""

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from linksim.rng import Key, generator
from linksim.scenario.channel import NoFading, RayleighFading
from linksim.units import seconds_to_ns


class Fading(Protocol):
    """Gain over time."""

    def gains(self, start_ns: int, uses: int, use_ns: float) -> NDArray[np.complex64]:
        """Gain of `uses` consecutive channel uses of `use_ns` each from `start_ns` on: complex64 [uses], or [1] where all have the same."""


ONE = np.ones(1, np.complex64)


class NoGain:
    """A gain of one."""

    def gains(self, start_ns: int, uses: int, use_ns: float) -> NDArray[np.complex64]:
        return ONE


class RayleighBlock:
    """Circular complex Gaussian gain, constant within a coherence block, independent from block to block.

    Block b lasts from b * coherence to (b + 1) * coherence of simulated time, whoever sends then.
    """

    def __init__(self, coherence_ns: int, key: Key) -> None:
        self._coherence_ns, self._key = coherence_ns, key
        self._block, self._gain = -1, complex(0)

    def gains(self, start_ns: int, uses: int, use_ns: float) -> NDArray[np.complex64]:
        first, last = start_ns // self._coherence_ns, int(start_ns + (uses - 1) * use_ns) // self._coherence_ns
        if first == last:
            return np.array([self._of(first)], np.complex64)
        blocks = (start_ns + np.arange(uses) * use_ns).astype(np.int64) // self._coherence_ns
        return np.array([self._of(b) for b in range(first, last + 1)], np.complex64)[blocks - first]

    def _of(self, block: int) -> complex:
        if block != self._block:
            real, imaginary = generator(self._key, block).standard_normal(2) * math.sqrt(0.5)
            self._block, self._gain = block, complex(real, imaginary)
        return self._gain


def fading(spec: NoFading | RayleighFading, key: Key) -> Fading:
    """The fading that a scenario asks for, driven by the stream `key`."""
    if isinstance(spec, NoFading):
        return NoGain()
    return RayleighBlock(max(1, seconds_to_ns(spec.coherence_ms / 1e3)), key)
