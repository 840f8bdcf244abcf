"""What the lanes of a group have in common: its stack of schemes, the operations of its nodes, and Bob's policy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from linksim.adapt.policy import Policy
from linksim.attacks.inversion import Reassemble
from linksim.data.sources import Pictures
from linksim.errors import LinksimError
from linksim.nets.cards import Best
from linksim.nets.classifiers import Classifier
from linksim.nets.codecs import Codec
from linksim.nets.vqvae import VqVae
from linksim.nets.weights import Part, find_file, load_part, sha256_of
from linksim.rng import Streams
from linksim.scenario.nodes import NoAttack
from linksim.scenario.policies import FixedPolicy, Informed
from linksim.scenario.schema import Link, Scenario
from linksim.scenario.schemes import CodecScheme, CoreScheme
from linksim.scenario.source_attacks import NoSourceAttack
from linksim.schemes.cores import Core, build_core
from linksim.schemes.stack import Stack, build_stack
from linksim.worker import Operation
from linksim.world import operations
from linksim.world.attacking import attacked
from linksim.world.eavesdropping import attack, jigsaw
from linksim.world.messages import MOST_PAIRS
from linksim.world.operations import Precision
from linksim.world.policies import make_policy


@dataclass(frozen=True)
class Group:
    """What the lanes of a group have in common."""

    link: Link
    core: Core
    stack: Stack
    attacked: Operation | None
    classes: Operation | None
    send: Operation
    receive: Operation
    invert: Operation | None
    score: Operation
    match: Operation | None
    policy: Policy | None


class Groups:
    """Makes the groups of one run. Those that do the same share an operation, and so its batches.

    parts  sha256 of the trained parts in use so far, networks and atlases, by name
    """

    def __init__(
        self, scenario: Scenario, pictures: Pictures, streams: Streams, device: torch.device, policies: Mapping[str, Policy]
    ) -> None:
        self._scenario, self._pictures, self._streams = scenario, pictures, streams
        self._device, self._policies = device, policies
        self._made: dict[tuple[Any, ...], Operation] = {}
        self.parts: dict[str, str] = {}

    def part(self, name: str, kind: str) -> Part:
        """A trained part, checked against the source's images where it takes or makes some."""
        part = load_part(name, kind, self._device.type)
        self.parts[name] = part.card.sha256
        network, (_, height, width, colours) = part.network, self._pictures.images.shape
        if isinstance(network, Codec | VqVae) and (network.colours, network.side, network.side) != (colours, height, width):
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
        classifier, batch, precision = self._classifier()
        return self._once(("score", images), lambda: operations.score(classifier, max(1, batch // images), precision))

    def _classifier(self) -> tuple[Classifier | None, int, Precision]:
        """The judge's classifier, how many images it takes at a time, and how it is run."""
        name = self._scenario.classifier
        if name is None:
            return None, operations.SCORE_BATCH, Precision(False, self._device)
        part = self.part(name, "classifier")
        assert isinstance(part.network, Classifier)
        return part.network, part.best.batch, self.precision(part.best)

    def group(self, name: str, link: Link) -> Group:
        spec, (height, width, colours) = link.scheme[-1], self._pictures.images.shape[1:]
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
        images = stack.scheme.images_per_item
        spoil, classes = self._attacked(name, link, images), self._classes(link, images)
        unordered = images > 1 and not isinstance(link.eve, NoAttack) and link.eve.reassembly == "jigsaw"
        match = self._once(("match",), operations.match) if unordered else None
        invert, policy = self._invert(name, link, stack, core), self._policy(name, link, stack)
        return Group(link, core, stack, spoil, classes, send, receive, invert, self.score(images), match, policy)

    def _attacked(self, name: str, link: Link, images: int) -> Operation | None:
        """What somebody does to Alice's images before she sends them; None where nobody does."""
        spec = link.alice.source_attack
        if isinstance(spec, NoSourceAttack):
            return None
        try:
            return self._once(("attacked", spec, images), lambda: attacked(spec, self._scenario, self._pictures, self.part, images))
        except LinksimError as fault:
            raise LinksimError(f"group {name!r}: {fault}") from fault

    def _classes(self, link: Link, images: int) -> Operation | None:
        """What the judge's classifier takes attacked images for; None where nobody attacks or nobody judges."""
        classifier, batch, precision = self._classifier()
        if classifier is None or isinstance(link.alice.source_attack, NoSourceAttack):
            return None
        return self._once(("classes", images), lambda: operations.classes(classifier, max(1, batch // (2 * images)), precision))

    def _policy(self, name: str, link: Link, stack: Stack) -> Policy | None:
        """How Bob chooses diffusion steps; None where the scheme has none."""
        own, spec = self._policies.get(name), link.bob.policy
        if stack.stepped and own is not None:
            return own
        if stack.stepped:
            if isinstance(spec, Informed):
                self.parts[spec.atlas] = sha256_of(find_file(spec.atlas, "atlas"))
            return make_policy(spec, self.part)
        if own is not None or not isinstance(spec, FixedPolicy):
            raise LinksimError(f"group {name!r}: bob.policy chooses diffusion steps; scheme {link.scheme[-1].name!r} has none")
        return None

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
        if stack.single or images > 2 or not isinstance(spec, CodecScheme):
            raise LinksimError(f"group {name!r}: reassembly 'jigsaw' takes pairs of images from a codec, with no noise as companion")
        assert not isinstance(link.eve, NoAttack)
        codec, draw = self.part(spec.codec, "codec").network, self._streams.key("eve/captured")
        assert isinstance(codec, Codec)
        return jigsaw(codec, self._scenario.source, link.eve.captures, draw, link.alice.assumed_snr_db)

    def _once(self, what: tuple[Any, ...], make: Callable[[], Operation]) -> Operation:
        if what not in self._made:
            self._made[what] = make()
        return self._made[what]
