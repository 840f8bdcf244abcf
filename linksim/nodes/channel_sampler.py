"""Sounds the radio paths of a link: tells what they are at regular instants, whether or not anybody sends."""

import cmath
import math
from collections.abc import Generator
from typing import Any

from linksim.context import Simulation
from linksim.medium.air import Receiver
from linksim.phy.path import power
from linksim.records import ChannelSample
from linksim.scenario.fading import BlockFading, Fading, Moving, TdlFading
from linksim.units import NS_PER_S, linear_to_db, seconds_to_ns

PER_CHANGE = 8  # instants in the time in which a path changes
PER_FRAME = 16  # at most so many in the airtime of a data frame


class ChannelSampler:
    """One link's.

    receivers      whose paths
    sampling_step_ns   from one instant to the next, see `sampling_step_ns`
    instants  how many there are, the first at 0
    """

    def __init__(self, simulation: Simulation, link: int, receivers: tuple[Receiver, ...], sampling_step_ns: int, instants: int) -> None:
        self._simulation, self._link, self._receivers = simulation, link, receivers
        self._step_ns, self._instants = sampling_step_ns, instants

    def run(self) -> Generator[Any, Any, None]:
        """SimPy process."""
        for _ in range(self._instants):
            for receiver in self._receivers:
                self._simulation.emit(self._sample(receiver))
            yield self._simulation.env.timeout(self._step_ns)

    def _sample(self, receiver: Receiver) -> ChannelSample:
        now = self._simulation.now
        realisation = receiver.path.during(now, carriers(receiver.spec.fading), 0.0)
        gain_db, phase = linear_to_db(power(realisation.gain)), cmath.phase(complex(realisation.gain[0]))
        return ChannelSample(
            now, self._link, receiver.number, realisation.mean_snr_db, gain_db, phase, coherence_ns(receiver.spec.fading), receiver.delay_ns
        )


def sampling_step_ns(receivers: tuple[Receiver, ...], airtime_ns: int, period_ns: int) -> int:
    """A step that shows how the gains change: `PER_CHANGE` instants in the time in which the fastest of them does.

    It is at most the time `period_ns` from frame to frame, and at least a `PER_FRAME`th of a frame's airtime: what changes faster than
    that is noise to a frame, and the instants would be spent before many frames were sent.
    """
    fastest_ns = min(changes_ns(receiver.spec.fading) for receiver in receivers) / PER_CHANGE
    return max(1, airtime_ns // PER_FRAME, int(min(fastest_ns, period_ns)))


def carriers(spec: Fading) -> int:
    """Gains of a path at one instant: that of each subcarrier, where symbols lie over them in turn, else one."""
    return spec.subcarriers if isinstance(spec, TdlFading) and spec.bandwidth == "ofdm" else 1


def changes_ns(spec: Fading) -> float:
    """Time in ns in which a gain is no longer what it was: a coherence block, half a period of the Doppler shift, or without end."""
    if isinstance(spec, BlockFading):
        return coherence_ns(spec)
    return NS_PER_S / (2 * spec.shift_hz) if isinstance(spec, Moving) and spec.shift_hz else math.inf


def coherence_ns(spec: Fading) -> int:
    """Length of the coherence blocks in ns, 0 where the gain does not change in blocks."""
    return max(1, seconds_to_ns(spec.coherence_ms / 1e3)) if isinstance(spec, BlockFading) else 0
