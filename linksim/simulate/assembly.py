"""Assembles a simulation from a scenario. This is the only module that knows all classes.

The names of random streams contain the link's number in its group, but not the group. So link 3 of every group has the same channel, the
same jammer and the same images, groups are compared under equal conditions, and additional links or groups change no draws of the others.
(The images of a link depend also on how many images the links before it send: `nodes.image_sampler`.)

A link has two numbers: `number` (in code `link`) counts all links of the run and appears in records, and `place` counts those of its group
and appears in the names of streams. All operations on the air and at the dataset are shared by the whole run, those of the networks by all
groups with equal options, so that the batches of the worker contain frames of many links.
"""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from simpy import Event
from torch import Tensor

from linksim import operations, scoring
from linksim.adapt.policy import Policy
from linksim.attacks.attack import Attack
from linksim.context import Simulation
from linksim.control_plane.alice_session import AliceSession
from linksim.control_plane.bob_session import BobSession
from linksim.control_plane.faults import FaultInjector, restart_periodically
from linksim.control_plane.policy_controller import Decision, PolicyController, from_policy
from linksim.data.sources import ImageDataset, load
from linksim.enums import ImageRole
from linksim.errors import LinksimError
from linksim.jammers.factory import JammerFactory
from linksim.jammers.jammer import Jammer
from linksim.medium.air import Air
from linksim.medium.reception_records import ReceptionRecorder
from linksim.nodes.alice import Alice, TransmitPipeline
from linksim.nodes.bob import Bob, ReceivePipeline
from linksim.nodes.channel_sampler import ChannelSampler, sampling_step_ns
from linksim.nodes.constellation import Constellation
from linksim.nodes.decision_rewards import RewardRecorder
from linksim.nodes.evaluator import Evaluator
from linksim.nodes.eve import Eve
from linksim.nodes.image_sampler import HostSampler, ImageOrder, ImageSampler
from linksim.nodes.image_scores import ScoreRecorder
from linksim.nodes.kept_images import ImageKeeper
from linksim.nodes.observer import Observer
from linksim.records import LinkCreated
from linksim.registry import suggest
from linksim.rng import Streams
from linksim.scenario.faults import Faults as FaultOptions
from linksim.scenario.layers import CovertOptions
from linksim.scenario.schema import Scenario
from linksim.simulate.garbage import gc_paused
from linksim.simulate.link_factory import GroupModels, LinkFactory
from linksim.simulate.source_attack_factory import attack_strengths, true_strength
from linksim.units import seconds_to_ns
from linksim.wire_layout import header_bytes
from linksim.worker import Worker

Decider = Callable[[Simulation, int], Decision]  # (shared state, number of a link) -> process that decides its negotiated parameters


