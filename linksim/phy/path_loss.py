"""SNR from where the nodes are: log-distance path loss, thermal noise, and shadowing that changes with the way travelled.

    snr_db = transmit power + antenna gain - loss(distance) - shadowing - noise

The mean loss is that of free space up to a reference distance and grows with a power of the distance beyond (Rappaport, Wireless
Communications, 2nd ed., Eq. 4.68). Shadowing is normal in dB and forgets exponentially with the way (Gudmundson, 1991); where both
ends move, each end's way counts (Wang, Tameh and Nix, 2008: the correlations of both multiply).
"""

import math
from dataclasses import dataclass

from linksim.phy.snr_deterministic import NEARLY_DB
from linksim.phy.snr_stochastic import GaussMarkov
from linksim.rng import Key, generator
from linksim.scenario.fading import LIGHT_MPS
from linksim.scenario.geometry import Geometry, Motion
from linksim.scenario.nodes import Radio
from linksim.scenario.snr import PathLossSnr
from linksim.units import FOREVER_NS, NS_PER_S, db_to_linear

BOLTZMANN_J_PER_K = 1.380649e-23
ROOM_K = 290.0
LIMIT_DB = 100.0  # no path is better, or worse than minus this: what reports can carry


@dataclass(frozen=True, slots=True)
class LinkGeometry:
    """The two ends of a path, and the bandwidth whose thermal noise the receiver hears, in Hz."""

    sender: Motion
    receiver: Motion
    bandwidth_hz: float


DEFAULT_GEOMETRY = LinkGeometry(Geometry().alice, Geometry().bob, Radio().symbol_rate_hz)  # what a scenario that says nothing means


def loss_db(spec: PathLossSnr, distance_m: float) -> float:
    """Mean path loss in dB."""
    reference = 20.0 * math.log10(4.0 * math.pi * spec.reference_m * spec.carrier_ghz * 1e9 / LIGHT_MPS)  # Friis
    return reference + 10.0 * spec.exponent * math.log10(max(1.0, distance_m / spec.reference_m))


def noise_dbm(spec: PathLossSnr, bandwidth_hz: float) -> float:
    """Power of the receiver's noise in dBm."""
    return 10.0 * math.log10(BOLTZMANN_J_PER_K * ROOM_K * bandwidth_hz * 1e3) + spec.noise_figure_db


def place_m(motion: Motion, now_s: float) -> list[float]:
    """Where a node is: [x, y]."""
    return [x + v * now_s for x, v in zip(motion.position_m, motion.velocity_mps, strict=True)]


class PathLoss:
    """The SNR between two moving nodes, shadowing drawn from the stream `key`."""

    def __init__(self, spec: PathLossSnr, geometry: LinkGeometry, key: Key) -> None:
        self._spec, self._hop = spec, geometry
        self._at_no_loss_db = spec.transmit_power_dbm + spec.antenna_gain_db - noise_dbm(spec, geometry.bandwidth_hz)
        self._nearly = 1.0 - db_to_linear(-NEARLY_DB / spec.exponent)  # of the distance: changes the loss by no more than NEARLY_DB
        self._speed_mps = math.dist(geometry.sender.velocity_mps, geometry.receiver.velocity_mps)
        way_mps = math.hypot(*geometry.sender.velocity_mps) + math.hypot(*geometry.receiver.velocity_mps)
        self._shadowing = None if way_mps == 0 or spec.shadowing_std_db == 0 else self.correlated_shadowing(way_mps, key)
        self._still_db = 0.0 if self._shadowing else spec.shadowing_std_db * float(generator(key, 0).standard_normal())

    def at(self, now_ns: int) -> float:
        shadowing_db = self._shadowing.at(now_ns) if self._shadowing else self._still_db
        snr_db = self._at_no_loss_db - loss_db(self._spec, self.distance_m(now_ns)) - shadowing_db
        return min(max(snr_db, -LIMIT_DB), LIMIT_DB)

    def until(self, now_ns: int) -> int:
        turn = self._shadowing.until(now_ns) if self._shadowing else FOREVER_NS
        if self._speed_mps == 0:
            return turn
        nearly_m = self._nearly * max(self._spec.reference_m, self.distance_m(now_ns))
        return min(turn, now_ns + max(1, int(min(nearly_m / self._speed_mps * NS_PER_S, FOREVER_NS))))

    def distance_m(self, now_ns: int) -> float:
        """Between the two nodes."""
        now_s = now_ns / NS_PER_S
        return math.dist(place_m(self._hop.sender, now_s), place_m(self._hop.receiver, now_s))

    def correlated_shadowing(self, way_mps: float, key: Key) -> GaussMarkov:
        """Shadowing over a way at constant speed: Gauss-Markov in time."""
        coherence_ns = round(min(self._spec.shadowing_distance_m / way_mps * NS_PER_S, FOREVER_NS))
        return GaussMarkov(0.0, self._spec.shadowing_std_db, max(1, coherence_ns), key)
