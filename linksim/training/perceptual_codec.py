"""Training task of a codec for faces: squared error first, then squared error and perceptual distance (Tang et al., Eqs. 5-7).

    images -> [encoder] -> AWGN or Rayleigh fading at the SNR -> [equaliser, decoder(SNR)] -> squared error + weight LPIPS

The perceptual distance joins for the last steps of the training, because it is of use only once the image is recognisable.

Differs from the paper: the perceptual loss is LPIPS with AlexNet instead of VGG16. Under fading, every symbol has a gain of its own, as in
the Hadamard product of Eq. (3).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from linksim.metrics import ms_ssim, mse, psnr_of_mean_mse
from linksim.nets.cards import Score
from linksim.nets.codecs import Codec
from linksim.nets.lpips import load_lpips
from linksim.training.codec import CodecTask
from linksim.training.noise import equalised, evaluation_batches


@dataclass(frozen=True)
class PerceptualCodecTask(CodecTask):
    """Trains encoder and decoder as `CodecTask` does, with a perceptual distance and optional fading.

    lpips_weight      weight of LPIPS beside the weighted squared error
    perceptual_steps  number of steps with LPIPS, at the end
    rayleigh          multiply every symbol by a complex normal gain of its own, which Bob knows and equalises (MMSE)
    num_eval_images   number of test images for the evaluation, None for all
    bfloat16          compute in bfloat16 on a CPU that has it, too
    """

    lpips_weight: float = 0.01
    perceptual_steps: int = 0
    rayleigh: bool = False
    num_eval_images: int | None = 500
    bfloat16: bool = True

    @property
    def recipe(self) -> dict[str, object]:
        names = ("lpips_weight", "perceptual_steps", "rayleigh", "bfloat16")
        return super().recipe | {name: getattr(self, name) for name in names}

    @property
    def conditions(self) -> tuple[str, ...]:
        """One condition per SNR of `scored_db`, over the channel of the training."""
        return tuple(f"{'Rayleigh' if self.rayleigh else 'AWGN'} at {snr_db:g} dB" for snr_db in self.scored_db)

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        """Return the mean over the batch of the squared error, each image with the weight of its SNR, and of the perceptual distance."""
        images, estimates, snr_db = self.transmitted(network, step, device)
        error = (mse(estimates, images) * self.weight(step, snr_db)).mean()
        if step < self.steps - self.perceptual_steps:
            return error
        perceived: Tensor = load_lpips(device)(estimates, images)
        return error + self.lpips_weight * perceived.mean()

    def received(self, step: int, symbols: Tensor, snr_db: Tensor) -> tuple[Tensor, Tensor]:
        """See `CodecTask.received`."""
        return equalised(self._streams, "codec", step, symbols, snr_db, self.rayleigh)

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        """Return the PSNR of the mean squared error, the mean MS-SSIM and the mean LPIPS at the SNR of the condition."""
        assert isinstance(network, Codec)
        snr_db = self.scored_db[self.conditions.index(condition)]
        errors, likeness, distances = [], [], []
        for index, chunk in evaluation_batches(images, device):
            given = torch.full((len(chunk),), snr_db, device=device)
            with torch.inference_mode():
                received = equalised(self._streams, f"measure/{snr_db:g}", index, network.encode(chunk, given), given, self.rayleigh)
                estimates = network.decode(*received)
                errors.append(mse(estimates, chunk).cpu())
                likeness.append(ms_ssim(estimates, chunk).cpu())
                distances.append(load_lpips(device)(estimates, chunk).cpu())
        return [
            Score("psnr_of_mean_mse_db", condition, psnr_of_mean_mse(torch.cat(errors)), len(images)),
            Score("ms_ssim", condition, torch.cat(likeness).mean().item(), len(images)),
            Score("lpips", condition, torch.cat(distances).mean().item(), len(images)),
        ]
