"""Arms the groups of a replication: makes the jammers of their links and sets them going.

A jammer's stream is named by its link's place in the group, as all others are. A sweep is one jammer for all links of its group; every
other kind is one to a link, each with a budget of its own.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import torch

from linksim import operations
from linksim.context import Simulation
from linksim.data.sources import load
from linksim.errors import LinksimError
from linksim.jammers import perturb
from linksim.jammers.adversarial import Adversarial
from linksim.jammers.jammer import Jammer, follow
from linksim.jammers.reactive import Reactive
from linksim.nets.inverters import Inverter
from linksim.nets.weights import TrainedModel
from linksim.phy.jamming import within_budget
from linksim.phy.noise import Noise, item_keys
from linksim.rng import Streams
from linksim.scenario.jammers import AdversarialJammer, NoJammer, ReactiveJammer, SweepJammer
from linksim.scenario.schema import LinkOptions
from linksim.schemes.base_schemes import BaseScheme
from linksim.schemes.parameters import SnrEstimate
from linksim.units import db_to_linear
from linksim.worker import Operation


class JammerFactory:
    """Makes the jammers of one run.

    source  of the images, whose training split the captured ones are from
    part    gives a trained model by name and kind
    """

    def __init__(
        self, streams: Streams, source: str, part: Callable[[str, Literal["inverter"]], TrainedModel], device: torch.device
    ) -> None:
        self._streams, self._source, self._part, self._device = streams, source, part, device
        self._gaussian, self._semantic = operations.gaussian(), operations.semantic()
        self._made: dict[tuple[Any, ...], Operation] = {}

    def arm(self, simulation: Simulation, name: str, options: LinkOptions, base: BaseScheme, links: Sequence[int]) -> list[Jammer]:
        """The jammers of a group's links, which have the numbers `links` in the run; none where nobody jams.

        Raises LinksimError where a semantic jammer's knowledge does not fit the link.
        """
        spec, streams = options.jammer, self._streams
        if isinstance(spec, NoJammer):
            return []
        keys = [streams.key(f"jammer/link-{place}") for place in range(len(links))]
        if isinstance(spec, ReactiveJammer):
            return [Reactive(simulation, link, spec, self._gaussian, key) for link, key in zip(links, keys, strict=True)]
        if isinstance(spec, AdversarialJammer):
            found = self._perturb(name, options, spec, base)
            return [Adversarial(simulation, link, spec, self._semantic, found, key) for link, key in zip(links, keys, strict=True)]
        jammers = [Jammer(simulation, link, spec, self._gaussian) for link in links]
        narrowband = [jammers] if isinstance(spec, SweepJammer) else [[jammer] for jammer in jammers]
        for followers, key in zip(narrowband, keys, strict=False):
            simulation.env.process(follow(simulation, followers, within_budget(spec, key)))
        return jammers

    def _perturb(self, name: str, options: LinkOptions, spec: AdversarialJammer, base: BaseScheme) -> Operation:
        """The operation that finds perturbations; groups that do the same share it, and so its batches."""
        equaliser = options.channel.bob.equaliser
        made_for = (spec.num_captured, spec.jsr_bob_db, options.alice.assumed_snr_db) if spec.universal else ()
        what = spec.threat_model, spec.surrogate, spec.steps, equaliser, options.scheme[-1], *made_for
        if what not in self._made:
            ascent = perturb.PerturbationOptimiser(self._receiver(name, options, spec, base), equaliser, spec.steps)
            self._made[what] = (
                self._universal(options, spec, base, ascent) if spec.universal else perturb.per_frame(ascent, base.best.batch)
            )
        return self._made[what]

    def _receiver(self, name: str, options: LinkOptions, spec: AdversarialJammer, base: BaseScheme) -> perturb.Receiver:
        """What the jammer takes Bob for."""
        if spec.threat_model == "receiver":
            if base.bare is None:
                raise LinksimError(
                    f"group {name!r}: a semantic jammer needs a receiver with a gradient, scheme {options.scheme[-1].name!r} has none; "
                    "its knowledge can be 'surrogate'"
                )
            return perturb.peeling(base.bare)
        network = self._part(spec.surrogate, "inverter").network
        assert isinstance(network, Inverter)
        if network.channel_uses != base.scheme.channel_uses:
            raise LinksimError(
                f"group {name!r}: surrogate {spec.surrogate!r} takes {network.channel_uses} symbols per image, the link makes {base.scheme.channel_uses}"
            )
        return perturb.inverting(network)

    def _universal(
        self, options: LinkOptions, spec: AdversarialJammer, base: BaseScheme, ascent: perturb.PerturbationOptimiser
    ) -> Operation:
        """From frames captured beforehand, which Alice encoded for the SNR that she assumes."""
        pictures, key = load(self._source, "train").images, self._streams.key("jammer/captured")
        chosen = self._streams("jammer/captured").permutation(len(pictures))[: spec.num_captured]
        images = torch.from_numpy(pictures[np.sort(chosen)]).to(self._device).permute(0, 3, 1, 2)[:, None] / 255.0
        count, snr_db = len(images), options.alice.assumed_snr_db
        keys = torch.tensor(item_keys(key, 1, count + 1)).to(self._device)  # draw 0 chose the images
        sender = base.bare or base.scheme
        with torch.inference_mode():
            captured = sender.send(images, SnrEstimate(torch.full((count,), snr_db, device=self._device)), Noise(keys[:count]))
            start = Noise(keys[count:]).complex(base.scheme.channel_uses)
        return perturb.universal_perturbation(
            ascent, captured, db_to_linear(-snr_db), db_to_linear(spec.jsr_bob_db), start, base.best.batch
        )
