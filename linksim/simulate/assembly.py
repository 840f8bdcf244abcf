"""Puts a world together from a scenario: the only place that knows all classes.

Random streams are named by the link's number in its group, not by the group: link 3 of every group meets the same channel, the same jammer
and the same images, so groups are compared under equal conditions, and neither a further link nor a further group changes anybody's draws.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from simpy import Event
from torch import Tensor

from linksim import operations
from linksim.adapt.policy import Policy
from linksim.context import Simulation
from linksim.control_plane.faults import Faults, restarting
from linksim.control_plane.policy_controller import Decision, PolicyController, from_policy
from linksim.control_plane.session import AliceSession, BobSession
from linksim.data.sources import ImageDataset, load
from linksim.errors import LinksimError
from linksim.jammers.factory import JammerFactory
from linksim.jammers.jammer import Jammer
from linksim.medium.air import Air
from linksim.nodes.alice import Alice, ImageSampler, TransmitPipeline
from linksim.nodes.bob import Bob, ReceivePipeline
from linksim.nodes.channel_sampler import ChannelSampler, sampling_step_ns
from linksim.nodes.constellation import Constellation
from linksim.nodes.evaluator import Evaluator
from linksim.nodes.eve import Eve
from linksim.records import LinkCreated
from linksim.registry import suggest
from linksim.rng import Streams
from linksim.scenario.faults import Faults as FaultsSpec
from linksim.scenario.schema import Scenario
from linksim.simulate.link_factory import GroupModels, LinkFactory
from linksim.units import seconds_to_ns
from linksim.worker import Worker

Decider = Callable[[Simulation, int], Decision]  # what decides on the diffusion steps of a link, by its number


class LinkAssembly:
    """Makes the links of one run."""

    def __init__(self, scenario: Scenario, device: torch.device, policies: Mapping[str, Policy], decider: Decider | None) -> None:
        self._scenario, self._decider = scenario, decider
        self.streams = Streams(scenario.seed, scenario.replication)
        self.pictures: ImageDataset = load(scenario.dataset, "test")
        self.groups = LinkFactory(scenario, self.pictures, self.streams, device, policies)
        images: Tensor = torch.from_numpy(np.array(self.pictures.images)).to(device)
        self.source = operations.source(images, operations.AIR_BATCH)
        self.carry, self.carry_jammed, self.fill_in = operations.carry(), operations.carry_jammed(), operations.fill_in()
        self.jammer_factory = JammerFactory(self.streams, scenario.dataset, self.groups.part, device)

    def link(
        self, simulation: Simulation, number: int, place: int, group: GroupModels, evaluator: Evaluator, jammer: Jammer | None
    ) -> "AssembledLink":
        """Alice, Bob, Eve and air of link `place` of its group."""
        options, streams, name = group.options, self.streams, f"link-{place}"
        air = Air(simulation, number, f"air/{name}", options, streams, self.carry, self.carry_jammed)
        names = f"alice/{name}", f"bob/{name}"
        bob_session = BobSession(simulation, number, air, options, group.stack, streams, names[::-1])
        if group.policy is not None:
            decide = from_policy(group.policy) if self._decider is None else self._decider(simulation, number)
            bob_session.choose = PolicyController(
                simulation, number, decide, options.bob.policy.reset_interval, streams.key(f"{names[1]}/policy")
            )
        noise = streams.key(f"{names[1]}/receive")
        inbox = ReceivePipeline(group.receive, self.fill_in, noise, group.stack.scheme.checked, group.stack.max_transmissions)
        bob = Bob(simulation, air, evaluator, bob_session, inbox, options.bob.processing)
        if group.invert is not None:
            Eve(simulation, air, evaluator, group.invert)
        alice_session = AliceSession(simulation, number, air, options, group.stack, streams, names)
        order = streams(f"{names[0]}/album").permutation(len(self.pictures.labels))
        pipeline = TransmitPipeline(
            ImageSampler(order, self.pictures.labels),
            self.source,
            group.attacked,
            group.send,
            streams.key(f"{names[0]}/send"),
            group.stack.items,
            group.stack.items * group.stack.scheme.channel_uses,
            group.stack.max_transmissions,
        )
        alice = Alice(simulation, air, evaluator, alice_session, pipeline, options.alice, self._scenario.frames)
        air.jammer = jammer
        self._afflict(simulation, air, f"faults/{name}", options.session.faults, alice_session, bob_session)
        sampler = self._sampler(simulation, number, air, group) if place == 0 else None
        return AssembledLink(alice, bob, sampler)

    def _afflict(self, simulation: Simulation, air: Air, name: str, spec: FaultsSpec, alice: AliceSession, bob: BobSession) -> None:
        """The faults of a link's control frames, and the restarts of its ends."""
        if spec.any_on_frames:
            air.faults = Faults(spec, self.streams.key(name), bob.identity)
        for every_ms, end in ((spec.alice_restart_ms, alice), (spec.bob_restart_ms, bob)):
            if every_ms:
                simulation.env.process(restarting(simulation, seconds_to_ns(every_ms / 1e3), end.restart))

    def _sampler(self, simulation: Simulation, link: int, air: Air, group: GroupModels) -> ChannelSampler:
        airtime_ns = air.airtime_ns(air.channel_uses_of(group.stack.items * group.stack.scheme.channel_uses))
        period_ns = max(airtime_ns, seconds_to_ns(group.options.alice.frame_interval_ms / 1e3))
        return ChannelSampler(
            simulation, link, air.receivers, sampling_step_ns(air.receivers, airtime_ns, period_ns), self._scenario.trace.channel_samples
        )


