"""Training task of DiffuSeC's denoiser: one that knows clean diffusion is tuned on what comes through the whole link (Sec. V-B, Eq. 35).

    clean image -> [diffuse t_D] -> [frozen codec over AWGN] -> [calls of the denoiser] -> [one more, which learns] -> held to the image

An image stops at a random place of its way back, and its estimate of the clean image is held against that image: so every call of the
way learns, on inputs that its own earlier calls made, and a step of training costs one gradient, not one for each call.

Differs from the paper: it learns through that last call only, not through all of them; and the unit of the squared error in Eq. (35), which
the paper does not name, is the variance of pixels. With pixels in 0..1 SSIM alone would rule, which hardly minds an image's brightness.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from linksim.diffusion import diffuse, posterior_step, predict_x0, timesteps, to_pixels, to_unit
from linksim.metrics import mse, psnr_of_mean_mse, ssim
from linksim.nets.cards import Score
from linksim.nets.codecs import Codec
from linksim.nets.unet import UNet
from linksim.nets.weights import load_model
from linksim.phy.baseband import ReceivedSymbols
from linksim.phy.noise import Noise, item_keys
from linksim.rng import Streams
from linksim.schemes.diffusec import Diffusec
from linksim.schemes.parameters import Steps
from linksim.training.image_task import FromImages
from linksim.training.noise import SCORED_BATCH, over_awgn, scored_batches, unit_noise
from linksim.training.order import one_cycle

ZETA, IOTA = 0.8, 0.5  # of Eq. (35), Sec. VI-A
SPREAD = 0.06  # variance of CIFAR-10's pixel values in 0..1
SCORED = {f"t_D {t_d}, t_plus {t_plus}, AWGN at {snr_db:g} dB": (t_d, t_plus, snr_db) for t_d, t_plus, snr_db in (
    (20, 20, -3.0), (20, 10, 3.0), (20, 5, 9.0), (20, 0, 15.0), (40, 5, 9.0),
)}  # fmt: skip


@dataclass(frozen=True)
class LinkDenoiserTask(FromImages):
    """Tunes a `UNet`.

    codec, init_from  trained models: the link's codec, and the denoiser that it starts from
    max_t_d, max_t_plus  largest t_D and t_plus; both are drawn per image, uniformly
    snr_db            range the SNR of each image is drawn from, uniformly
    calls             of the way back, at most
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
        """The weights that it rests on belong to it."""
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
        return (self.codec, "codec"), (self.init_from, "denoiser")

    def prepare(self, network: nn.Module) -> None:
        network.load_state_dict(load_model(self.init_from, "denoiser").network.state_dict())

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.AdamW(network.parameters(), lr=self.peak_rate, weight_decay=1e-4, fused=True)

    def rate(self, step: int) -> float:
        return one_cycle(step, self.steps, rise=0.05)

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        assert isinstance(network, UNet)
        images, _ = self._batches(step)
        images = images.to(device)
        draw = self._streams("link/steps", step)
        t_d, t_plus, place = (torch.from_numpy(x).to(device) for x in self._drawn(draw))
        x, here = self._on_the_way(network, images, t_d, t_d + t_plus, place, step)
        torch.clear_autocast_cache()  # older torch keeps the casts made without gradients, and the weights would learn nothing
        noise = network(x.contiguous(memory_format=torch.channels_last), here)
        return purification_loss(to_pixels(predict_x0(x, here, noise)), images)

    def _drawn(self, draw: np.random.Generator) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], ...]:
        """t_D, t_plus and the number of calls that go before the one which learns, int64 [batch] each."""
        t_d, t_plus = draw.integers(1, self.max_t_d + 1, self.batch), draw.integers(0, self.max_t_plus + 1, self.batch)
        return t_d, t_plus, draw.integers(0, np.minimum(self.num_denoiser_calls, t_d + t_plus))

    @torch.no_grad()
    def _on_the_way(self, network: UNet, images: Tensor, t_d: Tensor, t_p: Tensor, place: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """What came through the link, after `place` calls of its way back -> (x [n, c, h, w] in -1..1, its step int64 [n])."""
        codec = load_model(self.codec, "codec", images.device.type).network
        assert isinstance(codec, Codec)
        draw = self._streams("link/diffusion", step)

        def drawn() -> Tensor:
            return torch.from_numpy(draw.standard_normal(images.shape, dtype="float32")).to(images.device)

        snr_db = torch.from_numpy(self._streams("link/snr", step).uniform(*self.snr_db, self.batch)).float().to(images.device)
        noise = unit_noise(self._streams, "link/noise", step, self.batch, codec.channel_uses).to(images.device)
        symbols = codec.encode(to_pixels(diffuse(to_unit(images), t_d, drawn())), snr_db)
        x = to_unit(codec.decoder(over_awgn(symbols, snr_db, noise), snr_db).float())
        path = timesteps(t_p, self.num_denoiser_calls)
        start = len(path) - 1 - t_p.clamp_max(self.num_denoiser_calls)  # rows of the path that an item waits
        for number in range(int(place.max())):
            going = (place > number).nonzero().squeeze(1)
            here, there = (path[start[going] + number + ahead, going] for ahead in (0, 1))
            clean = predict_x0(x[going], here, network(x[going], here))
            x[going] = posterior_step(x[going], clean, here, there, drawn()[going])
        return x, path[start + place, torch.arange(len(x), device=x.device)]

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        assert isinstance(network, UNet)
        t_d, t_plus, snr_db = SCORED[condition]
        got = torch.cat([self._through(network, part, t_d, t_plus, snr_db, index) for index, part in scored_batches(images, device)])
        return [
            Score("ssim", condition, ssim(got, images).mean().item(), len(images)),
            Score("psnr_of_mean_mse_db", condition, psnr_of_mean_mse(mse(got, images)), len(images)),
        ]

    @torch.inference_mode()
    def _through(self, network: UNet, images: Tensor, t_d: int, t_plus: int, snr_db: float, index: int) -> Tensor:
        """The images through the scheme over AWGN -> [n, c, h, w] in 0..1, on the CPU."""
        codec = load_model(self.codec, "codec", images.device.type).network
        assert isinstance(codec, Codec)
        scheme, count, streams = Diffusec(codec, network, self.num_denoiser_calls), len(images), Streams(self.seed)
        level = torch.full((count,), snr_db, device=images.device)
        parameters = Steps(level, *(torch.full((count,), steps, device=images.device) for steps in (t_d, t_plus)))
        send, air, receive = (
            Noise(torch.from_numpy(item_keys(streams.key(f"measure/{name}"), index * SCORED_BATCH, count).copy()).to(images.device))
            for name in ("send", "air", "receive")
        )
        received = over_awgn(scheme.send(images[:, None], parameters, send), level, air.complex(scheme.channel_uses))
        gain, noise_power = torch.ones(count, 1, dtype=torch.complex64, device=images.device), 10 ** (-level / 10)
        return scheme.receive(ReceivedSymbols(received, gain, noise_power), parameters, receive)[:, 0].cpu()


def purification_loss(estimates: Tensor, images: Tensor) -> Tensor:
    """Eq. (35): zeta iota' (1 - mean SSIM) + (1 - zeta) mean squared error, [batch, c, h, w] twice -> a number.

    The squared error is in units of the variance of pixels, so that, as 1 - SSIM, it is about one for a grey image.
    """
    return ZETA * IOTA * (1.0 - ssim(estimates, images).mean()) + (1.0 - ZETA) / SPREAD * mse(estimates, images).mean()
