"""What a simulation does with a model of each kind. `linksim tune` times it, and model cards state its operations and memory.

A workload is a function of a network, a batch size and a device, and returns a function that runs the network once on random inputs. The
declaration of a kind of model names its workload by import path (`linksim.registry.Component.workload`).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from linksim.nets.classifiers import Classifier
from linksim.nets.codecs import Codec
from linksim.nets.detectors import Detector
from linksim.nets.feature_receivers import CLASSES
from linksim.nets.feature_symbols import SIDE
from linksim.nets.features import FeatureCodec
from linksim.nets.generator import Generator
from linksim.nets.hiders import Hider
from linksim.nets.inverters import Inverter
from linksim.nets.mlp_classifier import MlpClassifier
from linksim.nets.vqvae import VqVae

Run = Callable[[], object]
USUAL_IMAGE = (3, 32, 32)  # of networks that do not state a size
SNR_DB, STEP = 10.0, 10


def codec(network: nn.Module, batch: int, device: torch.device) -> Run:
    """A codec encodes and decodes."""
    assert isinstance(network, Codec)
    images = random_images(batch, device, (network.colours, network.side, network.side))
    snr_db = torch.full((batch,), SNR_DB, device=device)
    return lambda: network.decode(network.encode(images, snr_db), snr_db)


def vqvae(network: nn.Module, batch: int, device: torch.device) -> Run:
    """A VQ-VAE encodes and decodes."""
    assert isinstance(network, VqVae)
    images = random_images(batch, device, (network.colours, network.side, network.side))
    snr_db = torch.full((batch,), SNR_DB, device=device)
    return lambda: network.decode(network.encode(images), snr_db)


def inverter(network: nn.Module, batch: int, device: torch.device) -> Run:
    """An inverse network inverts received symbols."""
    assert isinstance(network, Inverter)
    symbols = torch.randn(batch, network.channel_uses, dtype=torch.complex64, generator=_generator()).to(device)
    return lambda: network.invert(symbols)


def hider(network: nn.Module, batch: int, device: torch.device) -> Run:
    """A hider hides and reveals."""
    assert isinstance(network, Hider)
    shape, snr_db = (2, batch, network.channel_uses), torch.full((batch,), SNR_DB, device=device)
    host, private = torch.randn(shape, dtype=torch.complex64, generator=_generator()).to(device)
    return lambda: network.reveal(network.hide(host, private), snr_db)


def detector(network: nn.Module, batch: int, device: torch.device) -> Run:
    """A detector tests received symbols for a hidden signal."""
    assert isinstance(network, Detector)
    symbols = torch.randn(batch, network.channel_uses, dtype=torch.complex64, generator=_generator()).to(device)
    snr_db = torch.full((batch,), SNR_DB, device=device)
    return lambda: network(symbols, snr_db)


def generator(network: nn.Module, batch: int, device: torch.device) -> Run:
    """A generator makes images of latent codes and noise."""
    assert isinstance(network, Generator)
    z, noise = (torch.randn(batch, size, generator=_generator()).to(device) for size in (network.latents, network.noise_size))
    return lambda: network.generate(z, noise)


def denoiser(network: nn.Module, batch: int, device: torch.device) -> Run:
    """A denoiser predicts the noise of one step."""
    images = random_images(batch, device)
    return lambda: network(images, torch.full((batch,), STEP, device=device))


def classifier(network: nn.Module, batch: int, device: torch.device) -> Run:
    """A classifier classifies."""
    assert isinstance(network, Classifier)
    side = network.side if isinstance(network, MlpClassifier) else USUAL_IMAGE[1]
    images = random_images(batch, device, (network.colours, side, side))
    return lambda: network(images)


def feature_codec(network: nn.Module, batch: int, device: torch.device) -> Run:
    """A codec of features encodes images and classifies the features."""
    assert isinstance(network, FeatureCodec)
    images = random_images(batch, device, (network.colours, network.side, network.side))
    features, steps = random_features(batch, device, network.channels), torch.full((batch,), STEP, device=device)
    return lambda: (network.encode(images), network.classifier(features, features, steps))


def feature_denoiser(network: nn.Module, batch: int, device: torch.device) -> Run:
    """A denoiser of features predicts the noise of one step."""
    channels = network.channels
    assert isinstance(channels, int)
    features, steps = random_features(batch, device, channels), torch.full((batch,), STEP, device=device)
    label = torch.zeros(batch, CLASSES, device=device)
    return lambda: network(features, steps, label)


def random_features(batch: int, device: torch.device, channels: int) -> Tensor:
    """Random features, float [batch, channels, 8, 8] of unit variance."""
    return torch.randn(batch, channels, SIDE, SIDE, generator=_generator()).to(device)


def random_images(batch: int, device: torch.device, image: tuple[int, int, int] = USUAL_IMAGE) -> Tensor:
    """Random images, float [batch, colours, height, width] in 0..1, in the memory layout of a simulation.

    >>> random_images(2, torch.device("cpu")).shape
    torch.Size([2, 3, 32, 32])
    """
    return torch.rand(batch, *image, generator=_generator()).to(device).contiguous(memory_format=torch.channels_last)


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)