@dataclass(frozen=True)
class AssembledLink:
    """The processes of one link."""

    alice: Alice
    bob: Bob
    sampler: ChannelSampler | None


@dataclass(frozen=True)
class AssembledSimulation:
    """A world, ready to run.

    sent     ends when every Alice has sent all her frames
    links    what is announced of each link before anything happens
    jammers  by group, in the order of the links; none where nobody jams
    bobs     likewise
    parts    sha256 of the trained models in use, by name
    image    (colours, height, width) of the source's images
    """

    simulation: Simulation
    sent: Event
    links: tuple[LinkCreated, ...]
    jammers: dict[str, list[Jammer]]
    bobs: dict[str, list[Bob]]
    parts: dict[str, str]
    image: tuple[int, int, int]


def build(
    scenario: Scenario, worker: Worker, policies: Mapping[str, Policy] = MappingProxyType({}), decider: Decider | None = None
) -> AssembledSimulation:
    """All of a scenario's links in one world. Raises LinksimError where parts are missing or do not fit together.

    policies  by group, in place of the one that the scenario names
    decider   in place of all policies
    """
    if strangers := policies.keys() - scenario.groups.keys():
        raise LinksimError(f"no group {min(strangers)!r} for a policy of one's own; {suggest(min(strangers), scenario.groups)}")
    maker = LinkAssembly(scenario, worker.device, policies, decider)
    simulation = Simulation(worker)
    records: list[LinkCreated] = []
    links: list[AssembledLink] = []
    jammers: dict[str, list[Jammer]] = {}
    bobs: dict[str, list[Bob]] = {}
    for index, (name, options) in enumerate(scenario.groups.items()):
        group = maker.groups.group(name, options)
        receivers = 1 + (group.invert is not None)
        jammers[name] = maker.jammer_factory.arm(simulation, name, options, group.base, range(len(links), len(links) + options.links))
        for place in range(options.links):
            constellation = Constellation(simulation, len(links), share(scenario.trace.constellation_frames, place, options.links))
            pictures = share(scenario.trace.images, place, options.links)
            evaluator = Evaluator(simulation, len(links), group.score, receivers, pictures, constellation, group.match, group.classes)
            link = maker.link(simulation, len(links), place, group, evaluator, jammers[name][place] if jammers[name] else None)
            records.append(LinkCreated(len(links), index))
            links.append(link)
            bobs.setdefault(name, []).append(link.bob)
    for link in links:
        if link.sampler is not None:
            simulation.env.process(link.sampler.run())
        simulation.env.process(link.bob.run())
    sent = simulation.env.all_of([simulation.env.process(link.alice.run()) for link in links])
    height, width, colours = maker.pictures.images.shape[1:]
    return AssembledSimulation(simulation, sent, tuple(records), jammers, bobs, maker.groups.parts, (colours, height, width))


def share(total: int, place: int, links: int) -> int:
    """What link `place` of a group's `links` takes of what they divide among them, the first links the rest."""
    return total // links + (place < total % links)
