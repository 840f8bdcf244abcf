"""Training task of a classifier of purified images: a trained classifier is fine-tuned on what diffusion and denoising leave of an image.

    a third of a batch   image ------------------------------------------------------------------> |
    another third        image ----------------------------> [diffuse to step t] -> [denoise] ---> | classifier -> cross entropy
    the last third       image -> [PGD on the classifier] -> [diffuse to step t] -> [denoise] ---> |

Purification removes details of an image and leaves a part of an attack; a classifier that has seen neither is less accurate on both. The
attacker knows the current classifier and not the purification (grey box), as in the evaluation of DiffuSeC. The images that are not
purified maintain the accuracy without purification.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from linksim.diffusion import denoise, diffuse, to_pixels, to_unit
from linksim.nets.cards import Score
from linksim.nets.classifiers import Classifier
from linksim.nets.weights import load_model
from linksim.rng import Streams
from linksim.training.adversarial_training import AdversarialTask
from linksim.training.classifier import CLEAN, classified_correctly
from linksim.training.noise import evaluation_batches

SCORED_STEP = 50  # diffusion step of the evaluation
PURIFIED = f"clean images purified from step {SCORED_STEP}"  # test condition


@dataclass(frozen=True)
class PurifiedTask(AdversarialTask):
    """Continues the training of a `Classifier` with purified images.

    The fields of `AdversarialTask` keep their meaning; its attack applies to the last third of a batch.

    denoiser            name of the trained denoiser
    diffusion_steps     range of the diffusion step t, drawn uniformly per image, both ends included
    num_denoiser_calls  upper bound on the denoiser calls per image
    conditions          test conditions: clean images, and clean images purified from `SCORED_STEP`
    """

    denoiser: str = "denoiser-cifar10"
    diffusion_steps: tuple[int, int] = (10, 100)
    num_denoiser_calls: int = 5
    conditions: tuple[str, ...] = field(default=(CLEAN, PURIFIED), init=False)

    @property
    def recipe(self) -> dict[str, object]:
        """The recipe. It contains the digests of both models that the task uses. Raises ModelError if one of them is missing."""
        names = ("denoiser", "diffusion_steps", "num_denoiser_calls")
        digest = load_model(self.denoiser, "denoiser").card.sha256
        return super().recipe | {name: getattr(self, name) for name in names} | {"denoiser_sha256": digest}

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        """Return the cross entropy of the three thirds of a batch with their labels, with label smoothing, summed over the batch."""
        images, labels = (chunk.to(device) for chunk in self._batches(step))
        images = images.contiguous(memory_format=torch.channels_last)
        kept, purified, attacked = torch.arange(len(images)).tensor_split(3)
        found = self._attacked(network, images[attacked], labels[attacked], step)
        draw = self._streams("purified/steps", step)
        steps = torch.from_numpy(draw.integers(self.diffusion_steps[0], self.diffusion_steps[1] + 1, len(purified) + len(attacked)))
        cleaned = self.purified(torch.cat([images[purified], found]), steps.to(device), self._streams("purified/noise", step))
        logits = network(torch.cat([images[kept], cleaned]).contiguous(memory_format=torch.channels_last))
        return functional.cross_entropy(logits, labels, label_smoothing=self.smoothing, reduction="sum")

    @torch.no_grad()
    def purified(self, images: Tensor, steps: Tensor, draw: np.random.Generator) -> Tensor:
        """Diffuse images float [n, c, h, w] in 0..1 to their steps, int64 [n], and denoise them. -> the same shape, in 0..1.

        draw  generator of the noise of both directions
        """
        network = load_model(self.denoiser, "denoiser", images.device.type).network

        def drawn(_: int = 0) -> Tensor:
            return torch.from_numpy(draw.standard_normal(images.shape, dtype="float32")).to(images.device)

        return to_pixels(denoise(network, diffuse(to_unit(images), steps, drawn()), steps, drawn, self.num_denoiser_calls))

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        """Return the accuracy, 0..1, without an attack, of images or of purified images, as the condition says."""
        assert isinstance(network, Classifier)
        if condition == PURIFIED:
            streams = Streams(self.seed)
            images = torch.cat([self._from_scored_step(chunk, streams, index) for index, chunk in evaluation_batches(images, device)])
        return [Score("accuracy", condition, classified_correctly(network, images, labels, device).float().mean().item(), len(images))]

    def _from_scored_step(self, images: Tensor, streams: Streams, index: int) -> Tensor:
        """Purify an evaluation batch from `SCORED_STEP`. Its number selects the noise. Returns the images on the CPU."""
        steps = torch.full((len(images),), SCORED_STEP, device=images.device)
        return self.purified(images, steps, streams("measure/purified", index)).cpu()
