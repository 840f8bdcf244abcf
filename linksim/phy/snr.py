"""SNR over time: functions of the simulated instant. Who asks, how often and in what order changes nothing."""

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from linksim.rng import Key, generator
from linksim.scenario.channel import ConstantSnr, GaussMarkovSnr
from linksim.units import seconds_to_ns

STEPS_PER_COHERENCE = 16  # grid points of a Gauss-Markov path in one coherence time
CHUNK = 256  # grid points made at a time


class SnrPath(Protocol):
    """Mean SNR of a path, fading averaged out."""

    def at(self, now_ns: int) -> float:
        """SNR in dB at an instant >= 0."""


class Constant:
    """The same at all times."""

    def __init__(self, mean_db: float) -> None:
        self._mean_db = mean_db

    def at(self, now_ns: int) -> float:
        return self._mean_db


class GaussMarkov:
    """AR(1) in dB on a fixed grid, held between grid points.

    x[k] = rho x[k-1] + sqrt(1 - rho^2) w[k],  rho = exp(-step / coherence),  snr_db = mean + std x

    So the correlation at a lag is exp(-lag / coherence), and mean and variance are those of the scenario at every instant. Chunks of the
    path are made in order and the state at each chunk's end is kept, so an instant in the past is found again bit for bit.
    """

    def __init__(self, mean_db: float, std_db: float, coherence_ns: int, key: Key) -> None:
        self._mean_db, self._std_db, self._key = mean_db, std_db, key
        self._step_ns = max(1, coherence_ns // STEPS_PER_COHERENCE)
        self._rho = math.exp(-self._step_ns / coherence_ns)
        self._ends = [float(generator(key, 0).standard_normal())]  # state before chunk i; draw 0 is the start, draw i + 1 drives chunk i
        self._chunk = -1
        self._values: NDArray[np.float64] = np.empty(0)

    def at(self, now_ns: int) -> float:
        chunk, place = divmod(now_ns // self._step_ns, CHUNK)
        if chunk != self._chunk:
            for made in range(min(chunk, len(self._ends) - 1), chunk + 1):
                self._values = self._make(made)
                if made + 1 == len(self._ends):
                    self._ends.append(float(self._values[-1]))
            self._chunk = chunk
        return float(self._mean_db + self._std_db * self._values[place])

    def _make(self, chunk: int) -> NDArray[np.float64]:
        """The chunk's grid points, the first one step after the end of the chunk before."""
        driven = generator(self._key, chunk + 1).standard_normal(CHUNK) * math.sqrt(1 - self._rho**2)
        values, x = np.empty(CHUNK), self._ends[chunk]
        for i, w in enumerate(driven.tolist()):
            x = self._rho * x + w
            values[i] = x
        return values


def snr_path(spec: ConstantSnr | GaussMarkovSnr, key: Key) -> SnrPath:
    """The path that a scenario asks for, driven by the stream `key`."""
    if isinstance(spec, ConstantSnr):
        return Constant(spec.mean_db)
    return GaussMarkov(spec.mean_db, spec.std_db, max(1, seconds_to_ns(spec.coherence_ms / 1e3)), key)
