"""Factories of the jammers: they create the jammers of a group of links and start their processes.

A jammer is declared in `linksim.scenario.jammers`, with the import path of its factory here.

The stream of a jammer is named by the index of its link in the group. A sweep jammer serves all links of its group; every other kind has
one jammer per link, each with its own energy budget.

A factory is a function of the options of the jammer and a `JammerContext` that returns one `Jammer` per link of the group. A jammer from
outside is declared in the same way (docs/components.md).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from linksim import operations
from linksim.context import Simulation
from linksim.data.sources import load
from linksim.errors import LinksimError
from linksim.jammers import perturb
from linksim.jammers.adversarial import Adversarial
from linksim.jammers.jammer import Jammer, follow_schedule
from linksim.jammers.reactive import Reactive
from linksim.link import OfflineLink
from linksim.negotiation import values
from linksim.nets.inverters import Inverter
from linksim.nets.weights import TrainedModel
from linksim.phy.jamming import within_budget
from linksim.phy.noise import Noise, item_keys
from linksim.rng import StreamKey, Streams
from linksim.scenario.base import component_of
from linksim.scenario.jammers import AdversarialJammer, ClockedJamming, PlannedJammer, ReactiveJammer, SweepJammer
from linksim.scenario.schema import LinkOptions
from linksim.schemes.base_schemes import BaseScheme
from linksim.schemes.parameters import uniform_parameters
from linksim.units import db_to_linear
from linksim.worker import Operation


@dataclass(frozen=True)
class JammerContext:
    """What the jammers of a group are built from.

    simulation  shared state of the run
    name        name of the group
    options     options of the group
    base        base scheme of the group
    links       numbers of the group's links in the run
    factory     the jammers of the run: random streams, models, shared operations
    """

    simulation: Simulation
    name: str
    options: LinkOptions
    base: BaseScheme
    links: Sequence[int]
    factory: "JammerFactory"

    @property
    def keys(self) -> list[StreamKey]:
        """One random stream per link, named by the index of the link in its group."""
        return [self.factory.streams.key(f"jammer/link-{place}") for place in range(len(self.links))]


class JammerFactory:
    """Creates the jammers of one run.

    streams     random streams of the run
    dataset     name of the image dataset; captured images come from its training split
    load_model  loads a trained model by name and kind
    device      device of the networks

    gaussian, adversarial  operations that all links share: `operations.gaussian_jamming` and `operations.adversarial_jamming`
    """

    def __init__(
        self, streams: Streams, dataset: str, load_model: Callable[[str, Literal["inverter"]], TrainedModel], device: torch.device
    ) -> None:
        self.streams, self._dataset, self._load_model, self._device = streams, dataset, load_model, device
        self.gaussian, self.adversarial = operations.gaussian_jamming(), operations.adversarial_jamming()
        self._operations: dict[tuple[Any, ...], Operation] = {}

    def make_jammers(self, simulation: Simulation, name: str, options: LinkOptions, base: BaseScheme, links: Sequence[int]) -> list[Jammer]:
        """Create the jammers of a group, one per link, and start their processes. Without a jammer the list is empty.

        simulation  shared state of the run
        name        name of the group
        options     options of the group
        base        base scheme of the group, which an adversarial jammer attacks
        links       numbers of the group's links in the run

        Raises LinksimError if the threat model of an adversarial jammer does not fit the link, or if a factory from outside does not make
        one jammer per link.
        """
        component = component_of(options.jammer)
        if not component.factory:
            return []
        jammers: list[Jammer] = component.load()(options.jammer, JammerContext(simulation, name, options, base, links, self))
        if len(jammers) != len(links):
            raise LinksimError(f"group {name!r}: jammer {component.name!r} made {len(jammers)} jammers for {len(links)} links")
        return jammers

    def perturbation(self, spec: AdversarialJammer, context: JammerContext) -> Operation:
        """The operation that computes the perturbations of a group. Groups with equal options share it, and therefore its batches.

        A universal perturbation is computed by the first call, before the run starts.
        """
        options, base = context.options, context.base
        equaliser = options.channel.bob.equaliser
        key = spec.model_dump_json(), equaliser, options.scheme[-1], options.alice.assumed_snr_db if spec.universal else None
        if key not in self._operations:
            optimiser = perturb.PerturbationOptimiser(self._receiver(context.name, options, spec, base), equaliser, spec.steps)
            self._operations[key] = (
                self._universal(options, spec, base, optimiser) if spec.universal else perturb.per_frame(optimiser, base.runtime.batch)
            )
        return self._operations[key]

    def _receiver(self, name: str, options: LinkOptions, spec: AdversarialJammer, base: BaseScheme) -> perturb.Receiver:
        """The receiver that an adversarial jammer assumes: Bob's own without his keys, or a surrogate.

        Raises LinksimError if Bob's scheme is not differentiable, or if the surrogate does not fit its number of channel uses.
        """
        if spec.threat_model == "receiver":
            if base.undefended is None:
                raise LinksimError(
                    f"group {name!r}: an adversarial jammer needs a differentiable receiver, which scheme "
                    f"{options.scheme[-1].name!r} does not have; threat_model 'surrogate' does not need one"
                )
            return perturb.undefended_receiver(OfflineLink(base.undefended))
        network = self._load_model(spec.surrogate, "inverter").network
        assert isinstance(network, Inverter)
        if network.channel_uses != base.scheme.channel_uses:
            raise LinksimError(
                f"group {name!r}: surrogate {spec.surrogate!r} takes {network.channel_uses} symbols per image, "
                f"the link transmits {base.scheme.channel_uses}"
            )
        return perturb.surrogate_receiver(network)

    def _universal(
        self, options: LinkOptions, spec: AdversarialJammer, base: BaseScheme, optimiser: perturb.PerturbationOptimiser
    ) -> Operation:
        """A universal perturbation from captured frames, which Alice encoded for the SNR that she assumes."""
        training_images, key = load(self._dataset, "train").images, self.streams.key("jammer/captured")
        indices = self.streams("jammer/captured").permutation(len(training_images))[: spec.num_captured]
        images = torch.from_numpy(training_images[np.sort(indices)]).to(self._device).permute(0, 3, 1, 2)[:, None] / 255.0
        count, snr_db = len(images), options.alice.assumed_snr_db
        keys = torch.tensor(item_keys(key, 1, count + 1)).to(self._device)  # draw 0 selects the images
        sender, negotiated = (base.scheme, values(base.negotiated)) if base.undefended is None else (base.undefended, ())
        with torch.inference_mode():
            parameters = uniform_parameters(snr_db, count, negotiated, self._device)
            captured = OfflineLink(sender).send(images, parameters, Noise(keys[:count]))
            start = Noise(keys[count:]).complex(base.scheme.channel_uses)
        return perturb.universal_perturbation(
            optimiser, captured, db_to_linear(-snr_db), db_to_linear(spec.jsr_bob_db), start, base.runtime.batch
        )


def make_clocked(options: ClockedJamming, context: JammerContext) -> list[Jammer]:
    """Factory of the jammers `barrage`, `pulsed` and `markov`: each link has a jammer with its own schedule and energy budget."""
    return [_follow([link], options, key, context)[0] for link, key in zip(context.links, context.keys, strict=True)]


def make_sweep(options: SweepJammer, context: JammerContext) -> list[Jammer]:
    """Factory of the jammer `sweep`: all links of the group share one schedule and one energy budget."""
    return _follow(context.links, options, context.keys[0], context)


def _follow(links: Sequence[int], options: ClockedJamming, key: StreamKey, context: JammerContext) -> list[Jammer]:
    """Create the jammers of links that share a schedule, and start the process that switches them.

    links    numbers of the links in the run; interval n of the schedule jams link n modulo their number
    options  options of the jammers
    key      stream of the schedule
    context  the group
    """
    simulation = context.simulation
    jammers = [Jammer(simulation, link, options, context.factory.gaussian) for link in links]
    assert isinstance(options, PlannedJammer)
    simulation.env.process(follow_schedule(simulation, jammers, within_budget(options, key)))
    return jammers


def make_reactive(options: ReactiveJammer, context: JammerContext) -> list[Jammer]:
    """Factory of the jammer `reactive`: each link has a jammer that responds to its own frames."""
    links = zip(context.links, context.keys, strict=True)
    return [Reactive(context.simulation, link, options, context.factory.gaussian, key) for link, key in links]


def make_adversarial(options: AdversarialJammer, context: JammerContext) -> list[Jammer]:
    """Factory of the jammer `adversarial`. Raises LinksimError if its threat model does not fit the link."""
    operation, links = context.factory.perturbation(options, context), zip(context.links, context.keys, strict=True)
    return [Adversarial(context.simulation, link, options, context.factory.adversarial, operation, key) for link, key in links]
