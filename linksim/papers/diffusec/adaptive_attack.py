"""An attacker who knows the defence: PGD whose gradient flows through the whole link, including diffusion, air and denoising.

    x_adv -> [diffuse] -> [encode] -> AWGN -> [decode] -> [denoise] -> classifier -> cross entropy
          <---------------------------- gradient -----------------------------------

The paper's attacker knows the classifier and not the link ("grey"). An attacker who knows the link follows the mean gradient over
independent draws of all its noise ("expected"; expectation over transformation, Athalye et al., ICML 2018), from random images within the
bound; "strong" has five times as many draws and twice as many steps, which shows how much more such attackers can reach. An attacker who
also knows the noise that will occur ("known") does not need to average. The numbers of diffusion steps are those to which the policy
converges at the SNR.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from linksim.attacks.source import EPSILON, StochasticClassify, cross_entropy_gradient, expected_gradient, pgd
from linksim.data.sources import load
from linksim.link import LinkNoise, OfflineLink
from linksim.nets.classifiers import Classifier
from linksim.nets.codecs import Codec
from linksim.nets.unet import UNet
from linksim.nets.weights import load_model
from linksim.papers.diffusec.experiments import ACTOR, CLASSIFIER, CODEC, DENOISER, MAX_CALLS
from linksim.papers.diffusec.policy_rollout import converged_steps
from linksim.reproduction.paper import Measurement, ProgressCallback
from linksim.reproduction.results import ResultStore
from linksim.reproduction.simulated import weights_of
from linksim.reproduction.statements import difference
from linksim.reproduction.tables import Entry, Row, Table
from linksim.rng import Streams
from linksim.schemes.diffusec import Diffusec
from linksim.schemes.parameters import uniform_parameters
from linksim.training.order import to_images

SNRS_DB = (0, 6, 12)
STRONG_DB = (6,)  # of attacker "strong", which takes half an hour at an SNR
IMAGES, BATCH = 128, 16  # the gradient through all calls of the denoiser takes about 50 MB per image of a batch
EFFORT = {"expected": (4, 10), "strong": (20, 20)}  # noise draws per step, and steps of 2/255
KNOWN_STEPS = 16  # of attacker "known"
FIRST_EVALUATION_DRAW, EVALUATION_DRAWS = 1_000_000, 4  # noise draws under which attacks are evaluated; no attacker has seen them
ATTACKERS: Mapping[str, str] = {
    "none": "no attack",
    "grey": "(a) knows the classifier, as in the paper",
    **{
        name: f"({letter}) knows the link, {steps} steps, mean of {draws} draws a step"
        for (name, (draws, steps)), letter in zip(EFFORT.items(), "bc", strict=True)
    },
    "known": "(d) knows the link and its noise",
}


def classifier_behind(
    link: OfflineLink, classifier: Classifier, steps: tuple[int, int], snr_db: float, streams: Streams, first: int
) -> StochasticClassify:
    """Return link and classifier as a differentiable function: images [n, c, h, w], number of a noise draw -> logits [n, classes].

    steps  (t_D, t_plus)
    first  number of the first image, which determines the noise of the images
    """

    def classify(images: Tensor, draw: int) -> Tensor:
        n = len(images)
        keys = (streams.key(f"adaptive/{place}/{draw}") for place in ("alice", "air", "bob"))
        found = link(images[:, None], uniform_parameters(snr_db, n, steps), snr_db, LinkNoise.keyed(keys, first, n))
        logits: Tensor = classifier(found.shown()[:, 0])
        return logits

    return classify


@dataclass(frozen=True)
class AdaptiveAttack:
    """Experiment: the share of evaluation draws in which each attacked image is classified correctly.

    For attacker "known" the only evaluation draw is the one that it knows.
    """

    attacker: str
    snr_db: int
    seed: int

    @property
    def size(self) -> int:
        return IMAGES

    @property
    def key(self) -> str:
        return key(self.attacker, self.snr_db)

    @property
    def kind(self) -> str:
        return f"adaptive {self.attacker}"

    def digest(self) -> str:
        weights = [weights_of(name) for name in (CODEC, DENOISER, CLASSIFIER, ACTOR)]
        settings = [IMAGES, MAX_CALLS, EFFORT.get(self.attacker), KNOWN_STEPS, EVALUATION_DRAWS]
        return hashlib.sha256(repr([3, self.attacker, self.snr_db, self.seed, settings, weights]).encode()).hexdigest()[:16]

    def measure(self, on_progress: ProgressCallback) -> Measurement:
        codec, denoiser = load_model(CODEC, "codec").network, load_model(DENOISER, "denoiser").network
        classifier, streams, steps = load_model(CLASSIFIER, "classifier").network, Streams(self.seed), converged_steps(self.snr_db)
        assert isinstance(codec, Codec)
        assert isinstance(denoiser, UNet)
        assert isinstance(classifier, Classifier)
        link, dataset, found = OfflineLink(Diffusec(codec, denoiser, MAX_CALLS)), load("cifar10", "test"), list[Tensor]()
        chosen = streams("adaptive/images").permutation(len(dataset.images))[: self.size]
        for first in range(0, self.size, BATCH):
            batch = chosen[first : first + BATCH]
            images, labels = to_images(dataset.images[batch]), torch.from_numpy(dataset.labels[batch])
            classify = classifier_behind(link, classifier, steps, self.snr_db, streams, first)
            away = torch.from_numpy(streams("adaptive/start", first).uniform(-EPSILON, EPSILON, images.shape)).float()
            found.append(self._correct(classify, classifier, images, labels, images + away))
            on_progress(first + len(batch))
        return Measurement({"correct": torch.cat(found).double().numpy()}, {})

    def _correct(self, behind: StochasticClassify, classifier: Classifier, images: Tensor, labels: Tensor, start: Tensor) -> Tensor:
        """Share of the evaluation draws in which each image, once attacked, is classified correctly. -> [n]

        start  images from which the attack starts, if it is one of `EFFORT`
        """
        sent = attacked(self.attacker, behind, classifier, images, labels, start)
        known = self.attacker == "known"
        draws = (0,) if known else range(FIRST_EVALUATION_DRAW, FIRST_EVALUATION_DRAW + EVALUATION_DRAWS)
        with torch.inference_mode():
            return torch.stack([behind(sent, draw).argmax(dim=1) == labels for draw in draws]).float().mean(dim=0)


def attacked(
    attacker: str, link: StochasticClassify, classifier: Classifier, images: Tensor, labels: Tensor, start: Tensor | None = None
) -> Tensor:
    """Images [n, c, h, w] with labels int64 [n] after the attack of one of `ATTACKERS`. Attacker "known" knows draw 0 of the noise.

    start  images from which the attacks of `EFFORT` start; None to start from `images`
    """
    if attacker in EFFORT:
        draws, steps = EFFORT[attacker]
        return pgd(expected_gradient(link, labels, draws), images, steps=steps, start=start)
    match attacker:
        case "none":
            return images
        case "grey":
            return pgd(cross_entropy_gradient(classifier, labels), images)
        case _:
            return pgd(cross_entropy_gradient(lambda x: link(x, 0), labels), images, steps=KNOWN_STEPS)


def key(attacker: str, snr_db: int) -> str:
    """Key of an experiment.

    >>> key("grey", 6)
    'adaptive/grey/snr6'
    """
    return f"adaptive/{attacker}/snr{snr_db}"


def adaptive_experiments(seed: int) -> list[AdaptiveAttack]:
    """Every attacker at every SNR of its own, the fast ones first."""
    order = sorted(ATTACKERS, key=lambda attacker: attacker == "strong")
    return [AdaptiveAttack(attacker, snr_db, seed) for attacker in order for snr_db in snrs_of(attacker)]


def snrs_of(attacker: str) -> tuple[int, ...]:
    """Return the SNRs in dB at which an attacker is measured."""
    return STRONG_DB if attacker == "strong" else SNRS_DB


def table() -> Table:
    """Accuracy under every attacker, and the effect of knowing the defence."""
    rows = tuple(
        Row(name, tuple(Entry(key(attacker, snr_db) if snr_db in snrs_of(attacker) else "") for snr_db in SNRS_DB))
        for attacker, name in ATTACKERS.items()
    )
    title = f"Accuracy against attackers who know more, at the steps of the policy, {IMAGES} images, l_inf 8/255"
    return Table("adaptive", title, tuple(f"{snr_db} dB" for snr_db in SNRS_DB), rows, ("correct",), (knowledge_effect,))


def knowledge_effect(results: ResultStore) -> str:
    """One sentence: the accuracy under attackers who know the link, and under those who know its noise; empty where results are missing."""
    attackers = [attacker for attacker in ATTACKERS if snrs_of(attacker) == SNRS_DB]
    if any(key(attacker, snr_db) not in results for attacker in attackers for snr_db in SNRS_DB):
        return ""
    of = {attacker: [results[key(attacker, snr_db)].samples["correct"] for snr_db in SNRS_DB] for attacker in attackers}
    pairs = ([key(attacker, snr_db) for attacker in ("grey", "expected")] for snr_db in SNRS_DB)
    lost = [difference(*results.aligned(pair, "correct")) for pair in pairs]
    significant = sum(interval.low > 0 for interval in lost)
    means = {attacker: ", ".join(f"{100 * samples.mean():.0f} %" for samples in values) for attacker, values in of.items()}
    return (
        f"an attacker who knows the link lowers accuracy from {means['grey']} to {means['expected']}, significantly at {significant} of "
        f"{len(lost)} SNRs; one who also knows its noise, to {means['known']} (no attack: {means['none']})"
    )