class LinkAssembly:
    """Creates the links of one run, from what all of them share: dataset, random streams, models and operations.

    scenario    the scenario
    simulation  shared state of the run; its worker's device is that of the networks and of the images
    policies    policies by group, which replace those of the scenario
    decider     replaces all policies, None to use them

    The attributes `streams`, `dataset` and `groups` are the random streams of the run, the test split of the dataset, and the factory of
    what the links of a group share. Raises DataError if the dataset is missing or damaged.
    """

    def __init__(self, scenario: Scenario, simulation: Simulation, policies: Mapping[str, Policy], decider: Decider | None) -> None:
        self._scenario, self._simulation, self._decider = scenario, simulation, decider
        device = simulation.worker.device
        self.streams = Streams(scenario.seed, scenario.replication)
        self.dataset: ImageDataset = load(scenario.dataset, "test")
        self.image_order = ImageOrder(self.streams.key("images"), len(self.dataset.labels), most_images(scenario))
        self.groups = LinkFactory(scenario, self.dataset, self.streams, device, policies)
        pixels: Tensor = torch.from_numpy(np.array(self.dataset.images.transpose(0, 3, 1, 2), order="C")).to(device)
        self.load_images = operations.load_images(pixels, operations.CHANNEL_BATCH)
        self.apply_channel, self.apply_jammed_channel = operations.apply_channel(), operations.apply_jammed_channel()
        self.merge_transmissions, self.resolve_order = operations.merge_transmissions(), scoring.resolve_order()
        self.rewards, self.receptions = RewardRecorder(simulation), ReceptionRecorder(simulation)
        self.scores: dict[tuple[ImageRole, ...], ScoreRecorder] = {}
        self.jammer_factory = JammerFactory(self.streams, scenario.dataset, self.groups.model, device)

    def link(
        self,
        number: int,
        place: int,
        group: GroupModels,
        evaluator: Evaluator,
        jammer: Jammer | None,
        attack: Attack | None,
    ) -> "AssembledLink":
        """Create Alice, Bob, Eve and the air of a link. Nodes register at the air; their processes start later.

        number      number of the link in the run
        place       number of the link in its group, which names its random streams
        group       what the links of the group share
        evaluator   evaluator of the link
        jammer      jammer of the link, None without one
        attack      Eve's attack, None without Eve
        """
        simulation, options, streams, name = self._simulation, group.options, self.streams, f"link-{place}"
        air = Air(simulation, number, f"air/{name}", options, streams, self.apply_channel, self.apply_jammed_channel, self.receptions)
        names = f"alice/{name}", f"bob/{name}"
        bob_session = BobSession(simulation, number, air, options, group.stack, streams, names[::-1])
        strengths = attack_strengths(options.alice.source_attack, streams.key(f"{names[0]}/attack-strengths"))
        observer = None
        if group.policy is not None:
            observer = Observer(simulation, number, group.disagree, true_strength(options.alice.source_attack, strengths))
            decide = from_policy(group.policy, observer) if self._decider is None else self._decider(simulation, number)
            bob_session.choose = PolicyController(
                simulation, number, decide, options.bob.policy.reset_interval, streams.key(f"{names[1]}/policy")
            )
        receive_pipeline = ReceivePipeline(
            receive=group.receive,
            merge_transmissions=self.merge_transmissions,
            noise=streams.key(f"{names[1]}/receive"),
            detects_erasures=group.stack.scheme.detects_erasures,
            max_transmissions=group.stack.max_transmissions,
            processing_ns=options.bob.processing.latency_ns(options.alice.images_per_frame),
        )
        bob = Bob(simulation, air, evaluator, bob_session, receive_pipeline, observer)
        if attack is not None:
            Eve(air, evaluator, attack)
        alice_session = AliceSession(simulation, number, air, options, group.stack, streams, names)
        pipeline = TransmitPipeline(
            sampler=self._images(place, group),
            load_images=self.load_images,
            attack=group.source_attack,
            strengths=strengths,
            send=group.send,
            noise=streams.key(f"{names[0]}/send"),
            items=group.stack.items,
            channel_uses=group.stack.items * group.stack.scheme.channel_uses,
            max_transmissions=group.stack.max_transmissions,
        )
        alice = Alice(simulation, number, air, evaluator, alice_session, pipeline, options.alice, self._scenario.frames)
        air.jammer = jammer
        self._add_faults(air, f"faults/{name}", options.session.faults, alice_session, bob_session)
        frame_uses = air.channel_uses_of(pipeline.channel_uses, header_bytes(alice_session.needed))
        return AssembledLink(alice, bob, self._sampler(number, air, group, air.airtime_ns(frame_uses)) if place == 0 else None)

    def evaluator(self, number: int, place: int, group: GroupModels, attack: Attack | None) -> Evaluator:
        """Create the evaluator of a link. The arguments are those of `link`."""
        simulation, trace, links, roles = self._simulation, self._scenario.trace, group.options.links, group.stack.roles
        scores = self.scores.setdefault(roles, ScoreRecorder(simulation, self.dataset.labels, roles))
        return Evaluator(
            simulation,
            number,
            group.score,
            scores,
            1 + (attack is not None),
            ImageKeeper(simulation, number, share(trace.images, place, links)),
            Constellation(simulation, number, share(trace.constellation_frames, place, links)),
            None if group.policy is None else self.rewards,
            self.resolve_order if attack is not None and attack.ambiguous_order else None,
            group.classify,
            group.stack.layers[0] if group.stack.layers else None,
        )

    def _images(self, place: int, group: GroupModels) -> ImageSampler:
        """Return what selects the images of a link, from its number in the group."""
        settings = self.image_order, place, self.dataset.labels, group.options.alice.num_images
        num_hosts = next((layer.num_hosts for layer in group.options.scheme if isinstance(layer, CovertOptions)), None)
        return ImageSampler(*settings) if num_hosts is None else HostSampler(*settings, num_hosts, group.stack.roles)

    def _add_faults(self, air: Air, name: str, spec: FaultOptions, alice: AliceSession, bob: BobSession) -> None:
        """Add the faults of a link's control frames and the restarts of its ends. `name` is that of the random stream of the faults."""
        if spec.any_on_frames:
            air.inject_faults = FaultInjector(spec, self.streams.key(name), bob.identity).apply
        for every_ms, end in ((spec.alice_restart_ms, alice), (spec.bob_restart_ms, bob)):
            if every_ms:
                self._simulation.env.process(restart_periodically(self._simulation, seconds_to_ns(every_ms / 1e3), end.restart))

    def _sampler(self, link: int, air: Air, group: GroupModels, airtime_ns: int) -> ChannelSampler:
        """Return the sampler of a link's radio paths, with a step that suits the fading and the rate of frames, each `airtime_ns` long."""
        period_ns = max(airtime_ns, seconds_to_ns(group.options.alice.frame_interval_ms / 1e3))
        step_ns = sampling_step_ns(air.receivers, airtime_ns, period_ns)
        return ChannelSampler(self._simulation, link, air.receivers, step_ns, self._scenario.trace.channel_samples)


