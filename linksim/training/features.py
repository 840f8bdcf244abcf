"""Training task of DiffSem's encoder with its classifier (Algorithm 1, stage 1), and the base class of all tasks on features.

    images -> [encoder] -> f -> self-noise of step t ~ U{0..t_max} and channel noise -> z -> [classifier(z, z, t)] -> cross entropy

The channel has a fixed SNR relative to unit power. Alice leaves a margin for it (Eq. 24), so z has the noise of step t, or that of the
channel where it alone is stronger.

Differs from the paper: the encoder is trained with self-noise, because an encoder that never sees any loses 20 points at t = 300.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from linksim.feature_diffusion import ABAR
from linksim.nets.cards import Score
from linksim.nets.features import FeatureCodec, TrunkEncoder
from linksim.nets.weights import load_model
from linksim.rng import Streams
from linksim.training.image_task import ImageTask
from linksim.training.noise import evaluation_batches
from linksim.training.order import one_cycle

SCORED_STEPS = (0, 100, 200, 300, 400)
EVALUATION = "measure"  # name of the streams of an evaluation


def condition_at(step: int) -> str:
    """Return the name of the test condition of a step T'.

    >>> condition_at(300)
    't = 300'
    """
    return f"t = {step}"


def received_features(features: Tensor, steps: Tensor, snr_db: float, noise: Tensor) -> Tensor:
    """Return the features z that a receiver gets from AWGN, with Alice's self-noise and the margin of Eq. (24), [n, c, 8, 8].

    features  f of unit mean square
    steps     T', int64 [n]
    snr_db    SNR relative to unit power, in dB
    noise     standard normal values with the shape of the features

    The noise of Alice and that of the channel are drawn as one: variance 1 - abar_T', or N0 if that is larger.
    """
    abar = ABAR.to(features.device)[steps][:, None, None, None]
    variance = (1.0 - abar).clamp_min(10 ** (-snr_db / 10))
    return abar.sqrt() * features + variance.sqrt() * noise


class FeatureTask(ImageTask):
    """Base class of the tasks on features: Adam with a falling learning rate, and draws of steps and noise.

    peak_rate  learning rate at the start; it falls to a tenth
    max_step   largest step t of the training
    snr_db     SNR of the channel in dB, relative to unit power
    """

    steps: int
    peak_rate: float
    max_step: int
    snr_db: float

    @property
    def conditions(self) -> tuple[str, ...]:
        """One condition per step of `SCORED_STEPS`."""
        return tuple(map(condition_at, SCORED_STEPS))

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        return torch.optim.Adam(trained, lr=self.peak_rate, fused=True)

    def rate(self, step: int) -> float:
        """Return the learning rate factor, which rises within 2 % of the steps and falls linearly to a tenth."""
        return one_cycle(step, self.steps, rise=0.02, start=0.1, end=0.1)

    def draw_steps(self, step: int, batch: int) -> Tensor:
        """Return the step t of each image of a batch, int64 [batch] in 0..max_step."""
        return torch.from_numpy(self._streams("features/steps", step).integers(0, self.max_step + 1, batch))

    def draw_noise(self, name: str, index: int, like: Tensor, streams: Streams | None = None) -> Tensor:
        """Return standard normal values with the shape of `like`.

        name, index  name of the stream, and number of the draw
        streams      streams of an evaluation; those of the task by default
        """
        values = (streams or self._streams)(name, index).standard_normal(tuple(like.shape), dtype="float32")
        return torch.from_numpy(values).to(like.device)


@dataclass(frozen=True)
class FeatureCodecTask(FeatureTask):
    """Trains an encoder with its classifier (`nets.features.FeatureCodec`).

    dataset    name of the dataset
    config     keyword arguments of the network
    steps      total number of steps
    trunk      name of the trained classifier that gives the layout "trunk" its frozen layers
    batch      images per step
    shift      largest translation in pixels
    share      part of the training images, see `ImageTask`
    seed       seed of the initial weights and all random streams
    """

    dataset: str
    config: dict[str, object]
    steps: int
    trunk: str | None = None
    batch: int = 256
    peak_rate: float = 1e-3
    max_step: int = 400
    snr_db: float = 15.0
    shift: int = 0
    mirror: bool = False
    share: tuple[float, float] = (0.0, 1.0)
    average: float | None = 0.999
    seed: int = 1
    kind: str = field(default="feature-codec", init=False)

    @property
    def recipe(self) -> dict[str, object]:
        """The recipe. It contains the digest of the trunk, if there is one, because another one requires another training."""
        names = ("dataset", "batch", "peak_rate", "max_step", "snr_db", "shift", "mirror", "share", "average")
        found = {name: getattr(self, name) for name in names}
        if self.trunk is None:
            return found
        return found | {"trunk": self.trunk, "trunk_sha256": load_model(self.trunk, "classifier").card.sha256}

    def prepare(self, network: nn.Module) -> None:
        """Copy the weights of the trunk, if there is one."""
        assert isinstance(network, FeatureCodec)
        if self.trunk is not None:
            assert isinstance(network.encoder, TrunkEncoder)
            network.encoder.trunk.load_state_dict(load_model(self.trunk, "classifier").network.state_dict())

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        """Return the cross entropy, Eq. (6)."""
        assert isinstance(network, FeatureCodec)
        images, labels = self._batches(step)
        features, steps = network.features(images.to(device)), self.draw_steps(step, len(images)).to(device)
        received = received_features(features, steps, self.snr_db, self.draw_noise("features/noise", step, features))
        return functional.cross_entropy(network.classifier(received, received, steps), labels.to(device))

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        """Return the accuracy of the classifier at one step."""
        assert isinstance(network, FeatureCodec)
        level, streams, found = SCORED_STEPS[self.conditions.index(condition)], Streams(self.seed), []
        for index, chunk in evaluation_batches(images, device):
            features, steps = network.features(chunk), torch.full((len(chunk),), level, device=device)
            noise = self.draw_noise(f"{EVALUATION}/{level}", index, features, streams)
            received = received_features(features, steps, self.snr_db, noise)
            found.append(network.classifier(received, received, steps).argmax(1).cpu())
        return [Score("accuracy", condition, (torch.cat(found) == labels).float().mean().item(), len(images))]
