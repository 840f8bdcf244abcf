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
from linksim.training.feature_receiver import FrozenCodecTask
from linksim.training.features import EVALUATION, SCORED_STEPS, condition_at, received_features
from linksim.training.noise import evaluation_batches

CLEAN = "clean images"  # test condition


class AttackTask(FrozenCodecTask):
    """Base class of tasks that see the transmitter from outside."""

    def capture(self, step: int, steps: Tensor, device: torch.device) -> Tensor:
        """Return the features z that the adversary receives for the images of a training step, with T' of `steps`, int64 [batch]."""
        features, _ = self.encoded(step, device)
        return received_features(features, steps, self.snr_db, self.draw_noise("features/noise", step, features))

    def capture_at(self, level: int, images: Tensor, index: int) -> tuple[Tensor, Tensor]:
        """Return the features z that she receives for test images [n, colours, h, w] in 0..1 at T' = `level`, and T' as int64 [n].

        index  number of the batch
        """
        features, steps = self.encoded_test(images), torch.full((len(images),), level, device=images.device)
        noise = self.draw_noise(f"{EVALUATION}/{level}", index, features, Streams(self.seed))
        return received_features(features, steps, self.snr_db, noise), steps


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
        return mse(network(self.capture(step, steps, device), steps), images).mean()

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        """Return PSNR and SSIM of her images at one step."""
        assert isinstance(network, FeatureInverter)
        level, errors, likeness = SCORED_STEPS[self.conditions.index(condition)], [], []
        for index, chunk in evaluation_batches(images, device):
            seen = network.invert(*self.capture_at(level, chunk, index))
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

    dataset          name of the dataset
    config           keyword arguments of the network
    steps            total number of steps
    inverter         name of the trained adversary, or None for clean images only
    start            name of a trained classifier that the training starts from, or None for random weights
    codec            name of the trained codec of Alice
    batch            images per step
    share            part of the training images, see `ImageTask`
    num_eval_images  number of test images for the evaluation, None for all
    seed             seed of the initial weights and all random streams
    """

    dataset: str
    config: dict[str, object]
    steps: int
    inverter: str | None = None
    start: str | None = None
    codec: str = "diffsem-mnist"
    batch: int = 384
    peak_rate: float = 1e-3
    max_step: int = 400
    snr_db: float = 15.0
    mirror: bool = False
    share: tuple[float, float] = (0.0, 1.0)
    average: float | None = 0.995
    num_eval_images: int | None = None
    seed: int = 1
    kind: str = field(default="classifier", init=False)

    @property
    def conditions(self) -> tuple[str, ...]:
        return (CLEAN, *(map(condition_at, SCORED_STEPS) if self.inverter is not None else ()))

    @property
    def recipe(self) -> dict[str, object]:
        """The recipe. It contains the digest of the adversary, because another one requires another training."""
        names = ("dataset", "inverter", "batch", "peak_rate", "mirror", "share", "average")
        found = {name: getattr(self, name) for name in names}
        if self.start is not None:
            found |= {"start": self.start, "start_sha256": load_model(self.start, "classifier").card.sha256}
        if self.inverter is None:
            return found
        digest = load_model(self.inverter, "feature-inverter").card.sha256
        return found | {"codec": self.codec, "max_step": self.max_step, "snr_db": self.snr_db, "inverter_sha256": digest}

    def prepare(self, network: nn.Module) -> None:
        """Copy the weights of the classifier that the training starts from, if there is one."""
        if self.start is not None:
            network.load_state_dict(load_model(self.start, "classifier").network.state_dict())

    def inverter_on(self, device: torch.device) -> FeatureInverter:
        """Return the adversary on a device."""
        assert self.inverter is not None
        network = load_model(self.inverter, "feature-inverter", device.type).network
        assert isinstance(network, FeatureInverter)
        return network

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        """Return the cross entropy, Eq. (6)."""
        images, labels = self._batches(step)
        images = images.to(device)
        if self.inverter is not None:
            steps = self.draw_steps(step, len(images)).to(device)
            clean, attacked, noisy = torch.arange(len(images)).tensor_split(3)
            with torch.no_grad():
                seen = self.inverter_on(device).invert(self.capture(step, steps, device)[attacked], steps[attacked])
            noise = self.draw_noise("features/direct", step, images[noisy])
            images = torch.cat([images[clean], seen, direct(images[noisy], steps[noisy], noise)])
        return functional.cross_entropy(network(images), labels.to(device))

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        """Return the accuracy on clean images, or on the adversary's images at one step."""
        assert isinstance(network, Classifier)
        found = []
        for index, chunk in evaluation_batches(images, device):
            if condition != CLEAN:
                level = SCORED_STEPS[self.conditions.index(condition) - 1]
                chunk = self.inverter_on(device).invert(*self.capture_at(level, chunk, index))
            found.append(network(chunk).argmax(1).cpu())
        return [Score("accuracy", condition, (torch.cat(found) == labels).float().mean().item(), len(images))]


def direct(images: Tensor, steps: Tensor, noise: Tensor) -> Tensor:
    """Return images with the noise of step t added to their pixels, Eq. (11), brought to 0..1: the mode "Direct" (Sec. IV-A).

    images  float [n, colours, h, w] in 0..1; steps int64 [n]; noise standard normal values with the shape of the images
    """
    return to_pixels(self_noise(to_unit(images), steps, steps, noise)).clamp(0.0, 1.0)
