"""Creates what the links of a group have in common: the stack of schemes, the operations of the nodes, and Bob's policy.

The assembly calls `LinkFactory.group` once per group and `LinkFactory.attack` once per link. The worker puts two promises into one batch
only if they have the same `Operation` object, so operations are cached by the options from which they are made: a thousand links of one
group, and groups that differ in the SNR only, fill one batch. A key of the cache must contain every option on which the operation depends.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from linksim import operations, scoring
from linksim.adapt.accuracy_table import load_accuracy_table
from linksim.adapt.attack_table import load_attack_table
from linksim.adapt.policy import Policy
from linksim.adapt.reward_table_file import load_reward_table
from linksim.attacks.attack import Attack
from linksim.data.evaluation_weights import weights_file
from linksim.data.sources import ImageDataset
from linksim.errors import LinksimError
from linksim.nets.cards import RuntimeSettings
from linksim.nets.classifiers import Classifier
from linksim.nets.codecs import Codec
from linksim.nets.feature_inverter import FeatureInverter
from linksim.nets.features import FeatureCodec
from linksim.nets.generator import Generator
from linksim.nets.processors import device_class
from linksim.nets.vqvae import VqVae
from linksim.nets.weights import TrainedModel, find_table, load_model, sha256_of
from linksim.operations import Precision
from linksim.rng import Streams
from linksim.scenario.attacks import NoAttack
from linksim.scenario.schema import LinkOptions, Scenario
from linksim.scenario.schemes import base_options
from linksim.scenario.source_attacks import NoSourceAttack
from linksim.schemes.base_schemes import BaseScheme, build_base
from linksim.schemes.stack import Stack, build_stack
from linksim.simulate.eve_factory import EveContext, make_attack
from linksim.simulate.metric_factory import MetricContext, make_metrics
from linksim.simulate.policy_factory import PolicyContext, bob_policy, observes_disagreement
from linksim.simulate.source_attack_factory import make_source_attack
from linksim.wire_layout import MAX_PAIRS
from linksim.worker import Operation, Worker

Table = TypeVar("Table")


@dataclass(frozen=True)
class GroupModels:
    """What the links of a group have in common. An operation is None if the group does not need it.

    options        options of the links
    base           base scheme
    stack          stack of schemes around it
    source_attack  attack on Alice's images, see `make_source_attack`
    classify       classification of attacked images, `scoring.classify`
    send, receive  encoder and decoder, `operations.send` and `operations.receive`
    score          scores of the evaluator, `scoring.score`
    policy         Bob's policy, None if the scheme negotiates nothing
    disagree       comparison of classes before and after denoising, `scoring.disagree`, if the policy observes it
    """

    options: LinkOptions
    base: BaseScheme
    stack: Stack
    source_attack: Operation | None
    classify: Operation | None
    send: Operation
    receive: Operation
    score: Operation
    policy: Policy | None
    disagree: Operation | None


class LinkFactory:
    """Creates the groups of one run. Groups with equal settings share an operation, and so its batches.

    scenario  the scenario
    dataset   its images, of which the models must take the shape
    streams   random streams of the run
    device    device of the networks
    policies  policies by group, which replace those of the scenario
    models    sha256 of the trained models, reward tables and weights of metrics in use so far, by name; recorded in the trace
    kinds     kinds of these trained models
    untuned   those of them that run in float32 because they are not measured on this class of processor

    Raises LinksimError if a metric does not fit the images, or if its weights are missing or damaged.
    """

    def __init__(
        self, scenario: Scenario, dataset: ImageDataset, streams: Streams, device: torch.device, policies: Mapping[str, Policy]
    ) -> None:
        self._scenario, self._dataset, self._streams = scenario, dataset, streams
        self._device, self._policies = device, policies
        self._operations: dict[tuple[Any, ...], Operation] = {}
        self.models: dict[str, str] = {}
        self.kinds: set[str] = set()
        self.untuned: set[str] = set()
        height, width, colours = dataset.images.shape[1:]
        self._metrics = make_metrics(scenario.metrics, MetricContext(device, (colours, height, width)))
        used = ((options.weights, weights_file(options.weights)) for options in scenario.metrics if options.weights is not None)
        self.models |= {name: sha256_of(path) for name, path in used if path is not None}

    def model(self, name: str, kind: str) -> TrainedModel:
        """Load a trained model and record its digest.

        name  name of the model, that of its card in `models/` or in a folder of LINKSIM_MODELS
        kind  kind that the card must declare, such as "codec" or "inverter"

        Raises LinksimError if the model is missing, damaged or of another kind, or if it takes images of another shape than those of the
        dataset.
        """
        model = load_model(name, kind, self._device.type)
        self.models[name] = model.card.sha256
        self.kinds.add(kind)
        if self._scenario.compute.precision == "auto" and not model.card.is_tuned_for(device_class(self._device)):
            self.untuned.add(name)
        network, (_, height, width, colours) = model.network, self._dataset.images.shape
        of_images = isinstance(network, Codec | VqVae | FeatureCodec | FeatureInverter | Generator)
        if of_images and (network.colours, network.side, network.side) != (colours, height, width):
            raise LinksimError(
                f"{kind} {name!r} takes images of {network.side} x {network.side} pixels in {network.colours} colours; "
                f"dataset {self._scenario.dataset!r} has {height} x {width} in {colours}"
            )
        return model

    def precision(self, runtime: RuntimeSettings) -> Precision:
        """Return the precision that the scenario requests, or that of the model's card for `auto`, the fastest one on this device."""
        requested = self._scenario.compute.precision
        chosen = runtime.precision if requested == "auto" else requested
        return Precision(chosen == "bfloat16", self._device)

    def score(self, images: int, received: int) -> Operation:
        """Return the evaluator's operation for items of `images` images.

        The batch size of a card is in images, that of an operation in items, so it is divided by `images` here and in all other operations.

        received  batch size of Bob's network in items, for which the scores wait
        """
        classifier, batch, precision = self._classifier()
        settings = max(1, batch // images), precision, self._metrics, received
        return self.cached(("score", images, received), lambda: scoring.score(classifier, *settings))

    def _classifier(self) -> tuple[Classifier | None, int, Precision]:
        """Return the evaluator's classifier, its batch size in images, and its precision; None as the classifier if there is none."""
        name = self._scenario.classifier
        if name is None:
            return None, scoring.SCORE_BATCH, Precision(False, self._device)
        model = self.model(name, "classifier")
        assert isinstance(model.network, Classifier)
        return model.network, model.runtime.batch, self.precision(model.runtime)

    def group(self, name: str, options: LinkOptions) -> GroupModels:
        """Create what the links of a group share.

        name     name of the group, which every error message names
        options  options of its links

        Raises LinksimError if the options do not fit together or a model is missing.
        """
        spec, (height, width, colours) = base_options(options.scheme), self._dataset.images.shape[1:]
        try:
            base = build_base(spec, self.model, (height, width, colours))
            stack = build_stack(options.scheme, base, options.alice.images_per_frame, self.model)
        except LinksimError as fault:
            raise LinksimError(f"group {name!r}: {fault}") from fault
        pairs = sum(layer.num_transmitted for layer in stack.layers)
        if pairs > MAX_PAIRS:
            raise LinksimError(f"group {name!r}: a KEY message holds at most {MAX_PAIRS} pairs, a frame of this one has {pairs}")
        batch = max(1, base.runtime.batch // stack.scheme.images_per_item)
        precision, example = self.precision(base.runtime), stack.example_parameters()
        settings = stack.identity
        send = self.cached(("send", *settings), lambda: operations.send(stack.scheme, example, batch, precision))
        equaliser, policy = (
            options.channel.bob.equaliser,
            bob_policy(name, options, stack, self._policies.get(name), self._policy_context()),
        )
        disagree = self._disagree(name, policy, options, stack.scheme.images_per_item)
        receive = self.cached(
            ("receive", equaliser, disagree is not None, *settings),
            lambda: operations.receive(stack.scheme, example, equaliser, batch, precision, keep_undenoised=disagree is not None),
        )
        images = stack.scheme.images_per_item
        source_attack, classify = self._source_attack(name, options, images), self._classify(options, images)
        return GroupModels(
            options=options,
            base=base,
            stack=stack,
            source_attack=source_attack,
            classify=classify,
            send=send,
            receive=receive,
            score=self.score(images, batch),
            policy=policy,
            disagree=disagree,
        )

    def _source_attack(self, name: str, options: LinkOptions, images: int) -> Operation | None:
        """Return the attack on Alice's images, None without one."""
        spec = options.alice.source_attack
        if isinstance(spec, NoSourceAttack):
            return None
        try:
            return self.cached(
                ("attack_source", spec, images), lambda: make_source_attack(spec, self._scenario, self._dataset, self.model, images)
            )
        except LinksimError as fault:
            raise LinksimError(f"group {name!r}: {fault}") from fault

    def _classify(self, options: LinkOptions, images: int) -> Operation | None:
        """Return the classification of attacked images, None without an attack on the source or without a classifier."""
        classifier, batch, precision = self._classifier()
        if classifier is None or isinstance(options.alice.source_attack, NoSourceAttack):
            return None
        return self.cached(("classify", images), lambda: scoring.classify(classifier, max(1, batch // (2 * images)), precision))

    def _disagree(self, name: str, policy: Policy | None, options: LinkOptions, images: int) -> Operation | None:
        """Return the comparison of classes before and after denoising, None for a policy that does not observe it.

        Raises LinksimError if the policy observes what the link does not have.
        """
        classifier, batch, precision = self._classifier()
        if not observes_disagreement(name, policy, options, classifier):
            return None
        assert classifier is not None
        return self.cached(("disagree", images), lambda: scoring.disagree(classifier, max(1, batch // (2 * images)), precision))

    def _policy_context(self) -> PolicyContext:
        """Return what a policy is built from."""
        return PolicyContext(
            load=self.model,
            reward_table=self._reader("reward-table", load_reward_table),
            accuracy_table=self._reader("accuracy-table", load_accuracy_table),
            attack_table=self._reader("attack-table", load_attack_table),
        )

    def _reader(self, kind: str, load: Callable[[str], Table]) -> Callable[[str], Table]:
        """Return the function that loads a table of a kind by its name, and records its digest. It raises ModelError if it is missing."""

        def read(name: str) -> Table:
            self.models[name] = sha256_of(find_table(name, kind))
            return load(name)

        return read

    def attack(self, name: str, group: GroupModels, worker: Worker, place: int) -> Attack | None:
        """Create Eve's attack on one link, None without Eve.

        name    name of the group
        group   what its links share
        worker  runs the attack's operations
        place   number of the link in its group

        Raises LinksimError if the attack does not fit the link.
        """
        if isinstance(group.options.eve, NoAttack):
            return None
        context = EveContext(
            worker=worker,
            options=group.options,
            base=group.base,
            stack=group.stack,
            dataset=self._scenario.dataset,
            streams=self._streams,
            load=self.model,
            precision=self.precision,
            cached=self.cached,
            place=place,
        )
        try:
            return make_attack(context)
        except LinksimError as fault:
            raise LinksimError(f"group {name!r}: {fault}") from fault

    def cached(self, settings: tuple[Any, ...], make: Callable[[], Operation]) -> Operation:
        """Return the operation of these settings, which all links with equal settings share.

        settings  purpose of the operation and all options on which it depends, hashable
        make      makes the operation, called for new settings only
        """
        if settings not in self._operations:
            self._operations[settings] = make()
        return self._operations[settings]
