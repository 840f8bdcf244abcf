"""Estimate of one link: how long it runs, what it sends, and what its components cost.

Alice sends frame after frame, each after the control messages it needs:

    busy  = latency + (pilots + header + symbols of the frame) / symbol rate + key exchange, where keys are transmitted
    frame = max(interval, busy + probe round * min(1, busy / probe interval))
    frames sent = min(frames, time limit / frame)

The length of a control message follows from `linksim.wire_layout`. The account assumes that no message is lost; `control_at_most` is the
number of messages if all are lost.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from linksim.cost import Cost, Traffic
from linksim.negotiation import names
from linksim.records import RECEIVERS
from linksim.scenario.attacks import NoAttack
from linksim.scenario.control_size import control_channel_uses, header_channel_uses
from linksim.scenario.dataset_size import DATASETS
from linksim.scenario.model_facts import model_facts
from linksim.scenario.nodes import Processing
from linksim.scenario.schema import LinkOptions, Scenario
from linksim.scenario.schemes import base_options
from linksim.scenario.source_attacks import NoSourceAttack
from linksim.scenario.stack_cost import cost_of_stack
from linksim.wire_layout import header_bytes, message_bytes


@dataclass(frozen=True)
class LinkEstimate:
    """What one link of a group does.

    options          its options
    traffic          frames, messages, probe rounds and simulated seconds until its last frame
    scheme           cost of the stack of schemes
    cost             cost of all its components together
    metric_bytes     memory in bytes of the metrics, which all links of the run share
    control_at_most  control messages, where all are lost
    """

    options: LinkOptions
    traffic: Traffic
    scheme: Cost
    cost: Cost
    metric_bytes: int
    control_at_most: int

    @property
    def receivers(self) -> int:
        """Receivers of a data frame: Bob, and Eve if there is an attack."""
        return self.traffic.receivers

    @property
    def owners(self) -> int:
        """Copies of an image that the trace keeps: Alice's, those of the receivers, and the attacked one."""
        return 1 + self.receivers + (not isinstance(self.options.alice.source_attack, NoSourceAttack))

    @property
    def negotiates(self) -> bool:
        """Whether the scheme negotiates parameters."""
        return _num_parameters(self.options) > 0

    @property
    def images(self) -> int:
        """Images that the link sends."""
        return self.traffic.frames * self.traffic.images

    @property
    def snr_values(self) -> float:
        """Values of the SNR processes of its receivers that are generated until its last frame, see `SnrOptions.grid_ms`."""
        channel = self.options.channel
        paths = {"bob": channel.bob, "eve": channel.eve}
        grids_ms = (paths[node].snr.grid_ms(channel.geometry.speed_mps(node)) for node in RECEIVERS[: self.receivers])
        return sum(1e3 * self.traffic.seconds / grid_ms for grid_ms in grids_ms)


def estimate_link(scenario: Scenario, options: LinkOptions) -> LinkEstimate:
    """Estimate one link of a group. The formulas are at the top of this file.

    >>> from linksim.scenario.load import scenario_from_text
    >>> scenario = scenario_from_text("{name: short, frames: 10}")
    >>> link = estimate_link(scenario, scenario.groups["link"])
    >>> link.traffic.frames, link.scheme.channel_uses, link.cost.rows
    (10, 2048, {})
    """
    base, dataset = base_options(options.scheme), DATASETS[scenario.dataset]
    asked = Traffic(
        image_values=dataset.image_values,
        images=options.alice.images_per_frame,
        frames=scenario.frames,
        links=options.links,
        receivers=1 if isinstance(options.eve, NoAttack) else 2,
        codec=next((model for model, kind in base.models() if kind == "codec"), None),
        classifier=scenario.classifier,
        train_bytes=dataset.train_bytes,
        model=model_facts,
    )
    scheme = cost_of_stack(options.scheme, asked)
    traffic = _timed(scenario, options, replace(asked, channel_uses=scheme.channel_uses), scheme)
    path = options.channel
    parts = (options.jammer, options.eve, options.alice.source_attack, options.bob.policy, path.bob.snr, path.bob.fading)
    eves = () if isinstance(options.eve, NoAttack) else (path.eve.snr, path.eve.fading)
    total = sum((part.cost(traffic) for part in (*parts, *eves)), cost_of_stack(options.scheme, replace(traffic, channel_uses=0)))
    metrics = sum((metric.cost(traffic) for metric in scenario.metrics), Cost())
    total += replace(metrics, shared_bytes=0)
    return LinkEstimate(options, traffic, scheme, total, metrics.shared_bytes, _most_messages(options, scenario, scheme.pairs))


