"""Lesson of the closed-box inverse network: Eve learns to undo an encoder that she can only query (MIEA Sec. III-B, Eq. 6).

    images -> [frozen encoder] -> (rows shuffled, if the link is defended) -> AWGN -> [inverse network] -> images

Eve feeds images to Alice's transmitter, hears what comes out and learns the pairs: as many as she likes, each heard anew whenever she
comes back to it, or `captures` of them, heard once. She decides neither which SNR Alice encodes for nor her own, so both are drawn per
image, independently.

Differs from the paper: one network serves all SNRs, and a defended link draws any permutation and substitution instead of one of a set,
so that Eve learns the defence as a whole and no single set of keys.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from linksim.metrics import mse, psnr_of_mean_mse, ssim
from linksim.nets.cards import Score
from linksim.nets.classifiers import Classifier
from linksim.nets.codecs import Codec
from linksim.nets.inverters import Inverter
from linksim.nets.weights import has_part, load_part
from linksim.rng import Streams
from linksim.schemes.permutation import shuffle
from linksim.train.classifier import correct
from linksim.train.images import FromImages
from linksim.train.noise import SCORED_BATCH, over_awgn, scored_batches, unit_noise
from linksim.train.order import one_cycle, to_images

ENCODED_FOR_DB = 10.0  # what Alice takes the SNR for when Eve's pictures are measured
SCORED_DB = {f"AWGN at {snr_db:g} dB to Eve, encoded for {ENCODED_FOR_DB:g} dB": snr_db for snr_db in (0.0, 10.0, 20.0)}


@dataclass(frozen=True)
class InverterLesson(FromImages):
    """Trains an inverse network against a trained codec.

    codec        trained part that Alice encodes with
    judge        trained classifier that tells how much meaning Eve gets, or None; left out of the scores where it is not there
    permuted     whether the link is defended by permuting the rows of features (MIEA Sec. III-C)
    substituted  share of the rows that the two images of a pair exchange
    captures     number m of captured pairs, or None for a new capture at every sight of an image
    snr_db       range of Eve's SNR
    believed_db  range of the SNR that Alice encodes for
    """

    source: str
    config: dict[str, object]
    steps: int
    codec: str
    judge: str | None = "classifier-cifar10"
    permuted: bool = False
    substituted: float = 0.0
    captures: int | None = None
    scored: int | None = None
    batch: int = 64
    peak_rate: float = 1e-3
    snr_db: tuple[float, float] = (-2.0, 21.0)
    believed_db: tuple[float, float] = (0.0, 20.0)
    average: float | None = 0.9995
    seed: int = 1
    kind: str = field(default="inverter", init=False)
    conditions: tuple[str, ...] = field(default=tuple(SCORED_DB), init=False)

    @property
    def recipe(self) -> dict[str, object]:
        """The codec's weights belong to it: against another encoder, an inverter learns anew."""
        names = ("source", "codec", "permuted", "substituted", "captures", "batch", "peak_rate", "snr_db", "believed_db", "average")
        digest = load_part(self.codec, "codec").card.sha256
        return {name: getattr(self, name) for name in names} | {"codec_sha256": digest}

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.Adam(network.parameters(), lr=self.peak_rate, fused=True)

    def rate(self, step: int) -> float:
        return one_cycle(step, self.steps, rise=0.05)

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        """Eq. (6), per pixel."""
        if self.captures is None:
            images, _ = self._batches(step)
            images = images.to(device).contiguous(memory_format=torch.channels_last)
            heard = self._capture_at_any_snr(images, "inverter", step)
        else:
            chosen = self._streams("inverter/chosen", step).integers(0, self.captures, self.batch)
            images, heard = (part[chosen].to(device) for part in self._captured)
        return mse(network(heard).float(), images).mean()

    @cached_property
    def _captured(self) -> tuple[Tensor, Tensor]:
        """The pairs: images float [captures, c, h, w], and what Eve heard of each, complex [captures, uses]."""
        pixels = self.pictures("train").images
        assert self.captures is not None
        chosen = self._streams("inverter/captures").permutation(len(pixels))[: self.captures]
        images = to_images(pixels[chosen])
        heard = [self._capture_at_any_snr(part, "inverter/captured", index) for index, part in enumerate(torch.split(images, SCORED_BATCH))]
        return images, torch.cat(heard)

    def _capture_at_any_snr(self, images: Tensor, name: str, index: int) -> Tensor:
        """What Eve hears of a batch, at an SNR and a belief of Alice's that are drawn for each image."""
        draw = self._streams(f"{name}/snr", index)
        snr_db = torch.from_numpy(draw.uniform(*self.snr_db, len(images))).float().to(images.device)
        believed_db = torch.from_numpy(draw.uniform(*self.believed_db, len(images))).float().to(images.device)
        return self.capture(images, believed_db, snr_db, self._streams, name, index)

    @torch.no_grad()
    def capture(self, images: Tensor, believed_db: Tensor, snr_db: Tensor, streams: Streams, name: str, index: int) -> Tensor:
        """What Eve hears of a batch of images -> complex [batch, uses], equalised (her gain is one)."""
        codec = load_part(self.codec, "codec", images.device.type).network
        assert isinstance(codec, Codec)
        symbols = codec.encode(images, believed_db)
        if self.permuted or self.substituted:
            symbols = shuffled_rows(symbols, codec.rows, self.permuted, self.substituted, streams(f"{name}/shuffle", index))
        return over_awgn(symbols, snr_db, unit_noise(streams, f"{name}/noise", index, len(images), codec.uses).to(images.device))

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        assert isinstance(network, Inverter)
        seen = self._seen_by_eve(network, images, SCORED_DB[condition], device)
        likeness = torch.cat([ssim(*pair) for pair in zip(torch.split(seen, SCORED_BATCH), torch.split(images, SCORED_BATCH), strict=True)])
        scores = [
            Score("psnr_of_mean_mse_db", condition, psnr_of_mean_mse(mse(seen, images)), len(images)),
            Score("ssim", condition, likeness.mean().item(), len(images)),
        ]
        if self.judge is not None and has_part(self.judge):
            judge = load_part(self.judge, "classifier", device.type).network
            assert isinstance(judge, Classifier)
            scores.append(Score("accuracy", condition, correct(judge, seen, labels, device).float().mean().item(), len(images)))
        return scores

    @torch.inference_mode()
    def _seen_by_eve(self, network: Inverter, images: Tensor, snr_db: float, device: torch.device) -> Tensor:
        """Eve's picture of each of `images` [n, colours, side, side], on the CPU."""
        streams, seen = Streams(self.seed), []
        for index, part in scored_batches(images, device):
            believed_db, level = (torch.full((len(part),), db, device=device) for db in (ENCODED_FOR_DB, snr_db))
            seen.append(network.invert(self.capture(part, believed_db, level, streams, f"measure/{snr_db:g}", index)).cpu())
        return torch.cat(seen)


def shuffled_rows(symbols: Tensor, rows: int, permuted: bool, substituted: float, draw: np.random.Generator) -> Tensor:
    """Symbols complex [batch, uses] of neighbouring pairs, shuffled by new keys for every pair -> the same shape. The batch is even."""
    pairs = len(symbols) // 2
    places = draw.random((pairs, 2, rows)).argsort(axis=-1) if permuted else np.tile(np.arange(rows), (pairs, 2, 1))
    order = torch.from_numpy(places).to(symbols.device)
    swapped = torch.from_numpy(draw.random((pairs, rows)).argsort(axis=-1) < round(substituted * rows)).to(symbols.device)
    return shuffle(symbols.reshape(pairs, 2, rows, -1), order, swapped).reshape(symbols.shape)
