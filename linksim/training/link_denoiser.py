"""Training task of the denoiser of DiffuSeC: a denoiser trained on clean diffusion is fine-tuned through the whole link (Sec. V-B, Eq. 35).

    clean image -> [diffuse t_D] -> [frozen codec over AWGN] -> [calls of the denoiser] -> [one more call, with gradient] -> loss

The reverse process of an image stops at a random step, and the loss compares the estimate of the clean image at that step with the clean
image. In this way every call of the process is trained on the outputs of its own earlier calls, at the cost of one gradient per step.

Differs from the paper: the gradient passes through the last call only, not through all calls. The unit of the squared error in Eq. (35),
which the paper does not specify, is the variance of the pixels; with pixels in 0..1 the loss would be dominated by SSIM, which is
insensitive to brightness.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from linksim.diffusion import diffuse, posterior_step, predict_x0, timesteps, to_pixels, to_unit
from linksim.link import LinkNoise, OfflineLink, over_the_air
from linksim.metrics import mse, psnr_of_mean_mse, ssim
from linksim.nets.cards import Score
from linksim.nets.codecs import Codec
from linksim.nets.unet import UNet
from linksim.nets.weights import load_model
from linksim.rng import Streams
from linksim.schemes.diffusec import Diffusec
from linksim.schemes.parameters import uniform_parameters
from linksim.training.image_task import ImageTask
from linksim.training.noise import EVALUATION_BATCH, evaluation_batches, unit_noise
from linksim.training.order import one_cycle

ZETA, IOTA = 0.8, 0.5  # weights in Eq. (35), Sec. VI-A
SPREAD = 0.06  # variance of CIFAR-10's pixel values in 0..1
# Test condition -> (t_D, t_plus, SNR in dB).
SCORED = {f"t_D {t_d}, t_plus {t_plus}, AWGN at {snr_db:g} dB": (t_d, t_plus, snr_db) for t_d, t_plus, snr_db in (
    (20, 20, -3.0), (20, 10, 3.0), (20, 5, 9.0), (20, 0, 15.0), (40, 5, 9.0),
)}  # fmt: skip


@dataclass(frozen=True)
class LinkDenoiserTask(ImageTask):
    """Fine-tunes a `UNet`.

    dataset              name of the dataset
    config               keyword arguments of the network, those of the model `init_from`
    steps                total number of training steps
    codec                name of the trained codec of the link
    init_from            name of the trained denoiser to start from
    batch                images per step
    peak_rate            learning rate of AdamW at the peak of the cycle
    max_t_d, max_t_plus  largest t_D and t_plus; drawn uniformly per image from 1 and from 0
    snr_db               range of the SNR in dB, drawn uniformly per image
    num_denoiser_calls   upper bound on the denoiser calls per image
    average              decay of the running average of the weights per step, 0..1, or None
    bfloat16             compute in bfloat16 on a CPU that has it, too
    num_eval_images      number of test images for the scores, or None for all
    seed                 seed of all random streams
    """

    dataset: str
    config: dict[str, object]
    steps: int
    codec: str = "diffusec-codec"
    init_from: str = "denoiser-cifar10"
    batch: int = 64
    peak_rate: float = 3e-4
    max_t_d: int = 50
    max_t_plus: int = 50
    snr_db: tuple[float, float] = (-6.0, 18.0)
    num_denoiser_calls: int = 5
    average: float | None = 0.998
    bfloat16: bool = True
    num_eval_images: int | None = 400
    seed: int = 1
    kind: str = field(default="denoiser", init=False)
    conditions: tuple[str, ...] = field(default=tuple(SCORED), init=False)

    @property
    def recipe(self) -> dict[str, object]:
        """The recipe. It contains the digests of the models that the training uses. Raises ModelError if one of them is missing."""
        names = (
            "dataset",
            "codec",
            "init_from",
            "batch",
            "peak_rate",
            "max_t_d",
            "max_t_plus",
            "snr_db",
            "num_denoiser_calls",
            "average",
            "bfloat16",
        )
        rests_on = {f"{name}_sha256": load_model(name, kind).card.sha256 for name, kind in self._parts}
        return {name: getattr(self, name) for name in names} | rests_on

    @property
    def _parts(self) -> tuple[tuple[str, str], ...]:
        """Name and kind of each model that the training uses."""
        return (self.codec, "codec"), (self.init_from, "denoiser")

    def prepare(self, network: nn.Module) -> None:
        """Copy the weights of `init_from`. Raises ModelError if that model is missing."""
        network.load_state_dict(load_model(self.init_from, "denoiser").network.state_dict())

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.AdamW(network.parameters(), lr=self.peak_rate, weight_decay=1e-4, fused=True)

    def rate(self, step: int) -> float:
        return one_cycle(step, self.steps, rise=0.05)

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        """Return the loss of Eq. (35) for the estimate of the clean images at the step at which each reverse process has stopped."""
        assert isinstance(network, UNet)
        images, _ = self._batches(step)
        images = images.to(device)
        draw = self._streams("link/steps", step)
        t_d, t_plus, count = (torch.from_numpy(x).to(device) for x in self._drawn(draw))
        x, here = self._partially_denoised(network, images, t_d, t_d + t_plus, count, step)
        torch.clear_autocast_cache()  # older versions of torch reuse casts made without gradients, and the weights would receive none
        noise = network(x.contiguous(memory_format=torch.channels_last), here)
        return purification_loss(to_pixels(predict_x0(x, here, noise)), images)

    def _drawn(self, draw: np.random.Generator) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], ...]:
        """Return t_D, t_plus and the number of calls before the one with gradient, int64 [batch] each."""
        t_d, t_plus = draw.integers(1, self.max_t_d + 1, self.batch), draw.integers(0, self.max_t_plus + 1, self.batch)
        return t_d, t_plus, draw.integers(0, np.minimum(self.num_denoiser_calls, t_d + t_plus))

    @torch.no_grad()
    def _partially_denoised(
        self, network: UNet, images: Tensor, t_d: Tensor, t_p: Tensor, count: Tensor, step: int
    ) -> tuple[Tensor, Tensor]:
        """Send images over the link and run a part of the reverse process. Returns x [n, c, h, w] in -1..1 and its steps int64 [n].

        images    clean images float [n, c, h, w] in 0..1
        t_d, t_p  diffusion steps at Alice and denoising steps at Bob, int64 [n]
        count     calls of the network, int64 [n], fewer than the whole process of the item needs
        step      training step, which selects noise and SNR
        """
        codec = load_model(self.codec, "codec", images.device.type).network
        assert isinstance(codec, Codec)
        draw = self._streams("link/diffusion", step)

        def drawn() -> Tensor:
            return torch.from_numpy(draw.standard_normal(images.shape, dtype="float32")).to(images.device)

        snr_db = torch.from_numpy(self._streams("link/snr", step).uniform(*self.snr_db, self.batch)).float().to(images.device)
        noise = unit_noise(self._streams, "link/noise", step, self.batch, codec.channel_uses).to(images.device)
        symbols = codec.encode(to_pixels(diffuse(to_unit(images), t_d, drawn())), snr_db)
        x = Diffusec(codec, network, self.num_denoiser_calls).decode(over_the_air(symbols, snr_db, noise))
        path = timesteps(t_p, self.num_denoiser_calls)
        start = len(path) - 1 - t_p.clamp_max(self.num_denoiser_calls)  # number of rows of the path before the first call of an item
        for number in range(int(count.max())):
            active = (count > number).nonzero().squeeze(1)
            here, there = (path[start[active] + number + ahead, active] for ahead in (0, 1))
            clean = predict_x0(x[active], here, network(x[active], here))
            x[active] = posterior_step(x[active], clean, here, there, drawn()[active])
        return x, path[start + count, torch.arange(len(x), device=x.device)]

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        """Return SSIM and PSNR of the images that Bob obtains with the steps and the SNR of the condition, without an attack."""
        assert isinstance(network, UNet)
        t_d, t_plus, snr_db = SCORED[condition]
        got = torch.cat([self._transmit(network, chunk, t_d, t_plus, snr_db, index) for index, chunk in evaluation_batches(images, device)])
        return [
            Score("ssim", condition, ssim(got, images).mean().item(), len(images)),
            Score("psnr_of_mean_mse_db", condition, psnr_of_mean_mse(mse(got, images)), len(images)),
        ]

    @torch.inference_mode()
    def _transmit(self, network: UNet, images: Tensor, t_d: int, t_plus: int, snr_db: float, index: int) -> Tensor:
        """Send images through the scheme over AWGN and return the reconstructions [n, c, h, w] in 0..1, on the CPU."""
        codec = load_model(self.codec, "codec", images.device.type).network
        assert isinstance(codec, Codec)
        link, count, streams = OfflineLink(Diffusec(codec, network, self.num_denoiser_calls)), len(images), Streams(self.seed)
        keys = (streams.key(f"measure/{name}") for name in ("send", "air", "receive"))
        noise = LinkNoise.keyed(keys, index * EVALUATION_BATCH, count).map(lambda rows: rows.to(images.device))
        parameters = uniform_parameters(snr_db, count, (t_d, t_plus), images.device)
        return link(images[:, None], parameters, snr_db, noise).shown()[:, 0].cpu()


def purification_loss(estimates: Tensor, images: Tensor) -> Tensor:
    """Return the loss of Eq. (35), zeta iota' (1 - mean SSIM) + (1 - zeta) mean squared error, for two batches [batch, c, h, w] in 0..1.

    The squared error is in units of the variance of the pixels (`SPREAD`), in which that of a grey image is about one.

    >>> images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    >>> round(purification_loss(images, images).item(), 4)
    0.0
    """
    return ZETA * IOTA * (1.0 - ssim(estimates, images).mean()) + (1.0 - ZETA) / SPREAD * mse(estimates, images).mean()
