"""Training task of a robust classifier: it is trained on adversarial images of its current weights (adversarial training, Madry et al.,
"Towards Deep Learning Models Resistant to Adversarial Attacks", ICLR 2018).

    min over weights  E [ max over |n| <= bound  cross entropy(classifier(image + n), label) ]

Training starts from a trained classifier and does not change the weights of its whitening layer. The attack uses the running statistics of
the norms, as an attack on the final classifier does; the training step uses the statistics of its batch. The robust classifier is a
baseline of the DiffuSeC experiments. `training.vqvae` attacks its images with the functions of this module.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from linksim.attacks.source import EPSILON, STEPS, cross_entropy_gradient, pgd
from linksim.nets.cards import Score
from linksim.nets.classifiers import Classifier
from linksim.nets.weights import load_model
from linksim.training.classifier import ClassifierTask, classified_correctly
from linksim.training.noise import EVALUATION_BATCH

# Test condition under the attack of DiffuSeC.
ATTACKED = f"PGD {EPSILON * 255:g}/255 x {STEPS}"


@dataclass(frozen=True)
class AdversarialTask(ClassifierTask):
    """Continues the training of a `Classifier` with adversarial images.

    The fields of `ClassifierTask` keep their meaning: its schedule, optimiser and augmentation apply to the adversarial images.

    init_from     name of the trained classifier to start from; its network must have the same config
    attack_steps  number of PGD steps from a random start within `EPSILON`, at least 1; fewer than in the evaluation, to save time
    step_size     size of a PGD step, with pixels in 0..1
    conditions    test conditions: clean images, and images attacked by PGD with the classifier itself as target
    """

    init_from: str = "classifier-cifar10"
    attack_steps: int = 2
    step_size: float = 6 / 255
    num_eval_images: int | None = None
    bfloat16: bool = True
    conditions: tuple[str, ...] = field(default=("clean images", ATTACKED), init=False)

    @property
    def recipe(self) -> dict[str, object]:
        """The recipe. It contains the digest of the initial weights. Raises ModelError if that model is missing."""
        names = ("init_from", "attack_steps", "step_size", "bfloat16")
        digest = load_model(self.init_from, "classifier").card.sha256
        return super().recipe | {name: getattr(self, name) for name in names} | {"init_from_sha256": digest}

    def prepare(self, network: nn.Module) -> None:
        """Copy the weights of `init_from`. Raises ModelError if that model is missing."""
        network.load_state_dict(load_model(self.init_from, "classifier").network.state_dict())

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        """Return the cross entropy of the adversarial images with their labels, with label smoothing, summed over the batch."""
        images, labels = (chunk.to(device) for chunk in self._batches(step))
        attacked = self._attacked(network, images.contiguous(memory_format=torch.channels_last), labels, step)
        return functional.cross_entropy(network(attacked), labels, label_smoothing=self.smoothing, reduction="sum")

    def _attacked(self, network: nn.Module, images: Tensor, labels: Tensor, step: int) -> Tensor:
        """Return adversarial images for the current weights of the network, in the shape of `images`."""
        network.eval()
        start = random_start(images, EPSILON, self._streams("robust/start", step))
        found = pgd(cross_entropy_gradient(network, labels), images, EPSILON, self.attack_steps, self.step_size, start)
        network.train()
        return found

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        assert isinstance(network, Classifier)
        if condition == ATTACKED:
            images = attacked_images(network, images, labels, device)
        return [Score("accuracy", condition, classified_correctly(network, images, labels, device).float().mean().item(), len(images))]


def random_start(images: Tensor, bound: float, draw: np.random.Generator) -> Tensor:
    """Return starting points of an attack: images with uniform noise in -bound..bound added to every pixel.

    images  float [n, c, h, w]
    bound   radius of the ball in which the attack searches, with pixels in 0..1
    draw    generator of the noise

    The values may lie outside 0..1; the attack clips them.

    >>> start = random_start(torch.full((1, 3, 2, 2), 0.5), bound=0.1, draw=np.random.default_rng(1))
    >>> bool((start - 0.5).abs().max() <= 0.1)
    True
    """
    offsets = torch.from_numpy(draw.random(images.shape, dtype=np.float32)).to(images.device)
    return images + bound * (2.0 * offsets - 1.0)


def attacked_images(classifier: nn.Module, images: Tensor, labels: Tensor, device: torch.device) -> Tensor:
    """Attack images by PGD with the settings of DiffuSeC (10 steps within 8/255) and return the adversarial images on the CPU.

    classifier  target of the attack, in evaluation mode, on `device`
    images      float [n, c, h, w] in 0..1
    labels      int64 [n], the classes that the attack leads away from
    """
    batches = zip(torch.split(images, EVALUATION_BATCH), torch.split(labels, EVALUATION_BATCH), strict=True)
    return torch.cat([pgd(cross_entropy_gradient(classifier, of.to(device)), chunk.to(device)).cpu() for chunk, of in batches])
