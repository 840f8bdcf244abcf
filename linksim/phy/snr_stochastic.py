"""Stochastic SNR processes driven by a keyed stream: Gauss-Markov, two-state Markov, and random walk.

A process is generated in chunks, each from its own draw of the stream and from the final state of the previous chunk. The initial state of
every generated chunk is stored (one number per chunk), and the values of the most recently used chunk are cached. A past instant is
therefore reproduced bit for bit at the cost of one chunk, and a future instant at the cost of the chunks in between.
"""

import math
from bisect import bisect_right
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from linksim.rng import StreamKey, generator
from linksim.scenario.snr import STEPS_PER_COHERENCE

CHUNK = 256  # grid points or sojourns per chunk; even, so that every chunk of sojourns starts in the same state

State = TypeVar("State", int, float)
Values = TypeVar("Values", NDArray[np.float64], NDArray[np.int64])


class ChunkedProcess(Generic[State, Values]):
    """A process that is generated chunk by chunk; `process[number]` returns the values of a chunk.

    start         initial state of chunk 0
    start_states  initial states of chunks 0, 1, ...; always one more than the number of generated chunks
    generate      (chunk, initial state) -> values, final state
    """

    def __init__(self, start: State, generate: Callable[[int, State], tuple[Values, State]]) -> None:
        self.start_states: list[State] = [start]
        self._generate: Callable[[int, State], tuple[Values, State]] = generate
        self._cached: tuple[int, Values] | None = None

    def __getitem__(self, number: int) -> Values:
        if self._cached is None or self._cached[0] != number:
            for chunk in range(min(number, len(self.start_states) - 1), number + 1):
                values, end = self._generate(chunk, self.start_states[chunk])
                if chunk + 1 == len(self.start_states):
                    self.start_states.append(end)
            self._cached = number, values
        return self._cached[1]


