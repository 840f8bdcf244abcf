"""The host image as reconstruction of the private one: the scores that a perfect view of the host gives, that is, of an unrelated face.

An attack on a covert link whose images are no more like the private ones has learnt nothing about them.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from linksim.data.sources import load
from linksim.metrics import ms_ssim, mse, psnr
from linksim.nets.face_recognition import load_face_recogniser
from linksim.nets.lpips import load_lpips
from linksim.papers.covert.experiments import LIKENESS, PAIR, PERSON, Setup
from linksim.reproduction.paper import Measurement, ProgressCallback
from linksim.reproduction.results import Samples
from linksim.rng import Streams
from linksim.training.order import to_images

BATCH = 16  # pairs per call
PREFIX = "eve-private:"  # of the metrics, as those of the attacks


@dataclass(frozen=True)
class UnrelatedFaces:
    """Experiment: each private face of a setup compared with its host."""

    setup: Setup
    key: str = "baseline/host-as-private"
    kind: str = "baseline"

    @property
    def seed(self) -> int:
        return self.setup.seed

    @property
    def size(self) -> int:
        return self.setup.images

    def digest(self) -> str:
        return hashlib.sha256(repr([1, self.size, self.seed]).encode()).hexdigest()[:16]

    def measure(self, on_progress: ProgressCallback) -> Measurement:
        hosts, privates = sent_pairs(self.size, self.seed).unbind(dim=1)
        return Measurement({f"{PREFIX}{name}": values for name, values in likeness(hosts, privates, on_progress).items()}, {})


def likeness(estimates: Tensor, images: Tensor, done: Callable[[int], object] = lambda count: None) -> dict[str, Samples]:
    """Return the scores of estimates of faces by metric, those of `LIKENESS` and `PERSON`.

    estimates, images  [n, 3, h, w] in 0..1
    done               called with the number of compared images after every batch
    """
    device, rows = torch.device("cpu"), list[Tensor]()
    perceived, recogniser = load_lpips(device), load_face_recogniser("b", device)
    with torch.inference_mode():
        for first in range(0, len(images), BATCH):
            pair = estimates[first : first + BATCH], images[first : first + BATCH]
            rows.append(torch.stack([psnr(mse(*pair)), ms_ssim(*pair), perceived(*pair), recogniser.same_person(*pair)], dim=1))
            done(first + len(pair[0]))
    return dict(zip((*LIKENESS, PERSON), torch.cat(rows).double().numpy().T, strict=True))


def sent_pairs(pairs: int, seed: int) -> Tensor:
    """Return the first pairs of faces that Alice sends in all experiments, host before private, float [pairs, 2, c, h, w] in 0..1."""
    pixels = load("faces", "test").images
    order = Streams(seed)("images").permutation(len(pixels))
    return to_images(pixels[order[: PAIR * pairs]]).reshape(pairs, PAIR, -1, *pixels.shape[1:3])
