"""Experiments of the eavesdropper: images reconstructed from received features and judged by a strong classifier; and stronger attacks.

    inverter   the paper's: a network trained on chosen plaintext (Table I)
    ridge      ridge regression from features to pixels, fitted at the operating point: needs no training by gradients
    probe      a classifier of the features, without an image in between: bounds what any image can reveal
    ibal, ...  the inverter of the same recipe against the encoders of the baselines
    direct, permutation   noise on the pixels, and noise on images with two exchanged quadrants (Sec. IV-A)

Her images are evaluated by two strong classifiers: one that saw only clean images, and one that was tuned on the images of the inverter of
the same system.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from linksim.metrics import mse, psnr, ssim
from linksim.nets.classifiers import Classifier
from linksim.nets.feature_inverter import FeatureInverter
from linksim.nets.weights import load_model
from linksim.papers.diffsem.received import (
    BATCH,
    CODEC,
    SEED,
    OperatingPoint,
    codec_of,
    dataset_of,
    evaluation_batches,
    features_of,
    images_of,
    kept,
    transmit,
)
from linksim.reproduction.paper import Measurement, ProgressCallback
from linksim.reproduction.simulated import weights_of
from linksim.rng import Streams
from linksim.training.adversary import direct
from linksim.training.diffsem_tasks import ADVERSARY, IBAL, INVERTER, STRONG, TABLE_II
from linksim.training.order import take_share

MEASUREMENT = 1  # raise it when the measurement changes
UNTUNED, TUNED, PROBE = "classifier-mnist", "classifier-mnist-tuned", "diffsem-probe-mnist"
PROBES = {CODEC: PROBE, STRONG: f"{STRONG}-probe"}  # by codec
RIDGE = "ridge"
RIDGE_WEIGHT = 1.0  # of the squared weights; the features of 24,000 images make any small value equal
NUM_KEPT_IMAGES = 8

Attack = Callable[[Tensor], Tensor]  # received features [n, channels, 8, 8] -> images [n, 1, 28, 28] in 0..1


@dataclass(frozen=True)
class System:
    """An encoder, and the adversary that was trained against it.

    name      as in tables
    codec     name of the trained codec
    inverter  name of the trained adversary; None for ridge regression
    tuned     name of the strong classifier that was tuned on her images
    untuned   name of the strong classifier that was trained on clean images
    """

    name: str
    codec: str
    inverter: str | None
    tuned: str = TUNED
    untuned: str = UNTUNED


SYSTEMS: Mapping[str, System] = {
    "inverter": System("DiffSem's adversary", CODEC, INVERTER),
    RIDGE: System("ridge regression", CODEC, None),
    **{
        name: System(f"adversary of {name.removesuffix('-mnist').upper()}", name, f"{name}-inverter", f"{name}-strong-classifier")
        for name in IBAL
    },
}

CIFAR_SYSTEMS: Mapping[str, System] = {
    codec: System("DiffSem's adversary", codec, f"{codec}-inverter", f"{codec}-strong-classifier", "classifier-cifar10")
    for codec in (STRONG, TABLE_II)
}
BY_NAME: Mapping[str, System] = {**SYSTEMS, **CIFAR_SYSTEMS}


@dataclass(frozen=True)
class Inversion:
    """Experiment: the adversary's images at an operating point.

    system  name in `BY_NAME`
    point   operating point

    Metrics per image: psnr_db, ssim, and 0 or 1: "correct" by the tuned classifier, "untuned" by the other one, "bob" by the encoder's own
    classifier from the same features. `measure` raises LinksimError where a model or the dataset is missing.
    """

    system: str
    point: OperatingPoint
    seed: int = SEED
    size: int = 10_000

    @property
    def key(self) -> str:
        return f"eve/{self.system}/{self.point.name}"

    @property
    def kind(self) -> str:
        return f"eve {self.system}"

    def digest(self) -> str:
        system = BY_NAME[self.system]
        models = (system.codec, system.inverter or "", system.untuned, system.tuned)
        determining = [MEASUREMENT, self.system, self.point, self.size, [weights_of(name) for name in models if name]]
        return hashlib.sha256(repr(determining).encode()).hexdigest()[:16]

    @torch.inference_mode()
    def measure(self, on_progress: ProgressCallback) -> Measurement:
        system = BY_NAME[self.system]
        codec, attack = codec_of(system.codec), attack_of(system, self.point)
        scores, done = Scores(system), 0
        for images, labels, _, received in evaluation_batches(system.codec, self.point, self.size):
            steps = torch.full((len(labels),), self.point.step)
            scores.add(attack(received), images, labels, bob=codec.classifier(received, received, steps).argmax(dim=1) == labels)
            done += len(labels)
            on_progress(done)
        return scores.measurement(f"eve-{self.system}-{self.point.name}")


@dataclass(frozen=True)
class NoisyPixels:
    """Experiment: images with noise on their pixels, judged as the adversary's images are.

    permuted  exchange the upper left and the lower right quadrant first
    step      step of the noise; the channel adds none
    system    name in `BY_NAME` of the system whose images and strong classifiers are used

    Metrics as in `Inversion`, without "bob".
    """

    permuted: bool
    step: int
    system: str = "inverter"
    seed: int = SEED
    size: int = 10_000

    @property
    def key(self) -> str:
        return "/".join((self.kind, *((self.system,) if self.system in CIFAR_SYSTEMS else ()), f"t{self.step}"))

    @property
    def kind(self) -> str:
        return "permutation" if self.permuted else "direct"

    def digest(self) -> str:
        system = BY_NAME[self.system]
        determining = [MEASUREMENT, self.kind, self.step, self.size, weights_of(system.untuned), weights_of(system.tuned)]
        return hashlib.sha256(repr(determining).encode()).hexdigest()[:16]

    @torch.inference_mode()
    def measure(self, on_progress: ProgressCallback) -> Measurement:
        system = BY_NAME[self.system]
        dataset, all_images = images_of(dataset_of(system.codec), "test")
        scores, streams = Scores(system), Streams(SEED)
        for index, images in enumerate(torch.split(all_images[: self.size], BATCH)):
            first = index * BATCH
            noise = torch.from_numpy(streams(f"diffsem/pixels/t{self.step}", index).standard_normal(tuple(images.shape), dtype="float32"))
            shown = exchange_quadrants(images) if self.permuted else images
            noisy = direct(shown, torch.full((len(images),), self.step), noise)
            scores.add(noisy, images, torch.tensor(dataset.labels[first : first + len(images)]))
            on_progress(first + len(images))
        return scores.measurement(self.key)


@dataclass(frozen=True)
class Probing:
    """Experiment: the label probe of a codec at an operating point. Metric: "correct", 0 or 1 per image."""

    point: OperatingPoint
    codec: str = CODEC
    seed: int = SEED
    size: int = 10_000

    @property
    def key(self) -> str:
        return f"eve/{self.kind}/{self.point.name}"

    @property
    def kind(self) -> str:
        return "probe" if self.codec == CODEC else f"{self.codec}-probe"

    def digest(self) -> str:
        determining = [MEASUREMENT, self.point, self.size, weights_of(self.codec), weights_of(PROBES[self.codec])]
        return hashlib.sha256(repr(determining).encode()).hexdigest()[:16]

    @torch.inference_mode()
    def measure(self, on_progress: ProgressCallback) -> Measurement:
        network, correct, done = load_model(PROBES[self.codec], "feature-receiver").network, list[Tensor](), 0
        for _, labels, _, received in evaluation_batches(self.codec, self.point, self.size):
            logits = network(received, received, torch.full((len(labels),), self.point.step))
            correct.append(logits.argmax(dim=1) == labels)
            done += len(labels)
            on_progress(done)
        return Measurement({"correct": torch.cat(correct).numpy().astype(np.float64)}, {})


class Scores:
    """Collects the scores of the adversary's images by the strong classifiers of a system, batch by batch."""

    def __init__(self, system: System) -> None:
        names = {"correct": system.tuned, "untuned": system.untuned}
        self._classifiers = {metric: load_model(name, "classifier").network for metric, name in names.items()}
        self._values: dict[str, list[Tensor]] = {}
        self._kept: Tensor | None = None

    def add(self, seen: Tensor, images: Tensor, labels: Tensor, **others: Tensor) -> None:
        """Add a batch: her images and the true ones [n, 1, h, w] in 0..1, labels [n], and further values by metric, [n] each."""
        if self._kept is None:
            self._kept = seen[:NUM_KEPT_IMAGES]
        found = {"psnr_db": psnr(mse(seen, images)), "ssim": ssim(seen, images)}
        for name, classifier in self._classifiers.items():
            assert isinstance(classifier, Classifier)
            found[name] = classifier(seen).argmax(dim=1) == labels
        for name, values in (found | others).items():
            self._values.setdefault(name, []).append(values)

    def measurement(self, name: str) -> Measurement:
        """Return all values by metric, and the first images under `name`."""
        assert self._kept is not None
        pixels = (self._kept.clamp(0.0, 1.0) * 255.0).round().to(torch.uint8).numpy()
        return Measurement({metric: kept(torch.cat(values)) for metric, values in self._values.items()}, {name: pixels})


