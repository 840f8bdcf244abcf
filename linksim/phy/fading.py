"""Fading: the complex gain of a path about its mean, a function of the simulated instant with E|gain|^2 = 1."""

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from linksim.phy import tdl
from linksim.phy.sum_of_sinusoids import SumOfSinusoids, from_all_sides
from linksim.rng import Draws, Key, Streams, generator
from linksim.scenario import fading as words
from linksim.units import db_to_linear, seconds_to_ns

CHUNK = 64  # blocks drawn at a time
WAVES = 64  # of Clarke's model


class Fading(Protocol):
    """Gain over time."""

    def gains(self, start_ns: int, channel_uses: int, use_ns: float) -> NDArray[np.complex64]:
        """Gain of `uses` consecutive channel uses of `use_ns` each from `start_ns` on: complex64 [uses], or [1] where all have the same."""


ONE = np.ones(1, np.complex64)


class NoGain:
    """A gain of one."""

    def gains(self, start_ns: int, channel_uses: int, use_ns: float) -> NDArray[np.complex64]:
        return ONE


class BlockGains:
    """A gain that is constant within a coherence block and independent from block to block.

    Block b lasts from b * coherence to (b + 1) * coherence of simulated time, whoever sends then.

    draw  (generator, count) -> the gains of so many blocks, complex128 [count]
    """

    def __init__(self, coherence_ns: int, key: Key, draw: Callable[[np.random.Generator, int], NDArray[np.complex128]]) -> None:
        self._coherence_ns, self._draws, self._draw = coherence_ns, Draws(key), draw
        self._chunk, self._kept = -1, ONE

    def gains(self, start_ns: int, channel_uses: int, use_ns: float) -> NDArray[np.complex64]:
        first, last = start_ns // self._coherence_ns, int(start_ns + (channel_uses - 1) * use_ns) // self._coherence_ns
        if first == last:
            place = first % CHUNK
            return self._of(first // CHUNK)[place : place + 1]
        blocks = (start_ns + np.arange(channel_uses) * use_ns).astype(np.int64) // self._coherence_ns
        chunks = range(first // CHUNK, last // CHUNK + 1)
        drawn: NDArray[np.complex64] = np.concatenate([self._of(chunk) for chunk in chunks])
        return drawn[blocks - chunks[0] * CHUNK]

    def _of(self, chunk: int) -> NDArray[np.complex64]:
        if chunk != self._chunk:
            self._chunk, self._kept = chunk, self._draw(self._draws(chunk), CHUNK).astype(np.complex64)
        return self._kept


def gaussian(draw: np.random.Generator, count: int) -> NDArray[np.complex128]:
    """Rayleigh magnitude: circular complex normals of unit power."""
    normals: NDArray[np.complex128] = draw.standard_normal(2 * count).view(np.complex128) * math.sqrt(0.5)
    return normals


def nakagami(m: float) -> Callable[[np.random.Generator, int], NDArray[np.complex128]]:
    """Nakagami magnitude: the power is Gamma distributed with shape m and mean one; the phase is uniform."""

    def drawn(draw: np.random.Generator, count: int) -> NDArray[np.complex128]:
        gains: NDArray[np.complex128] = np.sqrt(draw.gamma(m, 1 / m, count)) * np.exp(2j * np.pi * draw.random(count))
        return gains

    return drawn


class CorrelatedFading:
    """Two independent fadings of one Gaussian law as one of the same law, whose correlation with the first is `correlation`."""

    def __init__(self, first: Fading, second: Fading, correlation: float) -> None:
        self._first, self._second = first, second
        self._shares = np.float32(correlation), np.float32(math.sqrt(1 - correlation**2))

    def gains(self, start_ns: int, channel_uses: int, use_ns: float) -> NDArray[np.complex64]:
        first, second = (fading.gains(start_ns, channel_uses, use_ns) for fading in (self._first, self._second))
        return self._shares[0] * first + self._shares[1] * second


class LineOfSight:
    """Scattered waves and a direct one of `k` times their power: Rician. The direct wave has one phase, and one angle, for all time.

    shift_hz  largest Doppler shift of the path; that of the direct wave is its share by the angle at which it comes in
    """

    def __init__(self, scattered: Fading, k: float, shift_hz: float, key: Key) -> None:
        angle, phase = generator(key).random(2) * 2 * np.pi
        self._direct = SumOfSinusoids(np.array([math.sqrt(k / (k + 1)) * np.exp(1j * phase)]), np.array([shift_hz * np.cos(angle)]))
        self._scattered, self._share = scattered, np.float32(math.sqrt(1 / (k + 1)))

    def gains(self, start_ns: int, channel_uses: int, use_ns: float) -> NDArray[np.complex64]:
        return self._direct.gains(start_ns, channel_uses, use_ns) + self._share * self._scattered.gains(start_ns, channel_uses, use_ns)


def fading(spec: words.Fading, streams: Streams, name: str, twin: str = "", correlation: float = 0.0) -> Fading:
    """The fading that a scenario asks for, driven by the stream `name`.

    twin         stream of another path of the same law, whose draws this leaves as they are
    correlation  of the scattered parts of both, E[gain * conj(twin's gain)], 0..1; only for the kinds of `scenario.fading.Gaussian`
    """
    made = scattered(spec, streams.key(name))
    if correlation:
        made = CorrelatedFading(scattered(spec, streams.key(twin)), made, correlation)
    k_db = spec.k_db if isinstance(spec, words.RicianFading | words.JakesFading) else None
    if k_db is None:
        return made
    shift_hz = spec.shift_hz if isinstance(spec, words.JakesFading) else 0.0
    return LineOfSight(made, db_to_linear(k_db), shift_hz, streams.key(f"{name}/line of sight"))


def scattered(spec: words.Fading, key: Key) -> Fading:
    """The fading without its line of sight."""
    if isinstance(spec, words.NoFading):
        return NoGain()
    if isinstance(spec, words.JakesFading):
        return from_all_sides(key, spec.shift_hz, WAVES, np.ones(1)).narrowband()
    if isinstance(spec, words.TdlFading):
        return tdl.flat(spec, key) if spec.bandwidth == "flat" else tdl.Ofdm(spec, key)
    draw = nakagami(spec.m) if isinstance(spec, words.NakagamiFading) else gaussian
    return BlockGains(max(1, seconds_to_ns(spec.coherence_ms / 1e3)), key, draw)
