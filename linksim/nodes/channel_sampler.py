"""Records the radio paths of a link at regular instants, whether or not a frame is on the air.

The table `receptions` of a trace contains the channel during frames; these samples (table `channel`) show what happens between them, such
as fades that no frame met. Sampling draws no random numbers of the frames and changes no event, as a path is a function of time.
"""

import cmath
import math
from collections.abc import Generator
from typing import Any

from linksim.context import Simulation
from linksim.medium.data_reception import Receiver
from linksim.phy.path import mean_power
from linksim.records import ChannelSample
from linksim.scenario.fading import BlockFading, Fading, Moving, TdlFading
from linksim.units import NS_PER_S, linear_to_db, seconds_to_ns

SAMPLES_PER_CHANGE = 8  # samples within the time in which a gain changes
MAX_SAMPLES_PER_FRAME = 16  # largest number of samples within the airtime of a data frame


class ChannelSampler:
    """Samples the paths of one link. The assembly gives one to the first link of every group.

    simulation        shared state of the run
    link              number of the link in the run
    receivers         receivers at the ends of the paths: Bob, and Eve if there is an attack
    sampling_step_ns  time between two samples in ns, see `sampling_step_ns`
    samples           number of samples per path, the first at time 0; the option `trace.channel_samples`
    """

    def __init__(self, simulation: Simulation, link: int, receivers: tuple[Receiver, ...], sampling_step_ns: int, samples: int) -> None:
        self._simulation, self._link, self._receivers = simulation, link, receivers
        self._step_ns, self._samples = sampling_step_ns, samples

    def run(self) -> Generator[Any, Any, None]:
        """SimPy process that emits one `ChannelSample` per receiver and step. It ends earlier if the run does."""
        for _ in range(self._samples):
            for receiver in self._receivers:
                self._simulation.emit(self._sample(receiver))
            yield self._simulation.env.timeout(self._step_ns)

    def _sample(self, receiver: Receiver) -> ChannelSample:
        now = self._simulation.now
        realisation = receiver.path.during(now, carriers(receiver.spec.fading), 0.0)
        gain_db, phase = linear_to_db(mean_power(realisation.gain)), cmath.phase(complex(realisation.gain[0]))
        return ChannelSample(
            time_ns=now,
            link=self._link,
            receiver=receiver.number,
            mean_snr_db=realisation.mean_snr_db,
            gain_db=gain_db,
            phase=phase,
            coherence_ns=coherence_ns(receiver.spec.fading),
            delay_ns=receiver.delay_ns,
        )


def sampling_step_ns(receivers: tuple[Receiver, ...], airtime_ns: int, period_ns: int) -> int:
    """Return the time between two samples in ns: `SAMPLES_PER_CHANGE` samples within the time in which the fastest gain changes.

    The step is at most the time from frame to frame, and at least the airtime of a frame divided by `MAX_SAMPLES_PER_FRAME`. Faster changes
    average out within a frame, and the samples would cover few frames.

    receivers   receivers at the ends of the paths, at least one
    airtime_ns  airtime of a data frame, with pilots and header
    period_ns   time from the start of a data frame to that of the next one
    """
    fastest_ns = min(changes_ns(receiver.spec.fading) for receiver in receivers) / SAMPLES_PER_CHANGE
    return max(1, airtime_ns // MAX_SAMPLES_PER_FRAME, int(min(fastest_ns, period_ns)))


def carriers(spec: Fading) -> int:
    """Return the number of gains of a path at one instant: one per subcarrier for OFDM, else 1.

    >>> carriers(TdlFading(doppler_hz=50, bandwidth="ofdm", subcarriers=72)), carriers(TdlFading(doppler_hz=50, bandwidth="flat"))
    (72, 1)
    """
    return spec.subcarriers if isinstance(spec, TdlFading) and spec.bandwidth == "ofdm" else 1


def changes_ns(spec: Fading) -> float:
    """Return the time in ns in which a gain changes: a coherence block, half a period of the Doppler shift, or infinity.

    >>> from linksim.scenario.fading import JakesFading, NoFading, RayleighFading
    >>> changes_ns(RayleighFading(coherence_ms=10)), changes_ns(JakesFading(doppler_hz=50)), changes_ns(NoFading())
    (10000000, 10000000.0, inf)
    """
    if isinstance(spec, BlockFading):
        return coherence_ns(spec)
    return NS_PER_S / (2 * spec.shift_hz) if isinstance(spec, Moving) and spec.shift_hz else math.inf


def coherence_ns(spec: Fading) -> int:
    """Return the length of the coherence blocks in ns, at least 1; 0 if the gain does not change in blocks."""
    return max(1, seconds_to_ns(spec.coherence_ms / 1e3)) if isinstance(spec, BlockFading) else 0
