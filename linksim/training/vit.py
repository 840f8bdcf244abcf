"""Training task of the ViT codec of DiffuSeC, in the three phases of the paper (Sec. V-A) and two more.

    semantic   S and S^-1 without a channel, SSIM                       Eq. (33)
    channel    C and C^-1 over AWGN on the tokens of S, squared error   Eq. (34)
    joint      the whole codec over AWGN, SSIM                          Eq. (33)
    settling   the same, SSIM and squared error
    refining   the same, squared error weighted by the SNR

Half of the images are diffused first, by a random number of steps, and the codec reconstructs the diffused images, because these are what
it transmits on the link (Eq. 16 with its factor of one).

Differs from the paper in the last two phases: SSIM is insensitive to the mean of a window, and its windows barely cover the edges of an
image, so SSIM alone yields poor brightness and edges. The squared error covers both, and the weighting by the SNR increases the
influence of the small errors at high SNR.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate

import torch
from torch import Tensor, nn

from linksim.diffusion import diffuse, to_pixels, to_unit
from linksim.link import over_the_air
from linksim.metrics import mse, ssim
from linksim.nets.vit import VitJscc
from linksim.training.codec import AwgnTask
from linksim.training.noise import unit_noise
from linksim.training.order import cycles

SSIM_WEIGHT = 0.5  # iota
SQUARED_WEIGHT = 20.0  # weight of the squared error, of pixels in 0..1, in the last two phases
REFINING_SLOPE_DB = 0.42  # increase of that weight in dB per dB of SNR in the last phase
REFINING_MIDDLE_DB = 6.0  # SNR at which the weight is unchanged
HEIGHTS = (1.0, 1.0, 1.0, 0.5, 1.0)  # height of the learning rate cycle of each phase


@dataclass(frozen=True)
class VitTask(AwgnTask):
    """Trains a `VitJscc`.

    dataset              name of the dataset
    config               keyword arguments of the network, with `layout: vit`
    phases               steps of each of the five phases
    batch                images per step
    peak_rate            learning rate of AdamW at a height of 1
    weight_decay         weight decay of AdamW
    max_diffusion_steps  largest number of diffusion steps, t_D max
    num_eval_images      number of test images for the scores, or None for all
    snr_db               range of the SNR in dB, drawn uniformly per image from the second phase on
    average              decay of the running average of the weights per step, 0..1, or None
    bfloat16             compute in bfloat16 on a CPU that has it, too
    seed                 seed of the initial weights and all random streams
    scored_db            SNRs of the evaluation in dB
    """

    dataset: str
    config: dict[str, object]
    phases: tuple[int, int, int, int, int]
    batch: int = 128
    peak_rate: float = 7e-4
    weight_decay: float = 1e-4
    max_diffusion_steps: int = 50
    num_eval_images: int | None = None
    snr_db: tuple[float, float] = (-6.0, 18.0)
    average: float | None = 0.998
    bfloat16: bool = True
    seed: int = 1
    scored_db: tuple[float, ...] = (-6.0, -3.0, 0.0, 3.0, 9.0, 15.0)
    kind: str = field(default="codec", init=False)

    @property
    def steps(self) -> int:
        """Number of steps of all phases."""
        return sum(self.phases)

    @property
    def recipe(self) -> dict[str, object]:
        """All settings but seed, config and the evaluation."""
        names = ("dataset", "phases", "batch", "peak_rate", "weight_decay", "max_diffusion_steps", "snr_db", "average", "bfloat16")
        return {name: getattr(self, name) for name in names}

    def rate(self, step: int) -> float:
        """Return the learning rate factor; each phase is one cycle."""
        return cycles(step, tuple(zip(self.phases, HEIGHTS, strict=True)), rise=0.1)

    def _phase(self, step: int) -> int:
        """Return the index of the phase, 0..4."""
        return bisect_right(tuple(accumulate(self.phases[:-1])), step)

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        """Return the loss of the phase of this step. In the second phase, the semantic encoder and decoder receive no gradient."""
        assert isinstance(network, VitJscc)
        phase = self._phase(step)
        images, _ = self._batches(step)
        images = self._diffused(images, step).to(device)
        if phase == 0:
            return structural_loss(network.decoder.semantic(network.encoder.semantic(images)), images)
        snr_db = torch.from_numpy(self._streams("vit/snr", step).uniform(*self.snr_db, self.batch)).float().to(device)
        noise = unit_noise(self._streams, "vit/noise", step, self.batch, network.channel_uses).to(device)
        if phase == 1:
            with torch.no_grad():
                tokens = network.encoder.semantic(images)
            received = network.decoder.channel(over_the_air(network.encoder.channel(tokens), snr_db, noise).symbols, snr_db)
            error: Tensor = (received - tokens).float().square().mean()  # Eq. (34)
            return error
        estimates = network.decoder(over_the_air(network.encoder(images, snr_db), snr_db, noise).symbols, snr_db)
        loss = structural_loss(estimates, images)
        if phase == 2:
            return loss
        snr_weight_slope_db = REFINING_SLOPE_DB if phase == 4 else 0.0
        weights = SQUARED_WEIGHT * 10 ** (snr_weight_slope_db * (snr_db - REFINING_MIDDLE_DB) / 10)
        return loss + (weights * mse(estimates, images)).mean()

    def _diffused(self, images: Tensor, step: int) -> Tensor:
        """Diffuse every other image by 1 to `max_diffusion_steps` steps. The values may lie outside 0..1.

        images  float [batch, c, h, w] in 0..1, on the CPU
        step    training step, which selects steps and noise
        """
        draw = self._streams("vit/diffusion", step)
        steps = torch.from_numpy(draw.integers(1, self.max_diffusion_steps + 1, len(images)))
        steps[::2] = 0
        noise = torch.from_numpy(draw.standard_normal(images.shape, dtype="float32"))
        return to_pixels(diffuse(to_unit(images), steps, noise))


def structural_loss(estimates: Tensor, images: Tensor) -> Tensor:
    """Return the loss of Eq. (33), iota (1 - mean SSIM), for two batches [batch, c, h, w] in 0..1.

    >>> images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    >>> round(structural_loss(images, images).item(), 4)
    0.0
    """
    return SSIM_WEIGHT * (1.0 - ssim(estimates, images).mean())
