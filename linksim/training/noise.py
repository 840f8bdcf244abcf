"""Noise and batches of training and evaluation, and reconstructions over AWGN."""

from collections.abc import Iterator

import torch
from torch import Tensor

from linksim.link import OfflineLink
from linksim.rng import Streams
from linksim.schemes.base import Scheme
from linksim.schemes.parameters import uniform_parameters

EVALUATION_BATCH = 250  # images per batch in evaluations; even, so that pairs are not separated


def unit_noise(streams: Streams, name: str, index: int, batch: int, channel_uses: int) -> Tensor:
    """Return complex noise of unit power [batch, channel_uses] from draw number `index` of a stream."""
    real = torch.from_numpy(streams(name, index).standard_normal((batch, channel_uses, 2), dtype="float32"))
    noise: Tensor = torch.view_as_complex(real) * 0.5**0.5
    return noise


def sent_over_awgn(scheme: Scheme, images: Tensor, snr_db: float, streams: Streams, name: str, index: int) -> Tensor:
    """Return the reconstructions [n, c, h, w] of images [n, c, h, w] in 0..1; Alice assumes the SNR of the channel.

    scheme       a scheme that negotiates nothing and draws no noise
    name, index  stream and number of the draw of the channel noise
    """
    link, parameters = OfflineLink(scheme), uniform_parameters(snr_db, len(images), device=images.device)
    noise = unit_noise(streams, name, index, len(images), scheme.channel_uses).to(images.device)
    received = link.channel(link.send(images[:, None], parameters), snr_db, noise)
    return link.receive(received, parameters).shown()[:, 0]


def evaluation_batches(images: Tensor, device: torch.device) -> Iterator[tuple[int, Tensor]]:
    """Yield the index and the images, on the device and with channels last, of each evaluation batch."""
    for index, chunk in enumerate(torch.split(images, EVALUATION_BATCH)):
        yield index, chunk.to(device).contiguous(memory_format=torch.channels_last)
