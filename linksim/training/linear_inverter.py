"""Task of the linear inverse: ridge regression from the symbols of queries to the coefficients of eigenfaces. There are no training steps.

    queries -> [frozen encoder] -> symbols --(ridge regression)--> coefficients <- [eigenfaces] <- queries

It is the weakest of Eve's estimates that uses all of an image at once. A search through the encoder needs it as a start: the loss has many
local minima, and from the mean face most searches end in one.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from linksim.nets.generator import Eigenfaces
from linksim.nets.inverters import LinearInverse
from linksim.nets.weights import load_model
from linksim.training.noise import EVALUATION_BATCH
from linksim.training.order import to_images
from linksim.training.perceptual_inverter import PerceptualInverterTask


@dataclass(frozen=True)
class LinearInverterTask(PerceptualInverterTask):
    """Fits a `LinearInverse` to a number of queries.

    eigenfaces    name of the eigenfaces; the network has the first ones of them
    fitted_at_db  SNR in dB for which the regression has the least expected error
    """

    steps: int = field(default=0, init=False)
    average: float | None = field(default=None, init=False)
    eigenfaces: str = "face-eigenfaces"
    fitted_at_db: float = 5.0

    @property
    def recipe(self) -> dict[str, object]:
        """The recipe, with the digests of codec and eigenfaces. Raises ModelError if one of them is missing."""
        names = ("dataset", "codec", "num_captured_frames", "eigenfaces", "fitted_at_db")
        digests = {f"{name}_sha256": load_model(getattr(self, name), kind).card.sha256 for name, kind in self._models}
        return {name: getattr(self, name) for name in names} | digests

    @property
    def _models(self) -> tuple[tuple[str, str], ...]:
        """The fields that name models, and the kind of each."""
        return ("codec", "codec"), ("eigenfaces", "generator")

    def prepare(self, network: nn.Module) -> None:
        """Copy the first eigenfaces and fit the regression. Raises ModelError if a model is missing."""
        faces = load_model(self.eigenfaces, "generator").network
        assert isinstance(network, LinearInverse)
        assert isinstance(faces, Eigenfaces)
        count = network.faces.latents
        chunks = (self._queries[first : first + EVALUATION_BATCH] for first in range(0, len(self._queries), EVALUATION_BATCH))
        with torch.no_grad():
            z = torch.cat([faces.embed(to_images(chunk))[0][:, :count] for chunk in chunks])
            weight, bias = ridge_regression(torch.view_as_real(self._symbols).flatten(1), z, 10 ** (-self.fitted_at_db / 10) / 2)
            fitted = {"mean": faces.mean, "components": faces.components[:count], "spread": faces.spread[:count]}
            network.faces.load_state_dict(fitted)
            network.regression.load_state_dict({"weight": weight, "bias": bias})

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.SGD(network.parameters(), lr=0.0)

    def rate(self, step: int) -> float:
        return 0.0

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        raise ValueError("a linear inverse has no training steps")


def ridge_regression(inputs: Tensor, targets: Tensor, variance: float) -> tuple[Tensor, Tensor]:
    """Return weight [targets, inputs] and bias [targets] of the linear estimate of least expected square error.

    inputs    float [n, inputs], without noise
    targets   float [n, targets]
    variance  variance of the noise that is added to each input when the estimate is used

    >>> weight, bias = ridge_regression(torch.tensor([[-1.0], [1.0]]), torch.tensor([[0.0], [4.0]]), variance=1.0)
    >>> weight.item(), bias.item()  # the signal has variance 1, too
    (1.0, 2.0)
    """
    centre, mean = inputs.mean(dim=0), targets.mean(dim=0)
    x, y, load = inputs - centre, targets - mean, len(inputs) * variance
    if len(inputs) < inputs.shape[1]:
        weight = torch.linalg.solve(x @ x.T + load * torch.eye(len(x)), y).T @ x
    else:
        weight = torch.linalg.solve(x.T @ x + load * torch.eye(x.shape[1]), x.T @ y).T
    return weight, mean - weight @ centre
