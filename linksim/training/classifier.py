"""Training task of the evaluation classifier: cross entropy with label smoothing, mirrored and shifted images, cyclic learning rate.

The recipe follows K. Jordan, "94 % on CIFAR-10 in 3.29 seconds on a single GPU", 2024. The evaluator of a run uses the resulting network,
and `training.adversarial_training` continues the training on adversarial images.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from linksim.nets.cards import Score
from linksim.nets.classifiers import Classifier
from linksim.training.image_task import ImageTask
from linksim.training.noise import evaluation_batches
from linksim.training.order import cycles, to_images, translate

FITTED = 5000  # number of images that the whitening layer is fitted to
CLEAN, AVERAGED = "clean images", "clean images, six views averaged"  # test conditions


@dataclass(frozen=True)
class ClassifierTask(ImageTask):
    """Trains a `Classifier`.

    Learning rates are per image, because the loss is a sum, and therefore hold at any batch size.

    dataset         name of the dataset
    config          keyword arguments of the network, see `nets.networks.NETWORKS`
    cycles          (steps, height) of the successive cycles of the learning rate
    batch           images per step
    rate_per_image  learning rate divided by the batch size
    bias_factor     factor on the learning rate of the biases of the norms
    decay_per_step  weight decay per step
    momentum        Nesterov momentum, 0..1
    smoothing       label smoothing, 0..1
    shift           largest random translation in pixels
    average         decay of the running average of the weights per step, 0..1, or None
    seed            seed of the initial weights and all random streams
    bfloat16        compute in bfloat16 on a CPU that has it, too
    conditions      test conditions: `CLEAN`, and `AVERAGED` for the mean of the logits of six views of each image
    share           part of the training images, see `ImageTask`
    """

    dataset: str
    config: dict[str, object]
    cycles: tuple[tuple[int, float], ...]
    batch: int = 500
    rate_per_image: float = 1.465e-3
    bias_factor: float = 64.0
    decay_per_step: float = 2.0e-3
    momentum: float = 0.85
    smoothing: float = 0.2
    shift: int = 2
    average: float | None = None
    seed: int = 1
    bfloat16: bool = False
    conditions: tuple[str, ...] = (CLEAN,)
    share: tuple[float, float] = (0.0, 1.0)
    kind: str = field(default="classifier", init=False)

    @property
    def steps(self) -> int:
        """Number of steps of all cycles."""
        return sum(steps for steps, _ in self.cycles)

    @property
    def recipe(self) -> dict[str, object]:
        """The recipe. It contains `average`, `bfloat16` and `share` only if they differ from their defaults."""
        names = ("dataset", "cycles", "batch", "rate_per_image", "bias_factor", "decay_per_step", "momentum", "smoothing", "shift")
        share = self.share if self.share != (0.0, 1.0) else None
        optional = {"average": self.average, "bfloat16": self.bfloat16 or None, "share": share}
        return {name: getattr(self, name) for name in names} | {name: value for name, value in optional.items() if value is not None}

    def prepare(self, network: nn.Module) -> None:
        """Fit the whitening layer, if the network has one, to the first `FITTED` training images."""
        assert isinstance(network, Classifier)
        network.initialise_from(to_images(self._batches.dataset.images[:FITTED]))

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        """Return SGD with Nesterov momentum. The biases of the norms have a learning rate and a weight decay of their own."""
        trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
        biases = [p for name, p in trained.items() if name.endswith("norm.bias")]
        others = [p for name, p in trained.items() if not name.endswith("norm.bias")]
        fast = self.rate_per_image * self.bias_factor
        groups = [
            {"params": biases, "lr": fast, "weight_decay": self.decay_per_step / fast},
            {"params": others, "lr": self.rate_per_image, "weight_decay": self.decay_per_step / self.rate_per_image},
        ]
        return torch.optim.SGD(groups, momentum=self.momentum, nesterov=True)

    def rate(self, step: int) -> float:
        """Return the learning rate factor: each cycle rises from 0.2 to 1 of its height within 23 % of its steps and falls to 0.02."""
        return cycles(step, self.cycles, rise=0.23, start=0.2, end=0.02)

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        """Return the cross entropy with label smoothing, summed over the batch."""
        images, labels = self._batches(step)
        logits = network(images.to(device).contiguous(memory_format=torch.channels_last))
        return functional.cross_entropy(logits, labels.to(device), label_smoothing=self.smoothing, reduction="sum")

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        """Return the accuracy, 0..1, of single images or of six views averaged, as the condition says."""
        assert isinstance(network, Classifier)
        correct = (averaged_correctly if condition == AVERAGED else classified_correctly)(network, images, labels, device)
        return [Score("accuracy", condition, correct.float().mean().item(), len(images))]


@torch.inference_mode()
def classified_correctly(classifier: Classifier, images: Tensor, labels: Tensor, device: torch.device) -> Tensor:
    """Return whether the classifier assigns each image its label, bool [n] on the CPU.

    classifier  in evaluation mode, on `device`
    images      float [n, 3, h, w] in 0..1
    labels      int64 [n], on the CPU
    """
    return torch.cat([classifier(chunk).argmax(1).cpu() for _, chunk in evaluation_batches(images, device)]) == labels


@torch.inference_mode()
def averaged_correctly(classifier: Classifier, images: Tensor, labels: Tensor, device: torch.device) -> Tensor:
    """Return whether the mean of the logits over six views of each of `images` [n, 3, h, w] in 0..1 assigns it its label, bool [n].

    The views are the image and its mirror image, with weight 1/4 each, and both of them shifted by one pixel to the upper left and to the
    lower right, with weight 1/8 each. Arguments are those of `classified_correctly`. Evaluations under attack never average views, because
    the attack targets a single image.
    """
    decisions = []
    for _, chunk in evaluation_batches(images, device):
        both = (chunk, chunk.flip(3))
        shifted = [translate(view, np.full((len(view), 2), offset), 1) for view in both for offset in (0, 2)]
        logits = sum(classifier(view) for view in both) / 4 + sum(classifier(view) for view in shifted) / 8
        decisions.append(logits.argmax(1).cpu())
    return torch.cat(decisions) == labels
