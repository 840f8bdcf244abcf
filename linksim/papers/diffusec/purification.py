"""How well each denoiser purifies images, without codec and channel: what is left of an attack, and what is lost of the image, by step.

    image, or PGD on the classifier -> [diffuse to step t] -> [denoise] -> PSNR with the image, class

Few steps leave the attack in the image, many remove the image itself. The step at which both balance, and the accuracy there, limit what
DiffuSeC can reach on a channel without noise.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from linksim.attacks.source import cross_entropy_gradient, pgd
from linksim.data.sources import load
from linksim.diffusion import denoise, diffuse, to_pixels, to_unit
from linksim.metrics import mse, psnr
from linksim.nets.classifiers import Classifier
from linksim.nets.processors import training_precision
from linksim.nets.unet import UNet
from linksim.nets.weights import autocast, load_model
from linksim.papers.diffusec.experiments import CLASSIFIER, DENOISER, MAX_CALLS, PGD
from linksim.reproduction.paper import Measurement, ProgressCallback
from linksim.reproduction.simulated import weights_of
from linksim.reproduction.tables import Entry, Row, Table
from linksim.rng import Streams
from linksim.training.order import to_images

IMAGES, BATCH = 2_000, 50
STEPS = (20, 40, 60, 80, 100, 120)
DENOISERS: Mapping[str, str] = {
    "denoiser-cifar10": "2.0 million weights, trained on steps 1 to 100",
    "denoiser-cifar10-large": "7.3 million weights, trained on steps 1 to 150, most on 50 to 120",
    DENOISER: "2.0 million weights, fine-tuned through the link",
}


@dataclass(frozen=True)
class Purification:
    """Experiment: clean and attacked images diffused to a step and denoised from there.

    denoiser  a name in `DENOISERS`
    step      diffusion step t

    Metrics: "psnr_db" of clean images, and "clean" and "robust", which are 1 for each image that is classified correctly without and with
    the attack.
    """

    denoiser: str
    step: int
    seed: int
    kind: str = "purification"

    @property
    def size(self) -> int:
        return IMAGES

    @property
    def key(self) -> str:
        return key(self.denoiser, self.step)

    def digest(self) -> str:
        settings = [1, self.denoiser, self.step, self.seed, IMAGES, MAX_CALLS, sorted(PGD.items())]
        return hashlib.sha256(repr([*settings, weights_of(self.denoiser), weights_of(CLASSIFIER)]).encode()).hexdigest()[:16]

    def measure(self, on_progress: ProgressCallback) -> Measurement:
        network, classifier = load_model(self.denoiser, "denoiser").network, load_model(CLASSIFIER, "classifier").network
        assert isinstance(network, UNet)
        images, labels, attacked = tested_images(IMAGES, self.seed, CLASSIFIER, weights_of(CLASSIFIER))
        rows = []
        with torch.inference_mode():
            for first, batch in batches(IMAGES):
                cleaned = [purified(network, some[batch], self.step, first, self.seed) for some in (images, attacked)]
                right = [classifier(found).argmax(dim=1) == labels[batch] for found in cleaned]
                rows.append(torch.stack([psnr(mse(cleaned[0], images[batch])), *right]))
                on_progress(batch.stop)
        values = torch.cat(rows, dim=1).double().numpy()
        return Measurement(dict(zip(("psnr_db", "clean", "robust"), values, strict=True)), {})


def purified(network: UNet, images: Tensor, step: int, first: int, seed: int) -> Tensor:
    """Diffuse images [n, c, h, w] in 0..1 to a step and denoise them. -> the same shape. Clean and attacked images have the same noise.

    first  number of the first image, which selects the noise
    seed   of the noise
    """
    steps, streams = torch.full((len(images),), step), Streams(seed)

    def drawn(name: str) -> Tensor:
        return torch.from_numpy(streams(f"purification/{name}", first).standard_normal(images.shape, dtype="float32"))

    noisy = diffuse(to_unit(images), steps, drawn("forward"))
    with autocast(images.device, training_precision(images.device, bfloat16=True)):  # as in the reward tables
        return to_pixels(denoise(network, noisy, steps, lambda index: drawn(f"reverse/{index}"), MAX_CALLS))


def batches(count: int) -> Iterator[tuple[int, slice]]:
    """Yield the number of the first image of each batch, and the batch.

    >>> list(batches(60))
    [(0, slice(0, 50, None)), (50, slice(50, 60, None))]
    """
    for first in range(0, count, BATCH):
        yield first, slice(first, min(first + BATCH, count))


@lru_cache(maxsize=2)
def tested_images(count: int, seed: int, classifier: str, digest: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return test images [n, c, h, w], their labels [n], and the images under PGD on a classifier, computed once per digest of it.

    classifier  name of the trained model
    """
    dataset, network = load("cifar10", "test"), load_model(classifier, "classifier").network
    assert isinstance(network, Classifier)
    chosen = Streams(seed)("purification/images").permutation(len(dataset.images))[:count]
    images, labels = to_images(dataset.images[chosen]), torch.tensor(dataset.labels[chosen])
    settings = {name: PGD[name] for name in ("epsilon", "steps", "step_size")}
    parts = (pgd(cross_entropy_gradient(network, labels[batch]), images[batch], **settings) for _, batch in batches(count))
    return images, labels, torch.cat(list(parts))


def key(denoiser: str, step: int) -> str:
    """Key of an experiment.

    >>> key("denoiser-cifar10", 50)
    'purification/denoiser-cifar10/t50'
    """
    return f"purification/{denoiser}/t{step}"


def purification_experiments(seed: int) -> list[Purification]:
    """Every denoiser at every step."""
    return [Purification(denoiser, step, seed) for denoiser in DENOISERS for step in STEPS]


def table() -> Table:
    """Quality of the purified images by step."""
    title = f"Purification without a link, {MAX_CALLS} calls: PSNR in dB of clean images / accuracy on clean / on attacked images"
    rows = tuple(Row(f"{name}: {about}", tuple(Entry(key(name, step)) for step in STEPS)) for name, about in DENOISERS.items())
    return Table("purification", title, tuple(f"t = {step}" for step in STEPS), rows, ("psnr_db", "clean", "robust"))
