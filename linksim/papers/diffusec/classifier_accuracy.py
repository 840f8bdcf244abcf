"""Accuracy of the evaluation classifiers on all test images of CIFAR-10, without a link or an attack (Sec. VI-C).

It is the upper limit of all accuracies that are measured with the classifier behind a link. The paper's classifier is a WRN-28-10.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch

from linksim.data.sources import load
from linksim.nets.classifiers import Classifier
from linksim.nets.weights import load_model
from linksim.reproduction.paper import Measurement, ProgressCallback
from linksim.reproduction.simulated import weights_of
from linksim.training.order import to_images

BATCH = 250


@dataclass(frozen=True)
class ClassifierAccuracy:
    """Experiment: whether a classifier is correct, for each image in the order of the data set. Nothing is random, so the seed is 0.

    classifier  name of the trained model

    Metric: "correct", 0 or 1 per image. `measure` raises LinksimError where the classifier or the data set is missing.
    """

    classifier: str
    kind: str = "classifier"
    seed: int = 0
    size: int = 10_000

    @property
    def key(self) -> str:
        return f"classifier/{self.classifier}"

    def digest(self) -> str:
        return hashlib.sha256(repr([1, weights_of(self.classifier)]).encode()).hexdigest()[:16]

    def measure(self, on_progress: ProgressCallback) -> Measurement:
        classifier, dataset, found = load_model(self.classifier, "classifier").network, load("cifar10", "test"), list[torch.Tensor]()
        assert isinstance(classifier, Classifier)
        with torch.inference_mode():
            for first in range(0, len(dataset.images), BATCH):
                found.append(classifier(to_images(dataset.images[first : first + BATCH])).argmax(dim=1))
                on_progress(first + len(found[-1]))
        return Measurement({"correct": (torch.cat(found).numpy() == dataset.labels).astype(np.float64)}, {})
