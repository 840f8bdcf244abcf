"""What a classifier gains from training on purified images: it is compared with the one that it was fine-tuned from, each attacked itself.

    image, or PGD on the classifier -> | ----------------------------------------------------> | -> class
                                       | [diffuse to step 50] -> [denoise] ------------------> |
                                       | [diffuse t_D] -> [encode] -> AWGN -> [decode, denoise] |

The attacker knows the classifier that evaluates (white box) and not the purification (grey box). The link is that of the study `paper`: a
codec that is given the same SNR everywhere, and a denoiser that is trained on diffusion alone. No comparison with the paper uses these
classifiers.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from linksim.link import LinkNoise, OfflineLink
from linksim.nets.codecs import Codec
from linksim.nets.processors import training_precision
from linksim.nets.unet import UNet
from linksim.nets.weights import autocast, load_model
from linksim.papers.diffusec.codecs import GIVEN_DB
from linksim.papers.diffusec.experiments import CLASSIFIER, CODEC, MAX_CALLS, PGD
from linksim.papers.diffusec.purification import batches, purified, tested_images
from linksim.reproduction.paper import Measurement, ProgressCallback
from linksim.reproduction.results import ResultStore
from linksim.reproduction.simulated import weights_of
from linksim.reproduction.statements import listed_differences
from linksim.reproduction.tables import Entry, Row, Table
from linksim.rng import Streams
from linksim.schemes.diffusec import Diffusec
from linksim.schemes.parameters import uniform_parameters

IMAGES = 1_000
DIFFUSION_DENOISER = "denoiser-cifar10"
CLASSIFIERS: Mapping[str, str] = {CLASSIFIER: "trained on clean images", f"{CLASSIFIER}-purified": "fine-tuned on purified images"}
STEP = 50  # diffusion step without a link
STEPS = (20, 20)  # t_D and t_plus over the link


@dataclass(frozen=True)
class Condition:
    """What happens to an image before it is classified.

    step    diffusion step from which it is purified without a link, or None
    snr_db  SNR in dB of the link, or None
    """

    about: str
    step: int | None = None
    snr_db: int | None = None


CONDITIONS: Mapping[str, Condition] = {
    "unpurified": Condition("not purified"),
    f"t{STEP}": Condition(f"t = {STEP}, no link", step=STEP),
    **{f"snr{snr_db}": Condition(f"link at {snr_db} dB", snr_db=snr_db) for snr_db in (-3, 3, 12)},
}


@dataclass(frozen=True)
class Classification:
    """Experiment: whether a classifier is correct on test images under a condition.

    condition   a name in `CONDITIONS`
    classifier  a name in `CLASSIFIERS`, the target of the attack, too

    Metrics: "clean" and "robust", 1 for each image that is classified correctly without and with the attack.
    """

    condition: str
    classifier: str
    seed: int
    kind: str = "classifiers"

    @property
    def size(self) -> int:
        return IMAGES

    @property
    def key(self) -> str:
        return key(self.classifier, self.condition)

    def digest(self) -> str:
        condition = CONDITIONS[self.condition]
        settings = [1, condition.step, condition.snr_db, STEPS, GIVEN_DB, self.seed, IMAGES, MAX_CALLS, sorted(PGD.items())]
        weights = [weights_of(name) for name in (self.classifier, CODEC, DIFFUSION_DENOISER)]
        return hashlib.sha256(repr([*settings, *weights]).encode()).hexdigest()[:16]

    def measure(self, on_progress: ProgressCallback) -> Measurement:
        classifier = load_model(self.classifier, "classifier").network
        images, labels, attacked = tested_images(IMAGES, self.seed, self.classifier, weights_of(self.classifier))
        rows = []
        with torch.inference_mode():
            for first, batch in batches(IMAGES):
                found = (received(self.condition, some[batch], first, self.seed) for some in (images, attacked))
                rows.append(torch.stack([classifier(some).argmax(dim=1) == labels[batch] for some in found]))
                on_progress(batch.stop)
        values = torch.cat(rows, dim=1).double().numpy()
        return Measurement(dict(zip(("clean", "robust"), values, strict=True)), {})


def received(condition: str, images: Tensor, first: int, seed: int) -> Tensor:
    """Return images [n, c, h, w] in 0..1 as they are under one of `CONDITIONS`.

    first  number of the first image, which selects the noise
    seed   of the noise
    """
    step, snr_db = CONDITIONS[condition].step, CONDITIONS[condition].snr_db
    if snr_db is not None:
        keys = (Streams(seed).key(f"classifiers/{place}") for place in ("alice", "air", "bob"))
        noise, parameters = LinkNoise.keyed(keys, first, len(images)), uniform_parameters(snr_db, len(images), STEPS)
        return study_link()(images[:, None], parameters, snr_db, noise).shown()[:, 0]
    return images if step is None else purified(diffusion_denoiser(), images, step, first, seed)


def study_link(codec: str = CODEC) -> OfflineLink:
    """Return the link of the study `paper`, or one with another codec. It computes in the precision of the study's reward tables."""
    network, device = load_model(codec, "codec").network, torch.device("cpu")
    assert isinstance(network, Codec)
    scheme = Diffusec(network, diffusion_denoiser(), MAX_CALLS, GIVEN_DB)
    return OfflineLink(scheme, precision=lambda: autocast(device, training_precision(device, bfloat16=True)))


def diffusion_denoiser() -> UNet:
    """Return the denoiser that is trained on diffusion alone."""
    network = load_model(DIFFUSION_DENOISER, "denoiser").network
    assert isinstance(network, UNet)
    return network


def key(classifier: str, condition: str) -> str:
    """Key of an experiment.

    >>> key("classifier-cifar10", "snr-3")
    'classifiers/classifier-cifar10/snr-3'
    """
    return f"classifiers/{classifier}/{condition}"


def classifier_experiments(seed: int) -> list[Classification]:
    """Every classifier under every condition."""
    return [Classification(condition, classifier, seed) for condition in CONDITIONS for classifier in CLASSIFIERS]


def table() -> Table:
    """Accuracy of both classifiers under every condition, and what fine-tuning changes."""
    title = f"Classifiers of purified images, {IMAGES:,} images, each attacked for itself: accuracy on clean / on attacked images"
    rows = tuple(Row(f"{name}: {about}", tuple(Entry(key(name, of)) for of in CONDITIONS)) for name, about in CLASSIFIERS.items())
    remarks = tuple(partial(fine_tuning_gain, metric=metric) for metric in ("robust", "clean"))
    return Table("classifiers", title, tuple(of.about for of in CONDITIONS.values()), rows, ("clean", "robust"), remarks)


def fine_tuning_gain(results: ResultStore, metric: str) -> str:
    """One sentence: the accuracy that fine-tuning adds under every condition; empty where results are missing.

    metric  "clean" or "robust"
    """
    before, after = CLASSIFIERS
    said = listed_differences(results, {of.about: (key(after, name), key(before, name)) for name, of in CONDITIONS.items()}, metric)
    images = {"clean": "clean", "robust": "attacked"}[metric]
    return said and f"Accuracy on {images} images that fine-tuning adds, image by image with the 95 % interval: {said}"
