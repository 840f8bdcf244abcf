"""SNR over time that is written down: constant, steps, a sine, a recorded file."""

import math
from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from linksim.data.recorded import Recording
from linksim.units import FOREVER_NS, NS_PER_S, seconds_to_ns

NEARLY_DB = 0.02  # an SNR that changes by no more is as good as constant


class Constant:
    """The same at all times."""

    def __init__(self, mean_db: float) -> None:
        self._mean_db = mean_db

    def at(self, now_ns: int) -> float:
        return self._mean_db

    def until(self, now_ns: int) -> int:
        return FOREVER_NS


class Steps:
    """Jumps at given instants.

    starts_ns  rising, the first 0
    values_db  SNR from each of them on
    repeat_ns  after which all begins anew, above the last start; None for never
    """

    def __init__(self, starts_ns: Sequence[int], values_db: Sequence[float], repeat_ns: int | None) -> None:
        self._starts_ns, self._values_db, self._repeat_ns = starts_ns, values_db, repeat_ns

    def at(self, now_ns: int) -> float:
        since = now_ns % self._repeat_ns if self._repeat_ns else now_ns
        return self._values_db[bisect_right(self._starts_ns, since) - 1]

    def until(self, now_ns: int) -> int:
        since = now_ns % self._repeat_ns if self._repeat_ns else now_ns
        place = bisect_right(self._starts_ns, since)
        if place < len(self._starts_ns):
            return now_ns - since + self._starts_ns[place]
        return now_ns - since + self._repeat_ns if self._repeat_ns else FOREVER_NS


class Sine:
    """snr_db = mean + amplitude sin(2 pi (now / period + turns))."""

    def __init__(self, mean_db: float, amplitude_db: float, period_ns: int, turns: float) -> None:
        self._mean_db, self._amplitude_db, self._period_ns, self._turns = mean_db, amplitude_db, period_ns, turns
        self._nearly_ns = max(1, int(period_ns * min(1.0, NEARLY_DB / (2 * math.pi * max(amplitude_db, NEARLY_DB)))))

    def at(self, now_ns: int) -> float:
        # the remainder first: of a large instant, little would be left of the phase
        return self._mean_db + self._amplitude_db * math.sin(2 * math.pi * (now_ns % self._period_ns / self._period_ns + self._turns))

    def until(self, now_ns: int) -> int:
        return now_ns + self._nearly_ns


class Recorded:
    """Measurements, interpolated in dB between their rows; before the first row its SNR.

    repeat  after the last row: begin anew at the first row's time, else keep the last row's SNR
    """

    def __init__(self, recording: Recording, repeat: bool) -> None:
        self._time_s, self._snr_db = recording.time_s, recording.snr_db
        self._first_ns, self._last_ns = seconds_to_ns(float(self._time_s[0])), seconds_to_ns(float(self._time_s[-1]))
        self._repeat = repeat and self._last_ns > self._first_ns

    def at(self, now_ns: int) -> float:
        return float(np.interp(self._within(now_ns), self._time_s, self._snr_db))

    def until(self, now_ns: int) -> int:
        now_s = self._within(now_ns)
        place = int(np.searchsorted(self._time_s, now_s, side="right"))
        if place == len(self._time_s):
            return FOREVER_NS
        ahead_s = float(self._time_s[place]) - now_s
        change_db = abs(float(self._snr_db[place] - self._snr_db[place - 1])) if place else 0.0
        if change_db > NEARLY_DB:
            ahead_s = min(ahead_s, float(self._time_s[place] - self._time_s[place - 1]) * NEARLY_DB / change_db)
        return now_ns + max(1, int(ahead_s * NS_PER_S))

    def _within(self, now_ns: int) -> float:
        """Time in the recording, in s."""
        if self._repeat and now_ns >= self._last_ns:  # in whole ns: rounded, an instant at the seam would lie before it
            now_ns = self._first_ns + (now_ns - self._first_ns) % (self._last_ns - self._first_ns)
        return now_ns / NS_PER_S
