"""Puts a world together from a scenario: the only place that knows all classes.

Random streams are named by the lane's number in its group, not by the group: lane 3 of every group meets the same channel, the same jammer
and the same images, so groups are compared under equal conditions, and neither a further lane nor a further group changes anybody's draws.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from simpy import Event
from torch import Tensor

from linksim.attacks.inversion import Reassemble
from linksim.data.sources import Pictures, load
from linksim.errors import LinksimError
from linksim.nets.cards import Best
from linksim.nets.classifiers import Classifier
from linksim.nets.codecs import Codec
from linksim.nets.weights import Part, load_part
from linksim.records import Lane
from linksim.rng import Streams
from linksim.scenario.faults import Faults as FaultsSpec
from linksim.scenario.nodes import NoAttack
from linksim.scenario.schema import Link, Scenario
from linksim.scenario.schemes import CoreScheme, PlainScheme
from linksim.schemes.cores import Core, build_core
from linksim.schemes.stack import Stack, build_stack
from linksim.units import seconds_to_ns
from linksim.worker import Operation, Worker
from linksim.world import operations
from linksim.world.air import Air
from linksim.world.alice import Album, Alice, Outbox
from linksim.world.arms import Arms
from linksim.world.bob import Bob, Inbox
from linksim.world.clock import World
from linksim.world.constellation import Constellation
from linksim.world.eavesdropping import attack, jigsaw
from linksim.world.eve import Eve
from linksim.world.faults import Faults, restarting
from linksim.world.jammer import Jammer
from linksim.world.judge import Judge
from linksim.world.messages import MOST_PAIRS
from linksim.world.operations import Precision
from linksim.world.session import AliceSession, BobSession
from linksim.world.sounder import Sounder, step_ns


@dataclass(frozen=True)
class Group:
    """What the lanes of a group have in common."""

    link: Link
    core: Core
    stack: Stack
    send: Operation
    receive: Operation
    invert: Operation | None
    score: Operation
    match: Operation | None


class Builder:
    """Makes the operations and lanes of one run. Groups that do the same share an operation, and so its batches."""

    def __init__(self, scenario: Scenario, device: torch.device) -> None:
        self._scenario, self._device = scenario, device
        self.streams = Streams(scenario.seed, scenario.run)
        self.pictures: Pictures = load(scenario.source, "test")
        self._made: dict[tuple[Any, ...], Operation] = {}
        self.parts: dict[str, Part] = {}
        images: Tensor = torch.from_numpy(np.array(self.pictures.images)).to(device)
        self.source = operations.source(images, operations.AIR_BATCH)
        self.carry, self.carry_jammed, self.fill_in = operations.carry(), operations.carry_jammed(), operations.fill_in()
        self.arms = Arms(self.streams, scenario.source, self.part, device)

    def part(self, name: str, kind: str) -> Part:
        """A trained part, checked against the source's images where it takes or makes some."""
        part = self.parts[name] = load_part(name, kind, self._device.type)
        network, (_, height, width, colours) = part.network, self.pictures.images.shape
        if isinstance(network, Codec) and (network.colours, network.side, network.side) != (colours, height, width):
            raise LinksimError(
                f"{kind} {name!r} takes images of {network.side} x {network.side} pixels in {network.colours} colours; "
                f"source {self._scenario.source!r} has {height} x {width} in {colours}"
            )
        return part

    def precision(self, best: Best) -> Precision:
        asked = self._scenario.compute.precision
        chosen = best.precision if asked == "card" else asked
        return Precision(chosen == "bfloat16", self._device)

    def score(self, images: int) -> Operation:
        """The judge's operation for items of `images` images."""
        name = self._scenario.classifier
        if name is None:
            batch = max(1, operations.SCORE_BATCH // images)
            return self._once(("score", images), lambda: operations.score(None, batch, Precision(False, self._device)))
        part = self.part(name, "classifier")
        network, batch = part.network, max(1, part.best.batch // images)
        assert isinstance(network, Classifier)
        return self._once(("score", images), lambda: operations.score(network, batch, self.precision(part.best)))

    def group(self, name: str, link: Link) -> Group:
        spec, (height, width, colours) = link.scheme[-1], self.pictures.images.shape[1:]
        assert isinstance(spec, CoreScheme)
        try:
            core = build_core(spec, self.part, (height, width, colours))
            stack = build_stack(link.scheme, core, link.alice.images_per_frame)
        except LinksimError as fault:
            raise LinksimError(f"group {name!r}: {fault}") from fault
        pairs = sum(layer.told for layer in stack.layers)
        if pairs > MOST_PAIRS:
            raise LinksimError(f"group {name!r}: a KEY message holds at most {MOST_PAIRS} pairs, a frame of this one has {pairs}")
        batch = max(1, core.best.batch // stack.scheme.images_per_item)
        precision, like = self.precision(core.best), stack.example()
        what = (spec, stack.single, *((layer.spec.name, layer.width) for layer in stack.layers))
        send = self._once(("send", *what), lambda: operations.send(stack.scheme, like, batch, precision))
        undo = link.channel.bob.equaliser
        receive = self._once(("receive", undo, *what), lambda: operations.receive(stack.scheme, like, undo, batch, precision))
        score = self.score(stack.scheme.images_per_item)
        unordered = stack.scheme.images_per_item > 1 and not isinstance(link.eve, NoAttack) and link.eve.reassembly == "jigsaw"
        match = self._once(("match",), operations.match) if unordered else None
        return Group(link, core, stack, send, receive, self._invert(name, link, stack, core), score, match)

    def _invert(self, name: str, link: Link, stack: Stack, core: Core) -> Operation | None:
        if isinstance(link.eve, NoAttack):
            return None
        spec, images, undo = link.scheme[-1], stack.scheme.images_per_item, link.channel.eve.equaliser
        assert isinstance(spec, CoreScheme)
        found = attack(link.eve, spec, self.part)
        if found.uses != core.scheme.uses:
            raise LinksimError(f"group {name!r}: Eve's attack takes {found.uses} symbols per image, the link sends {core.scheme.uses}")
        puzzles = link.eve.reassembly == "jigsaw"
        batch, precision = max(1, found.best.batch // images), self.precision(found.best)
        what = link.eve, spec, undo, images, *((stack.single, link.alice.assumed_snr_db) if puzzles else ())

        def make() -> Operation:
            reassemble = self._reassemble(name, link, stack) if puzzles else None
            return operations.invert(found.undo, found.uses, images, reassemble, undo, batch, precision)

        return self._once(("invert", *what), make)

    def _reassemble(self, name: str, link: Link, stack: Stack) -> Reassemble | None:
        """How Eve puts pairs together who has captured open frames; None where every image travels alone."""
        spec, images = link.scheme[-1], stack.scheme.images_per_item
        if not stack.single and images == 1:
            return None
        if stack.single or images > 2 or not isinstance(spec, PlainScheme):
            raise LinksimError(f"group {name!r}: reassembly 'jigsaw' takes pairs of images from a codec, with no noise as companion")
        assert not isinstance(link.eve, NoAttack)
        codec, draw = self.part(spec.codec, "codec").network, self.streams.key("eve/captured")
        assert isinstance(codec, Codec)
        return jigsaw(codec, self._scenario.source, link.eve.captures, draw, link.alice.assumed_snr_db)

    def _once(self, what: tuple[Any, ...], make: Callable[[], Operation]) -> Operation:
        if what not in self._made:
            self._made[what] = make()
        return self._made[what]

    def lane(self, world: World, number: int, place: int, group: Group, judge: Judge, jammer: Jammer | None) -> "BuiltLane":
        """Alice, Bob, Eve and air of lane `place` of its group."""
        link, streams, name = group.link, self.streams, f"lane-{place}"
        air = Air(world, number, f"air/{name}", link, streams, self.carry, self.carry_jammed)
        names = f"alice/{name}", f"bob/{name}"
        bob_session = BobSession(world, number, air, link, group.stack, streams, names[::-1])
        noise = streams.key(f"{names[1]}/receive")
        inbox = Inbox(group.receive, self.fill_in, noise, group.stack.scheme.checked, group.stack.attempts)
        bob = Bob(world, air, judge, bob_session, inbox, link.bob.processing)
        if group.invert is not None:
            Eve(world, air, judge, group.invert)
        alice_session = AliceSession(world, number, air, link, group.stack, streams, names)
        order = streams(f"{names[0]}/album").permutation(len(self.pictures.labels))
        outbox = Outbox(
            Album(order, self.pictures.labels),
            self.source,
            group.send,
            streams.key(f"{names[0]}/send"),
            group.stack.items,
            group.stack.items * group.stack.scheme.uses,
            group.stack.attempts,
        )
        alice = Alice(world, air, judge, alice_session, outbox, link.alice, self._scenario.frames)
        air.jammer = jammer
        self._afflict(world, air, f"faults/{name}", link.session.faults, alice_session, bob_session)
        sounder = self._sounder(world, number, air, group) if place == 0 else None
        return BuiltLane(alice, bob, sounder)

    def _afflict(self, world: World, air: Air, name: str, spec: FaultsSpec, alice: AliceSession, bob: BobSession) -> None:
        """The faults of a lane's control frames, and the restarts of its ends."""
        if spec.any_on_frames:
            air.faults = Faults(spec, self.streams.key(name), bob.identity)
        for every_ms, end in ((spec.alice_restart_ms, alice), (spec.bob_restart_ms, bob)):
            if every_ms:
                world.env.process(restarting(world, seconds_to_ns(every_ms / 1e3), end.restart))

    def _sounder(self, world: World, lane: int, air: Air, group: Group) -> Sounder:
        airtime_ns = air.airtime_ns(air.uses_of(group.stack.items * group.stack.scheme.uses))
        period_ns = max(airtime_ns, seconds_to_ns(group.link.alice.interval_ms / 1e3))
        return Sounder(world, lane, air.ears, step_ns(air.ears, airtime_ns, period_ns), self._scenario.trace.channel)


@dataclass(frozen=True)
class BuiltLane:
    """The processes of one lane."""

    alice: Alice
    bob: Bob
    sounder: Sounder | None


@dataclass(frozen=True)
class Built:
    """A world, ready to run.

    sent     ends when every Alice has sent all her frames
    lanes    what is announced of each lane before anything happens
    jammers  by group, in the order of the lanes; none where nobody jams
    bobs     likewise
    parts    the trained parts in use, by name
    image    (colours, height, width) of the source's images
    """

    world: World
    sent: Event
    lanes: tuple[Lane, ...]
    jammers: dict[str, list[Jammer]]
    bobs: dict[str, list[Bob]]
    parts: dict[str, Part]
    image: tuple[int, int, int]


def build(scenario: Scenario, worker: Worker) -> Built:
    """All of a scenario's lanes in one world. Raises LinksimError where parts are missing or do not fit together."""
    builder = Builder(scenario, worker.device)
    world = World(worker)
    records: list[Lane] = []
    lanes: list[BuiltLane] = []
    jammers: dict[str, list[Jammer]] = {}
    bobs: dict[str, list[Bob]] = {}
    for index, (name, link) in enumerate(scenario.groups.items()):
        group = builder.group(name, link)
        ears = 1 + (group.invert is not None)
        jammers[name] = builder.arms.arm(world, name, link, group.core, range(len(lanes), len(lanes) + link.lanes))
        for place in range(link.lanes):
            constellation = Constellation(world, len(lanes), share(scenario.trace.constellations, place, link.lanes))
            pictures = share(scenario.trace.pictures, place, link.lanes)
            judge = Judge(world, len(lanes), group.score, ears, pictures, constellation, group.match)
            lane = builder.lane(world, len(lanes), place, group, judge, jammers[name][place] if jammers[name] else None)
            records.append(Lane(len(lanes), index))
            lanes.append(lane)
            bobs.setdefault(name, []).append(lane.bob)
    for lane in lanes:
        if lane.sounder is not None:
            world.env.process(lane.sounder.run())
        world.env.process(lane.bob.run())
    sent = world.env.all_of([world.env.process(lane.alice.run()) for lane in lanes])
    height, width, colours = builder.pictures.images.shape[1:]
    return Built(world, sent, tuple(records), jammers, bobs, builder.parts, (colours, height, width))


def share(total: int, place: int, lanes: int) -> int:
    """What lane `place` of a group's `lanes` takes of what they divide among them, the first lanes the rest."""
    return total // lanes + (place < total % lanes)
