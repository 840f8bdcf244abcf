"""Puts a world together from a scenario: the only place that knows all classes.

Random streams are named by the lane's number in its group, not by the group: lane 3 of every group meets the same channel, the same jammer
and the same images, so groups are compared under equal conditions, and neither a further lane nor a further group changes anybody's draws.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from simpy import Event
from torch import Tensor

from linksim.adapt.policy import Policy
from linksim.data.sources import Pictures, load
from linksim.errors import LinksimError
from linksim.records import Lane
from linksim.registry import suggest
from linksim.rng import Streams
from linksim.scenario.faults import Faults as FaultsSpec
from linksim.scenario.schema import Scenario
from linksim.units import seconds_to_ns
from linksim.worker import Worker
from linksim.world import operations
from linksim.world.air import Air
from linksim.world.alice import Album, Alice, Outbox
from linksim.world.arms import Arms
from linksim.world.bob import Bob, Inbox
from linksim.world.chooser import Chooser, Decide, by
from linksim.world.clock import World
from linksim.world.constellation import Constellation
from linksim.world.eve import Eve
from linksim.world.faults import Faults, restarting
from linksim.world.groups import Group, Groups
from linksim.world.jammer import Jammer
from linksim.world.judge import Judge
from linksim.world.session import AliceSession, BobSession
from linksim.world.sounder import Sounder, step_ns

Decider = Callable[[World, int], Decide]  # what decides on the diffusion steps of a lane, by its number


class Lanes:
    """Makes the lanes of one run."""

    def __init__(self, scenario: Scenario, device: torch.device, policies: Mapping[str, Policy], decider: Decider | None) -> None:
        self._scenario, self._decider = scenario, decider
        self.streams = Streams(scenario.seed, scenario.run)
        self.pictures: Pictures = load(scenario.source, "test")
        self.groups = Groups(scenario, self.pictures, self.streams, device, policies)
        images: Tensor = torch.from_numpy(np.array(self.pictures.images)).to(device)
        self.source = operations.source(images, operations.AIR_BATCH)
        self.carry, self.carry_jammed, self.fill_in = operations.carry(), operations.carry_jammed(), operations.fill_in()
        self.arms = Arms(self.streams, scenario.source, self.groups.part, device)

    def lane(self, world: World, number: int, place: int, group: Group, judge: Judge, jammer: Jammer | None) -> "BuiltLane":
        """Alice, Bob, Eve and air of lane `place` of its group."""
        link, streams, name = group.link, self.streams, f"lane-{place}"
        air = Air(world, number, f"air/{name}", link, streams, self.carry, self.carry_jammed)
        names = f"alice/{name}", f"bob/{name}"
        bob_session = BobSession(world, number, air, link, group.stack, streams, names[::-1])
        if group.policy is not None:
            decide = by(group.policy) if self._decider is None else self._decider(world, number)
            bob_session.choose = Chooser(world, number, decide, link.bob.policy.rounds, streams.key(f"{names[1]}/policy"))
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
            group.attacked,
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
    parts    sha256 of the trained parts in use, by name
    image    (colours, height, width) of the source's images
    """

    world: World
    sent: Event
    lanes: tuple[Lane, ...]
    jammers: dict[str, list[Jammer]]
    bobs: dict[str, list[Bob]]
    parts: dict[str, str]
    image: tuple[int, int, int]


def build(
    scenario: Scenario, worker: Worker, policies: Mapping[str, Policy] = MappingProxyType({}), decider: Decider | None = None
) -> Built:
    """All of a scenario's lanes in one world. Raises LinksimError where parts are missing or do not fit together.

    policies  by group, in place of the one that the scenario names
    decider   in place of all policies
    """
    if strangers := policies.keys() - scenario.groups.keys():
        raise LinksimError(f"no group {min(strangers)!r} for a policy of one's own; {suggest(min(strangers), scenario.groups)}")
    maker = Lanes(scenario, worker.device, policies, decider)
    world = World(worker)
    records: list[Lane] = []
    lanes: list[BuiltLane] = []
    jammers: dict[str, list[Jammer]] = {}
    bobs: dict[str, list[Bob]] = {}
    for index, (name, link) in enumerate(scenario.groups.items()):
        group = maker.groups.group(name, link)
        ears = 1 + (group.invert is not None)
        jammers[name] = maker.arms.arm(world, name, link, group.core, range(len(lanes), len(lanes) + link.lanes))
        for place in range(link.lanes):
            constellation = Constellation(world, len(lanes), share(scenario.trace.constellations, place, link.lanes))
            pictures = share(scenario.trace.pictures, place, link.lanes)
            judge = Judge(world, len(lanes), group.score, ears, pictures, constellation, group.match, group.classes)
            lane = maker.lane(world, len(lanes), place, group, judge, jammers[name][place] if jammers[name] else None)
            records.append(Lane(len(lanes), index))
            lanes.append(lane)
            bobs.setdefault(name, []).append(lane.bob)
    for lane in lanes:
        if lane.sounder is not None:
            world.env.process(lane.sounder.run())
        world.env.process(lane.bob.run())
    sent = world.env.all_of([world.env.process(lane.alice.run()) for lane in lanes])
    height, width, colours = maker.pictures.images.shape[1:]
    return Built(world, sent, tuple(records), jammers, bobs, maker.groups.parts, (colours, height, width))


def share(total: int, place: int, lanes: int) -> int:
    """What lane `place` of a group's `lanes` takes of what they divide among them, the first lanes the rest."""
    return total // lanes + (place < total % lanes)
