"""Training tasks of DiffSem's adversary and of the strong classifier that evaluates her images (Algorithm 1, stage 3).

    images -> [frozen encoder] -> f -> self-noise of step t ~ U{0..t_max}, channel noise -> z -> [inverter(z, t)] -> squared error, Eq. (5)
    images, images with noise, images of the frozen inverter -> [strong classifier] -> cross entropy, Eq. (6)

The adversary sends images of her own through Alice's transmitter and trains on the pairs (chosen plaintext). A strong classifier that has
seen her images is the stronger classifier: she can train it herself.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from linksim.diffusion import to_pixels, to_unit
from linksim.feature_diffusion import self_noise
from linksim.metrics import mse, psnr_of_mean_mse, ssim
from linksim.nets.cards import Score
from linksim.nets.classifiers import Classifier
from linksim.nets.feature_inverter import FeatureInverter
from linksim.nets.weights import load_model
from linksim.rng import Streams
from linksim.training.features import EVALUATION, SCORED_STEPS, FrozenCodecTask, condition_at, received_features
from linksim.training.noise import evaluation_batches

CLEAN = "clean images"  # test condition


class AttackTask(FrozenCodecTask):
    """Base class of tasks that see the transmitter from outside."""

    @torch.no_grad()
    def capture(self, images: Tensor, steps: Tensor, name: str, index: int, streams: Streams | None = None) -> Tensor:
        """Return the features z that the adversary receives for images [n, colours, h, w] in 0..1.

        steps        T', int64 [n]
        name, index  name of the stream of the noise, and number of the draw
        streams      streams of an evaluation; those of the task by default
        """
        features = self._codec.features(images)
        return received_features(features, steps, self.snr_db, self.draw_noise(name, index, features, streams))


@dataclass(frozen=True)
class FeatureInverterTask(AttackTask):
    """Trains the adversary (`nets.feature_inverter`).

    dataset    name of the dataset of her images
    config     keyword arguments of the network
    steps      total number of steps
    codec      name of the trained codec of Alice
    batch      images per step
    share      part of the training images, see `ImageTask`
    seed       seed of the initial weights and all random streams
    """

    dataset: str
    config: dict[str, object]
    steps: int
    codec: str
    batch: int = 256
    peak_rate: float = 1e-3
    max_step: int = 400
    snr_db: float = 15.0
    mirror: bool = False
    share: tuple[float, float] = (0.0, 1.0)
    average: float | None = 0.995
    seed: int = 1
    kind: str = field(default="feature-inverter", init=False)

    @property
    def recipe(self) -> dict[str, object]:
        names = ("dataset", "codec", "batch", "peak_rate", "max_step", "snr_db", "mirror", "share", "average")
        return {name: getattr(self, name) for name in names} | self._digest

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        """Return the loss of Eq. (5), per pixel value."""
        images, _ = self._batches(step)
        images, steps = images.to(device), self.draw_steps(step, len(images)).to(device)
        return mse(network(self.capture(images, steps, "features/noise", step), steps), images).mean()

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        """Return PSNR and SSIM of her images at one step."""
        assert isinstance(network, FeatureInverter)
        level, streams, errors, likeness = SCORED_STEPS[self.conditions.index(condition)], Streams(self.seed), [], []
        for index, chunk in evaluation_batches(images, device):
            steps = torch.full((len(chunk),), level, device=device)
            seen = network.invert(self.capture(chunk, steps, f"{EVALUATION}/{level}", index, streams), steps)
            errors.append(mse(seen, chunk).cpu())
            likeness.append(ssim(seen, chunk).cpu())
        return [
            Score("psnr_of_mean_mse_db", condition, psnr_of_mean_mse(torch.cat(errors)), len(images)),
            Score("ssim", condition, torch.cat(likeness).mean().item(), len(images)),
        ]


@dataclass(frozen=True)
class StrongClassifierTask(AttackTask):
    """Trains the strong classifier on images, and on the adversary's images if there is an `inverter`.

    A third of the images of a step are clean then, a third are the adversary's, and a third have white noise of the same step (Direct).

    dataset    name of the dataset
    config     keyword arguments of the network
    steps      total number of steps
    inverter   name of the trained adversary, or None for clean images only
    codec      name of the trained codec of Alice
    batch      images per step
    share      part of the training images, see `ImageTask`
    seed       seed of the initial weights and all random streams
    """

    dataset: str
    config: dict[str, object]
    steps: int
    inverter: str | None = None
    codec: str = "diffsem-mnist"
    batch: int = 384
    peak_rate: float = 1e-3
    max_step: int = 400
    snr_db: float = 15.0
    shift: int = 0
    mirror: bool = False
    share: tuple[float, float] = (0.0, 1.0)
    average: float | None = 0.995
    seed: int = 1
    kind: str = field(default="classifier", init=False)

    @property
    def conditions(self) -> tuple[str, ...]:
        return (CLEAN, *(map(condition_at, SCORED_STEPS) if self.inverter is not None else ()))

    @property
    def recipe(self) -> dict[str, object]:
        """The recipe. It contains the digest of the adversary, because another one requires another training."""
        names = ("dataset", "inverter", "batch", "peak_rate", "shift", "mirror", "share", "average")
        found = {name: getattr(self, name) for name in names}
        if self.inverter is None:
            return found
        digest = load_model(self.inverter, "feature-inverter").card.sha256
        return found | {"codec": self.codec, "max_step": self.max_step, "snr_db": self.snr_db, "inverter_sha256": digest}

    @torch.no_grad()
    def _seen(self, images: Tensor, steps: Tensor, name: str, index: int, streams: Streams | None = None) -> Tensor:
        """Return the adversary's images of `images`, in 0..1."""
        assert self.inverter is not None
        inverter = load_model(self.inverter, "feature-inverter").network
        assert isinstance(inverter, FeatureInverter)
        return inverter.invert(self.capture(images, steps, name, index, streams), steps)

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        """Return the cross entropy, Eq. (6)."""
        images, labels = self._batches(step)
        images = images.to(device)
        if self.inverter is not None:
            steps = self.draw_steps(step, len(images)).to(device)
            clean, attacked, noisy = torch.arange(len(images)).tensor_split(3)
            seen = self._seen(images[attacked], steps[attacked], "features/noise", step)
            noise = self.draw_noise("features/direct", step, images[noisy])
            images = torch.cat([images[clean], seen, direct(images[noisy], steps[noisy], noise)])
        return functional.cross_entropy(network(images), labels.to(device))

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        """Return the accuracy on clean images, or on the adversary's images at one step."""
        assert isinstance(network, Classifier)
        streams, found = Streams(self.seed), []
        for index, chunk in evaluation_batches(images, device):
            if condition != CLEAN:
                level = SCORED_STEPS[self.conditions.index(condition) - 1]
                steps = torch.full((len(chunk),), level, device=device)
                chunk = self._seen(chunk, steps, f"{EVALUATION}/{level}", index, streams)
            found.append(network(chunk).argmax(1).cpu())
        return [Score("accuracy", condition, (torch.cat(found) == labels).float().mean().item(), len(images))]


def direct(images: Tensor, steps: Tensor, noise: Tensor) -> Tensor:
    """Return images with the noise of step t added to their pixels, Eq. (11), brought to 0..1: the mode "Direct" (Sec. IV-A).

    images  float [n, colours, h, w] in 0..1; steps int64 [n]; noise standard normal values with the shape of the images
    """
    return to_pixels(self_noise(to_unit(images), steps, steps, noise)).clamp(0.0, 1.0)