@dataclass(frozen=True)
class AssembledLink:
    """The processes of one link. Eve and the evaluator need none, as the air and the nodes call them; a jammer's is already started.

    alice, bob  sender and receiver, each with a method `run`
    sampler     sampler of the radio paths; only the first link of a group has one
    """

    alice: Alice
    bob: Bob
    sampler: ChannelSampler | None


@dataclass(frozen=True)
class AssembledSimulation:
    """A simulation that is ready to run: all processes have been created, and the clock is at 0.

    simulation   shared state of the run; listeners that are added now receive all records
    sent         event that occurs when every Alice has sent or suppressed all her frames; some may still be on their way to Bob
    links        records of the links, which are emitted first
    rewards      records the rewards of Bob's decisions; the last ones are emitted by its `finish`, at the end
    jammers      jammers of each group in the order of its links; empty without a jammer
    bobs         receivers of each group in the order of its links
    models       sha256 of the trained models and reward tables in use, by name
    model_kinds  kinds of the trained models
    untuned      names of the trained models without measured settings for this processor, where others are faster in bfloat16
    image_shape  (colours, height, width) of the images of the dataset, in pixels
    """

    simulation: Simulation
    sent: Event
    links: tuple[LinkCreated, ...]
    rewards: RewardRecorder
    jammers: dict[str, list[Jammer]]
    bobs: dict[str, list[Bob]]
    models: dict[str, str]
    model_kinds: frozenset[str]
    untuned: frozenset[str]
    image_shape: tuple[int, int, int]


@gc_paused()
def build(
    scenario: Scenario,
    worker: Worker,
    policies: Mapping[str, Policy] = MappingProxyType({}),
    decider: Decider | None = None,
    owned: Container[int] | None = None,
) -> AssembledSimulation:
    """Create the simulation of a scenario, or of some of its links: each of them then does what it does in the whole simulation.

    scenario  the scenario, with the checksums of its measured files (`data.measured_snr.with_checksums`)
    worker    worker that runs the networks; its device is that of the models
    policies  policies by group, which replace those of the scenario
    decider   replaces all policies; the environments decide with it from outside
    owned     numbers of the links to simulate, None for all

    Raises LinksimError if a policy is given for a group that does not exist, models are missing, or options do not fit together.
    """
    if unknown := policies.keys() - scenario.groups.keys():
        raise LinksimError(f"no group {min(unknown)!r} to which the policy could apply; {suggest(min(unknown), scenario.groups)}")
    simulation = Simulation(worker, owned)
    assembly = LinkAssembly(scenario, simulation, policies, decider)
    records, links = list[LinkCreated](), list[AssembledLink]()
    numbers = range(0)  # of the links of a group
    jammers, bobs = dict[str, list[Jammer]](), dict[str, list[Bob]]()
    for index, (name, options) in enumerate(scenario.groups.items()):
        group = assembly.groups.group(name, options)
        numbers = range(numbers.stop, numbers.stop + options.links)
        jammers[name] = assembly.jammer_factory.make_jammers(simulation, name, options, group.base, numbers)
        for place, number in enumerate(numbers):
            if owned is not None and number not in owned:
                continue
            attack = assembly.groups.attack(name, group, worker, place)
            evaluator = assembly.evaluator(number, place, group, attack)
            jammer = jammers[name][place] if jammers[name] else None
            link = assembly.link(number, place, group, evaluator, jammer, attack)
            records.append(LinkCreated(link=number, group=index))
            links.append(link)
            bobs.setdefault(name, []).append(link.bob)
    for link in links:
        if link.sampler is not None:
            simulation.env.process(link.sampler.run())
    sent = simulation.env.all_of([simulation.env.process(link.alice.run()) for link in links])
    (height, width, colours), made = assembly.dataset.images.shape[1:], assembly.groups
    kinds, untuned, rewards = frozenset(made.kinds), frozenset(made.untuned), assembly.rewards
    return AssembledSimulation(
        simulation, sent, tuple(records), rewards, jammers, bobs, made.models, kinds, untuned, (colours, height, width)
    )


def most_images(scenario: Scenario) -> int:
    """Return the largest number of images that a link of the scenario sends, without those that it sends again (`alice.num_images`)."""
    sent = [(scenario.frames * group.alice.images_per_frame, group.alice.num_images) for group in scenario.groups.values()]
    return max(min(images, different or images) for images, different in sent)


def share(total: int, place: int, links: int) -> int:
    """Return the share of link `place`, in 0..links-1, when `links` links divide `total`. The first links get the remainder.

    Kept images and symbols are options per group; this divides them among its links.

    >>> [share(5, place, 3) for place in range(3)]
    [2, 2, 1]
    """
    return total // links + (place < total % links)
