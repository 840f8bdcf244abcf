"""Estimate of a run before it starts: frames, messages, rows and size of the trace, memory and CPU time.

What a component costs is declared with its options (`linksim.cost`). `link_estimate` adds up the components of one link, `resources` gives
memory and time; here the links are added up.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from linksim.cost import USUAL_MACHINE, MachineSpeed
from linksim.errors import LinksimError, Problem, ScenarioError
from linksim.records import (
    TABLES,
    ChannelSample,
    ConstellationPoint,
    ControlSent,
    DecisionReward,
    FrameSent,
    ImageScore,
    KeptImage,
    LinkCreated,
    MetricColumn,
    ParameterDecision,
    Reception,
    Record,
    columns,
)
from linksim.registry import suggest
from linksim.scenario.dataset_size import DATASETS
from linksim.scenario.link_estimate import LinkEstimate, estimate_link
from linksim.scenario.metrics import column_of
from linksim.scenario.resources import cpu_s, memory_bytes
from linksim.scenario.schema import Scenario

LARGEST_TRACE = 64 << 30
MOST_SNR_VALUES = 10**9  # a few minutes of one core
SYMBOLS_KEPT = 256  # per frame
EMPTY_TRACE = 600 << 10  # names, attributes, and the first chunk of every column


@dataclass(frozen=True)
class Estimate:
    """What a run is expected to come to.

    simulated_s       seconds of simulated time, of the link that takes longest
    frames            data frames of all links
    images            images in them
    control           control messages, where none is lost
    control_at_most   control messages, where all are lost
    rows              (table, rows) of the trace
    trace_bytes       size of the trace, without compression
    memory_bytes      peak memory of the process on a CPU
    snr_values        values of the SNR processes that are generated step by step
    cpu_s             CPU time on one core, without figures
    """

    simulated_s: float
    frames: int
    images: int
    control: int
    control_at_most: int
    rows: tuple[tuple[str, int], ...]
    trace_bytes: int
    memory_bytes: int
    snr_values: int
    cpu_s: float


def estimate(scenario: Scenario, speed: MachineSpeed = USUAL_MACHINE) -> Estimate:
    """The estimate of a scenario. The formulas are at the top of `link_estimate` and `resources`.

    speed  how fast the machine runs networks, as `nets.speed` measures it; else that of a usual machine

    >>> from linksim.scenario.load import scenario_from_text
    >>> found = estimate(scenario_from_text("{name: short, frames: 10, links: 2}"))
    >>> found.frames, found.images, dict(found.rows)["scores"]
    (20, 80, 80)
    """
    links = [estimate_link(scenario, options) for options in scenario.groups.values()]
    rows = sum((_rows(scenario, link) for link in links), Counter({table.table: 0 for table in TABLES}))
    if unknown := rows.keys() - {table.table for table in TABLES}:
        raise LinksimError(f"a component declares rows of the table {min(unknown)!r}; {suggest(min(unknown), (t.table for t in TABLES))}")
    pixels = rows[KeptImage.table] * DATASETS[scenario.dataset].image_values
    metrics = [column_of(metric) for metric in scenario.metrics]
    return Estimate(
        simulated_s=max(link.traffic.seconds for link in links),
        frames=sum(link.options.links * link.traffic.frames for link in links),
        images=sum(link.options.links * link.images for link in links),
        control=rows[ControlSent.table],
        control_at_most=sum(link.options.links * link.control_at_most for link in links),
        rows=tuple((table.table, rows[table.table]) for table in TABLES),
        trace_bytes=EMPTY_TRACE + pixels + sum(rows[table.table] * row_bytes(table, metrics) for table in TABLES),
        memory_bytes=memory_bytes(scenario, links),
        snr_values=math.ceil(sum(link.options.links * link.snr_values for link in links)),
        cpu_s=cpu_s(scenario, links, speed),
    )


def _rows(scenario: Scenario, link: LinkEstimate) -> Counter[str]:
    """Rows of each table from the links of a group."""
    count, traffic, kept = link.options.links, link.traffic, scenario.trace
    rows = Counter({table: count * number for table, number in link.cost.rows.items()})
    rows[LinkCreated.table] += count
    rows[FrameSent.table] += count * traffic.frames
    rows[Reception.table] += count * traffic.frames * link.receivers
    rows[ImageScore.table] += count * link.images  # of Bob
    rows[ControlSent.table] += count * traffic.control_frames
    rows[KeptImage.table] += min(kept.images, count * link.images) * link.owners
    rows[ChannelSample.table] += kept.channel_samples * link.receivers
    symbols = min(SYMBOLS_KEPT, link.scheme.channel_uses) * link.receivers
    rows[ConstellationPoint.table] += min(kept.constellation_frames, count * traffic.frames) * symbols
    for table in (ParameterDecision.table, DecisionReward.table):
        rows[table] += count * traffic.rounds * link.negotiates
    return rows


def row_bytes(table: type[Record], metrics: Sequence[MetricColumn] = ()) -> int:
    """Bytes of a row with the columns of some metrics, an image counted as one.

    >>> row_bytes(LinkCreated)  # link int32, group int16
    6
    """
    return sum(column.dtype.itemsize for column in columns(table, metrics=metrics))


def refuse_oversized(scenario: Scenario, name: str) -> None:
    """Raise ScenarioError for a run that is more likely a slip in a number than a study.

    That is a trace of more than 64 GiB, and SNR processes of more than 10^9 values, which would stop the run for minutes.

    name  name of the scenario's file, for the message
    """
    found = estimate(scenario)
    if found.snr_values > MOST_SNR_VALUES:
        message = f"the SNR would change about {found.snr_values:.2g} times in {found.simulated_s:.3g} s, allowed: {MOST_SNR_VALUES:g}"
        advice = "raise its coherence, interval or dwell times, or lower frames or links"
        raise ScenarioError([Problem(name, "channel", f"{message}; {advice}")])
    size = found.trace_bytes
    if size > LARGEST_TRACE:
        message = f"the trace would take about {readable(size)}, allowed: {readable(LARGEST_TRACE)}; lower frames, links or images"
        raise ScenarioError([Problem(name, "frames", message)])


def estimate_lines(scenario: Scenario, found: Estimate, measured: bool) -> list[str]:
    """The estimate of a scenario as lines of text, which `linksim check` prints.

    found     the estimate
    measured  whether it is for the measured speed of this machine
    """
    machine = "on this machine" if measured else "on a usual machine"
    return [
        f"links      {scenario.links:,} in {len(scenario.groups)} group{'s' if len(scenario.groups) > 1 else ''}",
        f"time       about {found.simulated_s:.3g} s simulated",
        f"frames     {found.frames:,} with {found.images:,} images",
        f"control    about {found.control:,} messages, at most {found.control_at_most:,}",
        f"trace      about {readable(found.trace_bytes)} ({', '.join(f'{table} {count:,}' for table, count in found.rows if count)} rows)",
        f"memory     about {readable(found.memory_bytes)}",
        f"run time   about {found.cpu_s:.2g} s of CPU time {machine}, without figures",
        *(_probes(name, estimate_link(scenario, link)) for name, link in scenario.groups.items() if link.session.probe_interval_ms),
    ]


def _probes(name: str, link: LinkEstimate) -> str:
    """The time between two probe rounds of a group, which waits for the frame in progress, beside the interval of the scenario."""
    asked = link.options.session.probe_interval_ms
    if link.traffic.rounds < 2:
        return f"probes     {name}: at most one round"
    return f"probes     {name}: a round about every {1e3 * link.traffic.seconds / link.traffic.rounds:.3g} ms, asked for every {asked:g} ms"


def readable(count: float) -> str:
    """A number of bytes with a binary unit.

    >>> readable(1536 * 1024), readable(12)
    ('1.5 MiB', '12 bytes')
    """
    units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
    power = min(len(units) - 1, int(math.log2(max(count, 1)) // 10))
    return f"{count / 1024**power:.{0 if power == 0 else 1}f} {units[power]}"
