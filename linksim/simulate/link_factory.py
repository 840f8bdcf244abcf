"""What the links of a group have in common: its stack of schemes, the operations of its nodes, and Bob's policy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from linksim import operations
from linksim.adapt.policy import Policy
from linksim.attacks.model_inversion import Reassemble
from linksim.control_plane.messages import MOST_PAIRS
from linksim.data.sources import ImageDataset
from linksim.errors import LinksimError
from linksim.nets.cards import RuntimeSettings
from linksim.nets.classifiers import Classifier
from linksim.nets.codecs import Codec
from linksim.nets.vqvae import VqVae
from linksim.nets.weights import TrainedModel, find_file, load_model, sha256_of
from linksim.operations import Precision
from linksim.rng import Streams
from linksim.scenario.nodes import NoAttack
from linksim.scenario.policies import FixedPolicy, RewardTableOptions
from linksim.scenario.schema import LinkOptions, Scenario
from linksim.scenario.schemes import BaseSchemeOptions, CodecSchemeOptions
from linksim.scenario.source_attacks import NoSourceAttack
from linksim.schemes.base_schemes import BaseScheme, build_base
from linksim.schemes.stack import Stack, build_stack
from linksim.simulate.eve_factory import attack, jigsaw
from linksim.simulate.policy_factory import make_policy
from linksim.simulate.source_attack_factory import attacked
from linksim.worker import Operation


@dataclass(frozen=True)
class GroupModels:
    """What the links of a group have in common."""

    options: LinkOptions
    base: BaseScheme
    stack: Stack
    attacked: Operation | None
    classes: Operation | None
    send: Operation
    receive: Operation
    invert: Operation | None
    score: Operation
    match: Operation | None
    policy: Policy | None


class LinkFactory:
    """Makes the groups of one run. Those that do the same share an operation, and so its batches.

    parts  sha256 of the trained models in use so far, networks and reward tables, by name
    """

    def __init__(
        self, scenario: Scenario, pictures: ImageDataset, streams: Streams, device: torch.device, policies: Mapping[str, Policy]
    ) -> None:
        self._scenario, self._pictures, self._streams = scenario, pictures, streams
        self._device, self._policies = device, policies
        self._made: dict[tuple[Any, ...], Operation] = {}
        self.parts: dict[str, str] = {}

    def part(self, name: str, kind: str) -> TrainedModel:
        """A trained model, checked against the source's images where it takes or makes some."""
        part = load_model(name, kind, self._device.type)
        self.parts[name] = part.card.sha256
        network, (_, height, width, colours) = part.network, self._pictures.images.shape
        if isinstance(network, Codec | VqVae) and (network.colours, network.side, network.side) != (colours, height, width):
            raise LinksimError(
                f"{kind} {name!r} takes images of {network.side} x {network.side} pixels in {network.colours} colours; "
                f"source {self._scenario.dataset!r} has {height} x {width} in {colours}"
            )
        return part

    def precision(self, best: RuntimeSettings) -> Precision:
        asked = self._scenario.compute.precision
        chosen = best.precision if asked == "auto" else asked
        return Precision(chosen == "bfloat16", self._device)

    def score(self, images: int) -> Operation:
        """The evaluator's operation for items of `images` images."""
        classifier, batch, precision = self._classifier()
        return self._once(("score", images), lambda: operations.score(classifier, max(1, batch // images), precision))

    def _classifier(self) -> tuple[Classifier | None, int, Precision]:
        """The evaluator's classifier, how many images it takes at a time, and how it is run."""
        name = self._scenario.classifier
        if name is None:
            return None, operations.SCORE_BATCH, Precision(False, self._device)
        part = self.part(name, "classifier")
        assert isinstance(part.network, Classifier)
        return part.network, part.best.batch, self.precision(part.best)

    def group(self, name: str, options: LinkOptions) -> GroupModels:
        spec, (height, width, colours) = options.scheme[-1], self._pictures.images.shape[1:]
        assert isinstance(spec, BaseSchemeOptions)
        try:
            base = build_base(spec, self.part, (height, width, colours))
            stack = build_stack(options.scheme, base, options.alice.images_per_frame)
        except LinksimError as fault:
            raise LinksimError(f"group {name!r}: {fault}") from fault
        pairs = sum(layer.told for layer in stack.layers)
        if pairs > MOST_PAIRS:
            raise LinksimError(f"group {name!r}: a KEY message holds at most {MOST_PAIRS} pairs, a frame of this one has {pairs}")
        batch = max(1, base.best.batch // stack.scheme.images_per_item)
        precision, like = self.precision(base.best), stack.example()
        what = (spec, stack.single, *((layer.spec.name, layer.width) for layer in stack.layers))
        send = self._once(("send", *what), lambda: operations.send(stack.scheme, like, batch, precision))
        undo = options.channel.bob.equaliser
        receive = self._once(("receive", undo, *what), lambda: operations.receive(stack.scheme, like, undo, batch, precision))
        images = stack.scheme.images_per_item
        spoil, classes = self._attacked(name, options, images), self._classes(options, images)
        unordered = images > 1 and not isinstance(options.eve, NoAttack) and options.eve.reassembly == "jigsaw"
        match = self._once(("match",), operations.match) if unordered else None
        invert, policy = self._invert(name, options, stack, base), self._policy(name, options, stack)
        return GroupModels(options, base, stack, spoil, classes, send, receive, invert, self.score(images), match, policy)

    def _attacked(self, name: str, options: LinkOptions, images: int) -> Operation | None:
        """What somebody does to Alice's images before she sends them; None where nobody does."""
        spec = options.alice.source_attack
        if isinstance(spec, NoSourceAttack):
            return None
        try:
            return self._once(("attacked", spec, images), lambda: attacked(spec, self._scenario, self._pictures, self.part, images))
        except LinksimError as fault:
            raise LinksimError(f"group {name!r}: {fault}") from fault

    def _classes(self, options: LinkOptions, images: int) -> Operation | None:
        """What the evaluator's classifier takes attacked images for; None where nobody attacks or nobody judges."""
        classifier, batch, precision = self._classifier()
        if classifier is None or isinstance(options.alice.source_attack, NoSourceAttack):
            return None
        return self._once(("classes", images), lambda: operations.classes(classifier, max(1, batch // (2 * images)), precision))

    def _policy(self, name: str, options: LinkOptions, stack: Stack) -> Policy | None:
        """How Bob chooses diffusion steps; None where the scheme has none."""
        own, spec = self._policies.get(name), options.bob.policy
        if stack.stepped and own is not None:
            return own
        if stack.stepped:
            if isinstance(spec, RewardTableOptions):
                self.parts[spec.reward_table] = sha256_of(find_file(spec.reward_table, "reward-table"))
            return make_policy(spec, self.part)
        if own is not None or not isinstance(spec, FixedPolicy):
            raise LinksimError(f"group {name!r}: bob.policy chooses diffusion steps; scheme {options.scheme[-1].name!r} has none")
        return None

    def _invert(self, name: str, options: LinkOptions, stack: Stack, base: BaseScheme) -> Operation | None:
        if isinstance(options.eve, NoAttack):
            return None
        spec, images, undo = options.scheme[-1], stack.scheme.images_per_item, options.channel.eve.equaliser
        assert isinstance(spec, BaseSchemeOptions)
        found = attack(options.eve, spec, self.part)
        if found.channel_uses != base.scheme.channel_uses:
            raise LinksimError(
                f"group {name!r}: Eve's attack takes {found.channel_uses} symbols per image, the link sends {base.scheme.channel_uses}"
            )
        puzzles = options.eve.reassembly == "jigsaw"
        batch, precision = max(1, found.best.batch // images), self.precision(found.best)
        what = options.eve, spec, undo, images, *((stack.single, options.alice.assumed_snr_db) if puzzles else ())

        def make() -> Operation:
            reassemble = self._reassemble(name, options, stack) if puzzles else None
            return operations.invert(found.undo, found.channel_uses, images, reassemble, undo, batch, precision)

        return self._once(("invert", *what), make)

    def _reassemble(self, name: str, options: LinkOptions, stack: Stack) -> Reassemble | None:
        """How Eve puts pairs together who has captured open frames; None where every image travels alone."""
        spec, images = options.scheme[-1], stack.scheme.images_per_item
        if not stack.single and images == 1:
            return None
        if stack.single or images > 2 or not isinstance(spec, CodecSchemeOptions):
            raise LinksimError(f"group {name!r}: reassembly 'jigsaw' takes pairs of images from a codec, with no noise as companion")
        assert not isinstance(options.eve, NoAttack)
        codec, draw = self.part(spec.codec, "codec").network, self._streams.key("eve/captured")
        assert isinstance(codec, Codec)
        return jigsaw(codec, self._scenario.dataset, options.eve.num_captured_frames, draw, options.alice.assumed_snr_db)

    def _once(self, what: tuple[Any, ...], make: Callable[[], Operation]) -> Operation:
        if what not in self._made:
            self._made[what] = make()
        return self._made[what]
