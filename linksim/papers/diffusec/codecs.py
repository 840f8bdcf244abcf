"""What the codec's knowledge of the SNR changes: quality of the decoded images, and the kind of error that is left for the denoiser.

    image -> [encode] -> AWGN -> [decode] -> PSNR; the error's correlation between neighbouring pixels, and its share of channel noise

Eq. (22) of the paper takes the error for white noise, whose neighbouring pixels are uncorrelated. The channel noise passes the decoder
like the image: a decoder that removes noise smooths it, and loses detail of the image, which is an error without noise.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

import torch
from torch import Tensor

from linksim.data.sources import load
from linksim.link import over_the_air
from linksim.metrics import mse, psnr
from linksim.nets.codecs import Codec
from linksim.nets.weights import load_model
from linksim.papers.diffusec.experiments import CODEC
from linksim.reproduction.paper import Measurement, ProgressCallback
from linksim.reproduction.results import ResultStore
from linksim.reproduction.simulated import weights_of
from linksim.reproduction.statements import listed_differences
from linksim.reproduction.tables import Entry, Row, Table
from linksim.rng import Streams
from linksim.training.noise import unit_noise
from linksim.training.order import to_images

IMAGES, BATCH = 2_000, 50
SNRS_DB = (-3, 0, 3, 6, 9, 12)
BLIND_CODEC = "diffusec-codec-blind"
GIVEN_DB = 12.0  # SNR that the codec of the study `paper` is given at every SNR


@dataclass(frozen=True)
class Variant:
    """A codec, and the SNR that it is given.

    model     name of the trained codec
    given_db  SNR in dB that it is given at every SNR; None for the true one, which an SNR-blind codec ignores
    """

    about: str
    model: str
    given_db: float | None = None


VARIANTS: Mapping[str, Variant] = {
    "aware": Variant("SNR-aware", CODEC),
    "fixed": Variant(f"SNR-aware, given {GIVEN_DB:g} dB at every SNR", CODEC, GIVEN_DB),
    "blind": Variant("SNR-blind", BLIND_CODEC),
}


@dataclass(frozen=True)
class CodecQuality:
    """Experiment: test images over AWGN, without diffusion and denoising.

    variant  a name in `VARIANTS`
    snr_db   SNR in dB

    Metrics, per image: "psnr_db" of the decoded image, clipped to 0..1; and of the error before clipping "lag1", the correlation of
    neighbouring pixels (`lag_one_correlation`), and "noise_share", the share of channel noise in its power, 0..2: the power of the
    difference of two errors with independent noise, divided by the sum of their powers, which is 1 if the errors are nothing but noise.
    """

    variant: str
    snr_db: int
    seed: int
    kind: str = "codecs"

    @property
    def size(self) -> int:
        return IMAGES

    @property
    def key(self) -> str:
        return key(self.variant, self.snr_db)

    def digest(self) -> str:
        variant = VARIANTS[self.variant]
        settings = [1, variant.given_db, self.snr_db, self.seed, IMAGES, weights_of(variant.model)]
        return hashlib.sha256(repr(settings).encode()).hexdigest()[:16]

    def measure(self, on_progress: ProgressCallback) -> Measurement:
        model = VARIANTS[self.variant].model
        codec = load_model(model, "codec").network
        assert isinstance(codec, Codec)
        images, symbols = encoded(model, IMAGES, self.seed, weights_of(model))
        rows = []
        with torch.inference_mode():
            for first in range(0, IMAGES, BATCH):
                batch = slice(first, first + BATCH)
                decoded = torch.stack([self._decoded(codec, symbols[batch], first, draw) for draw in (0, 1)])
                errors = decoded - images[batch]
                share = (errors[1] - errors[0]).square().mean((1, 2, 3)) / errors.square().sum(0).mean((1, 2, 3))
                rows.append(torch.stack([psnr(mse(decoded[0].clamp(0, 1), images[batch])), lag_one_correlation(errors[0]), share]))
                on_progress(first + len(rows[-1][0]))
        values = torch.cat(rows, dim=1).double().numpy()
        return Measurement(dict(zip(("psnr_db", "lag1", "noise_share"), values, strict=True)), {})

    def _decoded(self, codec: Codec, symbols: Tensor, first: int, draw: int) -> Tensor:
        """Send symbols [n, channel_uses] over AWGN and decode them. Returns images [n, c, h, w], not clipped.

        first, draw  number of the first image and of the draw of the noise, which all variants share
        """
        noise = unit_noise(Streams(self.seed), f"codecs/noise/{self.snr_db}/{draw}", first, *symbols.shape)
        given_db = VARIANTS[self.variant].given_db
        snr_db = torch.full((len(symbols),), float(self.snr_db) if given_db is None else given_db)
        decoded: Tensor = codec.decoder(over_the_air(symbols, float(self.snr_db), noise).symbols, snr_db).float()
        return decoded


@lru_cache(maxsize=1)
def encoded(model: str, count: int, seed: int, digest: str) -> tuple[Tensor, Tensor]:
    """Return test images [n, c, h, w] and their symbols [n, channel_uses], computed once per digest of the codec.

    The encoder of the ViT codec ignores the SNR.
    """
    dataset, codec = load("cifar10", "test"), load_model(model, "codec").network
    assert isinstance(codec, Codec)
    chosen = Streams(seed)("codecs/images").permutation(len(dataset.images))[:count]
    images = to_images(dataset.images[chosen])
    with torch.inference_mode():
        return images, torch.cat([codec.encode(some, torch.zeros(len(some))) for some in torch.split(images, BATCH)])


def lag_one_correlation(errors: Tensor) -> Tensor:
    """Return the correlation of horizontally and vertically neighbouring values of errors [n, c, h, w], -1..1, of each image [n].

    The mean of each colour channel is removed. White noise has 0, smoothed noise more.

    >>> stripes = torch.tensor([1.0, -1.0]).repeat(1, 1, 4, 4)
    >>> round(lag_one_correlation(stripes).item(), 2)  # vertical neighbours are equal, horizontal ones opposite
    0.0
    """
    errors = errors - errors.mean((2, 3), keepdim=True)
    right = (errors[..., 1:] * errors[..., :-1]).mean((1, 2, 3))
    below = (errors[..., 1:, :] * errors[..., :-1, :]).mean((1, 2, 3))
    return (right + below) / (2 * errors.square().mean((1, 2, 3)))


def key(variant: str, snr_db: int) -> str:
    """Key of an experiment.

    >>> key("blind", -3)
    'codecs/blind/snr-3'
    """
    return f"codecs/{variant}/snr{snr_db}"


def codec_experiments(seed: int) -> list[CodecQuality]:
    """Every variant at every SNR."""
    return [CodecQuality(variant, snr_db, seed) for variant in VARIANTS for snr_db in SNRS_DB]


def table() -> Table:
    """Quality of the decoded images and kind of their errors by SNR."""
    title = "Codecs over AWGN: PSNR / correlation of neighbouring pixels of the error / share of channel noise in the error"
    rows = tuple(Row(about.about, tuple(Entry(key(name, snr_db)) for snr_db in SNRS_DB)) for name, about in VARIANTS.items())
    remarks = tuple(partial(blind_gain, other=other) for other in ("aware", "fixed"))
    return Table("codecs", title, tuple(f"{snr_db} dB" for snr_db in SNRS_DB), rows, ("psnr_db", "lag1", "noise_share"), remarks)


def blind_gain(results: ResultStore, other: str) -> str:
    """One sentence: the PSNR of the SNR-blind codec minus that of another variant; empty where results are missing."""
    said = listed_differences(results, {f"{snr_db} dB": (key("blind", snr_db), key(other, snr_db)) for snr_db in SNRS_DB}, "psnr_db", 2)
    return said and (
        f"PSNR in dB of the SNR-blind codec beyond the variant {VARIANTS[other].about!r}, image by image with the 95 % interval: {said}"
    )
