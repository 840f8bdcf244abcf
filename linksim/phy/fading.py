"""Small-scale fading: the complex gain of a path relative to its mean SNR, as a function of simulated time with E|gain|^2 = 1.

A process is an object that returns the gains of any interval, so a frame may overlap several coherence blocks, and no event of the
simulation is needed when the gain changes. `phy.path` multiplies the gains by the mean SNR of `phy.snr`.

    block fading       none, rayleigh, rician, nakagami: one draw per coherence block, by the number of the block
    fading by motion   jakes, tdl: sums of plane waves (`phy.sum_of_sinusoids`), drawn once, evaluated at any instant

The module holds the processes, and the factories that build them from the options in `scenario.fading`.
"""

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from linksim.phy import tdl
from linksim.phy.sum_of_sinusoids import SumOfSinusoids, isotropic_waves
from linksim.rng import Draws, StreamKey, Streams, generator
from linksim.scenario import fading as options
from linksim.scenario.base import component_of
from linksim.units import db_to_linear, seconds_to_ns

DrawGains = Callable[[np.random.Generator, int], NDArray[np.complex128]]  # (generator, count) -> gains [count]
CHUNK = 64  # blocks drawn at a time
NUM_WAVES = 64  # plane waves of Clarke's model


class Fading(Protocol):
    """Complex gain over time."""

    def gains(self, start_ns: int, channel_uses: int, use_ns: float) -> NDArray[np.complex64]:
        """Gain of consecutive channel uses: complex64 [channel_uses], or [1] for a constant gain.

        start_ns      start of the first channel use, at least 0; calls may be in any order, and equal calls give equal gains
        channel_uses  number of channel uses, at least 1
        use_ns        duration of a channel use
        """


UNIT_GAIN = np.ones(1, np.complex64)


class UnitGain:
    """A gain of one."""

    def gains(self, start_ns: int, channel_uses: int, use_ns: float) -> NDArray[np.complex64]:
        """See `Fading.gains`."""
        return UNIT_GAIN


