"""Lesson of a DeepJSCC codec: squared error over AWGN, the SNR drawn per image."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from linksim.metrics import mse, psnr_of_mean_mse
from linksim.nets.cards import Score
from linksim.nets.codecs import DeepJscc
from linksim.rng import Streams
from linksim.train.images import FromImages
from linksim.train.noise import over_awgn, scored_batches, unit_noise
from linksim.train.order import one_cycle

SCORED_DB = {f"AWGN at {snr_db:g} dB": snr_db for snr_db in (1.0, 4.0, 7.0, 10.0, 13.0, 16.0, 19.0)}


@dataclass(frozen=True)
class CodecLesson(FromImages):
    """Trains encoder and decoder together.

    snr_db    range the SNR of each image is drawn from, uniformly
    slack_db  standard deviation of Alice's error about it: in a running link her report is never quite fresh
    slope_db  weight of an image's error per dB of SNR, in dB, so that the small errors at high SNR count as much as the large ones below
    """

    source: str
    config: dict[str, object]
    steps: int
    batch: int = 64
    peak_rate: float = 1.5e-3
    weight_decay: float = 1e-4
    snr_db: tuple[float, float] = (-2.0, 21.0)
    slack_db: float = 1.0
    slope_db: float = 0.42
    average: float | None = 0.9995
    seed: int = 1
    kind: str = field(default="codec", init=False)
    conditions: tuple[str, ...] = field(default=tuple(SCORED_DB), init=False)

    @property
    def recipe(self) -> dict[str, object]:
        names = ("source", "batch", "peak_rate", "weight_decay", "snr_db", "slack_db", "slope_db", "average")
        return {name: getattr(self, name) for name in names}

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.AdamW(network.parameters(), lr=self.peak_rate, weight_decay=self.weight_decay, fused=True)

    def rate(self, step: int) -> float:
        return one_cycle(step, self.steps, rise=0.05)

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        assert isinstance(network, DeepJscc)
        images, _ = self._batches(step)
        draw = self._streams("codec/snr", step)
        snr_db = torch.from_numpy(draw.uniform(*self.snr_db, self.batch)).float()
        believed_db = snr_db + self.slack_db * torch.from_numpy(draw.standard_normal(self.batch)).float()
        noise = unit_noise(self._streams, "codec/noise", step, self.batch, network.uses)
        images, snr_db, believed_db, noise = (x.to(device) for x in (images, snr_db, believed_db, noise))
        images = images.contiguous(memory_format=torch.channels_last)
        heard = over_awgn(network.encoder(images, believed_db), snr_db, noise)
        error = mse(network.decoder(heard, snr_db).float(), images)
        return (error * 10 ** (self.slope_db * (snr_db - 10.0) / 10)).mean()

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        assert isinstance(network, DeepJscc)
        errors = awgn_errors(network, images, SCORED_DB[condition], device)
        return [Score("psnr_of_mean_mse_db", condition, psnr_of_mean_mse(errors), len(images))]


@torch.inference_mode()
def awgn_errors(codec: DeepJscc, images: Tensor, snr_db: float, device: torch.device, seed: int = 1) -> Tensor:
    """Squared error [n] of each of `images` [n, c, h, w] in 0..1 sent over AWGN at `snr_db`, with noise that is the same at every call."""
    streams, errors = Streams(seed), []
    for index, part in scored_batches(images, device):
        level = torch.full((len(part),), snr_db, device=device)
        noise = unit_noise(streams, f"measure/{snr_db:g}", index, len(part), codec.uses).to(device)
        heard = over_awgn(codec.encode(part, level), level, noise)
        errors.append(mse(codec.decode(heard, level), part).cpu())
    return torch.cat(errors)
