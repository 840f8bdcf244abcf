"""The evaluation classifiers by themselves: accuracy on all test images of CIFAR-10, before any link or attack."""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch

from linksim.data.sources import load
from linksim.nets.classifiers import Classifier
from linksim.nets.weights import load_model
from linksim.reproduction.paper import Measurement, Tell
from linksim.reproduction.simulated import weights_of
from linksim.training.order import to_images

BATCH = 250


@dataclass(frozen=True)
class ClassifierAccuracy:
    """A cell: whether a classifier is right, image by image. The images stand in the order of the dataset: there is nothing to draw."""

    evaluator: str
    kind: str = "judging"
    seed: int = 0
    size: int = 10_000

    @property
    def key(self) -> str:
        return f"evaluator/{self.evaluator}"

    def digest(self) -> str:
        return hashlib.sha256(repr([1, weights_of(self.evaluator)]).encode()).hexdigest()[:16]

    def measure(self, tell: Tell) -> Measurement:
        classifier, pictures, seen = load_model(self.evaluator, "classifier").network, load("cifar10", "test"), list[torch.Tensor]()
        assert isinstance(classifier, Classifier)
        with torch.inference_mode():
            for first in range(0, len(pictures.images), BATCH):
                seen.append(classifier(to_images(pictures.images[first : first + BATCH])).argmax(dim=1))
                tell(first + len(seen[-1]))
        return Measurement({"correct": (torch.cat(seen).numpy() == pictures.labels).astype(np.float64)}, {})
