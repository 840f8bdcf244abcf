"""Training task of the evaluation classifier: cross entropy with label smoothing, mirrored and shifted images, cyclic learning rate."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from linksim.nets.cards import Score
from linksim.nets.classifiers import Classifier
from linksim.training.image_task import ImageTask
from linksim.training.noise import evaluation_batches
from linksim.training.order import cycles, to_images

FITTED = 5000  # number of images that the whitening layer is fitted to


@dataclass(frozen=True)
class ClassifierTask(ImageTask):
    """Trains a `Classifier`.

    Learning rates are per image, because the loss is a sum, and therefore hold at any batch size.

    cycles          (steps, height) of the successive cycles of the learning rate
    batch           images per step
    rate_per_image  learning rate divided by the batch size
    bias_factor     factor on the learning rate of the biases of the norms
    decay_per_step  weight decay per step
    smoothing       label smoothing, 0..1
    shift           largest random translation in pixels
    average         decay of the running average of the weights, or None
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
    kind: str = field(default="classifier", init=False)
    conditions: tuple[str, ...] = field(default=("clean images",), init=False)

    @property
    def steps(self) -> int:
        return sum(steps for steps, _ in self.cycles)

    @property
    def recipe(self) -> dict[str, object]:
        names = ("dataset", "cycles", "batch", "rate_per_image", "bias_factor", "decay_per_step", "momentum", "smoothing", "shift")
        return {name: getattr(self, name) for name in names}

    def prepare(self, network: nn.Module) -> None:
        assert isinstance(network, Classifier)
        network.initialise_from(to_images(self._batches.dataset.images[:FITTED]))

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
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
        return cycles(step, self.cycles, rise=0.23, start=0.2, end=0.02)

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        images, labels = self._batches(step)
        logits = network(images.to(device).contiguous(memory_format=torch.channels_last))
        return functional.cross_entropy(logits, labels.to(device), label_smoothing=self.smoothing, reduction="sum")

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        assert isinstance(network, Classifier)
        return [Score("accuracy", condition, classified_correctly(network, images, labels, device).float().mean().item(), len(images))]


@torch.inference_mode()
def classified_correctly(classifier: Classifier, images: Tensor, labels: Tensor, device: torch.device) -> Tensor:
    """Return whether the classifier assigns each of `images` [n, 3, h, w] in 0..1 its label, bool [n]."""
    return torch.cat([classifier(chunk).argmax(1).cpu() for _, chunk in evaluation_batches(images, device)]) == labels
