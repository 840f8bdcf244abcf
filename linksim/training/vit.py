"""Training task of DiffuSeC's ViT codec, in the paper's three phases (Sec. V-A) and two more.

    semantic   S and S^-1 with no radio between them, by SSIM           Eq. (33)
    channel    C and C^-1 over AWGN on the tokens of S, by squared error    Eq. (34)
    joint      all of it over AWGN, by SSIM                             Eq. (33)
    settling   the same, by SSIM and squared error
    refining   the same, the squared error weighted by the SNR

Half of the images are diffused first, by any number of steps that Alice may choose, and are to come back as they were sent: what the
codec carries in the end are diffused images (Eq. 16 with its factor of one).

Differs from the paper in the last two phases: SSIM hardly minds the mean of a window, and its windows hardly reach the edge of an image, so
by SSIM alone brightness and edges are learnt badly. The squared error sees both, and weighted by the SNR it sees the small errors at a high
one too.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate

import torch
from torch import Tensor, nn

from linksim.diffusion import diffuse, to_pixels, to_unit
from linksim.metrics import mse, ssim
from linksim.nets.vit import VitJscc
from linksim.training.codec import OverAwgn
from linksim.training.noise import over_awgn, unit_noise
from linksim.training.order import cycles

SSIM_WEIGHT = 0.5  # iota
SQUARED_WEIGHT = 20.0  # of the squared error in the last two phases
REFINING_SLOPE_DB = 0.42  # by which that weight rises per dB of SNR while refining, in dB
REFINING_MIDDLE_DB = 6.0  # SNR at which it is what it was
HEIGHTS = (1.0, 1.0, 1.0, 0.5, 1.0)  # of each phase's cycle of the learning rate


@dataclass(frozen=True)
class VitTask(OverAwgn):
    """Trains a `VitJscc`.

    phases     steps of each phase
    max_diffusion_steps  of diffusion, t_D max
    snr_db     range the SNR of each image is drawn from, uniformly
    scored_db  SNRs it is measured at
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
        return sum(self.phases)

    @property
    def recipe(self) -> dict[str, object]:
        names = ("dataset", "phases", "batch", "peak_rate", "weight_decay", "max_diffusion_steps", "snr_db", "average", "bfloat16")
        return {name: getattr(self, name) for name in names}

    def rate(self, step: int) -> float:
        """One cycle in each phase."""
        return cycles(step, tuple(zip(self.phases, HEIGHTS, strict=True)), rise=0.1)

    def _phase(self, step: int) -> int:
        """Number of the phase."""
        return bisect_right(tuple(accumulate(self.phases[:-1])), step)

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
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
            received = network.decoder.channel(over_awgn(network.encoder.channel(tokens), snr_db, noise), snr_db)
            error: Tensor = (received - tokens).float().square().mean()  # Eq. (34)
            return error
        estimates = network.decoder(over_awgn(network.encoder(images, snr_db), snr_db, noise), snr_db)
        loss = structural_loss(estimates, images)
        if phase == 2:
            return loss
        snr_weight_slope_db = REFINING_SLOPE_DB if phase == 4 else 0.0
        weights = SQUARED_WEIGHT * 10 ** (snr_weight_slope_db * (snr_db - REFINING_MIDDLE_DB) / 10)
        return loss + (weights * mse(estimates, images)).mean()

    def _diffused(self, images: Tensor, step: int) -> Tensor:
        """Every other image after 1 to `max_diffusion_steps` steps of diffusion, which may leave 0..1; the others as they are."""
        draw = self._streams("vit/diffusion", step)
        steps = torch.from_numpy(draw.integers(1, self.max_diffusion_steps + 1, len(images)))
        steps[::2] = 0
        noise = torch.from_numpy(draw.standard_normal(images.shape, dtype="float32"))
        return to_pixels(diffuse(to_unit(images), steps, noise))


def structural_loss(estimates: Tensor, images: Tensor) -> Tensor:
    """Eq. (33): iota (1 - mean SSIM). [batch, c, h, w] twice -> a number."""
    return SSIM_WEIGHT * (1.0 - ssim(estimates, images).mean())
