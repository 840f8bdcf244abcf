"""Preview of the mean SNR of a scenario's paths before a run: that of the first link of every group, over a given time.

`linksim check` prints it. The values are exact, not simulated again: a process depends on seed and time only, so the preview and the run
have the same SNR. The preview of a process that is generated step by step ends after `MOST_VALUES` steps, to be ready at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from linksim.data.measured_snr import read_measured_snr
from linksim.phy.path_loss import LinkGeometry, PathLoss
from linksim.phy.snr import snr_path
from linksim.records import NODES
from linksim.rng import Streams
from linksim.scenario.attacks import NoAttack
from linksim.scenario.schema import LinkOptions, Scenario
from linksim.scenario.snr import MeasuredSnr
from linksim.units import NS_PER_S

NUM_INSTANTS = 1000  # intervals between the instants at which the SNR is evaluated
MOST_VALUES = 200_000  # values of a process that is generated step by step (`SnrOptions.grid_ms`)


@dataclass(frozen=True)
class SnrPreview:
    """The SNR range of one receiver of a group.

    group            name of the group
    receiver         "bob" or "eve"
    kind             kind of the SNR process, as in the scenario
    low_db, high_db  smallest and largest SNR in dB at equally spaced instants from 0 to the end, averaged over fading
    details          further facts: distances, the file of measurements, or the time that the preview covers if it ends before the run
    """

    group: str
    receiver: str
    kind: str
    low_db: float
    high_db: float
    details: str

    def __str__(self) -> str:
        values = format_range(self.low_db, self.high_db, "dB")
        return ", ".join(filter(None, [f"{self.group}: {self.receiver} {values}", self.kind, self.details]))


def format_range(low: float, high: float, unit: str) -> str:
    """A range with one decimal, or a single number if both ends agree to one decimal.

    >>> format_range(3.14, 28.4, "dB")
    '3.1 to 28.4 dB'
    >>> format_range(10, 10, "dB")
    '10.0 dB'
    """
    ends = list(dict.fromkeys(f"{value:.1f}" for value in (low, high)))
    return f"{' to '.join(ends)} {unit}"


def snr_preview(scenario: Scenario, seconds: float) -> Iterator[SnrPreview]:
    """Previews of every receiver of every group, in order; of Bob only where a group has no eavesdropper.

    scenario  scenario with defaults filled in
    seconds   simulated time that the preview covers

    Raises DataError for a file of measured SNR that cannot be read.
    """
    streams = Streams(scenario.seed, scenario.replication)
    for group, options in scenario.groups.items():
        for receiver in NODES[: 1 if isinstance(options.eve, NoAttack) else 2]:
            yield _preview(group, options, receiver, streams, seconds)


def _preview(group: str, options: LinkOptions, receiver: str, streams: Streams, seconds: float) -> SnrPreview:
    channel = options.channel
    spec, place = (channel.bob.snr, channel.geometry.bob) if receiver == "bob" else (channel.eve.snr, channel.geometry.eve)
    geometry = LinkGeometry(channel.geometry.alice, place, options.radio.symbol_rate_hz)
    covered_s = min(seconds, MOST_VALUES * spec.grid_ms(channel.geometry.speed_mps(receiver)) / 1e3)
    instants = [round(covered_s * NS_PER_S * i / NUM_INSTANTS) for i in range(NUM_INSTANTS + 1)]
    path = snr_path(spec, streams.key(f"air/link-0/{receiver}/snr"), geometry)
    values = [path.at(now) for now in instants]
    details = [f"first {covered_s:.3g} s"] if covered_s < seconds else []
    if isinstance(path, PathLoss):
        distances = [path.distance_m(now) for now in instants]
        details.append(f"{format_range(min(distances), max(distances), 'm')} from Alice")
    elif isinstance(spec, MeasuredSnr):
        measurement = read_measured_snr(spec.file, spec.sha256)
        first_s, last_s = measurement.time_s[0], measurement.time_s[-1]
        details.append(f"{len(measurement.time_s):,} rows from {first_s:g} to {last_s:g} s of {spec.file}")
    return SnrPreview(group, receiver, spec.kind, min(values), max(values), ", ".join(details))
