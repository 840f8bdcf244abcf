"""Fitting of eigenfaces: mean and principal components of the training people's faces. There are no training steps.

    training images and their mirror images --> [area mean] --> [subspace iteration] --> components, standard deviations

The components follow from products with the data alone, without a covariance matrix (Halko, Martinsson and Tropp, "Finding Structure with
Randomness", 2011). On the 9,525 training faces with 600 components of 48 x 48 pixels, it takes a minute on one core.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from linksim.nets.cards import Score
from linksim.nets.generator import Eigenfaces, Generator
from linksim.training.generator_scores import CONDITIONS, generator_scores
from linksim.training.image_task import ImageTask
from linksim.training.noise import EVALUATION_BATCH
from linksim.training.order import to_images

SPARE = 40  # components beyond those that are kept, which make the last ones exact
PASSES = 3  # products with the data


@dataclass(frozen=True)
class EigenfacesTask(ImageTask):
    """Fits eigenfaces to the training images and their mirror images.

    dataset          name of the dataset
    config           keyword arguments of `nets.generator.Eigenfaces`, with layout "eigenfaces"
    num_eval_images  number of test images for the scores, None for all
    seed             seed of the first subspace
    """

    dataset: str
    config: dict[str, object]
    num_eval_images: int | None = 1_000
    seed: int = 1
    steps: int = field(default=0, init=False)
    average: float | None = field(default=None, init=False)
    kind: str = field(default="generator", init=False)
    conditions: tuple[str, ...] = field(default=CONDITIONS, init=False)

    @property
    def recipe(self) -> dict[str, object]:
        return {"dataset": self.dataset, "mirror": self.mirror, "passes": PASSES}

    def prepare(self, network: nn.Module) -> None:
        """Fit the components. Raises DataError if the dataset is missing."""
        assert isinstance(network, Eigenfaces)
        pixels = self.load_dataset("train").images
        parts = [to_images(pixels[first : first + EVALUATION_BATCH]) for first in range(0, len(pixels), EVALUATION_BATCH)]
        rows = torch.cat([network.shrink(images) for part in parts for images in ((part, part.flip(3)) if self.mirror else (part,))])
        first = torch.from_numpy(self._streams("eigenfaces/subspace").standard_normal((rows.shape[1], network.latents + SPARE), "float32"))
        mean, deviations, components = principal_components(rows, first, network.latents)
        with torch.no_grad():
            for parameter, value in ((network.mean, mean), (network.spread, deviations), (network.components, components)):
                parameter.copy_(value)

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.SGD(network.parameters(), lr=0.0)

    def rate(self, step: int) -> float:
        return 0.0

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        raise ValueError("eigenfaces have no training steps")

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        """Return the scores of `training.generator_scores`."""
        assert isinstance(network, Generator)
        return generator_scores(network, condition, images, self._streams, device)


def principal_components(rows: Tensor, first: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean [values], standard deviations [count] and principal components [count, values] of data.

    rows   data, float [n, values]; the mean is subtracted in place
    first  random matrix [values, k] that spans the first subspace, k >= count

    The result is that of subspace iteration with `PASSES` products with the data; components are orthonormal, and the one of the largest
    deviation is first.

    >>> draw = torch.Generator().manual_seed(1)
    >>> rows = torch.randn(1000, 3, generator=draw) * torch.tensor([1.0, 5.0, 0.1])
    >>> _, deviations, components = principal_components(rows, torch.randn(3, 2, generator=draw), count=1)
    >>> components.abs().round().tolist()
    [[0.0, 1.0, 0.0]]
    """
    mean = rows.mean(dim=0)
    rows -= mean
    basis = first
    for _ in range(PASSES):
        basis = torch.linalg.qr(rows.T @ (rows @ basis)).Q
    inside = rows @ basis
    variances, vectors = torch.linalg.eigh(inside.T @ inside / len(rows))
    components = (basis @ vectors).flip(1)[:, :count].T
    return mean, variances.flip(0)[:count].clamp_min(0.0).sqrt(), components
