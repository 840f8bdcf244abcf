"""SNR from the positions of the nodes: log-distance path loss, thermal noise, and shadowing that is correlated over the travelled distance.

    snr_db = transmit power + antenna gain - loss(distance) - shadowing - noise

The mean loss is that of free space up to a reference distance, and grows with a power of the distance beyond (Rappaport, Wireless
Communications, 2nd ed., Eq. 4.68). Shadowing is normal in dB, and its correlation decays exponentially with the travelled distance
(Gudmundson, 1991). If both ends move, the correlations of both ends multiply (Wang, Tameh and Nix, 2008), so their speeds add up.
"""

import math
from dataclasses import dataclass

from linksim.phy.snr_deterministic import TOLERANCE_DB
from linksim.phy.snr_stochastic import GaussMarkov
from linksim.rng import StreamKey, generator
from linksim.scenario.fading import LIGHT_MPS
from linksim.scenario.geometry import Geometry, Motion
from linksim.scenario.nodes import Radio
from linksim.scenario.snr import PathLossSnr
from linksim.units import FOREVER_NS, NS_PER_S, db_to_linear

BOLTZMANN_J_PER_K = 1.380649e-23
TEMPERATURE_K = 290.0
MAX_SNR_DB = 100.0  # the SNR is limited to +-100 dB, the range that reports can carry


@dataclass(frozen=True, slots=True)
class LinkGeometry:
    """Motion of both ends of a path, and the bandwidth of the receiver.

    sender        position at time 0 in m and constant velocity in m/s of the sender
    receiver      the same of the receiver
    bandwidth_hz  bandwidth over which the receiver collects thermal noise: the symbol rate
    """

    sender: Motion
    receiver: Motion
    bandwidth_hz: float


DEFAULT_GEOMETRY = LinkGeometry(Geometry().alice, Geometry().bob, Radio().symbol_rate_hz)  # that of a scenario without a geometry


def path_loss_db(spec: PathLossSnr, distance_m: float) -> float:
    """Mean path loss in dB at a distance in m; distances below `spec.reference_m` count as that distance.

    >>> round(path_loss_db(PathLossSnr(exponent=2.0), 100.0) - path_loss_db(PathLossSnr(exponent=2.0), 10.0), 6)
    20.0
    """
    reference = 20.0 * math.log10(4.0 * math.pi * spec.reference_m * spec.carrier_ghz * 1e9 / LIGHT_MPS)  # Friis
    return reference + 10.0 * spec.exponent * math.log10(max(1.0, distance_m / spec.reference_m))


def noise_power_dbm(spec: PathLossSnr, bandwidth_hz: float) -> float:
    """Noise power of the receiver in dBm: k T B at 290 K, plus the noise figure.

    >>> round(noise_power_dbm(PathLossSnr(noise_figure_db=0.0), bandwidth_hz=1e6), 1)
    -114.0
    """
    return 10.0 * math.log10(BOLTZMANN_J_PER_K * TEMPERATURE_K * bandwidth_hz * 1e3) + spec.noise_figure_db


def position_at(motion: Motion, now_s: float) -> list[float]:
    """Position [x, y] of a node in m at a simulated time in s.

    >>> position_at(Motion(position_m=[100.0, 0.0], velocity_mps=[-2.0, 1.0]), 10.0)
    [80.0, 10.0]
    """
    return [x + v * now_s for x, v in zip(motion.position_m, motion.velocity_mps, strict=True)]


class PathLoss:
    """The SNR between two moving nodes; it implements `phy.snr.SnrPath`.

    If neither node moves, the shadowing is one value for the whole run; else it is a Gauss-Markov process over the distance that both nodes
    travel, and its correlation is 1/e after `spec.shadowing_distance_m`.

    spec      options of the path
    geometry  motion of both nodes and bandwidth
    key       stream of the shadowing

    >>> path = PathLoss(PathLossSnr(exponent=2.0), DEFAULT_GEOMETRY, StreamKey(0, 0))  # 100 m
    >>> round(path.at(0), 1)
    46.9
    """

    def __init__(self, spec: PathLossSnr, geometry: LinkGeometry, key: StreamKey) -> None:
        self._spec, self._geometry = spec, geometry
        self._snr_without_loss_db = spec.transmit_power_dbm + spec.antenna_gain_db - noise_power_dbm(spec, geometry.bandwidth_hz)
        self._tolerance = 1.0 - db_to_linear(-TOLERANCE_DB / spec.exponent)  # relative change of distance, at most TOLERANCE_DB of loss
        self._relative_speed_mps = math.dist(geometry.sender.velocity_mps, geometry.receiver.velocity_mps)
        total_speed_mps = math.hypot(*geometry.sender.velocity_mps) + math.hypot(*geometry.receiver.velocity_mps)
        static = total_speed_mps == 0 or spec.shadowing_std_db == 0
        self._shadowing = None if static else self._correlated_shadowing(total_speed_mps, key)
        self._static_db = 0.0 if self._shadowing else spec.shadowing_std_db * float(generator(key, 0).standard_normal())

    def at(self, now_ns: int) -> float:
        """See `SnrPath.at`."""
        shadowing_db = self._shadowing.at(now_ns) if self._shadowing else self._static_db
        snr_db = self._snr_without_loss_db - path_loss_db(self._spec, self.distance_m(now_ns)) - shadowing_db
        return min(max(snr_db, -MAX_SNR_DB), MAX_SNR_DB)

    def constant_until(self, now_ns: int) -> int:
        """See `SnrPath.constant_until`."""
        change_ns = self._shadowing.constant_until(now_ns) if self._shadowing else FOREVER_NS
        if self._relative_speed_mps == 0:
            return change_ns
        tolerance_m = self._tolerance * max(self._spec.reference_m, self.distance_m(now_ns))
        return min(change_ns, now_ns + max(1, int(min(tolerance_m / self._relative_speed_mps * NS_PER_S, FOREVER_NS))))

    def distance_m(self, now_ns: int) -> float:
        """Distance between the nodes in m at a simulated time in ns."""
        now_s = now_ns / NS_PER_S
        return math.dist(position_at(self._geometry.sender, now_s), position_at(self._geometry.receiver, now_s))

    def _correlated_shadowing(self, total_speed_mps: float, key: StreamKey) -> GaussMarkov:
        """Shadowing at constant speed, which is a Gauss-Markov process in time."""
        coherence_ns = round(min(self._spec.shadowing_distance_m / total_speed_mps * NS_PER_S, FOREVER_NS))
        return GaussMarkov(0.0, self._spec.shadowing_std_db, max(1, coherence_ns), key)
