"""Training task of the closed-box inverse network: Eve inverts an encoder that she can only query (MIEA Sec. III-B, Eq. 6).

    images -> [frozen encoder] -> (rows shuffled, if the link is defended) -> AWGN -> [inverse network] -> images

Eve sends images through Alice's transmitter and trains on the pairs of images and received symbols. Either the number of queries is
unlimited, and an image is received with new noise every time, or there are `num_captured_frames` pairs, each received once. Eve controls
neither her own SNR nor the SNR that Alice encodes for, so both are drawn independently per image.

The captures come from the link of `linksim.link`, so Eve trains on the symbols that she receives in a run. Her channel has a gain of one:
her equaliser removes the gain of a run.

Differs from the paper: one network serves all SNRs, and a defended link draws arbitrary permutations and substitutions instead of
selecting from a set, so that Eve's network is trained against the defence as a whole and not against one key set.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from linksim.link import OfflineLink
from linksim.metrics import mse, psnr_of_mean_mse, ssim
from linksim.nets.cards import Score
from linksim.nets.classifiers import Classifier
from linksim.nets.codecs import Codec
from linksim.nets.inverters import Inverter
from linksim.nets.weights import has_model, load_model
from linksim.rng import Streams
from linksim.schemes.deepjscc import DeepJscc
from linksim.schemes.parameters import SnrEstimate
from linksim.schemes.permutation import shuffle
from linksim.training.classifier import classified_correctly
from linksim.training.image_task import ImageTask
from linksim.training.noise import EVALUATION_BATCH, evaluation_batches, unit_noise
from linksim.training.order import one_cycle, to_images

ENCODED_FOR_DB = 10.0  # SNR that Alice assumes during the evaluation
SCORED_DB = {f"AWGN at {snr_db:g} dB to Eve, encoded for {ENCODED_FOR_DB:g} dB": snr_db for snr_db in (0.0, 10.0, 20.0)}


@dataclass(frozen=True)
class InverterTask(ImageTask):
    """Trains an inverse network against a trained codec.

    dataset              name of the dataset of Eve's queries; the codec may have been trained on another one
    config               keyword arguments of the network, see `nets.networks.NETWORKS`
    steps                total number of steps
    codec                name of the trained codec of Alice
    classifier           trained classifier for the accuracy of Eve's images, or None; the accuracy is omitted if the model is missing
    permute              defend the link by permuting the rows of features (MIEA Sec. III-C)
    substitution_ratio   share of the rows that the two images of a pair exchange, 0..1
    num_captured_frames  number m of captured pairs, or None for an unlimited number of queries
    num_eval_images      number of test images for the scores, or None for all
    batch                images per step, an even number if the link is defended
    peak_rate            learning rate of Adam at the peak of the cycle
    snr_db               range of Eve's SNR in dB, drawn uniformly per image
    assumed_snr_db       range of the SNR in dB that Alice encodes for, drawn uniformly per image
    average              decay of the running average of the weights per step, 0..1, or None
    seed                 seed of the initial weights and all random streams
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
        """The recipe. It contains the digest of the codec, because another encoder requires another training."""
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
        """Return the loss of Eq. (6), the squared error of Eve's images, per pixel value."""
        if self.num_captured_frames is None:
            images, _ = self._batches(step)
            images = images.to(device).contiguous(memory_format=torch.channels_last)
            received = self._capture_at_any_snr(images, "inverter", step)
        else:
            chosen = self._streams("inverter/chosen", step).integers(0, self.num_captured_frames, self.batch)
            images, received = to_images(self._queries[chosen]).to(device), self._captured[chosen].to(device)
        return mse(network(received).float(), images).mean()

    @cached_property
    def _queries(self) -> NDArray[np.uint8]:
        """The images of the captured pairs, uint8 [frames, h, w, c]."""
        pixels = self.load_dataset("train").images
        assert self.num_captured_frames is not None
        return pixels[self._streams("inverter/captures").permutation(len(pixels))[: self.num_captured_frames]]

    @cached_property
    def _captured(self) -> Tensor:
        """The symbols that Eve received for them, complex [frames, channel_uses]."""
        chunks = (self._queries[first : first + EVALUATION_BATCH] for first in range(0, len(self._queries), EVALUATION_BATCH))
        return torch.cat([self._capture_at_any_snr(to_images(chunk), "inverter/captured", index) for index, chunk in enumerate(chunks)])

    def _capture_at_any_snr(self, images: Tensor, name: str, index: int) -> Tensor:
        """Return the symbols that Eve receives for a batch, with a random SNR and a random assumed SNR for each image.

        images       float [batch, c, h, w] in 0..1
        name, index  prefix of the streams, and number of the draw
        """
        draw = self._streams(f"{name}/snr", index)
        snr_db = torch.from_numpy(draw.uniform(*self.snr_db, len(images))).float().to(images.device)
        assumed_snr_db = torch.from_numpy(draw.uniform(*self.assumed_snr_db, len(images))).float().to(images.device)
        return self.capture(images, assumed_snr_db, snr_db, self._streams, name, index)

    @torch.no_grad()
    def capture(self, images: Tensor, assumed_snr_db: Tensor, snr_db: Tensor, streams: Streams, name: str, index: int) -> Tensor:
        """Return the equalised symbols that Eve receives for a batch of images, complex [batch, channel_uses]. Her gain is one.

        images          float [batch, c, h, w] in 0..1
        assumed_snr_db  SNR in dB that Alice encodes for, [batch]
        snr_db          Eve's SNR in dB, [batch]
        streams         streams of noise and keys; `name` is their prefix, `index` the number of the draw

        Raises ModelError if the codec is missing.
        """
        codec = load_model(self.codec, "codec", images.device.type).network
        assert isinstance(codec, Codec)
        link = OfflineLink(DeepJscc(codec))
        symbols = link.send(images[:, None], SnrEstimate(assumed_snr_db))
        if self.permute or self.substitution_ratio:
            symbols = shuffled_rows(symbols, codec.rows, self.permute, self.substitution_ratio, streams(f"{name}/shuffle", index))
        noise = unit_noise(streams, f"{name}/noise", index, len(images), codec.channel_uses).to(images.device)
        return link.channel(symbols, snr_db, noise).symbols

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        """Return PSNR and SSIM of Eve's images at her SNR of the condition, and the accuracy on them if there is a classifier."""
        assert isinstance(network, Inverter)
        seen = self._seen_by_eve(network, images, SCORED_DB[condition], device)
        likeness = torch.cat(
            [ssim(*pair) for pair in zip(torch.split(seen, EVALUATION_BATCH), torch.split(images, EVALUATION_BATCH), strict=True)]
        )
        scores = [
            Score("psnr_of_mean_mse_db", condition, psnr_of_mean_mse(mse(seen, images)), len(images)),
            Score("ssim", condition, likeness.mean().item(), len(images)),
        ]
        if self.classifier is not None and has_model(self.classifier):
            evaluator = load_model(self.classifier, "classifier", device.type).network
            assert isinstance(evaluator, Classifier)
            scores.append(
                Score("accuracy", condition, classified_correctly(evaluator, seen, labels, device).float().mean().item(), len(images))
            )
        return scores

    @torch.inference_mode()
    def _seen_by_eve(self, network: Inverter, images: Tensor, snr_db: float, device: torch.device) -> Tensor:
        """Return Eve's reconstruction of each of `images` [n, colours, side, side], on the CPU."""
        streams, seen = Streams(self.seed), []
        for index, chunk in evaluation_batches(images, device):
            assumed_snr_db, level = (torch.full((len(chunk),), db, device=device) for db in (ENCODED_FOR_DB, snr_db))
            seen.append(network.invert(self.capture(chunk, assumed_snr_db, level, streams, f"measure/{snr_db:g}", index)).cpu())
        return torch.cat(seen)


