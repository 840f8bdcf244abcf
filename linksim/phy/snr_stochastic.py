"""SNR over time that is drawn from a keyed stream: Gauss-Markov, two-state Markov, random walk.

A path is made in chunks, each from its own draw of the stream and from the state in which the chunk before it ended. The states are kept
(a number per chunk), the values of the last chunk asked for too; so an instant in the past is found again bit for bit, at the cost of one
chunk, and an instant ahead costs the chunks up to it.
"""

import math
from bisect import bisect_right
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from linksim.rng import Key, generator

STEPS_PER_COHERENCE = 16  # grid points of a Gauss-Markov path in one coherence time
CHUNK = 256  # grid points, or stays, made at a time; even, so that every chunk of stays begins with the same state

State = TypeVar("State", int, float)
Values = TypeVar("Values", NDArray[np.float64], NDArray[np.int64])


class Chunks(Generic[State, Values]):
    """What is made chunk by chunk.

    begins  state before chunk 0, 1, ...; as many as are known, and always that after the last one made
    make    (chunk, state before it) -> its values, state after it
    """

    def __init__(self, start: State, make: Callable[[int, State], tuple[Values, State]]) -> None:
        self.begins: list[State] = [start]
        self._make: Callable[[int, State], tuple[Values, State]] = make
        self._last: tuple[int, Values] | None = None

    def __getitem__(self, number: int) -> Values:
        if self._last is None or self._last[0] != number:
            for made in range(min(number, len(self.begins) - 1), number + 1):
                values, end = self._make(made, self.begins[made])
                if made + 1 == len(self.begins):
                    self.begins.append(end)
            self._last = number, values
        return self._last[1]


class GaussMarkov:
    """AR(1) in dB on a fixed grid, held between grid points.

    x[k] = rho x[k-1] + sqrt(1 - rho^2) w[k],  rho = exp(-step / coherence),  snr_db = mean + std x

    So the correlation at a lag of whole steps is exp(-lag / coherence), and mean and variance are those of the scenario at every instant.
    """

    def __init__(self, mean_db: float, std_db: float, coherence_ns: int, key: Key) -> None:
        self._mean_db, self._std_db, self._key = mean_db, std_db, key
        self._step_ns = max(1, coherence_ns // STEPS_PER_COHERENCE)
        self._rho = math.exp(-self._step_ns / coherence_ns)
        self._chunks = Chunks(float(generator(key, 0).standard_normal()), self._make)  # draw i + 1 drives chunk i

    def at(self, now_ns: int) -> float:
        chunk, place = divmod(now_ns // self._step_ns, CHUNK)
        return float(self._mean_db + self._std_db * self._chunks[chunk][place])

    def until(self, now_ns: int) -> int:
        return (now_ns // self._step_ns + 1) * self._step_ns

    def _make(self, chunk: int, x: float) -> tuple[NDArray[np.float64], float]:
        """The chunk's grid points, the first one step after the end of the chunk before."""
        driven = generator(self._key, chunk + 1).standard_normal(CHUNK) * math.sqrt(1 - self._rho**2)
        values = np.empty(CHUNK)
        for i, w in enumerate(driven.tolist()):
            x = self._rho * x + w
            values[i] = x
        return values, x


class RandomWalk:
    """A Gaussian step of standard deviation `step_db` every interval, reflected at the bounds (low, high) in dB.

    A step that leads over a bound leads back by as much. As steps are symmetric, that is the free walk, folded into the bounds.
    """

    def __init__(self, start_db: float, step_db: float, interval_ns: int, bounds_db: tuple[float, float], key: Key) -> None:
        self._step_db, self._interval_ns, self._key = step_db, interval_ns, key
        self._low, self._high = bounds_db
        self._span = self._high - self._low
        self._chunks = Chunks(start_db - self._low, self._make)

    def at(self, now_ns: int) -> float:
        chunk, place = divmod(now_ns // self._interval_ns, CHUNK)
        return float(self._chunks[chunk][place])

    def until(self, now_ns: int) -> int:
        return (now_ns // self._interval_ns + 1) * self._interval_ns

    def _make(self, chunk: int, free: float) -> tuple[NDArray[np.float64], float]:
        """The chunk's SNR, and where the free walk then is: above the lower bound, modulo its way there and back."""
        walked = np.cumsum(generator(self._key, chunk).standard_normal(CHUNK)) * self._step_db + free
        way = np.concatenate([[free], walked[:-1]]) % (2 * self._span)
        folded = np.clip(self._high - np.abs(way - self._span), self._low, self._high)  # the clip takes away what rounding adds
        return folded, float(walked[-1] % (2 * self._span))


class TwoStateMarkov:
    """Good or bad, each for exponentially distributed stays: a Markov chain in continuous time, stationary from time 0 on.

    snr_db  (good, bad)
    stay_ns  mean length of a stay (good, bad), so the share of good is good / (good + bad)
    """

    def __init__(self, snr_db: tuple[float, float], stay_ns: tuple[int, int], key: Key) -> None:
        self._key = key
        first = int(generator(key, 0).random() * sum(stay_ns) >= stay_ns[0])  # 0 for good; draw i + 1 makes chunk i
        self._snr_db = (snr_db[first], snr_db[1 - first])
        self._mean_ns = np.tile(np.array([stay_ns[first], stay_ns[1 - first]], np.float64), CHUNK // 2)
        self._chunks = Chunks(0, self._make)

    def at(self, now_ns: int) -> float:
        return self._snr_db[self._find(now_ns)[1] % 2]

    def until(self, now_ns: int) -> int:
        ends, place = self._find(now_ns)
        return int(ends[place])

    def _find(self, now_ns: int) -> tuple[NDArray[np.int64], int]:
        """The ends of the stays of a chunk, and the place of the stay within it."""
        begins = self._chunks.begins
        while begins[-1] <= now_ns:
            self._chunks[len(begins) - 1]
        ends = self._chunks[bisect_right(begins, now_ns) - 1]
        return ends, int(np.searchsorted(ends, now_ns, side="right"))

    def _make(self, chunk: int, start_ns: int) -> tuple[NDArray[np.int64], int]:
        """A stay that began before time 0 has, from then on, the length of any other: exponential lengths know no age."""
        lengths = np.maximum(1, np.rint(generator(self._key, chunk + 1).standard_exponential(CHUNK) * self._mean_ns)).astype(np.int64)
        ends = start_ns + np.cumsum(lengths)
        return ends, int(ends[-1])
