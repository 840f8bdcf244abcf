"""Received features of DiffSem's experiments: a step T' and an SNR of the channel, equal noise for all who receive them.

The SNR is that of the paper: radiated power over channel noise, Eq. (23). Alice radiates less than unit power, so it is not the SNR at unit
power of a scenario: an SNR of g here is one of 1 + g there wherever Alice adds noise.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from linksim.data.sources import ImageDataset, load
from linksim.feature_diffusion import ABAR, noise_steps_for, self_noise
from linksim.nets.features import FeatureCodec
from linksim.nets.weights import load_model
from linksim.reproduction.results import Samples
from linksim.rng import Streams
from linksim.training.order import to_images

DATASET, CODEC = "mnist", "diffsem-mnist"
BATCH = 500
SEED = 1


@dataclass(frozen=True)
class OperatingPoint:
    """Self-noise and channel.

    snr_db    SNR of the radiated power in dB
    step      T', 0..T
    error_db  what Alice's SNR is too high by, in dB

    >>> OperatingPoint(15, 300).name, OperatingPoint(5, 200, -3).name
    ('snr15/t300', 'snr5/t200/error-3')
    """

    snr_db: int
    step: int
    error_db: int = 0

    @property
    def name(self) -> str:
        """Last part of the keys of experiments at this point."""
        return f"snr{self.snr_db}/t{self.step}" + (f"/error{self.error_db:+d}" if self.error_db else "")

    @property
    def noise_step(self) -> int:
        """T'', Eq. (24), for the SNR that Alice assumes."""
        assumed = 1.0 + 10 ** ((self.snr_db + self.error_db) / 10)
        return int(noise_steps_for(torch.tensor([self.step]), torch.tensor([assumed])).item())

    @property
    def noise_power(self) -> tuple[float, float]:
        """Power of Alice's own noise and of the channel noise, per feature value, Eq. (23)."""
        kept, own = ABAR[self.step].item(), 1.0 - ABAR[self.noise_step].item()
        return own, (kept + own) * 10 ** (-self.snr_db / 10)


def kept(values: Tensor) -> Samples:
    """Return one value per image as it is kept, float64 [n]: in the precision of float16, which halves the size of the results."""
    return values.half().double().numpy()


def codec_of(name: str = CODEC) -> FeatureCodec:
    """Return a trained codec of features. Raises ModelError if it is missing."""
    network = load_model(name, "feature-codec").network
    assert isinstance(network, FeatureCodec)
    return network


@lru_cache(maxsize=1)
def images_of(split: str) -> tuple[ImageDataset, Tensor]:
    """Return a split of MNIST, and its images float [n, 1, 28, 28] in 0..1. Raises DataError if it is missing."""
    dataset = load(DATASET, split)
    return dataset, to_images(dataset.images)


def transmit(features: Tensor, point: OperatingPoint, streams: Streams, index: int) -> Tensor:
    """Return what is received of features f [n, channels, 8, 8], Eq. (21); equal `streams` and `index` give every receiver equal noise."""
    step, own_step = (torch.full((len(features),), value) for value in (point.step, point.noise_step))

    def draw(name: str) -> Tensor:
        return torch.from_numpy(streams(f"diffsem/{name}/{point.name}", index).standard_normal(tuple(features.shape), dtype="float32"))

    own, channel = draw("own"), draw("channel")
    received: Tensor = self_noise(features, step, own_step, own) + point.noise_power[1] ** 0.5 * channel
    return received


def evaluation_batches(codec: FeatureCodec, point: OperatingPoint, count: int) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Yield images, labels, features f and received features z of the first `count` test images, in batches of `BATCH`."""
    dataset, images = images_of("test")
    streams = Streams(SEED)
    for index, first in enumerate(range(0, count, BATCH)):
        chunk = images[first : min(first + BATCH, count)]
        features = codec.features(chunk)
        yield chunk, torch.tensor(dataset.labels[first : first + len(chunk)]), features, transmit(features, point, streams, index)
