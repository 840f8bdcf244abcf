"""How much a scenario asks for, by simple formulas, before anything runs: frames, messages, memory, size of the trace.

Time of a lane (`Estimate.simulated_s` is that of the longest): Alice sends frame after frame, each after the control messages it needs,

    busy  = latency + (pilots + images * uses per image) / symbol rate + key exchange, where keys come from the table
    frame = max(interval, busy + probe round * min(1, busy / probe interval))
    frames sent = min(frames, limit / frame)

with messages of `BYTES`, as the wire format has them, on the air as `control_size` says. Nothing is lost in this account, so a bad channel
takes longer and sends more messages; `control_at_most` is what a channel that loses everything would cost.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from linksim.errors import Problem, ScenarioError
from linksim.records import (
    TABLES,
    Adaptation,
    ControlSent,
    FrameSent,
    Jam,
    Lane,
    PathSample,
    Picture,
    Quality,
    Reception,
    Record,
    Symbol,
    columns,
)  # fmt: skip
from linksim.scenario.control_size import control_uses
from linksim.scenario.jammers import (
    BARRAGE_SLICE_MS,
    BarrageJammer,
    MarkovJammer,
    NoJammer,
    PulsedJammer,
    ReactiveJammer,
    SemanticJammer,
    SweepJammer,
)
from linksim.scenario.nodes import NoAttack, Processing
from linksim.scenario.schema import Link, Scenario
from linksim.scenario.schemes import DiffusecScheme, PermutationScheme, SeparationScheme, VqvaeScheme
from linksim.scenario.source_attacks import NoSourceAttack
from linksim.scenario.strict_yaml import dump_yaml

LARGEST_TRACE = 64 << 30
IMAGE_VALUES = {"samples": 3 * 32 * 32, "cifar10": 3 * 32 * 32, "mnist": 28 * 28, "fashion_mnist": 28 * 28, "faces": 3 * 128 * 128}
USES_OF_DIFFUSEC = 5 / 12  # per image value, of DiffuSeC's codec and of the baseline made to its measure
USES_PER_VALUE = 1 / 6  # of other codecs: the wider of the usual bandwidth ratios; the codec's card has the true one, and is not read here
BYTES = {"hello": 67, "accept": 59, "probe": 33, "report": 39, "confirm": 33, "key": 35, "ack": 32}
BYTES_PER_PAIR = 4  # of a KEY message, for every pair of images
SYMBOLS_KEPT = 256  # of a frame
BLOCK = 256  # rows of a table that are written at once
EMPTY_TRACE = 600 << 10  # names, attributes, and the first chunk of every column
BASE_MEMORY = 250 << 20  # the interpreter with its libraries, the networks of a run, and their working memory
LANE_MEMORY = 64 << 10  # processes, streams and session of a lane
WAITING = 2048  # images whose promises wait at a time, over all operations; the worker's batches bound them
COPIES = 8  # float32 copies of an image that its chain of promises holds


@dataclass(frozen=True)
class Estimate:
    """What a run is expected to come to.

    simulated_s       seconds of simulated time
    frames            data frames of all lanes
    images            images in them
    control           control messages, where none is lost
    control_at_most   control messages, where all are lost
    rows              (table, rows) of the trace
    trace_bytes       size of the trace, without compression
    memory_bytes      memory of the process on a CPU
    """

    simulated_s: float
    frames: int
    images: int
    control: int
    control_at_most: int
    rows: tuple[tuple[str, int], ...]
    trace_bytes: int
    memory_bytes: int


@dataclass(frozen=True)
class _Lane:
    """One lane of a group: seconds, frames, probe rounds, exchanges of keys."""

    seconds: float
    frames: int
    probes: int
    keys: int


def estimate(scenario: Scenario) -> Estimate:
    """The estimate of a scenario. The formulas are at the top of this file."""
    lanes = [(link, _lane(scenario, link)) for link in scenario.groups.values()]
    frames = sum(link.lanes * lane.frames for link, lane in lanes)
    images = sum(link.lanes * lane.frames * link.alice.images_per_frame for link, lane in lanes)
    control = sum(link.lanes * _messages(link, lane) for link, lane in lanes)
    rows: dict[type[Record], int] = {
        Lane: scenario.lanes,
        FrameSent: frames,
        Reception: sum(link.lanes * lane.frames * _ears(link) for link, lane in lanes),
        Quality: sum(link.lanes * lane.frames * link.alice.images_per_frame * _ears(link) for link, lane in lanes),
        ControlSent: control,
        Jam: sum(link.lanes * _jams(link, lane) for link, lane in lanes),
        Picture: sum(
            min(scenario.trace.pictures, link.lanes * lane.frames * link.alice.images_per_frame) * _owners(link) for link, lane in lanes
        ),
        PathSample: sum(scenario.trace.channel * _ears(link) for link, _ in lanes),
        Symbol: sum(
            min(scenario.trace.constellations, link.lanes * lane.frames) * min(SYMBOLS_KEPT, _uses(scenario, link)) * _ears(link)
            for link, lane in lanes
        ),
        Adaptation: sum(link.lanes * lane.probes for link, lane in lanes if isinstance(link.scheme[-1], DiffusecScheme)),
    }
    pixels = IMAGE_VALUES[scenario.source]
    trace = EMPTY_TRACE + sum(count * row_bytes(table) for table, count in rows.items()) + rows[Picture] * pixels
    memory = BASE_MEMORY + scenario.lanes * LANE_MEMORY + WAITING * COPIES * pixels * 4 + BLOCK * pixels
    at_most = sum(link.lanes * _most_messages(link, scenario) for link, _ in lanes)
    named = tuple((table.table, rows[table]) for table in TABLES)
    return Estimate(max(lane.seconds for _, lane in lanes), frames, images, control, at_most, named, trace, memory)


def row_bytes(table: type[Record]) -> int:
    """Bytes of a row, an image counted as one."""
    return sum(column.dtype.itemsize for column in columns(table))


def refuse_oversized(scenario: Scenario, name: str) -> None:
    """Raise ScenarioError where the trace would be larger than 64 GiB; `name` stands for the file."""
    size = estimate(scenario).trace_bytes
    if size > LARGEST_TRACE:
        message = f"the trace would take about {readable(size)}, allowed: {readable(LARGEST_TRACE)}; lower frames, lanes or images"
        raise ScenarioError([Problem(name, "frames", message)])


def describe(scenario: Scenario) -> str:
    """The scenario with every key written out, and its estimate as comments: YAML that can be run as it is."""
    found = estimate(scenario)
    links = scenario.groups.values()
    lines = [
        f"lanes      {scenario.lanes:,} in {len(links)} group{'s' if len(links) > 1 else ''}",
        f"time       about {found.simulated_s:.3g} s simulated",
        f"frames     {found.frames:,} with {found.images:,} images",
        f"control    about {found.control:,} messages, at most {found.control_at_most:,}",
        f"trace      about {readable(found.trace_bytes)} ({', '.join(f'{table} {count:,}' for table, count in found.rows if count)} rows)",
        f"memory     about {readable(found.memory_bytes)}",
    ]
    comment = "".join(f"#   {line}\n" for line in lines)
    return f"{dump_yaml(scenario.model_dump())}\n# Estimate, where no control message is lost\n{comment}"


def readable(count: float) -> str:
    """Bytes in words: "1.5 MiB"."""
    units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
    power = min(len(units) - 1, int(math.log2(max(count, 1)) // 10))
    return f"{count / 1024**power:.{0 if power == 0 else 1}f} {units[power]}"


def _lane(scenario: Scenario, link: Link) -> _Lane:
    alice, probe_s = link.alice, link.session.probe_interval_ms / 1e3
    uses = link.radio.pilots + _uses(scenario, link)
    busy = _processing_s(alice.processing, alice.images_per_frame) + uses / link.radio.symbol_rate_hz
    if _has_table(link):
        busy += _air_s(link, ("key", "ack"))
    if _repeats(link):
        busy += _processing_s(link.bob.processing, alice.images_per_frame) + _air_s(link, ("ack",))
    round_s = _air_s(link, ("probe", "report", "confirm"))
    interval = alice.interval_ms / 1e3
    share = min(1.0, max(interval, busy) / probe_s) if probe_s else 0.0  # probe rounds per frame
    period = max(interval, busy + share * round_s)
    frames = max(1, min(scenario.frames, int(scenario.limit_s / period)))
    seconds = min(scenario.limit_s, frames * period)
    return _Lane(seconds, frames, math.ceil(frames * share), frames * _has_table(link))


def _uses(scenario: Scenario, link: Link) -> int:
    core = link.scheme[-1]
    if isinstance(core, SeparationScheme):
        return link.alice.images_per_frame * core.uses
    per_value = USES_OF_DIFFUSEC if isinstance(core, DiffusecScheme | VqvaeScheme) else USES_PER_VALUE
    of_image = math.ceil(IMAGE_VALUES[scenario.source] * per_value)
    return link.alice.images_per_frame * of_image


def _processing_s(processing: Processing, images: int) -> float:
    return (processing.fixed_us + processing.per_image_us * images) / 1e6


def _messages(link: Link, lane: _Lane) -> int:
    return 2 * _has_session(link) + 3 * lane.probes + 2 * lane.keys + lane.frames * _repeats(link)


def _jams(link: Link, lane: _Lane) -> int:
    """Intervals of jamming, where the jammer's energy lasts."""
    jammer = link.jammer
    if isinstance(jammer, NoJammer):
        return 0
    on_s = max(0.0, lane.seconds - jammer.start_ms / 1e3)
    match jammer:
        case BarrageJammer():
            return math.ceil(on_s / (BARRAGE_SLICE_MS / 1e3))
        case PulsedJammer():
            return math.ceil(on_s / (jammer.period_ms / 1e3))
        case MarkovJammer():
            return math.ceil(on_s / ((jammer.mean_on_ms + jammer.mean_off_ms) / 1e3))
        case SweepJammer():
            return math.ceil(on_s / (jammer.dwell_ms / 1e3 * link.lanes))
        case ReactiveJammer():
            frames = lane.frames * (jammer.target != "control") + _messages(link, lane) * (jammer.target != "data")
            return math.ceil(frames * (1 - jammer.misses) * on_s / lane.seconds)
        case SemanticJammer():
            return math.ceil(lane.frames * on_s / lane.seconds)