class BlockGains:
    """A gain that is constant within a coherence block and independent between blocks.

    Block b lasts from b * coherence to (b + 1) * coherence of simulated time, independently of the frames. Blocks are drawn in chunks of
    `CHUNK`, each from its own draw of the stream, so a gain depends on the number of its block only.

    coherence_ns  length of a block, at least 1
    key           stream of the gains
    draw          (generator, count) -> gains of `count` blocks, complex128 [count], with E|gain|^2 = 1

    >>> rayleigh = BlockGains(1_000_000, Streams(seed=1).key("fading"), gaussian)
    >>> gains = rayleigh.gains(0, channel_uses=4, use_ns=500_000.0)
    >>> bool(gains[0] == gains[1]), bool(gains[1] == gains[2])
    (True, False)
    """

    def __init__(self, coherence_ns: int, key: StreamKey, draw: DrawGains) -> None:
        self._coherence_ns, self._draws, self._draw = coherence_ns, Draws(key), draw
        self._chunk, self._cached = -1, UNIT_GAIN

    def gains(self, start_ns: int, channel_uses: int, use_ns: float) -> NDArray[np.complex64]:
        """See `Fading.gains`."""
        first, last = start_ns // self._coherence_ns, int(start_ns + (channel_uses - 1) * use_ns) // self._coherence_ns
        if first == last:
            place = first % CHUNK
            return self._gains_of_chunk(first // CHUNK)[place : place + 1]
        blocks = (start_ns + np.arange(channel_uses) * use_ns).astype(np.int64) // self._coherence_ns
        chunks = range(first // CHUNK, last // CHUNK + 1)
        drawn: NDArray[np.complex64] = np.concatenate([self._gains_of_chunk(chunk) for chunk in chunks])
        return drawn[blocks - chunks[0] * CHUNK]

    def _gains_of_chunk(self, chunk: int) -> NDArray[np.complex64]:
        """Gains of `CHUNK` consecutive blocks, complex64 [CHUNK]; the last chunk is cached."""
        if chunk != self._chunk:
            self._chunk, self._cached = chunk, self._draw(self._draws(chunk), CHUNK).astype(np.complex64)
        return self._cached


def gaussian(draw: np.random.Generator, count: int) -> NDArray[np.complex128]:
    """Gains of Rayleigh magnitude: circular complex normals of unit power, complex128 [count]."""
    normals: NDArray[np.complex128] = draw.standard_normal(2 * count).view(np.complex128) * math.sqrt(0.5)
    return normals


def nakagami(m: float) -> Callable[[np.random.Generator, int], NDArray[np.complex128]]:
    """Sampler of gains of Nakagami magnitude: the power is Gamma distributed with shape m and mean one, the phase is uniform.

    m  shape, at least 1/2; the variance of the power is 1 / m, so m = 1 is Rayleigh fading and large m approaches a constant gain

    Source: Nakagami, "The m-Distribution", 1960.

    >>> power = np.abs(nakagami(2.0)(np.random.default_rng(1), 100_000)) ** 2
    >>> round(float(power.mean()), 1), round(float(power.var()), 1)
    (1.0, 0.5)
    """

    def sample(draw: np.random.Generator, count: int) -> NDArray[np.complex128]:
        gains: NDArray[np.complex128] = np.sqrt(draw.gamma(m, 1 / m, count)) * np.exp(2j * np.pi * draw.random(count))
        return gains

    return sample


class CorrelatedFading:
    """Fading whose correlation with a reference is `correlation`: a mixture of the reference and an independent process of the same law.

    With reference r, independent process i and correlation c, the gain is c r + sqrt(1 - c^2) i. Its law is that of both processes because
    they are Gaussian; for a Nakagami magnitude this would not hold, so scenarios refuse it.

    reference, independent  processes of the same law and unit power, from different streams
    correlation             E[gain * conj(reference gain)], 0..1
    """

    def __init__(self, reference: Fading, independent: Fading, correlation: float) -> None:
        self._reference, self._independent = reference, independent
        self._weights = np.float32(correlation), np.float32(math.sqrt(1 - correlation**2))

    def gains(self, start_ns: int, channel_uses: int, use_ns: float) -> NDArray[np.complex64]:
        """See `Fading.gains`."""
        reference, independent = (fading.gains(start_ns, channel_uses, use_ns) for fading in (self._reference, self._independent))
        return self._weights[0] * reference + self._weights[1] * independent


class LineOfSight:
    """Rician fading: scattered waves plus a direct wave of `k` times their power. The direct wave has a fixed initial phase and angle.

    gain = sqrt(k / (k + 1)) exp(j phase) + sqrt(1 / (k + 1)) scattered

    scattered  complex Gaussian fading of unit power
    k          Rician K factor, linear
    shift_hz   maximum Doppler shift of the path; the direct wave has this shift times the cosine of its angle of arrival
    key        stream of the phase and the angle, both uniform over a full turn
    """

    def __init__(self, scattered: Fading, k: float, shift_hz: float, key: StreamKey) -> None:
        angle, phase = generator(key).random(2) * 2 * np.pi
        self._direct = SumOfSinusoids(np.array([math.sqrt(k / (k + 1)) * np.exp(1j * phase)]), np.array([shift_hz * np.cos(angle)]))
        self._scattered, self._scale = scattered, np.float32(math.sqrt(1 / (k + 1)))

    def gains(self, start_ns: int, channel_uses: int, use_ns: float) -> NDArray[np.complex64]:
        """See `Fading.gains`."""
        return self._direct.gains(start_ns, channel_uses, use_ns) + self._scale * self._scattered.gains(start_ns, channel_uses, use_ns)


def fading(spec: options.Fading, streams: Streams, name: str, reference: str = "", correlation: float = 0.0) -> Fading:
    """The fading process of a scenario's options.

    spec         options of the path's fading
    streams      random streams of the run
    name         name of the stream that drives the process
    reference    stream of another path of the same law; its own gains are not affected
    correlation  correlation of the scattered parts of both, E[gain * conj(reference gain)], 0..1; only for `scenario.fading.Gaussian`

    >>> gains = fading(options.NoFading(), Streams(seed=1), "air/link-0/bob/fading").gains(0, channel_uses=512, use_ns=1000.0)
    >>> gains.tolist()  # a constant gain has one element
    [(1+0j)]
    """
    made = scattered(spec, streams.key(name))
    if correlation:
        made = CorrelatedFading(scattered(spec, streams.key(reference)), made, correlation)
    k_db = spec.k_db if isinstance(spec, options.RicianFading | options.JakesFading) else None
    if k_db is None:
        return made
    shift_hz = spec.shift_hz if isinstance(spec, options.JakesFading) else 0.0
    return LineOfSight(made, db_to_linear(k_db), shift_hz, streams.key(f"{name}/line of sight"))


def scattered(spec: options.FadingOptions, key: StreamKey) -> Fading:
    """The fading process without its line of sight, built by the factory that the component of the options declares."""
    made: Fading = component_of(spec).load()(spec, key)
    return made


def make_constant(spec: options.NoFading, key: StreamKey) -> Fading:
    """Factory of `none`: a gain of one. The stream is not used."""
    return UnitGain()


def make_rayleigh(spec: options.RayleighFading, key: StreamKey) -> Fading:
    """Factory of `rayleigh`: circular complex Gaussian gains, constant in each block."""
    return _block_gains(spec, key, gaussian)


def make_rician(spec: options.RicianFading, key: StreamKey) -> Fading:
    """Factory of the scattered part of `rician`, which is Rayleigh fading; `fading` adds the direct wave."""
    return _block_gains(spec, key, gaussian)


def make_nakagami(spec: options.NakagamiFading, key: StreamKey) -> Fading:
    """Factory of `nakagami`: gains of Nakagami magnitude and uniform phase, constant in each block."""
    return _block_gains(spec, key, nakagami(spec.m))


def make_jakes(spec: options.JakesFading, key: StreamKey) -> Fading:
    """Factory of the scattered part of `jakes`: Clarke's model of isotropic scattering; `fading` adds the direct wave, if any."""
    return isotropic_waves(key, spec.shift_hz, NUM_WAVES, np.ones(1)).narrowband()


def make_tdl(spec: options.TdlFading, key: StreamKey) -> Fading:
    """Factory of `tdl`: a delay line on one carrier, or with one gain for each subcarrier and OFDM symbol."""
    return tdl.flat(spec, key) if spec.bandwidth == "flat" else tdl.Ofdm(spec, key)


def _block_gains(spec: options.BlockFading, key: StreamKey, draw: DrawGains) -> Fading:
    return BlockGains(max(1, seconds_to_ns(spec.coherence_ms / 1e3)), key, draw)
