"""Estimate of a run before it starts: frames, messages, memory and size of the trace.

Time of a link (`Estimate.simulated_s` is that of the longest): Alice sends frame after frame, each after the control messages it needs,

    busy  = latency + (pilots + symbols of the frame) / symbol rate + key exchange, where keys are transmitted
    frame = max(interval, busy + probe round * min(1, busy / probe interval))
    frames sent = min(frames, time limit / frame)

What a component costs is declared with its options (`symbols_per_image`, `symbols_per_frame`, `num_transmitted_keys`, `num_intervals`); the
length of a control message follows from `linksim.wire_layout`. The account assumes that no message is lost; `control_at_most` is the number
of messages if all are lost.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from linksim.errors import Problem, ScenarioError
from linksim.negotiation import names
from linksim.records import (
    TABLES,
    ChannelSample,
    ConstellationPoint,
    ControlSent,
    FrameSent,
    ImageScore,
    JammingInterval,
    KeptImage,
    KeyKnowledge,
    LinkCreated,
    ParameterDecision,
    Reception,
    Record,
    columns,
)
from linksim.scenario.control_size import control_channel_uses
from linksim.scenario.model_facts import model_fact
from linksim.scenario.nodes import NoAttack, Processing
from linksim.scenario.schema import LinkOptions, Scenario
from linksim.scenario.schemes import LayerOptions, SchemeOptions
from linksim.scenario.source_attacks import NoSourceAttack
from linksim.scenario.strict_yaml import dump_yaml
from linksim.wire_layout import message_bytes

LARGEST_TRACE = 64 << 30
IMAGE_VALUES = {"samples": 3 * 32 * 32, "cifar10": 3 * 32 * 32, "mnist": 28 * 28, "fashion_mnist": 28 * 28, "faces": 3 * 128 * 128}
SYMBOLS_KEPT = 256  # per frame
BLOCK = 256  # rows of a table that are written at once
EMPTY_TRACE = 600 << 10  # names, attributes, and the first chunk of every column
BASE_MEMORY = 250 << 20  # the interpreter with its libraries, the networks of a run, and their working memory
LINK_MEMORY = 64 << 10  # processes, streams and session of a link
WAITING = 2048  # images whose promises wait at a time, over all operations; the worker's batches bound them
COPIES = 8  # float32 copies of an image that its chain of promises holds


@dataclass(frozen=True)
class Estimate:
    """What a run is expected to come to.

    simulated_s       seconds of simulated time
    frames            data frames of all links
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
class _LinkEstimate:
    """One link of a group: seconds, frames, probe rounds, exchanges of keys."""

    seconds: float
    frames: int
    probes: int
    keys: int


def estimate(scenario: Scenario) -> Estimate:
    """The estimate of a scenario. The formulas are at the top of this file."""
    links = [(options, _link(scenario, options)) for options in scenario.groups.values()]
    frames = sum(options.links * link.frames for options, link in links)
    images = sum(options.links * link.frames * options.alice.images_per_frame for options, link in links)
    control = sum(options.links * _messages(options, link) for options, link in links)
    rows: dict[type[Record], int] = {
        LinkCreated: scenario.links,
        FrameSent: frames,
        Reception: sum(options.links * link.frames * _receivers(options) for options, link in links),
        ImageScore: sum(options.links * _scored_frames(options, link) * options.alice.images_per_frame for options, link in links),
        ControlSent: control,
        JammingInterval: sum(options.links * _jams(options, link) for options, link in links),
        KeptImage: sum(
            min(scenario.trace.images, options.links * link.frames * options.alice.images_per_frame) * _owners(options)
            for options, link in links
        ),
        ChannelSample: sum(scenario.trace.channel_samples * _receivers(options) for options, _ in links),
        ConstellationPoint: sum(
            min(scenario.trace.constellation_frames, options.links * link.frames)
            * min(SYMBOLS_KEPT, _channel_uses(scenario, options))
            * _receivers(options)
            for options, link in links
        ),
        ParameterDecision: sum(options.links * link.probes for options, link in links if _negotiates(options)),
        KeyKnowledge: sum(options.links * options.eve.key_rows(link.frames, options.alice.images_per_frame) for options, link in links),
    }
    pixels = IMAGE_VALUES[scenario.dataset]
    trace = EMPTY_TRACE + sum(count * row_bytes(table) for table, count in rows.items()) + rows[KeptImage] * pixels
    memory = BASE_MEMORY + scenario.links * LINK_MEMORY + WAITING * COPIES * pixels * 4 + BLOCK * pixels
    at_most = sum(options.links * _most_messages(options, scenario) for options, _ in links)
    by_kind = tuple((table.table, rows[table]) for table in TABLES)
    return Estimate(max(link.seconds for _, link in links), frames, images, control, at_most, by_kind, trace, memory)


def row_bytes(table: type[Record]) -> int:
    """Bytes of a row, an image counted as one."""
    return sum(column.dtype.itemsize for column in columns(table))


def refuse_oversized(scenario: Scenario, name: str) -> None:
    """Raise ScenarioError where the trace would be larger than 64 GiB; `name` stands for the file."""
    size = estimate(scenario).trace_bytes
    if size > LARGEST_TRACE:
        message = f"the trace would take about {readable(size)}, allowed: {readable(LARGEST_TRACE)}; lower frames, links or images"
        raise ScenarioError([Problem(name, "frames", message)])


