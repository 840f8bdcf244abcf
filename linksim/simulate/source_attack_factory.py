"""What somebody does to Alice's images before she sends them, made from the words of a scenario: the place to add another such attack.

The attacker knows the classifier that is to be mistaken, and nothing of the link that will carry the images.
"""

from collections.abc import Callable
from functools import lru_cache, partial

from torch import Tensor

from linksim.attacks.source import CarliniWagnerSettings, carlini_wagner, cross_entropy_gradient, fgsm, pgd
from linksim.data.sources import ImageDataset
from linksim.errors import LinksimError
from linksim.nets.classifiers import Classifier
from linksim.nets.weights import TrainedModel
from linksim.scenario.schema import Scenario
from linksim.scenario.source_attacks import AnySourceAttack, CarliniWagnerAttack, FgsmAttack, PgdAttack
from linksim.simulate.item_cache import ItemCache
from linksim.worker import Operation


def attacked(
    spec: AnySourceAttack, scenario: Scenario, pictures: ImageDataset, load: Callable[[str, str], TrainedModel], images: int
) -> Operation:
    """(images [items, k, c, h, w] in 0..1, labels int64 [items, k]) -> the images as `spec` leaves them, for items of `images` images.

    In float32, whatever the precision of the replication: the sign of a slope hangs on its last bits. Raises LinksimError where there is no
    classifier to attack, or one that knows other images or classes than the source has.
    """
    part = _victim(spec, scenario, pictures, load)
    classifier, batch = part.network, max(1, part.best.batch // images)
    assert isinstance(classifier, Classifier)

    def run(images: Tensor, labels: Tensor) -> Tensor:
        return _attack(spec, classifier)(images.flatten(0, 1), labels.flatten()).view(images.shape)

    return Operation("attacked", run, batch)


@lru_cache(maxsize=8)
def _attack(spec: AnySourceAttack, classifier: Classifier) -> ItemCache:
    """`_found` that remembers: runs of the same images under the same attack, links apart, attack them once."""
    return ItemCache(partial(_found, spec, classifier))


def _found(spec: AnySourceAttack, classifier: Classifier, images: Tensor, labels: Tensor) -> Tensor:
    match spec:
        case FgsmAttack():
            return fgsm(cross_entropy_gradient(classifier, labels), images, spec.epsilon)
        case PgdAttack():
            return pgd(cross_entropy_gradient(classifier, labels), images, spec.epsilon, spec.steps, spec.step_size)
        case CarliniWagnerAttack():
            how = CarliniWagnerSettings(spec.confidence, spec.initial_const, spec.binary_search_steps, spec.steps, spec.learning_rate)
            return carlini_wagner(classifier, images, labels, how)


def _victim(spec: AnySourceAttack, scenario: Scenario, pictures: ImageDataset, load: Callable[[str, str], TrainedModel]) -> TrainedModel:
    name = spec.target or scenario.classifier
    if name is None:
        raise LinksimError(
            f"alice.source_attack {spec.attack!r} has no classifier to attack: name one in alice.source_attack.against or classifier"
        )
    part = load(name, "classifier")
    network = part.network
    assert isinstance(network, Classifier)
    takes, has = (network.colours, network.classes), (pictures.images.shape[3], len(pictures.classes))
    if takes != has:
        raise LinksimError(
            f"alice.source_attack attacks {name!r}, which knows images in {takes[0]} colours and {takes[1]} classes; "
            f"source {scenario.dataset!r} has {has[0]} and {has[1]:,}"
        )
    return part