class GaussMarkov:
    """First-order autoregressive process in dB on a regular grid, constant between grid points.

    x[k] = rho x[k-1] + sqrt(1 - rho^2) w[k],  rho = exp(-step / coherence),  snr_db = mean + std x

    The correlation at a lag of whole steps is exp(-lag / coherence), and the process is stationary from time 0 on. There are
    `STEPS_PER_COHERENCE` steps per coherence time.

    mean_db, std_db  mean and standard deviation of the stationary distribution in dB
    coherence_ns     time after which the correlation is 1/e, at least 1
    key              stream of the innovations

    >>> process = GaussMarkov(10.0, 3.0, coherence_ns=100_000_000, key=StreamKey(1, 2))
    >>> later = process.at(10**9)
    >>> later == GaussMarkov(10.0, 3.0, coherence_ns=100_000_000, key=StreamKey(1, 2)).at(10**9)  # earlier queries have no influence
    True
    """

    def __init__(self, mean_db: float, std_db: float, coherence_ns: int, key: StreamKey) -> None:
        self._mean_db, self._std_db, self._key = mean_db, std_db, key
        self._step_ns = max(1, coherence_ns // STEPS_PER_COHERENCE)
        self._rho = math.exp(-self._step_ns / coherence_ns)
        self._chunks = ChunkedProcess(float(generator(key, 0).standard_normal()), self._generate)  # draw i + 1 drives chunk i

    def at(self, now_ns: int) -> float:
        """See `SnrPath.at`."""
        chunk, place = divmod(now_ns // self._step_ns, CHUNK)
        return float(self._mean_db + self._std_db * self._chunks[chunk][place])

    def constant_until(self, now_ns: int) -> int:
        """See `SnrPath.constant_until`."""
        return (now_ns // self._step_ns + 1) * self._step_ns

    def _generate(self, chunk: int, x: float) -> tuple[NDArray[np.float64], float]:
        """Values at the grid points of a chunk; the first is one step after the last of the previous chunk."""
        innovations = generator(self._key, chunk + 1).standard_normal(CHUNK) * math.sqrt(1 - self._rho**2)
        values = np.empty(CHUNK)
        for i, w in enumerate(innovations.tolist()):
            x = self._rho * x + w
            values[i] = x
        return values, x


class RandomWalk:
    """A random walk with one Gaussian step of standard deviation `step_db` per interval, reflected at the bounds (low, high) in dB.

    Because the steps are symmetric, the reflected walk equals the free walk folded into the bounds.

    start_db     SNR at time 0, within the bounds
    interval_ns  time between steps, at least 1
    key          stream of the steps

    >>> walk = RandomWalk(10.0, 5.0, interval_ns=1000, bounds_db=(0.0, 20.0), key=StreamKey(1, 2))
    >>> walk.at(0), all(0.0 <= walk.at(now_ns) <= 20.0 for now_ns in range(0, 100_000, 1000))
    (10.0, True)
    """

    def __init__(self, start_db: float, step_db: float, interval_ns: int, bounds_db: tuple[float, float], key: StreamKey) -> None:
        self._step_db, self._interval_ns, self._key = step_db, interval_ns, key
        self._low, self._high = bounds_db
        self._span = self._high - self._low
        self._chunks = ChunkedProcess(start_db - self._low, self._generate)

    def at(self, now_ns: int) -> float:
        """See `SnrPath.at`."""
        chunk, place = divmod(now_ns // self._interval_ns, CHUNK)
        return float(self._chunks[chunk][place])

    def constant_until(self, now_ns: int) -> int:
        """See `SnrPath.constant_until`."""
        return (now_ns // self._interval_ns + 1) * self._interval_ns

    def _generate(self, chunk: int, free: float) -> tuple[NDArray[np.float64], float]:
        """SNR values of a chunk, and the final position of the free walk: relative to the lower bound, modulo twice the span."""
        walk = np.cumsum(generator(self._key, chunk).standard_normal(CHUNK)) * self._step_db + free
        position = np.concatenate([[free], walk[:-1]]) % (2 * self._span)
        folded = np.clip(self._high - np.abs(position - self._span), self._low, self._high)  # the clip removes rounding errors
        return folded, float(walk[-1] % (2 * self._span))


class TwoStateMarkov:
    """A Markov chain in continuous time with a good and a bad state, stationary from time 0 on. Sojourn times are exponential.

    This is the channel of Gilbert (1960) and Elliott (1963) in continuous time.

    snr_db   SNR in dB (good, bad)
    stay_ns  mean sojourn time (good, bad); the stationary probability of the good state is good / (good + bad)
    key      stream of the first state and of the sojourn times
    """

    def __init__(self, snr_db: tuple[float, float], stay_ns: tuple[int, int], key: StreamKey) -> None:
        self._key = key
        first = int(generator(key, 0).random() * sum(stay_ns) >= stay_ns[0])  # 0 is the good state; draw i + 1 drives chunk i
        self._snr_db = (snr_db[first], snr_db[1 - first])
        self._mean_ns = np.tile(np.array([stay_ns[first], stay_ns[1 - first]], np.float64), CHUNK // 2)
        self._chunks = ChunkedProcess(0, self._generate)

    def at(self, now_ns: int) -> float:
        """See `SnrPath.at`."""
        return self._snr_db[self._find(now_ns)[1] % 2]

    def constant_until(self, now_ns: int) -> int:
        """See `SnrPath.constant_until`."""
        ends, place = self._find(now_ns)
        return int(ends[place])

    def _find(self, now_ns: int) -> tuple[NDArray[np.int64], int]:
        """End times of the sojourns of the chunk that contains `now_ns`, and the index of the current sojourn."""
        starts = self._chunks.start_states
        while starts[-1] <= now_ns:
            self._chunks[len(starts) - 1]
        ends = self._chunks[bisect_right(starts, now_ns) - 1]
        return ends, int(np.searchsorted(ends, now_ns, side="right"))

    def _generate(self, chunk: int, start_ns: int) -> tuple[NDArray[np.int64], int]:
        """End times of the sojourns of a chunk. The exponential law has no memory, so the first sojourn is drawn like all others."""
        lengths = np.maximum(1, np.rint(generator(self._key, chunk + 1).standard_exponential(CHUNK) * self._mean_ns)).astype(np.int64)
        ends = start_ns + np.cumsum(lengths)
        return ends, int(ends[-1])
