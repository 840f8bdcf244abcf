"""Preview of the mean SNR of a scenario's paths before a run: that of the first link of every group, over a given time."""

from collections.abc import Iterator
from dataclasses import dataclass

from linksim.data.measured_snr import read_measured_snr
from linksim.phy.path_loss import LinkGeometry, PathLoss
from linksim.phy.snr import snr_path
from linksim.records import NODES
from linksim.rng import Streams
from linksim.scenario.nodes import NoAttack
from linksim.scenario.schema import LinkOptions, Scenario
from linksim.scenario.snr import MeasuredSnr
from linksim.units import NS_PER_S

NUM_INSTANTS = 1000


@dataclass(frozen=True)
class SnrPreview:
    """The SNR range of one receiver of a group.

    low_db, high_db  smallest and largest SNR at `NUM_INSTANTS` equally spaced instants, averaged over fading
    details          further facts: distances, or the file of measurements
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
    """Previews of every receiver of every group, in order. Raises DataError for a file of measured SNR that cannot be read.

    seconds  simulated time that the preview covers
    """
    streams = Streams(scenario.seed, scenario.replication)
    instants = [round(seconds * NS_PER_S * i / NUM_INSTANTS) for i in range(NUM_INSTANTS + 1)]
    for group, options in scenario.groups.items():
        for receiver in NODES[: 1 if isinstance(options.eve, NoAttack) else 2]:
            yield _preview(group, options, receiver, streams, instants)


def _preview(group: str, options: LinkOptions, receiver: str, streams: Streams, instants: list[int]) -> SnrPreview:
    channel = options.channel
    spec, place = (channel.bob.snr, channel.geometry.bob) if receiver == "bob" else (channel.eve.snr, channel.geometry.eve)
    geometry = LinkGeometry(channel.geometry.alice, place, options.radio.symbol_rate_hz)
    path = snr_path(spec, streams.key(f"air/link-0/{receiver}/snr"), geometry)
    values = [path.at(now) for now in instants]
    details = ""
    if isinstance(path, PathLoss):
        distances = [path.distance_m(now) for now in instants]
        details = f"{format_range(min(distances), max(distances), 'm')} from Alice"
    elif isinstance(spec, MeasuredSnr):
        measurement = read_measured_snr(spec.file, spec.sha256)
        first_s, last_s = measurement.time_s[0], measurement.time_s[-1]
        details = f"{len(measurement.time_s):,} rows from {first_s:g} to {last_s:g} s of {spec.file}"
    return SnrPreview(group, receiver, spec.kind, min(values), max(values), details)
