"""Training task of a DeepJSCC codec: squared error over AWGN, with a random SNR per image.

    images -> [encoder(assumed SNR)] -> AWGN at the SNR -> [decoder(SNR)] -> squared error, weighted by the SNR

Without weights, the mean over a range of SNRs would consist of the errors at low SNR: the squared error at 20 dB is about a tenth of that
at 0 dB. The tasks of the ViT codec and of MIEA's codecs share the base class and the scores.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from linksim.link import over_the_air
from linksim.metrics import mse, psnr_of_mean_mse, ssim, total_variation
from linksim.nets.cards import Score
from linksim.nets.codecs import Codec
from linksim.rng import Streams
from linksim.schemes.deepjscc import DeepJscc
from linksim.training.image_task import ImageTask
from linksim.training.noise import evaluation_batches, sent_over_awgn, unit_noise
from linksim.training.order import one_cycle

# SNRs of the evaluation in dB, those of public codecs.
SCORED_DB = (1.0, 4.0, 7.0, 10.0, 13.0, 16.0, 19.0)
LEVELS = 255.0  # largest pixel value in the total variation loss; lambda = 1 of the paper refers to 8-bit images


class AwgnTask(ImageTask):
    """Base class of the training tasks of a codec: AdamW, and scores of the test images over AWGN at `scored_db`.

    peak_rate     learning rate at a schedule factor of 1
    weight_decay  weight decay of AdamW
    scored_db     SNRs of the evaluation in dB
    """

    peak_rate: float
    weight_decay: float
    scored_db: tuple[float, ...]

    @property
    def conditions(self) -> tuple[str, ...]:
        """One condition per SNR of `scored_db`."""
        return tuple(awgn_condition(snr_db) for snr_db in self.scored_db)

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.AdamW(network.parameters(), lr=self.peak_rate, weight_decay=self.weight_decay, fused=True)

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        """Return the PSNR of the mean squared error and the mean SSIM at the SNR of the condition, which Alice knows."""
        assert isinstance(network, Codec)
        snr_db = self.scored_db[self.conditions.index(condition)]
        errors, likeness = over_awgn_scores(network, images, snr_db, device)
        return [
            Score("psnr_of_mean_mse_db", condition, psnr_of_mean_mse(errors), len(images)),
            Score("ssim", condition, likeness.mean().item(), len(images)),
        ]


@dataclass(frozen=True)
class CodecTask(AwgnTask):
    """Trains encoder and decoder together.

    dataset              name of the dataset
    config               keyword arguments of the network, see `nets.networks.NETWORKS`
    steps                total number of steps
    batch                images per step
    peak_rate            learning rate of AdamW at the peak of the first cycle
    weight_decay         weight decay of AdamW
    snr_db               range of the SNR in dB, drawn uniformly per image
    csi_error_std_db     standard deviation in dB of the error of Alice's SNR, because the report of a running link is slightly outdated
    snr_weight_slope_db  increase of the weight of an image's error in dB per dB of SNR, so that small errors at high SNR count equally
    final_cycle          (steps, height, snr_weight_slope_db) of a second cycle of the learning rate at the end, or None
    crop                 side of random square crops, None for whole images
    tv_weight            weight lambda of the total variation of the reconstruction (MIEA Eq. 2), for pixels in 0..255
    average              decay of the running average of the weights per step, 0..1, or None
    seed                 seed of the initial weights and all random streams
    scored_db            SNRs of the evaluation in dB
    """

    dataset: str
    config: dict[str, object]
    steps: int
    batch: int = 64
    peak_rate: float = 1.5e-3
    weight_decay: float = 1e-4
    snr_db: tuple[float, float] = (-2.0, 21.0)
    csi_error_std_db: float = 1.0
    snr_weight_slope_db: float = 0.42
    final_cycle: tuple[int, float, float] | None = None
    crop: int | None = None
    tv_weight: float = 0.0
    average: float | None = 0.9995
    seed: int = 1
    scored_db: tuple[float, ...] = SCORED_DB
    kind: str = field(default="codec", init=False)

    @property
    def recipe(self) -> dict[str, object]:
        names = (
            "dataset",
            "batch",
            "crop",
            "peak_rate",
            "weight_decay",
            "snr_db",
            "csi_error_std_db",
            "snr_weight_slope_db",
            "final_cycle",
            "tv_weight",
        )
        return {name: getattr(self, name) for name in (*names, "average")}

    def rate(self, step: int) -> float:
        """Return the learning rate factor: one cycle, followed by `final_cycle` if there is one."""
        last, height, _ = self.final_cycle or (0, 1.0, 0.0)
        first = self.steps - last
        return one_cycle(step, first, rise=0.05) if step < first else height * one_cycle(step - first, last, rise=0.05)

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        """Return the mean over the batch of squared error (and total variation), each image with the weight of its SNR.

        The weight is 10^(slope (snr_db - 10) / 10), one at 10 dB.
        """
        images, estimates, snr_db = self.transmitted(network, step, device)
        error = mse(estimates, images)
        if self.tv_weight:  # MIEA Eq. (2), over the number of pixel values
            error = error + self.tv_weight / LEVELS * total_variation(estimates) / images[0].numel()
        return (error * self.weight(step, snr_db)).mean()

    def transmitted(self, network: nn.Module, step: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """Return the images of a step, Bob's estimates of them, both [batch, c, h, w], and the SNR in dB [batch]."""
        assert isinstance(network, Codec)
        images, _ = self._batches(step)
        draw = self._streams("codec/snr", step)
        snr_db = torch.from_numpy(draw.uniform(*self.snr_db, self.batch)).float()
        assumed_db = snr_db + self.csi_error_std_db * torch.from_numpy(draw.standard_normal(self.batch)).float()
        images, snr_db, assumed_db = (x.to(device) for x in (images, snr_db, assumed_db))
        images = images.contiguous(memory_format=torch.channels_last)
        estimates: Tensor = network.decoder(*self.received(step, network.encoder(images, assumed_db), snr_db)).float()
        return images, estimates, snr_db

    def received(self, step: int, symbols: Tensor, snr_db: Tensor) -> tuple[Tensor, Tensor]:
        """Return Bob's equalised symbols, complex [batch, channel_uses], and the SNR after equalisation in dB [batch]."""
        noise = unit_noise(self._streams, "codec/noise", step, *symbols.shape).to(symbols.device)
        return over_the_air(symbols, snr_db, noise).symbols, snr_db

    def weight(self, step: int, snr_db: Tensor) -> Tensor:
        """Return the weights of the images of a step: 10^(slope (snr_db - 10) / 10)."""
        return 10 ** (self._slope_db(step) * (snr_db - 10.0) / 10)

    def _slope_db(self, step: int) -> float:
        """Return the slope of the weights in dB per dB at a step."""
        return self.final_cycle[2] if self.final_cycle and step >= self.steps - self.final_cycle[0] else self.snr_weight_slope_db


def awgn_condition(snr_db: float) -> str:
    """Return the name of the test condition at an SNR in dB, as it stands on cards.

    >>> awgn_condition(-3.0)
    'AWGN at -3 dB'
    """
    return f"AWGN at {snr_db:g} dB"


@torch.inference_mode()
def over_awgn_scores(codec: Codec, images: Tensor, snr_db: float, device: torch.device, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Return the squared error [n] and the SSIM [n] of images that are sent over AWGN. Every call with the same seed uses the same noise.

    codec   in evaluation mode, on `device`
    images  float [n, c, h, w] in 0..1
    snr_db  SNR in dB, which Alice and Bob know
    seed    seed of the noise
    """
    scheme, streams, errors, likeness = DeepJscc(codec), Streams(seed), [], []
    for index, chunk in evaluation_batches(images, device):
        estimates = sent_over_awgn(scheme, chunk, snr_db, streams, f"measure/{snr_db:g}", index)
        errors.append(mse(estimates, chunk).cpu())
        likeness.append(ssim(estimates, chunk).cpu())
    return torch.cat(errors), torch.cat(likeness)