def _most_messages(link: Link, scenario: Scenario) -> int:
    """Messages of a lane when every exchange takes all its attempts and every attempt is answered."""
    if not _has_session(link):
        return 0
    exchange, answers = 2 * link.session.attempts, _attempts(link) if _repeats(link) else 0
    probe = exchange + 1 if link.session.probe_interval_ms else 0
    # a handshake, and a proof of its keys, may be tried again before each frame; a NACK may follow it
    return scenario.frames * (2 * exchange + 1 + probe + exchange * _has_table(link) + answers)


def _has_table(link: Link) -> bool:
    return any(isinstance(layer, PermutationScheme) and layer.keys == "table" for layer in link.scheme)


def _has_session(link: Link) -> bool:
    stepped = isinstance(link.scheme[-1], DiffusecScheme)
    return link.session.probe_interval_ms > 0 or len(link.scheme) > 1 or stepped or _repeats(link)


def _attempts(link: Link) -> int:
    """Transmissions of a data frame, at most."""
    core = link.scheme[-1]
    return core.arq.attempts if isinstance(core, SeparationScheme) else 1


def _repeats(link: Link) -> bool:
    """Whether Bob acknowledges data frames."""
    return _attempts(link) > 1


def _pairs(link: Link) -> int:
    return math.ceil(link.alice.images_per_frame / 2) * (len(link.scheme) - 1)


def _owners(link: Link) -> int:
    """Whose pictures of an image are kept."""
    return 1 + _ears(link) + (not isinstance(link.alice.source_attack, NoSourceAttack))


def _ears(link: Link) -> int:
    return 1 if isinstance(link.eve, NoAttack) else 2


def _air_s(link: Link, messages: Iterable[str]) -> float:
    """Seconds that messages take on the air, pilots and propagation included."""
    seconds = 0.0
    for message in messages:
        uses = control_uses(link.radio, BYTES[message] + (BYTES_PER_PAIR * _pairs(link) if message == "key" else 0))
        front = link.radio.pilots if message == "probe" or link.channel.bob.csi == "pilots" else 0
        seconds += (front + uses) / link.radio.symbol_rate_hz + link.channel.bob.propagation_us / 1e6
    return seconds
