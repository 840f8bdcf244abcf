"""One radio path: its SNR over time and its fading, put together for the interval of a frame."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.phy.fading import ONE, Fading, fading
from linksim.phy.snr import SnrPath, snr_path
from linksim.rng import Streams
from linksim.scenario.channel import Path


@dataclass(frozen=True, slots=True)
class Stretch:
    """A path during one frame.

    gain         complex64 [uses], or [1] where it is the same for all uses
    noise_power  N0, linear, for signals radiated at power one
    mean_snr_db  SNR of the path, fading averaged out
    snr_db       SNR during the frame, fading included
    """

    gain: NDArray[np.complex64]
    noise_power: float
    mean_snr_db: float
    snr_db: float


class RadioPath:
    """A path from Alice to one ear.

    spec     what the scenario says of it
    streams  of the run; `name` is the path's own, such as "air/lane-3/bob"
    """

    def __init__(self, spec: Path, streams: Streams, name: str) -> None:
        self._snr: SnrPath = snr_path(spec.snr, streams.key(f"{name}/snr"))
        self._fading: Fading = fading(spec.fading, streams.key(f"{name}/fading"))

    def during(self, start_ns: int, uses: int, use_ns: float) -> Stretch:
        """The path from `start_ns` on for `uses` channel uses of `use_ns` each. The SNR is that at the start."""
        gain = self._fading.gains(start_ns, uses, use_ns)
        mean_db = self._snr.at(start_ns)
        snr_db = mean_db if gain is ONE else mean_db + 10.0 * math.log10(max(power(gain), 1e-30))
        return Stretch(gain, 10.0 ** (-mean_db / 10.0), mean_db, snr_db)


def power(gain: NDArray[Any]) -> float:
    """Mean squared magnitude."""
    return float(np.mean(gain.real**2 + gain.imag**2))
