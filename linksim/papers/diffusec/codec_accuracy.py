"""What the codec's knowledge of the SNR changes behind the denoiser: accuracy through the link of the study `paper` with two codecs.

    image, or PGD on the classifier -> [diffuse t_D] -> [encode] -> AWGN -> [decode, denoise] -> class

Both codecs leave the channel noise in the image: the SNR-aware one because it is given the same SNR everywhere, the other because it has no
such input. Attacker and denoiser are those of `classifiers`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch

from linksim.link import LinkNoise
from linksim.nets.weights import load_model
from linksim.papers.diffusec.classifiers import DIFFUSION_DENOISER, study_link
from linksim.papers.diffusec.codecs import GIVEN_DB, VARIANTS
from linksim.papers.diffusec.experiments import CLASSIFIER, MAX_CALLS, PGD
from linksim.papers.diffusec.purification import batches, tested_images
from linksim.reproduction.paper import Measurement, ProgressCallback
from linksim.reproduction.results import ResultStore
from linksim.reproduction.simulated import weights_of
from linksim.reproduction.statements import listed_differences
from linksim.reproduction.tables import Entry, Row, Table
from linksim.rng import Streams
from linksim.schemes.parameters import uniform_parameters

IMAGES = 1_000
COMPARED = ("fixed", "blind")  # names in `VARIANTS`
STEPS: Mapping[int, tuple[int, int]] = {-3: (20, 50), 3: (20, 20), 6: (20, 20), 12: (1, 20)}  # t_D and t_plus by SNR in dB


@dataclass(frozen=True)
class LinkAccuracy:
    """Experiment: whether the classifier is correct on test images after the link with a codec.

    variant  a name in `COMPARED`
    snr_db   SNR in dB, a key of `STEPS`

    Metrics: "clean" and "robust", 1 for each image that is classified correctly without and with the attack.
    """

    variant: str
    snr_db: int
    seed: int
    kind: str = "codecs behind the denoiser"

    @property
    def size(self) -> int:
        return IMAGES

    @property
    def key(self) -> str:
        return key(self.variant, self.snr_db)

    def digest(self) -> str:
        settings = [1, self.snr_db, STEPS[self.snr_db], GIVEN_DB, self.seed, IMAGES, MAX_CALLS, sorted(PGD.items())]
        weights = [weights_of(name) for name in (CLASSIFIER, VARIANTS[self.variant].model, DIFFUSION_DENOISER)]
        return hashlib.sha256(repr([*settings, *weights]).encode()).hexdigest()[:16]

    def measure(self, on_progress: ProgressCallback) -> Measurement:
        classifier, link = load_model(CLASSIFIER, "classifier").network, study_link(VARIANTS[self.variant].model)
        images, labels, attacked = tested_images(IMAGES, self.seed, CLASSIFIER, weights_of(CLASSIFIER))
        rows = []
        with torch.inference_mode():
            for first, batch in batches(IMAGES):
                parameters = uniform_parameters(self.snr_db, len(labels[batch]), STEPS[self.snr_db])
                keys = (Streams(self.seed).key(f"{self.key.rpartition('/')[2]}/{place}") for place in ("alice", "air", "bob"))
                noise = LinkNoise.keyed(keys, first, len(labels[batch]))
                found = (link(some[batch][:, None], parameters, self.snr_db, noise).shown()[:, 0] for some in (images, attacked))
                rows.append(torch.stack([classifier(some).argmax(dim=1) == labels[batch] for some in found]))
                on_progress(batch.stop)
        values = torch.cat(rows, dim=1).double().numpy()
        return Measurement(dict(zip(("clean", "robust"), values, strict=True)), {})


def key(variant: str, snr_db: int) -> str:
    """Key of an experiment.

    >>> key("blind", -3)
    'codecs-link/blind/snr-3'
    """
    return f"codecs-link/{variant}/snr{snr_db}"


def link_experiments(seed: int) -> list[LinkAccuracy]:
    """Both codecs at every SNR."""
    return [LinkAccuracy(variant, snr_db, seed) for variant in COMPARED for snr_db in STEPS]


def table() -> Table:
    """Accuracy behind both codecs at every SNR, and what the SNR-blind one gains."""
    title = f"Codecs behind the denoiser, {IMAGES:,} images: accuracy on clean / on attacked images, at the same (t_D, t_plus)"
    rows = tuple(Row(VARIANTS[name].about, tuple(Entry(key(name, snr_db)) for snr_db in STEPS)) for name in COMPARED)
    columns = tuple(f"{snr_db} dB, {steps}" for snr_db, steps in STEPS.items())
    remarks = tuple(partial(blind_gain, metric=metric) for metric in ("robust", "clean"))
    return Table("codecs-link", title, columns, rows, ("clean", "robust"), remarks)


def blind_gain(results: ResultStore, metric: str) -> str:
    """One sentence: the accuracy that the SNR-blind codec adds at every SNR; empty where results are missing.

    metric  "clean" or "robust"
    """
    said = listed_differences(results, {f"{snr_db} dB": (key("blind", snr_db), key("fixed", snr_db)) for snr_db in STEPS}, metric)
    images = {"clean": "clean", "robust": "attacked"}[metric]
    return said and f"Accuracy on {images} images that the SNR-blind codec adds, image by image with the 95 % interval: {said}"
