"""One radio path: its SNR over time and its fading, put together for the interval of a frame."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.phy.fading import ONE, Fading, fading
from linksim.phy.path_loss import DEFAULT_GEOMETRY, LinkGeometry
from linksim.phy.snr import SnrPath, snr_path
from linksim.rng import Streams
from linksim.scenario.channel import Path
from linksim.units import db_to_linear, linear_to_db

PIECES = 64  # of a frame, each with an SNR of its own


@dataclass(frozen=True, slots=True)
class ChannelRealisation:
    """A path during one frame.

    gain         complex64 [uses], or [1] where it is the same for all uses; where the path's SNR changes during the frame, so does the gain
    noise_power  N0, linear, for signals radiated at power one
    mean_snr_db  SNR of the path over the frame, fading averaged out
    snr_db       SNR during the frame, fading included
    """

    gain: NDArray[np.complex64]
    noise_power: float
    mean_snr_db: float
    snr_db: float


class RadioPath:
    """A path from Alice to one receiver.

    spec     what the scenario says of it
    streams  of the run; `name` is the path's own, such as "air/link-3/bob"
    twin     name of another path with whose fading this one's is correlated, as `phy.fading.fading` says
    hop      where its ends are; only an SNR of kind path-loss asks
    """

    def __init__(
        self, spec: Path, streams: Streams, name: str, twin: str = "", correlation: float = 0.0, geometry: LinkGeometry = DEFAULT_GEOMETRY
    ) -> None:
        self._snr: SnrPath = snr_path(spec.snr, streams.key(f"{name}/snr"), geometry)
        self._fading: Fading = fading(spec.fading, streams, f"{name}/fading", f"{twin}/fading", correlation)

    def during(self, start_ns: int, channel_uses: int, use_ns: float) -> ChannelRealisation:
        """The path from `start_ns` on for `uses` channel uses of `use_ns` each."""
        gain = self._fading.gains(start_ns, channel_uses, use_ns)
        mean_db = self._snr.at(start_ns)
        if self._snr.until(start_ns) < start_ns + channel_uses * use_ns:
            snr = self._snr_of_channel_uses(start_ns, channel_uses, use_ns)
            mean = float(snr.mean())
            mean_db = linear_to_db(mean)
            gain = (gain * np.sqrt(snr / mean)).astype(np.complex64)
        snr_db = mean_db if gain is ONE else mean_db + 10.0 * math.log10(max(power(gain), 1e-30))
        return ChannelRealisation(gain, 10.0 ** (-mean_db / 10.0), mean_db, snr_db)

    def _snr_of_channel_uses(self, start_ns: int, channel_uses: int, use_ns: float) -> NDArray[np.float64]:
        """SNR of each channel use, linear, fading averaged out: float64 [uses]. What changes more often than `PIECES` times is sampled."""
        snr, least = np.empty(channel_uses), math.ceil(channel_uses / PIECES)
        use = 0
        while use < channel_uses:
            now_ns = start_ns + int(use * use_ns)
            change = math.ceil((self._snr.until(now_ns) - start_ns) / use_ns)  # the first use that begins after it
            end = min(max(change, use + least), channel_uses)
            snr[use:end] = db_to_linear(self._snr.at(now_ns))
            use = end
        return snr


def power(gain: NDArray[Any]) -> float:
    """Mean squared magnitude."""
    return float(np.mean(gain.real**2 + gain.imag**2))
