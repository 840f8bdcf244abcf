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

CODEC = "diffsem-mnist"
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


def dataset_of(codec: str) -> str:
    """Return the name of the dataset that a codec was trained on, from its card. Raises ModelError if it is missing."""
    return str(load_model(codec, "feature-codec").card.training["dataset"])


@lru_cache(maxsize=2)
def images_of(dataset: str, split: str) -> tuple[ImageDataset, Tensor]:
    """Return a split of a dataset, and its images float [n, colours, side, side] in 0..1. Raises DataError if it is missing."""
    found = load(dataset, split)
    return found, to_images(found.images)


@lru_cache(maxsize=4)
def features_of(codec: FeatureCodec, dataset: str, split: str) -> Tensor:
    """Return the features of a split without noise, [n, channels, 8, 8]."""
    images = images_of(dataset, split)[1]
    with torch.inference_mode(False), torch.no_grad():  # the features are cached, and later callers may need ordinary tensors
        return torch.cat([codec.features(chunk) for chunk in torch.split(images, BATCH)])


def transmit(features: Tensor, point: OperatingPoint, streams: Streams, index: int) -> Tensor:
    """Return what is received of features f [n, channels, 8, 8], Eq. (21); equal `streams` and `index` give every receiver equal noise."""
    step, own_step = (torch.full((len(features),), value) for value in (point.step, point.noise_step))

    def draw(name: str) -> Tensor:
        return torch.from_numpy(streams(f"diffsem/{name}/{point.name}", index).standard_normal(tuple(features.shape), dtype="float32"))

    own, channel = draw("own"), draw("channel")
    received: Tensor = self_noise(features, step, own_step, own) + point.noise_power[1] ** 0.5 * channel
    return received


def evaluation_batches(codec: str, point: OperatingPoint, count: int) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Yield images, labels, features f and received features z of the first `count` test images of a codec, in batches of `BATCH`."""
    name = dataset_of(codec)
    dataset, images = images_of(name, "test")
    encoded, streams = features_of(codec_of(codec), name, "test"), Streams(SEED)
    for index, first in enumerate(range(0, count, BATCH)):
        part = slice(first, min(first + BATCH, count))
        yield images[part], torch.tensor(dataset.labels[part]), encoded[part], transmit(encoded[part], point, streams, index)
