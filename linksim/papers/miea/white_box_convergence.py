"""How the white box gets there: loss of Eq. (5) and quality of Eve's images against iterations, at the paper's step size and at ours."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from linksim.attacks.white_box import WhiteBoxSettings, white_box
from linksim.data.sources import load
from linksim.metrics import mse, psnr, ssim
from linksim.nets.codecs import Codec
from linksim.nets.weights import load_model
from linksim.plots.convergence import Descending
from linksim.reproduction.paper import Measurement, Tell
from linksim.reproduction.results import ResultStore, Samples
from linksim.reproduction.simulated import weights_of
from linksim.rng import Streams
from linksim.simulate.eve_factory import encoded
from linksim.training.noise import over_awgn, unit_noise
from linksim.training.order import to_images

CODEC, SNR_DB = "miea-10db", 10.0
FACES = 8
RATES: Mapping[float, int] = {1e-3: 3000, 3e-2: 300}  # iterations at each step size
LOOK = 50  # as `attacks.white_box` tells
MEASURES = ("loss", "psnr_db", "ssim")


@dataclass(frozen=True)
class Path:
    """The search for a few faces at one step size, told every `LOOK` iterations: metric "psnr_db@250" after 250 of them."""

    learning_rate: float
    seed: int
    kind: str = "descent"

    @property
    def size(self) -> int:
        return FACES

    @property
    def key(self) -> str:
        return f"descent/rate{self.learning_rate:g}"

    def digest(self) -> str:
        about = [weights_of(CODEC), SNR_DB, FACES, self.learning_rate, RATES[self.learning_rate], self.seed]
        return hashlib.sha256(repr(about).encode()).hexdigest()[:16]

    def measure(self, tell: Tell) -> Measurement:
        codec = load_model(CODEC, "codec").network
        assert isinstance(codec, Codec)
        pixels = load("faces", "test").images
        faces = to_images(pixels[Streams(self.seed)("descent/faces").permutation(len(pixels))[:FACES]])
        encode = partial(encoded, codec, SNR_DB)
        with torch.no_grad():
            symbols = encode(faces)
            level = torch.full((FACES,), SNR_DB)
            received = over_awgn(symbols, level, unit_noise(Streams(self.seed), "descent/noise", 0, *symbols.shape))
        samples: dict[str, NDArray[np.float64]] = {}

        def watch(iteration: int, losses: Tensor, found: Tensor) -> None:
            values = losses, psnr(mse(found, faces)), ssim(found, faces)
            samples.update({f"{name}@{iteration}": v.double().numpy() for name, v in zip(MEASURES, values, strict=True)})
            tell(FACES * iteration // RATES[self.learning_rate])

        never_flat = WhiteBoxSettings(self.learning_rate, RATES[self.learning_rate] + 1, tolerance=-np.inf)
        white_box(encode, received, (codec.colours, codec.side, codec.side), never_flat, watch)
        return Measurement(samples, {})


def searches(results: ResultStore, seed: int) -> list[Descending]:
    """The kept searches as curves; none where they were not measured."""
    return [
        _descending(results[path.key].samples, path.learning_rate)
        for learning_rate in RATES
        if (path := Path(learning_rate, seed)).key in results
    ]


def _descending(samples: Mapping[str, Samples], learning_rate: float) -> Descending:
    """A cell's metrics, named "psnr_db@250", as curves over iterations."""
    iterations = sorted({int(name.partition("@")[2]) for name in samples})
    values = {measure: np.array([samples[f"{measure}@{n}"].mean() for n in iterations]) for measure in MEASURES}
    return Descending(f"Adam at {learning_rate:g}", np.array(iterations), values)