def describe(scenario: Scenario) -> str:
    """The scenario with every key written out, and its estimate as comments: YAML that can be run as it is."""
    found = estimate(scenario)
    link_options = scenario.groups.values()
    lines = [
        f"links      {scenario.links:,} in {len(link_options)} group{'s' if len(link_options) > 1 else ''}",
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


def _link(scenario: Scenario, options: LinkOptions) -> _LinkEstimate:
    alice, probe_s = options.alice, options.session.probe_interval_ms / 1e3
    channel_uses = options.radio.pilots + _channel_uses(scenario, options)
    busy = _processing_s(alice.processing, alice.images_per_frame) + channel_uses / options.radio.symbol_rate_hz
    if _pairs(options):
        busy += _air_s(options, ("key", "ack"))
    if _repeats(options):
        busy += _processing_s(options.bob.processing, alice.images_per_frame) + _air_s(options, ("ack",))
    round_s = _air_s(options, ("probe", "report", "confirm"))
    interval = alice.frame_interval_ms / 1e3
    share = min(1.0, max(interval, busy) / probe_s) if probe_s else 0.0  # probe rounds per frame
    period = max(interval, busy + share * round_s)
    frames = max(1, min(scenario.frames, int(scenario.max_time_s / period)))
    seconds = min(scenario.max_time_s, frames * period)
    return _LinkEstimate(seconds, frames, math.ceil(frames * share), frames * (_pairs(options) > 0))


def _scored_frames(options: LinkOptions, link: _LinkEstimate) -> int:
    """Frames that Bob reconstructs, and those that Eve reconstructs."""
    unscored = min(link.frames, options.eve.num_unscored_frames())
    return link.frames * _receivers(options) - unscored


def _channel_uses(scenario: Scenario, options: LinkOptions) -> int:
    """Complex channel uses of a data frame, without pilots."""
    images = options.alice.images_per_frame
    uses = images * _base(options).symbols_per_image(IMAGE_VALUES[scenario.dataset], model_fact)
    for layer in reversed(_layers(options)):
        uses = layer.symbols_per_frame(uses, images)
    return uses


def _processing_s(processing: Processing, images: int) -> float:
    return (processing.fixed_us + processing.per_image_us * images) / 1e6


def _messages(options: LinkOptions, link: _LinkEstimate) -> int:
    return 2 * _has_session(options) + 3 * link.probes + 2 * link.keys + link.frames * _repeats(options)


def _jams(options: LinkOptions, link: _LinkEstimate) -> int:
    """Intervals of jamming, if the jammer's energy lasts."""
    return options.jammer.num_intervals(link.seconds, options.links, link.frames, _messages(options, link))


def _most_messages(options: LinkOptions, scenario: Scenario) -> int:
    """Messages of a link when every exchange takes all its attempts and every attempt is answered."""
    if not _has_session(options):
        return 0
    exchange, answers = 2 * options.session.max_transmissions, _base(options).transmissions() if _repeats(options) else 0
    probe = exchange + 1 if options.session.probe_interval_ms else 0
    # a handshake, and a proof of its keys, may be tried again before each frame; a NACK may follow it
    return scenario.frames * (2 * exchange + 1 + probe + exchange * (_pairs(options) > 0) + answers)


def _base(options: LinkOptions) -> SchemeOptions:
    base = options.scheme[-1]
    assert isinstance(base, SchemeOptions)
    return base


def _layers(options: LinkOptions) -> list[LayerOptions]:
    return [layer for layer in options.scheme if isinstance(layer, LayerOptions)]


def _negotiates(options: LinkOptions) -> int:
    """Number of negotiated parameters."""
    return len(names(_base(options).Parameters))


def _pairs(options: LinkOptions) -> int:
    """Sealed keys per data frame."""
    return sum(layer.num_transmitted_keys(options.alice.images_per_frame) for layer in _layers(options))


def _has_session(options: LinkOptions) -> bool:
    return options.session.probe_interval_ms > 0 or len(options.scheme) > 1 or _negotiates(options) > 0 or _repeats(options)


def _repeats(options: LinkOptions) -> bool:
    """Whether Bob acknowledges data frames."""
    return _base(options).transmissions() > 1


def _owners(options: LinkOptions) -> int:
    """Whose images of an image are kept."""
    return 1 + _receivers(options) + (not isinstance(options.alice.source_attack, NoSourceAttack))


def _receivers(options: LinkOptions) -> int:
    return 1 if isinstance(options.eve, NoAttack) else 2


def _air_s(options: LinkOptions, messages: Iterable[str]) -> float:
    """Seconds that messages take on the air, pilots and propagation included."""
    seconds = 0.0
    for message in messages:
        size = message_bytes(message, _negotiates(options), _pairs(options))
        channel_uses = control_channel_uses(options.radio, size)
        front = options.radio.pilots if message == "probe" or options.channel.bob.csi == "pilots" else 0
        seconds += (front + channel_uses) / options.radio.symbol_rate_hz + options.channel.bob.propagation_us / 1e6
    return seconds
