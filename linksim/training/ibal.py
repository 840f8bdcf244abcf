"""Training task of the baselines IBAL and IBAL-D: an encoder that hinders the reconstruction of its input by adversarial training.

    images -> [encoder] -> f -> noise of step t -> z -> [classifier] -> cross entropy
                                                    '-> [reversed gradient] -> [decoder] -> lambda times the squared error

The decoder learns to reconstruct the image, the encoder to prevent it (Wang, Guo, Deng, Zhang, Fang, "Privacy-preserving task-oriented
semantic communications against model inversion attacks", IEEE TWC 2024). IBAL-D weights the error by the channel: more at high SNR, where
the adversary sees most. The decoder is not part of the attack that evaluates the encoder: a new adversary is trained for that.

Differs from the source: the features and networks are those of DiffSem, and the noise of the channel is given as a step of equal SNR.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from linksim.feature_diffusion import ABAR
from linksim.metrics import mse
from linksim.nets.features import FeatureCodec
from linksim.training.features import FeatureCodecTask, received_features


class ReversedGradient(torch.autograd.Function):
    """The identity, with a gradient of the opposite sign (Ganin and Lempitsky, 2015)."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        return -gradients[0]


@dataclass(frozen=True)
class IbalTask(FeatureCodecTask):
    """Trains an encoder with its classifier against a decoder.

    adversary_weight  lambda: weight of the squared error relative to the variance of the images
    dynamic           IBAL-D: the weight of an image is lambda abar_t, normalised to the mean lambda
    """

    adversary_weight: float = 0.5
    dynamic: bool = False
    kind: str = field(default="feature-codec", init=False)

    @property
    def recipe(self) -> dict[str, object]:
        return super().recipe | {"adversary_weight": self.adversary_weight, "dynamic": self.dynamic}

    @cached_property
    def _variance(self) -> float:
        """Variance of the pixels of the training images about their mean image."""
        pixels = self._batches.dataset.images[:2000] / 255.0
        return float(((pixels - pixels.mean(axis=0)) ** 2).mean())

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        """Return the cross entropy, Eq. (6), plus the weighted squared error of the decoder behind the reversed gradient."""
        assert isinstance(network, FeatureCodec)
        assert network.decoder is not None
        images, labels = self._batches(step)
        images, steps = images.to(device), self.draw_steps(step, len(images)).to(device)
        features = network.features(images)
        received = received_features(features, steps, self.snr_db, self.draw_noise("features/noise", step, features))
        weights = torch.full((len(images),), self.adversary_weight, device=device)
        if self.dynamic:
            abar = ABAR.to(device)
            weights = weights * abar[steps] / abar[: self.max_step + 1].mean()
        reversed_features: Tensor = ReversedGradient.apply(received)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        error = mse(network.decoder(reversed_features, steps), images) / self._variance
        return functional.cross_entropy(network.classifier(received, received, steps), labels.to(device)) + (weights * error).mean()
