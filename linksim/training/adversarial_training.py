"""Training task of a classifier that withstands attacks: it learns from images that are made against itself as it stands (adversarial training,
Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", ICLR 2018).

    min over weights  E [ max over |n| <= bound  cross entropy(classifier(image + n), label) ]

It goes on from a trained classifier, whose whitening stays as it is. The attack is made with the running statistics of the norms, as they
will be when somebody attacks it; the step of learning takes those of its batch.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from linksim.attacks.source import BOUND, STEPS, cross_entropy_gradient, pgd
from linksim.nets.cards import Score
from linksim.nets.classifiers import Classifier
from linksim.nets.weights import load_model
from linksim.training.classifier import ClassifierTask, correct
from linksim.training.noise import SCORED_BATCH

ATTACKED = f"PGD {BOUND * 255:g}/255 x {STEPS}"


@dataclass(frozen=True)
class AdversarialTask(ClassifierTask):
    """Trains a `Classifier` further.

    init_from         trained classifier that it goes on from
    attack_steps  of PGD from a random start, each of `step_size`, within `BOUND`
    """

    init_from: str = "classifier-cifar10"
    attack_steps: int = 2
    step_size: float = 6 / 255
    num_eval_images: int | None = None
    bfloat16: bool = True
    conditions: tuple[str, ...] = field(default=("clean images", ATTACKED), init=False)

    @property
    def recipe(self) -> dict[str, object]:
        names = ("init_from", "attack_steps", "step_size", "bfloat16")
        digest = load_model(self.init_from, "classifier").card.sha256
        return super().recipe | {name: getattr(self, name) for name in names} | {"init_from_sha256": digest}

    def prepare(self, network: nn.Module) -> None:
        network.load_state_dict(load_model(self.init_from, "classifier").network.state_dict())

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        images, labels = (part.to(device) for part in self._batches(step))
        attacked = self._attacked(network, images.contiguous(memory_format=torch.channels_last), labels, step)
        return functional.cross_entropy(network(attacked), labels, label_smoothing=self.smoothing, reduction="sum")

    def _attacked(self, network: nn.Module, images: Tensor, labels: Tensor, step: int) -> Tensor:
        """The images, attacked."""
        network.eval()
        start = near(images, BOUND, self._streams("robust/start", step))
        found = pgd(cross_entropy_gradient(network, labels), images, BOUND, self.attack_steps, self.step_size, start)
        network.train()
        return found

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        assert isinstance(network, Classifier)
        if condition == ATTACKED:
            images = attacked_images(network, images, labels, device)
        return [Score("accuracy", condition, correct(network, images, labels, device).float().mean().item(), len(images))]


def near(images: Tensor, bound: float, draw: np.random.Generator) -> Tensor:
    """Images [n, c, h, w] moved at random, each pixel by up to `bound`: where an attack may begin."""
    apply_action = torch.from_numpy(draw.random(images.shape, dtype=np.float32)).to(images.device)
    return images + bound * (2.0 * apply_action - 1.0)


def attacked_images(classifier: nn.Module, images: Tensor, labels: Tensor, device: torch.device) -> Tensor:
    """PGD as DiffuSeC has it (10 steps within 8/255), made on the classifier. Images float [n, c, h, w] in 0..1, labels int64 [n] -> images
    on the CPU."""
    parts = zip(torch.split(images, SCORED_BATCH), torch.split(labels, SCORED_BATCH), strict=True)
    return torch.cat([pgd(cross_entropy_gradient(classifier, of.to(device)), part.to(device)).cpu() for part, of in parts])
