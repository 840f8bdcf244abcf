"""Training task of the denoiser on diffused images without a link: prediction of the noise at the few steps that purification uses.

    image --> [diffuse by a random step, Eq. (12)] --> [network] --> predicted noise, compared with the noise that was added

The network is the starting point of `training.link_denoiser`, which adapts it to images that a codec has decoded.

Differs from the reference (Ho, Jain, Abbeel, 2020): only the first `max_diffusion_steps` of the 1,000 steps are trained, because images are
never generated from pure noise.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from linksim.diffusion import diffuse, predict_x0, to_pixels, to_unit
from linksim.metrics import mse, psnr_of_mean_mse
from linksim.nets.cards import Score
from linksim.nets.unet import UNet
from linksim.rng import Streams
from linksim.training.image_task import ImageTask
from linksim.training.noise import evaluation_batches
from linksim.training.order import cycles

SCORED_STEPS = (10, 30, 50, 100)  # diffusion steps of the evaluation


@dataclass(frozen=True)
class DenoiserTask(ImageTask):
    """Trains a `UNet` with the simple loss of DDPM.

    dataset              name of the dataset
    config               keyword arguments of the network, see `nets.unet.UNet`
    cycles               (steps, height) of the successive cycles of the learning rate
    batch                images per step
    peak_rate            learning rate of AdamW at a height of 1
    max_diffusion_steps  largest diffusion step; steps are drawn per image, uniformly from 1
    focus                first and last diffusion step of a range from which half of the steps are drawn instead, or None
    average              decay of the running average of the weights per step, 0..1, or None
    bfloat16             compute in bfloat16 on a CPU that has it, too
    seed                 seed of the initial weights and all random streams
    """

    dataset: str
    config: dict[str, object]
    cycles: tuple[tuple[int, float], ...]
    batch: int = 64
    peak_rate: float = 1e-3
    max_diffusion_steps: int = 100
    focus: list[int] | None = None
    average: float | None = 0.9995
    bfloat16: bool = True
    seed: int = 1
    kind: str = field(default="denoiser", init=False)
    conditions: tuple[str, ...] = field(default=tuple(f"step {step}" for step in SCORED_STEPS), init=False)

    @property
    def steps(self) -> int:
        """Number of training steps of all cycles."""
        return sum(steps for steps, _ in self.cycles)

    @property
    def recipe(self) -> dict[str, object]:
        """All settings but seed, steps and config. `focus` only where there is one."""
        names = ("dataset", "cycles", "batch", "peak_rate", "max_diffusion_steps", "average", "bfloat16")
        return {name: getattr(self, name) for name in names} | ({} if self.focus is None else {"focus": self.focus})

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.AdamW(network.parameters(), lr=self.peak_rate, weight_decay=1e-4, fused=True)

    def rate(self, step: int) -> float:
        return cycles(step, self.cycles, rise=0.05)

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        """Return the mean squared error of the predicted noise, whose variance is one (Ho et al., Eq. 14)."""
        images, _ = self._batches(step)
        draw = self._streams("denoiser", step)
        drawn = draw.integers(1, self.max_diffusion_steps + 1, self.batch)
        if self.focus is not None:
            drawn[::2] = draw.integers(self.focus[0], self.focus[1] + 1, len(drawn[::2]))
        steps = torch.from_numpy(drawn).to(device)
        noise = torch.from_numpy(draw.standard_normal(images.shape, dtype="float32")).to(device)
        noisy = diffuse(to_unit(images.to(device)), steps, noise).contiguous(memory_format=torch.channels_last)
        predicted: Tensor = network(noisy, steps)
        return (predicted - noise).square().mean()

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        """Return the PSNR of images that are diffused to the step of the condition and denoised by one call of the network."""
        assert isinstance(network, UNet)
        step = SCORED_STEPS[self.conditions.index(condition)]
        error = torch.cat(
            [mse(self._cleaned(network, chunk, step, index), chunk).cpu() for index, chunk in evaluation_batches(images, device)]
        )
        return [Score("psnr_of_mean_mse_db", condition, psnr_of_mean_mse(error), len(images))]

    @torch.inference_mode()
    def _cleaned(self, network: UNet, images: Tensor, step: int, index: int) -> Tensor:
        """Diffuse images to `step` and denoise them with one call of the network. Returns [n, c, h, w] in 0..1.

        index  number of the batch, which selects the noise
        """
        draw = Streams(self.seed)(f"measure/{step}", index)
        noise = torch.from_numpy(draw.standard_normal(images.shape, dtype="float32")).to(images.device)
        steps = torch.full((len(images),), step, device=images.device)
        noisy = diffuse(to_unit(images), steps, noise)
        return to_pixels(predict_x0(noisy, steps, network(noisy, steps)))
