"""What the SNR of a scenario's paths will be, before it is run: the first lane's, as functions of time that anybody may ask."""

from collections.abc import Iterator
from dataclasses import dataclass

from linksim.data.recorded import read_recorded
from linksim.phy.path_loss import Hop, PathLoss
from linksim.phy.snr import snr_path
from linksim.records import NODES
from linksim.rng import Streams
from linksim.scenario.nodes import NoAttack
from linksim.scenario.schema import Link, Scenario
from linksim.scenario.snr import RecordedSnr
from linksim.units import NS_PER_S

INSTANTS = 1000


@dataclass(frozen=True)
class Outlook:
    """The SNR of one ear of a group, over the time asked for.

    low_db, high_db  least and largest at `INSTANTS` instants, fading averaged out
    about            what else is known: distances, the recorded file
    """

    group: str
    ear: str
    kind: str
    low_db: float
    high_db: float
    about: str

    def __str__(self) -> str:
        return ", ".join(filter(None, [f"{self.group}: {self.ear} {span(self.low_db, self.high_db, 'dB')}", self.kind, self.about]))


def span(low: float, high: float, unit: str) -> str:
    """ "3.1 to 28.4 dB", or "10.0 dB" where both are the same."""
    shown = list(dict.fromkeys(f"{value:.1f}" for value in (low, high)))
    return f"{' to '.join(shown)} {unit}"


def outlook(scenario: Scenario, seconds: float) -> Iterator[Outlook]:
    """Every ear of every group, in order. Raises DataError for a recorded file that cannot be read."""
    streams = Streams(scenario.seed, scenario.run)
    instants = [round(seconds * NS_PER_S * i / INSTANTS) for i in range(INSTANTS + 1)]
    for group, link in scenario.groups.items():
        for ear in NODES[: 1 if isinstance(link.eve, NoAttack) else 2]:
            yield _of(group, link, ear, streams, instants)


def _of(group: str, link: Link, ear: str, streams: Streams, instants: list[int]) -> Outlook:
    channel = link.channel
    spec, place = (channel.bob.snr, channel.geometry.bob) if ear == "bob" else (channel.eve.snr, channel.geometry.eve)
    path = snr_path(spec, streams.key(f"air/lane-0/{ear}/snr"), Hop(channel.geometry.alice, place, link.radio.symbol_rate_hz))
    values = [path.at(now) for now in instants]
    about = ""
    if isinstance(path, PathLoss):
        ways = [path.distance_m(now) for now in instants]
        about = f"{span(min(ways), max(ways), 'm')} from Alice"
    elif isinstance(spec, RecordedSnr):
        recording = read_recorded(spec.file, spec.sha256)
        about = f"{len(recording.time_s):,} rows from {recording.time_s[0]:g} to {recording.time_s[-1]:g} s of {spec.file}"
    return Outlook(group, ear, spec.kind, min(values), max(values), about)
