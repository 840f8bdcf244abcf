"""Task of a linear hider: its principal components are fitted to the signals of training images, and nothing is trained.

The share of the power that carries the private signal is a setting of the network.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from linksim.nets.linear_hiders import LinearHider
from linksim.nets.weights import load_model
from linksim.training.hider import HiderTaskBase
from linksim.training.noise import EVALUATION_BATCH


@dataclass(frozen=True)
class LinearHiderTask(HiderTaskBase):
    """Fits a `LinearHider` to a frozen codec. The number of training steps is zero.

    dataset  name of the dataset
    config   keyword arguments of the network
    codec    name of the trained codec
    """

    dataset: str
    config: dict[str, object]
    codec: str
    rayleigh: bool = False
    batch: int = EVALUATION_BATCH
    num_eval_images: int | None = 1_000
    average: float | None = None
    seed: int = 1
    steps: int = field(default=0, init=False)
    kind: str = field(default="hider", init=False)

    @property
    def recipe(self) -> dict[str, object]:
        """The recipe, with the digest of the codec, because another one requires another fit."""
        found: dict[str, object] = {"dataset": self.dataset, "codec": self.codec, "rayleigh": self.rayleigh}
        return found | {"codec_sha256": load_model(self.codec, "codec").card.sha256}

    def prepare(self, network: nn.Module) -> None:
        """Fit the principal components to the signals of training images."""
        assert isinstance(network, LinearHider)
        self.fit_components(network)

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.SGD(network.parameters(), lr=0.0)

    def rate(self, step: int) -> float:
        return 0.0

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        raise ValueError("a linear hider has no training steps")
