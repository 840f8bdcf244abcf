"""Deterministic SNR processes: constant, piecewise constant, sinusoidal, and measured.

All implement `phy.snr.SnrPath`: the SNR in dB at an instant, and how long it is constant. A process that varies continuously counts as
constant while it changes by at most `TOLERANCE_DB`.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from linksim.data.measured_snr import SnrMeasurement
from linksim.units import FOREVER_NS, NS_PER_S, seconds_to_ns

TOLERANCE_DB = 0.02  # a change of the SNR by no more than this is neglected


class Constant:
    """A constant SNR of `mean_db`, in dB."""

    def __init__(self, mean_db: float) -> None:
        self._mean_db = mean_db

    def at(self, now_ns: int) -> float:
        """See `SnrPath.at`."""
        return self._mean_db

    def constant_until(self, now_ns: int) -> int:
        """See `SnrPath.constant_until`."""
        return FOREVER_NS


class Piecewise:
    """A piecewise constant SNR.

    starts_ns  increasing instants, the first one 0
    values_db  SNR from each of these instants on
    repeat_ns  period after which the sequence restarts, greater than the last start; None for no repetition

    >>> Piecewise([0, 10], [3.0, 7.0], repeat_ns=20).at(35)
    7.0
    """

    def __init__(self, starts_ns: Sequence[int], values_db: Sequence[float], repeat_ns: int | None) -> None:
        self._starts_ns, self._values_db, self._repeat_ns = starts_ns, values_db, repeat_ns

    def at(self, now_ns: int) -> float:
        """See `SnrPath.at`."""
        since = now_ns % self._repeat_ns if self._repeat_ns else now_ns
        return self._values_db[bisect_right(self._starts_ns, since) - 1]

    def constant_until(self, now_ns: int) -> int:
        """See `SnrPath.constant_until`."""
        since = now_ns % self._repeat_ns if self._repeat_ns else now_ns
        place = bisect_right(self._starts_ns, since)
        if place < len(self._starts_ns):
            return now_ns - since + self._starts_ns[place]
        return now_ns - since + self._repeat_ns if self._repeat_ns else FOREVER_NS


class Sine:
    """A sinusoidal SNR in dB: mean + amplitude sin(2 pi (now / period + turns)).

    mean_db, amplitude_db  mean and amplitude in dB
    period_ns              period, at least 1
    turns                  initial phase divided by 2 pi

    >>> Sine(10.0, 5.0, period_ns=1000, turns=0.0).at(250)
    15.0
    """

    def __init__(self, mean_db: float, amplitude_db: float, period_ns: int, turns: float) -> None:
        self._mean_db, self._amplitude_db, self._period_ns, self._turns = mean_db, amplitude_db, period_ns, turns
        self._hold_ns = max(1, int(period_ns * min(1.0, TOLERANCE_DB / (2 * math.pi * max(amplitude_db, TOLERANCE_DB)))))

    def at(self, now_ns: int) -> float:
        """See `SnrPath.at`."""
        # The remainder is taken first because the phase of a large instant would lose its precision.
        return self._mean_db + self._amplitude_db * math.sin(2 * math.pi * (now_ns % self._period_ns / self._period_ns + self._turns))

    def constant_until(self, now_ns: int) -> int:
        """See `SnrPath.constant_until`."""
        return now_ns + self._hold_ns


class Measured:
    """Measured SNR, interpolated linearly in dB between rows. Before the first row it equals that of the first row.

    measurement  times in s, increasing, and SNR in dB; time 0 is the start of the run
    repeat       True: after the last row the measurement restarts at the time of its first row; False: the last SNR is kept

    >>> rows = SnrMeasurement(time_s=np.array([0.0, 1.0]), snr_db=np.array([10.0, 20.0]), sha256="")
    >>> Measured(rows, repeat=False).at(500_000_000), Measured(rows, repeat=True).at(1_500_000_000)
    (15.0, 15.0)
    """

    def __init__(self, measurement: SnrMeasurement, repeat: bool) -> None:
        self._time_s, self._snr_db = measurement.time_s, measurement.snr_db
        self._first_ns, self._last_ns = seconds_to_ns(float(self._time_s[0])), seconds_to_ns(float(self._time_s[-1]))
        self._repeat = repeat and self._last_ns > self._first_ns

    def at(self, now_ns: int) -> float:
        """See `SnrPath.at`."""
        return float(np.interp(self._file_time_s(now_ns), self._time_s, self._snr_db))

    def constant_until(self, now_ns: int) -> int:
        """See `SnrPath.constant_until`."""
        now_s = self._file_time_s(now_ns)
        place = int(np.searchsorted(self._time_s, now_s, side="right"))
        if place == len(self._time_s):
            return FOREVER_NS
        ahead_s = float(self._time_s[place]) - now_s
        change_db = abs(float(self._snr_db[place] - self._snr_db[place - 1])) if place else 0.0
        if change_db > TOLERANCE_DB:
            ahead_s = min(ahead_s, float(self._time_s[place] - self._time_s[place - 1]) * TOLERANCE_DB / change_db)
        return now_ns + max(1, int(ahead_s * NS_PER_S))

    def _file_time_s(self, now_ns: int) -> float:
        """Time in the measurement that corresponds to `now_ns`, in s."""
        if self._repeat and now_ns >= self._last_ns:  # in integer ns, since rounding would place the instant of a restart before it
            now_ns = self._first_ns + (now_ns - self._first_ns) % (self._last_ns - self._first_ns)
        return now_ns / NS_PER_S
