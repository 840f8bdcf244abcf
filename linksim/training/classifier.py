"""Training task of the evaluation classifier: cross entropy with smoothed labels, mirrored and shifted images, one cycle of the rate."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from linksim.nets.cards import Score
from linksim.nets.classifiers import Classifier
from linksim.training.image_task import FromImages
from linksim.training.noise import scored_batches
from linksim.training.order import cycles, to_images

FITTED = 5000  # images that the whitening layer is fitted to


@dataclass(frozen=True)
class ClassifierTask(FromImages):
    """Rates are per image (the loss is a sum), so they hold at any batch size; shifts of the norms learn `bias_factor` times faster.

    cycles  (steps, height) of each rise and fall of the rate, one after the other
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
        network.start_from(to_images(self._batches.pictures.images[:FITTED]))

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
        shifts = [p for name, p in trained.items() if name.endswith("norm.bias")]
        others = [p for name, p in trained.items() if not name.endswith("norm.bias")]
        fast = self.rate_per_image * self.bias_factor
        groups = [
            {"params": shifts, "lr": fast, "weight_decay": self.decay_per_step / fast},
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
        return [Score("accuracy", condition, correct(network, images, labels, device).float().mean().item(), len(images))]


@torch.inference_mode()
def correct(classifier: Classifier, images: Tensor, labels: Tensor, device: torch.device) -> Tensor:
    """bool [n]: whether each of `images` [n, 3, h, w] in 0..1 gets its label."""
    return torch.cat([classifier(part).argmax(1).cpu() for _, part in scored_batches(images, device)]) == labels
