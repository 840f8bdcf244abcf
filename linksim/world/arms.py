"""Arms the groups of a run: makes the jammers of their lanes and sets them going.

A jammer's stream is named by its lane's place in the group, as all others are. A sweep is one jammer for all lanes of its group; every
other kind is one to a lane, each with a budget of its own.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import torch

from linksim.data.sources import load
from linksim.errors import LinksimError
from linksim.nets.inverters import Inverter
from linksim.nets.weights import Part
from linksim.phy.jamming import affordable
from linksim.phy.noise import Noise, item_keys
from linksim.rng import Streams
from linksim.scenario.jammers import NoJammer, ReactiveJammer, SemanticJammer, SweepJammer
from linksim.scenario.schema import Link
from linksim.schemes.cores import Core
from linksim.schemes.terms import Belief
from linksim.units import db_to_linear
from linksim.worker import Operation
from linksim.world import operations, perturb
from linksim.world.clock import World
from linksim.world.jammer import Jammer, follow
from linksim.world.reactive import Reactive
from linksim.world.semantic import Semantic


class Arms:
    """Makes the jammers of one run.

    source  of the images, whose training split the captured ones are from
    part    gives a trained part by name and kind
    """

    def __init__(self, streams: Streams, source: str, part: Callable[[str, Literal["inverter"]], Part], device: torch.device) -> None:
        self._streams, self._source, self._part, self._device = streams, source, part, device
        self._gaussian, self._semantic = operations.gaussian(), operations.semantic()
        self._made: dict[tuple[Any, ...], Operation] = {}

    def arm(self, world: World, name: str, link: Link, core: Core, lanes: Sequence[int]) -> list[Jammer]:
        """The jammers of a group's lanes, which have the numbers `lanes` in the run; none where nobody jams.

        Raises LinksimError where a semantic jammer's knowledge does not fit the link.
        """
        spec, streams = link.jammer, self._streams
        if isinstance(spec, NoJammer):
            return []
        keys = [streams.key(f"jammer/lane-{place}") for place in range(len(lanes))]
        if isinstance(spec, ReactiveJammer):
            return [Reactive(world, lane, spec, self._gaussian, key) for lane, key in zip(lanes, keys, strict=True)]
        if isinstance(spec, SemanticJammer):
            found = self._perturb(name, link, spec, core)
            return [Semantic(world, lane, spec, self._semantic, found, key) for lane, key in zip(lanes, keys, strict=True)]
        jammers = [Jammer(world, lane, spec, self._gaussian) for lane in lanes]
        together = [jammers] if isinstance(spec, SweepJammer) else [[jammer] for jammer in jammers]
        for followers, key in zip(together, keys, strict=False):
            world.env.process(follow(world, followers, affordable(spec, key)))
        return jammers

    def _perturb(self, name: str, link: Link, spec: SemanticJammer, core: Core) -> Operation:
        """The operation that finds perturbations; groups that do the same share it, and so its batches."""
        equaliser = link.channel.bob.equaliser
        made_for = (spec.samples, spec.jsr_bob_db, link.alice.assumed_snr_db) if spec.universal else ()
        what = spec.knowledge, spec.surrogate, spec.steps, equaliser, link.scheme[-1], *made_for
        if what not in self._made:
            ascent = perturb.Ascent(self._receiver(name, link, spec, core), equaliser, spec.steps)
            self._made[what] = self._universal(link, spec, core, ascent) if spec.universal else perturb.for_each(ascent, core.best.batch)
        return self._made[what]

    def _receiver(self, name: str, link: Link, spec: SemanticJammer, core: Core) -> perturb.Receiver:
        """What the jammer takes Bob for."""
        if spec.knowledge == "receiver":
            if core.bare is None:
                raise LinksimError(
                    f"group {name!r}: a semantic jammer needs a receiver with a gradient, scheme {link.scheme[-1].name!r} has none; "
                    "its knowledge can be 'surrogate'"
                )
            return perturb.peeling(core.bare)
        network = self._part(spec.surrogate, "inverter").network
        assert isinstance(network, Inverter)
        if network.uses != core.scheme.uses:
            raise LinksimError(
                f"group {name!r}: surrogate {spec.surrogate!r} takes {network.uses} symbols per image, the link makes {core.scheme.uses}"
            )
        return perturb.inverting(network)

    def _universal(self, link: Link, spec: SemanticJammer, core: Core, ascent: perturb.Ascent) -> Operation:
        """From frames captured beforehand, which Alice encoded for the SNR that she assumes."""
        pictures, key = load(self._source, "train").images, self._streams.key("jammer/captured")
        chosen = self._streams("jammer/captured").permutation(len(pictures))[: spec.samples]
        images = torch.from_numpy(pictures[np.sort(chosen)]).to(self._device).permute(0, 3, 1, 2)[:, None] / 255.0
        count, snr_db = len(images), link.alice.assumed_snr_db
        keys = torch.tensor(item_keys(key, 1, count + 1)).to(self._device)  # draw 0 chose the images
        sender = core.bare or core.scheme
        with torch.inference_mode():
            captured = sender.send(images, Belief(torch.full((count,), snr_db, device=self._device)), Noise(keys[:count]))
            start = Noise(keys[count:]).complex(core.scheme.uses)
        return perturb.for_all(ascent, captured, db_to_linear(-snr_db), db_to_linear(spec.jsr_bob_db), start, core.best.batch)
