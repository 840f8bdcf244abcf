"""One radio path: its mean SNR over time and its fading, combined over the interval of a frame.

    phy.snr     mean SNR at any instant, in dB      --.
                                                       >-- `RadioPath.during` --> gain and N0 of a frame --> `phy.baseband.transmit`
    phy.fading  gain of any channel use, E|g|^2 = 1 --'

A change of the mean SNR within a frame becomes a factor of the gain, so N0 is constant over a frame.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.phy.fading import UNIT_GAIN, Fading, fading
from linksim.phy.path_loss import DEFAULT_GEOMETRY, LinkGeometry
from linksim.phy.snr import SnrPath, snr_path
from linksim.rng import Streams
from linksim.scenario.channel import Path
from linksim.units import FOREVER_NS, db_to_linear, linear_to_db

MAX_SEGMENTS = 64  # largest number of different mean SNRs within one frame


@dataclass(frozen=True, slots=True)
class ChannelRealisation:
    """A path during one frame.

    gain         complex64 [channel_uses], or [1] for a constant gain; it includes changes of the mean SNR during the frame
    noise_power  N0, linear, for signals of unit power
    mean_snr_db  mean SNR over the frame in dB, averaged over fading
    snr_db       SNR during the frame in dB, including fading: mean_snr_db plus the mean power of the gain; at least mean_snr_db - 300
    """

    gain: NDArray[np.complex64]
    noise_power: float
    mean_snr_db: float
    snr_db: float


class RadioPath:
    """A path from Alice to one receiver.

    spec         options of the path
    streams      random streams of the run
    name         name of the path, such as "air/link-3/bob", which prefixes its streams
    reference    name of another path with whose fading this path's fading is correlated, see `phy.fading.fading`
    correlation  correlation with the reference, 0..1
    geometry     positions of both ends, used by an SNR of kind path-loss only

    Raises DataError for a file of measured SNR that cannot be read.

    >>> path = RadioPath(Path(), Streams(seed=1), "air/link-0/bob")  # 10 dB, no fading
    >>> path.during(start_ns=0, channel_uses=512, use_ns=1000.0)
    ChannelRealisation(gain=array([1.+0.j], dtype=complex64), noise_power=0.1, mean_snr_db=10.0, snr_db=10.0)
    """

    def __init__(
        self,
        spec: Path,
        streams: Streams,
        name: str,
        reference: str = "",
        correlation: float = 0.0,
        geometry: LinkGeometry = DEFAULT_GEOMETRY,
    ) -> None:
        self._snr: SnrPath = snr_path(spec.snr, streams.key(f"{name}/snr"), geometry)
        self._constant_from_ns, self._constant = FOREVER_NS, ChannelRealisation(UNIT_GAIN, 1.0, 0.0, 0.0)  # known once it is met
        self._fading: Fading = fading(spec.fading, streams, f"{name}/fading", f"{reference}/fading", correlation)

    def during(self, start_ns: int, channel_uses: int, use_ns: float) -> ChannelRealisation:
        """The path over one frame. A path that changes no more is the same object for all frames.

        start_ns      start of the frame, at least 0; calls may be in any order
        channel_uses  length of the frame, at least 1
        use_ns        duration of a channel use
        """
        if start_ns >= self._constant_from_ns:
            return self._constant
        gain = self._fading.gains(start_ns, channel_uses, use_ns)
        mean_db, until_ns = self._snr.at(start_ns), self._snr.constant_until(start_ns)
        if until_ns < start_ns + channel_uses * use_ns:
            snr = self._snr_of_channel_uses(start_ns, channel_uses, use_ns)
            mean = float(snr.mean())
            mean_db = linear_to_db(mean)
            gain = (gain * np.sqrt(snr / mean)).astype(np.complex64)
        snr_db = mean_db if gain is UNIT_GAIN else mean_db + 10.0 * math.log10(max(mean_power(gain), 1e-30))
        realisation = ChannelRealisation(gain, 10.0 ** (-mean_db / 10.0), mean_db, snr_db)
        if gain is UNIT_GAIN and until_ns == FOREVER_NS:
            self._constant_from_ns, self._constant = start_ns, realisation
        return realisation

    def _snr_of_channel_uses(self, start_ns: int, channel_uses: int, use_ns: float) -> NDArray[np.float64]:
        """Mean SNR of each channel use, linear, float64 [channel_uses]. An SNR with more than `MAX_SEGMENTS` changes is sampled."""
        snr, min_length = np.empty(channel_uses), math.ceil(channel_uses / MAX_SEGMENTS)
        use = 0
        while use < channel_uses:
            now_ns = start_ns + int(use * use_ns)
            change = math.ceil((self._snr.constant_until(now_ns) - start_ns) / use_ns)  # first channel use after the change
            end = min(max(change, use + min_length), channel_uses)
            snr[use:end] = db_to_linear(self._snr.at(now_ns))
            use = end
        return snr


def mean_power(gain: NDArray[Any]) -> float:
    """Mean squared magnitude of complex gains of any shape.

    >>> mean_power(np.array([3 + 4j, 0]))
    12.5
    """
    return float(np.mean(gain.real**2 + gain.imag**2))