def shuffled_rows(symbols: Tensor, rows: int, permute: bool, substitution_ratio: float, draw: np.random.Generator) -> Tensor:
    """Shuffle the rows of complex symbols [batch, channel_uses] with new keys for every pair of consecutive items.

    symbols             items 2 i and 2 i + 1 are the pair i; the number of items must be even
    rows                number of rows per item, which divides the number of channel uses
    permute             permute the rows of each item
    substitution_ratio  share of the rows that the two items of a pair exchange, 0..1
    draw                generator of the keys

    >>> symbols = torch.arange(8.0).view(2, 4) + 0j
    >>> shuffled = shuffled_rows(symbols, rows=4, permute=False, substitution_ratio=0.5, draw=np.random.default_rng(1))
    >>> [int((row.real >= 4).sum()) for row in shuffled]  # each item has two of its own four rows and two of the other item
    [2, 2]
    """
    pairs = len(symbols) // 2
    positions = draw.random((pairs, 2, rows)).argsort(axis=-1) if permute else np.tile(np.arange(rows), (pairs, 2, 1))
    order = torch.from_numpy(positions).to(symbols.device)
    swapped = torch.from_numpy(draw.random((pairs, rows)).argsort(axis=-1) < round(substitution_ratio * rows)).to(symbols.device)
    return shuffle(symbols.reshape(pairs, 2, rows, -1), order, swapped).reshape(symbols.shape)
