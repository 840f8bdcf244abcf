"""Training task of DiffSem's denoiser: the noise in features at a random step, with or without labels (Algorithm 1, stage 2).

    images -> [frozen encoder] -> f -> step t ~ U{1..T}, noise n -> x^t -> [denoiser(x^t, t, label or zeros)] -> error of n, Eq. (15)

The test score is the squared error of the features after DDIM, without guidance.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from linksim.feature_diffusion import STEPS, self_noise
from linksim.nets.cards import Score
from linksim.nets.feature_receivers import CLASSES
from linksim.rng import Streams
from linksim.schemes.diffsem import Receiver
from linksim.training.feature_receiver import FrozenCodecTask
from linksim.training.features import EVALUATION, SCORED_STEPS, condition_at
from linksim.training.noise import evaluation_batches

NUM_CALLS = 5  # DDIM calls of the evaluation


@dataclass(frozen=True)
class FeatureDenoiserTask(FrozenCodecTask):
    """Trains a denoiser of features for a frozen encoder.

    dataset    name of the dataset
    config     keyword arguments of the network
    steps      total number of steps
    codec      name of the trained codec
    batch      images per step
    drop       share of the images whose label is replaced by zeros; 1 for a denoiser that never sees a label
    share      part of the training images, see `ImageTask`
    seed       seed of the initial weights and all random streams
    """

    dataset: str
    config: dict[str, object]
    steps: int
    codec: str
    batch: int = 512
    peak_rate: float = 1e-3
    max_step: int = STEPS
    snr_db: float = 15.0
    drop: float = 0.5
    mirror: bool = False
    share: tuple[float, float] = (0.0, 1.0)
    average: float | None = 0.999
    seed: int = 1
    kind: str = field(default="feature-denoiser", init=False)

    @property
    def conditions(self) -> tuple[str, ...]:
        return tuple(map(condition_at, SCORED_STEPS[1:]))

    @property
    def recipe(self) -> dict[str, object]:
        names = ("dataset", "codec", "batch", "peak_rate", "max_step", "drop", "mirror", "share", "average")
        return {name: getattr(self, name) for name in names} | self._digest

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        """Return the loss of Eq. (15)."""
        features, labels = self.encoded(step, device)
        steps, noise = self.draw_steps(step, len(labels)).clamp_min(1).to(device), self.draw_noise("features/noise", step, features)
        kept = torch.from_numpy(self._streams("features/drop", step).random(len(labels)) >= self.drop)
        guide = functional.one_hot(labels, CLASSES).float() * kept[:, None].to(device)
        predicted: Tensor = network(self_noise(features, steps, steps, noise), steps, guide)
        return functional.mse_loss(predicted, noise)

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        """Return the mean squared error per feature value after DDIM with `NUM_CALLS` calls and without guidance."""
        level, streams, errors = SCORED_STEPS[1:][self.conditions.index(condition)], Streams(self.seed), []
        codec = self.codec_on(device)
        receiver = Receiver(codec, codec.classifier, network, num_calls=NUM_CALLS)
        for index, chunk in evaluation_batches(images, device):
            features, steps = self.encoded_test(chunk), torch.full((len(chunk),), level, device=device)
            noise = self.draw_noise(f"{EVALUATION}/{level}", index, features, streams)
            denoised = receiver.denoise(self_noise(features, steps, steps, noise), steps)
            errors.append((denoised - features).square().mean(dim=(1, 2, 3)).cpu())
        return [Score("feature_mse", condition, torch.cat(errors).mean().item(), len(images))]
