"""Experiments of Bob: the accuracy of a receiver at an operating point, on all test images with equal noise for all receivers.

diffsem, e-diffsem     denoiser, and classifier trained on what it makes (Algorithm 2)
bypass, wide           the fair control: no denoiser, and a classifier trained equally long on the same noise
noiseless              no denoiser, and a classifier that never saw self-noise (Algorithm 1, stage 1)
noiseless-denoised     the same classifier behind the denoiser: what the paper compares
seeds                  diffsem, e-diffsem and bypass, trained with two other seeds
few labels             bypass and diffsem with 50, 200 and 1,000 labelled images
measured               diffsem that starts at the step of the noise it measures
1-call, 50-calls       diffsem with other numbers of calls of the denoiser
leak                   e-diffsem guided by the true label: what a receiver cannot have
bayes                  the posterior given all training features as a prior: an estimate of the best that can be done, where features
                       of training and test images are distributed alike
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import torch
from torch import Tensor

from linksim.feature_diffusion import ABAR, step_of_noise
from linksim.nets.feature_receivers import CLASSES
from linksim.nets.weights import load_model
from linksim.papers.diffsem.received import (
    CODEC,
    SEED,
    OperatingPoint,
    codec_of,
    dataset_of,
    evaluation_batches,
    features_of,
    images_of,
    kept,
)
from linksim.reproduction.paper import Measurement, ProgressCallback
from linksim.reproduction.simulated import weights_of
from linksim.schemes.diffsem import Guidance, Receiver
from linksim.training.diffsem_tasks import DENOISER, FEW_LABELS, GUIDED, OTHER_SEEDS, PAIR, STRONG, TABLE_II
from linksim.training.order import take_share

MEASUREMENT = 1  # raise it when the measurement changes
NUM_ROUNDS, NUM_CALLS = 2, 5


# (received features, true labels, operating point) -> logits, and features that were denoised without guidance
Receive = Callable[[Tensor, Tensor, OperatingPoint], tuple[Tensor, Tensor | None]]


@dataclass(frozen=True)
class BobsReceiver:
    """One of the receivers that are compared.

    name        as in tables
    classifier  name of the trained classifier, None for that of the codec
    denoiser    name of the trained denoiser, None for none
    guidance    of the denoiser
    as_clean    the classifier gets the denoised features in both places, as if they were received without noise
    measured    the receiver knows the power of all noise, and takes the step and the scale that fit it
    num_calls   largest number of denoiser calls per image and round
    leak        the true label guides the denoiser
    codec       name of the trained codec
    """

    name: str
    classifier: str | None
    denoiser: str | None = None
    guidance: Guidance = "none"
    as_clean: bool = False
    measured: bool = False
    num_calls: int = NUM_CALLS
    leak: bool = False
    codec: str = CODEC

    def models(self) -> tuple[str, ...]:
        """Names of the trained models."""
        return tuple(name for name in (self.codec, self.classifier, self.denoiser) if name is not None)

    def build(self) -> Receive:
        """Return the function from received features, labels and operating point to logits, and to features denoised without guidance."""
        codec = codec_of(self.codec)
        classifier = codec.classifier if self.classifier is None else load_model(self.classifier, "feature-receiver").network
        denoiser = None if self.denoiser is None else load_model(self.denoiser, "feature-denoiser").network
        receiver = Receiver(codec, classifier, denoiser, self.guidance, NUM_ROUNDS, self.num_calls)

        def receive(received: Tensor, labels: Tensor, point: OperatingPoint) -> tuple[Tensor, Tensor | None]:
            steps = torch.full((len(received),), point.step)
            if self.measured:
                steps, scale = step_of_noise(ABAR[steps], torch.full((len(received),), sum(point.noise_power)))
                received = received * scale[:, None, None, None]
            if self.leak:
                return classifier(received, receiver.denoise(received, steps, torch.eye(CLASSES)[labels]), steps), None
            if denoiser is None or self.guidance == "label":
                return receiver.classify(received, steps), None
            denoised = receiver.denoise(received, steps)
            if self.as_clean:
                return classifier(denoised, denoised, torch.zeros_like(steps)), denoised
            return classifier(received, denoised, steps), denoised

        return receive


RECEIVERS: Mapping[str, BobsReceiver] = {
    "diffsem": BobsReceiver("DiffSem", "diffsem-receiver-mnist", DENOISER),
    "e-diffsem": BobsReceiver("E-DiffSem", "e-diffsem-receiver-mnist", GUIDED, "label"),
    "leak": BobsReceiver("E-DiffSem guided by the true label", "e-diffsem-receiver-mnist", GUIDED, leak=True),
    "bypass": BobsReceiver("bypass (fair control)", "diffsem-bypass-mnist"),
    "wide": BobsReceiver("wider bypass (fair control)", "diffsem-wide-bypass-mnist"),
    "noiseless": BobsReceiver("stage-1 classifier", "diffsem-noiseless-mnist"),
    "noiseless-denoised": BobsReceiver("stage-1 classifier, denoised", "diffsem-noiseless-mnist", DENOISER, as_clean=True),
    "measured": BobsReceiver("DiffSem from the measured step", "diffsem-receiver-mnist", DENOISER, measured=True),
    "1-call": BobsReceiver("DiffSem, 1 call", "diffsem-receiver-mnist", DENOISER, num_calls=1),
    "50-calls": BobsReceiver("DiffSem, 50 calls", "diffsem-receiver-mnist", DENOISER, num_calls=50),
    **{
        f"diffsem-seed-{seed}": BobsReceiver(f"DiffSem, seed {seed}", f"diffsem-receiver-mnist-seed-{seed}", DENOISER)
        for seed in OTHER_SEEDS
    },
    **{
        f"e-diffsem-seed-{seed}": BobsReceiver(f"E-DiffSem, seed {seed}", f"e-diffsem-receiver-mnist-seed-{seed}", GUIDED, "label")
        for seed in OTHER_SEEDS
    },
    **{f"bypass-seed-{seed}": BobsReceiver(f"bypass, seed {seed}", f"diffsem-bypass-mnist-seed-{seed}") for seed in OTHER_SEEDS},
    **{f"bypass-{count}": BobsReceiver(f"bypass, {count:,} labels", f"diffsem-bypass-mnist-{count}") for count in FEW_LABELS},
    **{f"diffsem-{count}": BobsReceiver(f"DiffSem, {count:,} labels", f"diffsem-receiver-mnist-{count}", DENOISER) for count in FEW_LABELS},
}

STRONGER = partial(BobsReceiver, codec=STRONG)
CIFAR_RECEIVERS: Mapping[str, BobsReceiver] = {
    f"{STRONG}/e-diffsem": STRONGER("E-DiffSem", f"{STRONG}-e-receiver", f"{STRONG}-guided", "label"),
    f"{STRONG}/diffsem": STRONGER("DiffSem", f"{STRONG}-receiver", f"{STRONG}-denoiser"),
    f"{STRONG}/bypass": STRONGER("bypass (fair control)", f"{STRONG}-bypass"),
    f"{STRONG}/noiseless": STRONGER("stage-1 classifier", f"{STRONG}-noiseless"),
    f"{STRONG}/noiseless-denoised": STRONGER("stage-1 classifier, denoised", f"{STRONG}-noiseless", f"{STRONG}-denoiser", as_clean=True),
    f"{TABLE_II}/diffsem": BobsReceiver("DiffSem", f"{TABLE_II}-receiver", f"{TABLE_II}-denoiser", codec=TABLE_II),
    f"{TABLE_II}/bypass": BobsReceiver("bypass (fair control)", f"{TABLE_II}-bypass", codec=TABLE_II),
}
BY_NAME: Mapping[str, BobsReceiver] = {**RECEIVERS, **CIFAR_RECEIVERS}
BAYES = "bayes"
BAYES_CODECS: Mapping[str, str] = {BAYES: CODEC, **{f"{codec}/{BAYES}": codec for codec in (STRONG, TABLE_II)}}  # by receiver
SEEDED = ("diffsem", "e-diffsem", "bypass")
SINGLE = (
    *("measured", "1-call", "50-calls"),
    *(f"{name}-seed-{seed}" for name in SEEDED for seed in OTHER_SEEDS),
)  # measured at few operating points


@dataclass(frozen=True)
class Reception:
    """Experiment: a receiver at an operating point.

    receiver  name in `BY_NAME` or `BAYES_CODECS`
    point     operating point

    Metrics: "correct", 0 or 1 per image, and "feature_mse" where features are estimated without guidance. `measure` raises LinksimError
    where a model or the dataset is missing.
    """

    receiver: str
    point: OperatingPoint
    seed: int = SEED
    size: int = 10_000

    @property
    def key(self) -> str:
        return f"bob/{self.receiver}/{self.point.name}"

    @property
    def kind(self) -> str:
        return f"bob {self.receiver}"

    def digest(self) -> str:
        prior = BAYES_CODECS.get(self.receiver)
        models = BY_NAME[self.receiver].models() if prior is None else (prior,)
        calls = BY_NAME[self.receiver].num_calls if prior is None else NUM_CALLS
        determining = [MEASUREMENT, self.receiver, self.point, self.size, NUM_ROUNDS, calls, [weights_of(name) for name in models]]
        return hashlib.sha256(repr(determining).encode()).hexdigest()[:16]

    @torch.inference_mode()
    def measure(self, on_progress: ProgressCallback) -> Measurement:
        prior = BAYES_CODECS.get(self.receiver)
        codec = BY_NAME[self.receiver].codec if prior is None else prior
        receive = BY_NAME[self.receiver].build() if prior is None else partial(kernel_posterior, prior)
        correct, errors, done = list[Tensor](), list[Tensor](), 0
        for _, labels, features, received in evaluation_batches(codec, self.point, self.size):
            logits, denoised = receive(received, labels, self.point)
            correct.append(logits.argmax(dim=1) == labels)
            if denoised is not None:
                errors.append((denoised - features).square().mean(dim=(1, 2, 3)))
            done += len(labels)
            on_progress(done)
        samples = {"correct": torch.cat(correct).numpy().astype(np.float64)}
        if errors:
            samples["feature_mse"] = kept(torch.cat(errors))
        return Measurement(samples, {})


@lru_cache(maxsize=1)
def training_features(codec: str) -> tuple[Tensor, Tensor]:
    """Return the features of the training images of Alice and Bob, [n, values], and their labels as rows of the identity, [n, 10].

    codec  name of the trained codec
    """
    name = dataset_of(codec)
    labels = take_share(images_of(name, "train")[0], PAIR).labels
    features = features_of(codec_of(codec), name, "train")[: len(labels)]
    return features.flatten(1), torch.eye(CLASSES)[torch.tensor(labels)]


def kernel_posterior(codec: str, received: Tensor, labels: Tensor, point: OperatingPoint) -> tuple[Tensor, Tensor]:
    """Return log posterior of the classes [n, 10] and posterior mean of the features, with the training features as the prior.

    The true labels are not used.

    Each training feature vector f_i has the weight exp(-|z - sqrt(abar) f_i|^2 / (2 v)), v the variance of all noise in z.
    """
    prior, classes = training_features(codec)
    scale, variance = ABAR[point.step].sqrt(), sum(point.noise_power)
    flat = received.flatten(1)
    exponent = (flat @ prior.T * scale - 0.5 * scale**2 * prior.square().sum(dim=1)) / max(variance, 1e-6)
    weights = exponent.softmax(dim=1)
    return (weights @ classes).clamp_min(1e-12).log(), (weights @ prior).view(received.shape)
