"""What the SNR of a scenario's paths will be, before it is replication: the first link's, as functions of time that anybody may ask."""

from collections.abc import Iterator
from dataclasses import dataclass

from linksim.data.recorded import read_recorded
from linksim.phy.path_loss import LinkGeometry, PathLoss
from linksim.phy.snr import snr_path
from linksim.records import NODES
from linksim.rng import Streams
from linksim.scenario.nodes import NoAttack
from linksim.scenario.schema import LinkOptions, Scenario
from linksim.scenario.snr import MeasuredSnr
from linksim.units import NS_PER_S

INSTANTS = 1000


@dataclass(frozen=True)
class SnrPreview:
    """The SNR of one receiver of a group, over the time asked for.

    low_db, high_db  least and largest at `INSTANTS` instants, fading averaged out
    about            what else is known: distances, the recorded file
    """

    group: str
    receiver: str
    kind: str
    low_db: float
    high_db: float
    about: str

    def __str__(self) -> str:
        return ", ".join(filter(None, [f"{self.group}: {self.receiver} {span(self.low_db, self.high_db, 'dB')}", self.kind, self.about]))


def span(low: float, high: float, unit: str) -> str:
    """ "3.1 to 28.4 dB", or "10.0 dB" where both are the same."""
    shown = list(dict.fromkeys(f"{value:.1f}" for value in (low, high)))
    return f"{' to '.join(shown)} {unit}"


def snr_preview(scenario: Scenario, seconds: float) -> Iterator[SnrPreview]:
    """Every receiver of every group, in order. Raises DataError for a recorded file that cannot be read."""
    streams = Streams(scenario.seed, scenario.replication)
    instants = [round(seconds * NS_PER_S * i / INSTANTS) for i in range(INSTANTS + 1)]
    for group, options in scenario.groups.items():
        for receiver in NODES[: 1 if isinstance(options.eve, NoAttack) else 2]:
            yield _of(group, options, receiver, streams, instants)


def _of(group: str, options: LinkOptions, receiver: str, streams: Streams, instants: list[int]) -> SnrPreview:
    channel = options.channel
    spec, place = (channel.bob.snr, channel.geometry.bob) if receiver == "bob" else (channel.eve.snr, channel.geometry.eve)
    path = snr_path(
        spec, streams.key(f"air/link-0/{receiver}/snr"), LinkGeometry(channel.geometry.alice, place, options.radio.symbol_rate_hz)
    )
    values = [path.at(now) for now in instants]
    about = ""
    if isinstance(path, PathLoss):
        ways = [path.distance_m(now) for now in instants]
        about = f"{span(min(ways), max(ways), 'm')} from Alice"
    elif isinstance(spec, MeasuredSnr):
        recording = read_recorded(spec.file, spec.sha256)
        about = f"{len(recording.time_s):,} rows from {recording.time_s[0]:g} to {recording.time_s[-1]:g} s of {spec.file}"
    return SnrPreview(group, receiver, spec.kind, min(values), max(values), about)
