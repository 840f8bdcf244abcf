"""Training task of the invertible hider (Tang et al., Algorithm 3), and the base class of the tasks of all hiders.

    host, private -> [frozen encoder] -> [hide] -> container -> channel -> [reveal] -> [frozen decoder] -> images

The loss is that of Eqs. (30)-(33), whose weights are those of the paper. Codec and channel are in the loop; nothing about Eve is.

Differs from the paper: the image loss of Eq. (32) is squared error and LPIPS; a batch has 16 pairs of crops, each a quarter of an image;
the learning rate follows one cycle.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from linksim.metrics import mse, psnr_of_mean_mse
from linksim.nets.cards import Score
from linksim.nets.codecs import Codec
from linksim.nets.hiders import Hider
from linksim.nets.invertible import InvertibleHider
from linksim.nets.linear_hiders import LinearHider
from linksim.nets.lpips import load_lpips
from linksim.nets.weights import load_model
from linksim.training.image_task import ImageTask
from linksim.training.noise import EVALUATION_BATCH, equalised, evaluation_batches
from linksim.training.order import one_cycle, to_images

SCORED_DB = (5.0, 20.0)
FITTED = 4_000  # training images that principal components are fitted to
ANY_DB = 10.0  # SNR that is given to an encoder that does not use it


class HiderTaskBase(ImageTask):
    """Base class of the tasks of hiders: the codec, the channel and the scores.

    codec     name of the codec whose signals are hidden
    rayleigh  multiply every symbol by a complex normal gain of its own, which Bob knows and equalises (MMSE), instead of AWGN
    """

    codec: str
    rayleigh: bool = False

    @property
    def conditions(self) -> tuple[str, ...]:
        """One condition per SNR of `SCORED_DB`."""
        return tuple(f"{'Rayleigh' if self.rayleigh else 'AWGN'} at {snr_db:g} dB" for snr_db in SCORED_DB)

    def codec_on(self, device: torch.device) -> Codec:
        """Return the codec on a device."""
        network = load_model(self.codec, "codec", device.type).network
        assert isinstance(network, Codec)
        return network

    def fit_components(self, network: LinearHider) -> None:
        """Fit the principal components of a network to the signals of the first `FITTED` training images."""
        pixels, codec = self.load_dataset("train").images[:FITTED], self.codec_on(torch.device("cpu"))
        chunks = (to_images(pixels[first : first + EVALUATION_BATCH]) for first in range(0, len(pixels), EVALUATION_BATCH))
        with torch.no_grad():
            network.fit(torch.cat([codec.encode(chunk, torch.full((len(chunk),), ANY_DB)) for chunk in chunks]))

    def transmitted(self, symbols: Tensor, snr_db: Tensor, purpose: str, index: int) -> tuple[Tensor, Tensor]:
        """Return equalised symbols, complex [batch, channel_uses], and the SNR after equalisation in dB [batch].

        purpose, index  name and number of the draws of noise and gains
        """
        return equalised(self._streams, purpose, index, symbols, snr_db, self.rayleigh)

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        """Return the scores of pairs of the images, the first half as hosts, with Bob's and with Eve's decoder, and without hiding."""
        assert isinstance(network, Hider)
        snr_db, codec, lpips = SCORED_DB[self.conditions.index(condition)], self.codec_on(device), load_lpips(device)
        pairs = len(images) // 2
        found: dict[str, list[Tensor]] = {}
        for index, hosts in evaluation_batches(images[:pairs], device):
            first = pairs + index * len(hosts)
            privates, given = images[first : first + len(hosts)].to(device), torch.full((len(hosts),), snr_db, device=device)
            with torch.inference_mode():
                host, private = (codec.encode(part, given) for part in (hosts, privates))
                received, after_db = self.transmitted(network.hide(host, private), given, f"measure/{snr_db:g}", index)
                revealed = network.reveal(received, after_db)
                plain = codec.decode(*self.transmitted(private, given, f"measure/{snr_db:g}", index))
                seen = codec.decode(received, after_db)
                bobs_host = codec.decode(revealed.host, revealed.host_snr_db)
                bobs_private = codec.decode(revealed.private, revealed.private_snr_db)
                for name, estimate, image in (
                    ("Bob's host", bobs_host, hosts),
                    ("Bob's private", bobs_private, privates),
                    ("Eve's host", seen, hosts),
                    ("Eve's private", seen, privates),
                    ("without hiding", plain, privates),
                ):
                    found.setdefault(name, []).append(torch.stack([mse(estimate, image), lpips(estimate, image)], dim=1).cpu())
        scores = list[Score]()
        for name, parts in found.items():
            error, distance = torch.cat(parts).unbind(dim=1)
            scores.append(Score("psnr_of_mean_mse_db", f"{condition}, {name}", psnr_of_mean_mse(error), pairs))
            scores.append(Score("lpips", f"{condition}, {name}", distance.mean().item(), pairs))
        return scores


@dataclass(frozen=True)
class HiderTask(HiderTaskBase):
    """Trains an `InvertibleHider` around a frozen codec, Algorithm 3.

    dataset       name of the dataset
    config        keyword arguments of the network
    steps         total number of steps
    codec         name of the trained codec
    weights       weights lambda 1 to 5 of container, lost part, Bob's host, Bob's private signal and private image
    host_image_weight  weight of the host images that the codec's decoder makes of the container and of Bob's host signal; 0 in the paper
    batch         images per step, half of them hosts
    crop          side of random square crops
    share         part of the training images, see `ImageTask`; the paper has 1,000 images
    peak_rate     learning rate of Adam at the peak of the cycle
    clip_norm     largest norm of the gradient
    snr_db        range of the SNR in dB, drawn uniformly per pair
    """

    dataset: str
    config: dict[str, object]
    steps: int
    codec: str
    weights: tuple[float, float, float, float, float] = (1.0, 2.0, 2.0, 1.0, 1.0)
    host_image_weight: float = 0.0
    batch: int = 32
    crop: int | None = 64
    share: tuple[float, float] = (0.0, 1.0)
    peak_rate: float = 2e-3
    clip_norm: float | None = 1.0
    snr_db: tuple[float, float] = (0.0, 20.0)
    rayleigh: bool = False
    num_eval_images: int | None = 1_000
    bfloat16: bool = True
    average: float | None = 0.999
    seed: int = 1
    kind: str = field(default="hider", init=False)

    @property
    def recipe(self) -> dict[str, object]:
        """The recipe, with the digest of the codec, because another one requires another training."""
        channel = ("snr_db", "rayleigh")
        fit = ("weights", "host_image_weight", "batch", "crop", "share", "peak_rate", "clip_norm", "bfloat16", "average")
        found = {name: getattr(self, name) for name in ("dataset", "codec", *channel, *fit)}
        return found | {"codec_sha256": load_model(self.codec, "codec").card.sha256}

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.Adam(network.parameters(), lr=self.peak_rate, fused=True)

    def rate(self, step: int) -> float:
        return one_cycle(step, self.steps, rise=0.1)

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        """Return the loss of a step, Eq. (33); the first half of its images are the hosts."""
        assert isinstance(network, InvertibleHider)
        codec, images = self.codec_on(device), self._batches(step)[0].to(device)
        with torch.no_grad():
            signals = codec.encode(images.contiguous(memory_format=torch.channels_last), torch.full((len(images),), ANY_DB, device=device))
        (host, private), (hosts, image) = signals.chunk(2), images.chunk(2)
        snr_db = torch.from_numpy(self._streams("hider/snr", step).uniform(*self.snr_db, len(host))).float().to(device)
        container, lost = network.embed(host, private)
        power = container.abs().square().mean(dim=1, keepdim=True)
        received, after_db = self.transmitted(container * power.rsqrt(), snr_db, "hider", step)
        revealed = network.reveal(received, after_db)
        estimate = codec.decoder(revealed.private, revealed.private_snr_db).float()
        parts = (
            distance(container, host),  # Eq. (30)
            2.0 * lost.square().mean(),
            distance(revealed.host, host),  # Eq. (31)
            distance(revealed.private, private),
            10.0 * mse(estimate, image).mean() + load_lpips(device)(estimate, image).mean(),  # Eq. (32)
        )
        total = torch.stack([weight * part for weight, part in zip(self.weights, parts, strict=True)]).sum()
        if not self.host_image_weight:
            return total
        shown = torch.cat([received, revealed.host]), torch.cat([after_db, revealed.host_snr_db])
        return total + self.host_image_weight * 10.0 * mse(codec.decoder(*shown).float(), hosts.repeat(2, 1, 1, 1)).mean()


def distance(estimate: Tensor, signal: Tensor) -> Tensor:
    """Return the mean squared error per symbol of complex signals [batch, channel_uses], a tensor without dimensions."""
    return torch.view_as_real(estimate - signal).square().sum(dim=2).mean()