def attack_of(system: System, point: OperatingPoint) -> Attack:
    """Return the adversary's function at an operating point. Raises LinksimError if a model is missing."""
    if system.inverter is None:
        return fit_ridge(point)
    network = load_model(system.inverter, "feature-inverter").network
    assert isinstance(network, FeatureInverter)
    return lambda received: network.invert(received, torch.full((len(received),), point.step))


@lru_cache(maxsize=2)
def fit_ridge(point: OperatingPoint) -> Attack:
    """Fit ridge regression from the received features of the adversary's training images to their pixels, at an operating point."""
    name = dataset_of(CODEC)
    dataset, every = images_of(name, "train")
    count = len(take_share(dataset, ADVERSARY).images)  # they are the last ones
    images, features = every[-count:], features_of(codec_of(), name, "train")[-count:]
    received = transmit(features, point, Streams(SEED + 1), 0).flatten(1)
    centre, mean = received.mean(dim=0), images.flatten(1).mean(dim=0)
    left, right = (received - centre).double(), (images.flatten(1) - mean).double()
    gram = left.T @ left + RIDGE_WEIGHT * torch.eye(left.shape[1], dtype=torch.float64)
    weights = torch.linalg.solve(gram, left.T @ right).float()
    side = images.shape[2:]
    return lambda received: ((received.flatten(1) - centre) @ weights + mean).view(len(received), 1, *side).clamp(0.0, 1.0)


def exchange_quadrants(images: Tensor) -> Tensor:
    """Return images [n, c, h, w] with the upper left and the lower right quadrant exchanged (Sec. IV-A).

    >>> exchange_quadrants(torch.arange(4.0).view(1, 1, 2, 2)).flatten().tolist()
    [3.0, 1.0, 2.0, 0.0]
    """
    high, wide = images.shape[2] // 2, images.shape[3] // 2
    found = images.clone()
    found[..., :high, :wide], found[..., high:, wide:] = images[..., high:, wide:], images[..., :high, :wide]
    return found
