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

from linksim.data.sources import Pictures, load
from linksim.errors import LinksimError
from linksim.nets.classifiers import Classifier
from linksim.nets.codecs import DeepJscc
from linksim.nets.inverters import InverseNet
from linksim.nets.weights import Part, load_part
from linksim.records import Lane
from linksim.rng import Streams
from linksim.scenario.jammers import NoJammer
from linksim.scenario.nodes import InversionAttack
from linksim.scenario.schema import Link, Scenario
from linksim.scenario.schemes import PlainScheme
from linksim.schemes.stack import Stack, build_stack
from linksim.worker import Operation, Worker
from linksim.world import operations
from linksim.world.air import Air
from linksim.world.alice import Album, Alice, Outbox
from linksim.world.bob import Bob
from linksim.world.clock import World
from linksim.world.eve import Eve
from linksim.world.jammer import Jammer
from linksim.world.judge import Judge
from linksim.world.messages import MOST_PAIRS
from linksim.world.operations import Precision
from linksim.world.session import AliceSession, BobSession


@dataclass(frozen=True)
class Group:
    """What the lanes of a group have in common."""

    link: Link
    stack: Stack
    send: Operation
    receive: Operation
    invert: Operation | None
    score: Operation


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
        self.carry, self.carry_jammed = operations.carry(), operations.carry_jammed()

    def part(self, name: str, kind: str) -> Part:
        """A trained part, checked against the source's images where it takes or makes some."""
        part = self.parts[name] = load_part(name, kind, self._device.type)
        network, (_, height, width, colours) = part.network, self.pictures.images.shape
        if isinstance(network, DeepJscc) and (network.colours, network.side, network.side) != (colours, height, width):
            raise LinksimError(
                f"{kind} {name!r} takes images of {network.side} x {network.side} pixels in {network.colours} colours; "
                f"source {self._scenario.source!r} has {height} x {width} in {colours}"
            )
        return part

    def precision(self, part: Part) -> Precision:
        asked = self._scenario.compute.precision
        chosen = part.best.precision if asked == "card" else asked
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
        return self._once(("score", images), lambda: operations.score(network, batch, self.precision(part)))

    def group(self, name: str, link: Link) -> Group:
        core = link.scheme[-1]
        assert isinstance(core, PlainScheme)
        part = self.part(core.codec, "codec")
        assert isinstance(part.network, DeepJscc)
        stack = build_stack(link.scheme, part.network, link.alice.images_per_frame)
        pairs = sum(stack.pairs_at(place) for place, layer in enumerate(stack.layers) if layer.keys == "table")
        if pairs > MOST_PAIRS:
            raise LinksimError(f"group {name!r}: a KEY message holds at most {MOST_PAIRS} pairs, a frame of this one has {pairs}")
        batch = max(1, part.best.batch // stack.scheme.images_per_item)
        precision, like = self.precision(part), stack.example()
        what = (core.codec, len(stack.layers), stack.single)
        send = self._once(("send", *what), lambda: operations.send(stack.scheme, like, batch, precision))
        receive = self._once(("receive", *what), lambda: operations.receive(stack.scheme, like, batch, precision))
        score = self.score(stack.scheme.images_per_item)
        return Group(link, stack, send, receive, self._invert(name, link, stack, part.network.uses), score)

    def _invert(self, name: str, link: Link, stack: Stack, uses: int) -> Operation | None:
        if not isinstance(link.eve, InversionAttack):
            return None
        part = self.part(link.eve.inverter, "inverter")
        assert isinstance(part.network, InverseNet)
        if part.network.uses != uses:
            raise LinksimError(
                f"group {name!r}: inverter {part.name!r} takes {part.network.uses} symbols per image, the link's codec makes {uses}"
            )
        network, images = part.network, stack.scheme.images_per_item
        batch = max(1, part.best.batch // images)
        return self._once(("invert", part.name, images), lambda: operations.invert(network, images, batch, self.precision(part)))

    def _once(self, what: tuple[Any, ...], make: Callable[[], Operation]) -> Operation:
        if what not in self._made:
            self._made[what] = make()
        return self._made[what]

    def lane(self, world: World, number: int, place: int, group: Group, judge: Judge) -> "BuiltLane":
        """Alice, Bob, Eve, air and jammer of lane `place` of its group."""
        link, streams, name = group.link, self.streams, f"lane-{place}"
        air = Air(world, number, f"air/{name}", link, streams, self.carry, self.carry_jammed)
        names = f"alice/{name}", f"bob/{name}"
        bob_session = BobSession(world, number, air, link, group.stack, streams, names[::-1])
        noise = streams.key(f"{names[1]}/receive")
        bob = Bob(world, air, judge, bob_session, group.receive, noise, link.bob.processing)
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
        )
        alice = Alice(world, air, judge, alice_session, outbox, link.alice, self._scenario.frames)
        jammer = None if isinstance(link.jammer, NoJammer) else Jammer(world, number, link.jammer)
        air.jammer = jammer
        return BuiltLane(alice, bob, jammer)


@dataclass(frozen=True)
class BuiltLane:
    """The processes of one lane."""

    alice: Alice
    bob: Bob
    jammer: Jammer | None


@dataclass(frozen=True)
class Built:
    """A world, ready to run.

    sent     ends when every Alice has sent all her frames
    lanes    what is announced of each lane before anything happens
    jammers  by group, in the order of the lanes
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
        for place in range(link.lanes):
            share = scenario.trace.pictures // link.lanes + (place < scenario.trace.pictures % link.lanes)
            judge = Judge(world, len(lanes), group.score, ears, share)
            lane = builder.lane(world, len(lanes), place, group, judge)
            records.append(Lane(len(lanes), index))
            lanes.append(lane)
            bobs.setdefault(name, []).append(lane.bob)
            if lane.jammer is not None:
                jammers.setdefault(name, []).append(lane.jammer)
    for lane in lanes:
        if lane.jammer is not None:
            world.env.process(lane.jammer.run())
        world.env.process(lane.bob.run())
    sent = world.env.all_of([world.env.process(lane.alice.run()) for lane in lanes])
    height, width, colours = builder.pictures.images.shape[1:]
    return Built(world, sent, tuple(records), jammers, bobs, builder.parts, (colours, height, width))