def _timed(scenario: Scenario, options: LinkOptions, asked: Traffic, scheme: Cost) -> Traffic:
    """The traffic with the frames, messages and seconds that the time limit and the medium allow."""
    alice, probe_s = options.alice, options.session.probe_interval_ms / 1e3
    header_uses = header_channel_uses(options.radio, header_bytes(_has_session(options)))
    busy = _processing_s(alice.processing, alice.images_per_frame)
    busy += (options.radio.pilots + header_uses + scheme.channel_uses) / options.radio.symbol_rate_hz
    if scheme.pairs:
        busy += _air_s(options, ("key", "ack"), scheme.pairs)
    if _repeats(options):
        busy += _processing_s(options.bob.processing, alice.images_per_frame) + _air_s(options, ("ack",))
    interval = alice.frame_interval_ms / 1e3
    share = min(1.0, max(interval, busy) / probe_s) if probe_s else 0.0  # probe rounds per frame
    period = max(interval, busy + share * _air_s(options, ("probe", "report", "confirm")))
    frames = max(1, min(scenario.frames, int(scenario.max_time_s / period)))
    rounds = math.ceil(frames * share)
    # a handshake of 2, probe rounds of 3, KEY with its ACK, and an ACK per frame under ARQ
    control = 2 * _has_session(options) + 3 * rounds + 2 * frames * (scheme.pairs > 0) + frames * _repeats(options)
    seconds = min(scenario.max_time_s, frames * period)
    return replace(asked, frames=frames, rounds=rounds, control_frames=control, seconds=seconds)


def _most_messages(options: LinkOptions, scenario: Scenario, pairs: int) -> int:
    """Messages of a link when every exchange takes all its attempts and every attempt is answered."""
    if not _has_session(options):
        return 0
    exchange = 2 * options.session.max_transmissions
    answers = base_options(options.scheme).transmissions() if _repeats(options) else 0
    probe = exchange + 1 if options.session.probe_interval_ms else 0
    # a handshake, and a proof of its keys, may be tried again before each frame; a NACK may follow it
    return scenario.frames * (2 * exchange + 1 + probe + exchange * (pairs > 0) + answers)


def _num_parameters(options: LinkOptions) -> int:
    """Number of negotiated parameters."""
    return len(names(base_options(options.scheme).Parameters))


def _repeats(options: LinkOptions) -> bool:
    """Whether Bob acknowledges data frames."""
    return base_options(options.scheme).transmissions() > 1


def _has_session(options: LinkOptions) -> bool:
    """Whether a link has a session: something must be sealed, negotiated or acknowledged."""
    return options.session.probe_interval_ms > 0 or len(options.scheme) > 1 or _num_parameters(options) > 0 or _repeats(options)


def _processing_s(processing: Processing, images: int) -> float:
    """Processing time of a frame in seconds."""
    return (processing.fixed_us + processing.per_image_us * images) / 1e6


def _air_s(options: LinkOptions, messages: Iterable[str], pairs: int = 0) -> float:
    """Seconds that messages take on the air, pilots and propagation included."""
    seconds = 0.0
    for message in messages:
        size = message_bytes(message, _num_parameters(options), pairs)
        channel_uses = control_channel_uses(options.radio, size)
        front = options.radio.pilots if message == "probe" or options.channel.bob.csi == "pilots" else 0
        seconds += (front + channel_uses) / options.radio.symbol_rate_hz + options.channel.bob.propagation_us / 1e6
    return seconds
