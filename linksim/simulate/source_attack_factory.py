"""Factories of attacks on Alice's images. An attack is declared in `linksim.scenario.source_attacks`, with the import path of its factory.

A factory gets the options and the classifier under attack, and returns a function (images [n, c, h, w] in 0..1, labels int64 [n]) ->
attacked images. If the options have varying strengths, the strength of each image, float [n], is its third argument. The attacker knows
the classifier, but nothing of the link that carries the images (DiffuSeC Sec. III-A).

In a simulation the attack is an operation between the images of the dataset and Alice's encoder, so every scheme, channel and Eve supports
it. The evaluator compares reconstructions with the images before the attack.
"""

from collections.abc import Callable
from functools import lru_cache

from torch import Tensor

from linksim.attacks.source import CarliniWagnerSettings, carlini_wagner, cross_entropy_gradient, fgsm, pgd
from linksim.data.sources import ImageDataset
from linksim.errors import LinksimError
from linksim.nets.classifiers import Classifier
from linksim.nets.weights import TrainedModel
from linksim.nodes.attack_strengths import AttackStrengths
from linksim.rng import StreamKey
from linksim.scenario.base import component_of
from linksim.scenario.schema import Scenario
from linksim.scenario.source_attacks import (
    CarliniWagnerAttack,
    FgsmAttack,
    LinfAttack,
    NoSourceAttack,
    PgdAttack,
    SourceAttackOptions,
)
from linksim.simulate.item_cache import ItemCache
from linksim.worker import Operation

# (images [n, c, h, w] in 0..1, labels int64 [n], and strengths float [n] if the options vary them) -> attacked images in 0..1
AttackImages = Callable[..., Tensor]


def make_source_attack(
    options: SourceAttackOptions, scenario: Scenario, dataset: ImageDataset, load: Callable[[str, str], TrainedModel], images: int
) -> Operation:
    """Return the operation (images [items, k, c, h, w] in 0..1, labels int64 [items, k]) -> attacked images.

    If the options have varying strengths, its third input is the strength of each item, float [items]. It runs in float32 at any precision
    of the run, because the sign of a gradient depends on the last bits.

    options   options of the attack
    scenario  the scenario, whose classifier is attacked unless the options name a `target`
    dataset   the images that Alice sends
    load      loads a trained model by name and kind
    images    number of images in an item, k

    Raises LinksimError if there is no classifier to attack, or its images or classes differ from those of the dataset.
    """
    model = _target(options, scenario, dataset, load)
    classifier, batch = model.network, max(1, model.runtime.batch // images)
    assert isinstance(classifier, Classifier)
    attack = _cached_attack(options, classifier)

    def run(images: Tensor, labels: Tensor, *strengths: Tensor) -> Tensor:
        of_images = (strength.repeat_interleave(images.shape[1]) for strength in strengths)
        return attack(images.flatten(0, 1), labels.flatten(), *of_images).view(images.shape)

    return Operation("attack_source", run, batch)


@lru_cache(maxsize=8)
def _cached_attack(options: SourceAttackOptions, classifier: Classifier) -> ItemCache:
    """Return the attack with a cache, so that runs with the same images and the same attack compute it once."""
    return ItemCache(component_of(options).load()(options, classifier))


def attack_strengths(options: SourceAttackOptions, draws: StreamKey) -> AttackStrengths | None:
    """Return the varying strengths of an attack on the source, None if it always has the same or there is none.

    draws  stream of the strengths of one link
    """
    if not isinstance(options, LinfAttack) or not options.varies:
        return None
    return AttackStrengths(tuple(options.strengths), options.block_ms, draws)


def true_strength(options: SourceAttackOptions, strengths: AttackStrengths | None) -> Callable[[int], float]:
    """Return the strength of an attack on the source at a time in ns: as drawn, else 1, or 0 without an attack.

    strengths  varying strengths of the link, None if they do not vary
    """
    constant = float(not isinstance(options, NoSourceAttack))
    return strengths.at if strengths is not None else lambda time_ns: constant


def make_fgsm(options: FgsmAttack, classifier: Classifier) -> AttackImages:
    """Factory of the attack `fgsm`: one step of `epsilon` along the sign of the gradient of the cross-entropy."""

    def attack(images: Tensor, labels: Tensor, strength: Tensor | None = None) -> Tensor:
        return fgsm(cross_entropy_gradient(classifier, labels), images, scaled(options.epsilon, strength))

    return attack


def make_pgd(options: PgdAttack, classifier: Classifier) -> AttackImages:
    """Factory of the attack `pgd`: `steps` steps of `step_size`, each projected onto the l-infinity ball of radius `epsilon`."""

    def attack(images: Tensor, labels: Tensor, strength: Tensor | None = None) -> Tensor:
        epsilon, step_size = scaled(options.epsilon, strength), scaled(options.step_size, strength)
        return pgd(cross_entropy_gradient(classifier, labels), images, epsilon, options.steps, step_size)

    return attack


def scaled(size: float, strength: Tensor | None) -> float | Tensor:
    """Return a size for each image, [n, 1, 1, 1], from the strengths of the attack, float [n]; without them, the size itself.

    >>> scaled(0.5, Tensor([0.0, 2.0])).flatten().tolist(), scaled(0.5, None)
    ([0.0, 1.0], 0.5)
    """
    return size if strength is None else size * strength[:, None, None, None]


def make_carlini_wagner(options: CarliniWagnerAttack, classifier: Classifier) -> AttackImages:
    """Factory of the attack `carlini-wagner`: the misclassified image at the smallest l2 distance that the search finds."""
    settings = CarliniWagnerSettings(
        options.confidence, options.initial_const, options.binary_search_steps, options.steps, options.learning_rate
    )
    return lambda images, labels: carlini_wagner(classifier, images, labels, settings)


def _target(
    options: SourceAttackOptions, scenario: Scenario, dataset: ImageDataset, load: Callable[[str, str], TrainedModel]
) -> TrainedModel:
    """Return the classifier under attack: the one that the options name as `target`, or that of the scenario.

    Raises LinksimError if there is neither, or if its colours or its number of classes differ from those of the dataset.
    """
    name = getattr(options, "target", None) or scenario.classifier
    if name is None:
        raise LinksimError(
            f"alice.source_attack {options.attack!r} has no classifier to attack: set alice.source_attack.target or classifier"
        )
    model = load(name, "classifier")
    network = model.network
    assert isinstance(network, Classifier)
    expected, actual = (network.colours, network.classes), (dataset.images.shape[3], len(dataset.classes))
    if expected != actual:
        raise LinksimError(
            f"alice.source_attack attacks {name!r}, which expects images in {expected[0]} colours and {expected[1]} classes; "
            f"dataset {scenario.dataset!r} has {actual[0]} and {actual[1]:,}"
        )
    return model
