"""Training task of the closed-box inverse network: Eve learns to undo an encoder that she can only query (MIEA Sec. III-B, Eq. 6).

    images -> [frozen encoder] -> (rows shuffled, if the link is defended) -> AWGN -> [inverse network] -> images

Eve feeds images to Alice's transmitter, hears what comes out and learns the pairs: as many as she likes, each received anew whenever she
comes back to it, or `captures` of them, received once. She decides neither which SNR Alice encodes for nor her own, so both are drawn per
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
from linksim.nets.weights import has_model, load_model
from linksim.rng import Streams
from linksim.schemes.permutation import shuffle
from linksim.training.classifier import correct
from linksim.training.image_task import FromImages
from linksim.training.noise import SCORED_BATCH, over_awgn, scored_batches, unit_noise
from linksim.training.order import one_cycle, to_images

ENCODED_FOR_DB = 10.0  # what Alice takes the SNR for when Eve's images are measured
SCORED_DB = {f"AWGN at {snr_db:g} dB to Eve, encoded for {ENCODED_FOR_DB:g} dB": snr_db for snr_db in (0.0, 10.0, 20.0)}


@dataclass(frozen=True)
class InverterTask(FromImages):
    """Trains an inverse network against a trained codec.

    codec        trained model that Alice encodes with
    evaluator        trained classifier that tells how much meaning Eve gets, or None; left out of the scores where it is not there
    permuted     whether the link is defended by permuting the rows of features (MIEA Sec. III-C)
    substituted  share of the rows that the two images of a pair exchange
    captures     number m of captured pairs, or None for a new capture at every sight of an image
    snr_db       range of Eve's SNR
    assumed_snr_db  range of the SNR that Alice encodes for
    """

    dataset: str
    config: dict[str, object]
    steps: int
    codec: str
    classifier: str | None = "classifier-cifar10"
    permute: bool = False
    substitution_ratio: float = 0.0
    num_captured_frames: int | None = None
    num_eval_images: int | None = None
    batch: int = 64
    peak_rate: float = 1e-3
    snr_db: tuple[float, float] = (-2.0, 21.0)
    assumed_snr_db: tuple[float, float] = (0.0, 20.0)
    average: float | None = 0.9995
    seed: int = 1
    kind: str = field(default="inverter", init=False)
    conditions: tuple[str, ...] = field(default=tuple(SCORED_DB), init=False)

    @property
    def recipe(self) -> dict[str, object]:
        """The codec's weights belong to it: against another encoder, an inverter learns anew."""
        names = (
            "dataset",
            "codec",
            "permute",
            "substitution_ratio",
            "num_captured_frames",
            "batch",
            "peak_rate",
            "snr_db",
            "assumed_snr_db",
            "average",
        )
        digest = load_model(self.codec, "codec").card.sha256
        return {name: getattr(self, name) for name in names} | {"codec_sha256": digest}

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.Adam(network.parameters(), lr=self.peak_rate, fused=True)

    def rate(self, step: int) -> float:
        return one_cycle(step, self.steps, rise=0.05)

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        """Eq. (6), per pixel."""
        if self.num_captured_frames is None:
            images, _ = self._batches(step)
            images = images.to(device).contiguous(memory_format=torch.channels_last)
            received = self._capture_at_any_snr(images, "inverter", step)
        else:
            chosen = self._streams("inverter/chosen", step).integers(0, self.num_captured_frames, self.batch)
            images, received = (part[chosen].to(device) for part in self._captured)
        return mse(network(received).float(), images).mean()

    @cached_property
    def _captured(self) -> tuple[Tensor, Tensor]:
        """The pairs: images float [captures, c, h, w], and what Eve received of each, complex [captures, uses]."""
        pixels = self.pictures("train").images
        assert self.num_captured_frames is not None
        chosen = self._streams("inverter/captures").permutation(len(pixels))[: self.num_captured_frames]
        images = to_images(pixels[chosen])
        received = [
            self._capture_at_any_snr(part, "inverter/captured", index) for index, part in enumerate(torch.split(images, SCORED_BATCH))
        ]
        return images, torch.cat(received)

    def _capture_at_any_snr(self, images: Tensor, name: str, index: int) -> Tensor:
        """What Eve hears of a batch, at an SNR and a belief of Alice's that are drawn for each image."""
        draw = self._streams(f"{name}/snr", index)
        snr_db = torch.from_numpy(draw.uniform(*self.snr_db, len(images))).float().to(images.device)
        assumed_snr_db = torch.from_numpy(draw.uniform(*self.assumed_snr_db, len(images))).float().to(images.device)
        return self.capture(images, assumed_snr_db, snr_db, self._streams, name, index)

    @torch.no_grad()
    def capture(self, images: Tensor, assumed_snr_db: Tensor, snr_db: Tensor, streams: Streams, name: str, index: int) -> Tensor:
        """What Eve hears of a batch of images -> complex [batch, uses], equalised (her gain is one)."""
        codec = load_model(self.codec, "codec", images.device.type).network
        assert isinstance(codec, Codec)
        symbols = codec.encode(images, assumed_snr_db)
        if self.permute or self.substitution_ratio:
            symbols = shuffled_rows(symbols, codec.rows, self.permute, self.substitution_ratio, streams(f"{name}/shuffle", index))
        return over_awgn(symbols, snr_db, unit_noise(streams, f"{name}/noise", index, len(images), codec.channel_uses).to(images.device))

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        assert isinstance(network, Inverter)
        seen = self._seen_by_eve(network, images, SCORED_DB[condition], device)
        likeness = torch.cat([ssim(*pair) for pair in zip(torch.split(seen, SCORED_BATCH), torch.split(images, SCORED_BATCH), strict=True)])
        scores = [
            Score("psnr_of_mean_mse_db", condition, psnr_of_mean_mse(mse(seen, images)), len(images)),
            Score("ssim", condition, likeness.mean().item(), len(images)),
        ]
        if self.classifier is not None and has_model(self.classifier):
            evaluator = load_model(self.classifier, "classifier", device.type).network
            assert isinstance(evaluator, Classifier)
            scores.append(Score("accuracy", condition, correct(evaluator, seen, labels, device).float().mean().item(), len(images)))
        return scores

    @torch.inference_mode()
    def _seen_by_eve(self, network: Inverter, images: Tensor, snr_db: float, device: torch.device) -> Tensor:
        """Eve's image of each of `images` [n, colours, side, side], on the CPU."""
        streams, seen = Streams(self.seed), []
        for index, part in scored_batches(images, device):
            assumed_snr_db, level = (torch.full((len(part),), db, device=device) for db in (ENCODED_FOR_DB, snr_db))
            seen.append(network.invert(self.capture(part, assumed_snr_db, level, streams, f"measure/{snr_db:g}", index)).cpu())
        return torch.cat(seen)


def shuffled_rows(symbols: Tensor, rows: int, permute: bool, substitution_ratio: float, draw: np.random.Generator) -> Tensor:
    """Symbols complex [batch, uses] of neighbouring pairs, shuffled by new keys for every pair -> the same shape. The batch is even."""
    pairs = len(symbols) // 2
    places = draw.random((pairs, 2, rows)).argsort(axis=-1) if permute else np.tile(np.arange(rows), (pairs, 2, 1))
    order = torch.from_numpy(places).to(symbols.device)
    swapped = torch.from_numpy(draw.random((pairs, rows)).argsort(axis=-1) < round(substitution_ratio * rows)).to(symbols.device)
    return shuffle(symbols.reshape(pairs, 2, rows, -1), order, swapped).reshape(symbols.shape)
