"""The AWGN channel that is used for training and evaluation, with the SNR definition of `phy.baseband`, and its noise."""

from collections.abc import Iterator

import torch
from torch import Tensor

from linksim.phy.baseband import transmit
from linksim.rng import Streams

EVALUATION_BATCH = 250  # images per batch in evaluations; even, so that pairs are not separated


def unit_noise(streams: Streams, name: str, index: int, batch: int, channel_uses: int) -> Tensor:
    """Return complex noise of unit power [batch, channel_uses] from draw number `index` of a stream."""
    real = torch.from_numpy(streams(name, index).standard_normal((batch, channel_uses, 2), dtype="float32"))
    noise: Tensor = torch.view_as_complex(real) * 0.5**0.5
    return noise


def over_awgn(symbols: Tensor, snr_db: Tensor, noise: Tensor) -> Tensor:
    """Send complex symbols of unit power [batch, channel_uses] over AWGN and return the received symbols.

    snr_db  [batch]
    noise   complex noise of unit power, with the shape of the symbols
    """
    noise_power: Tensor = 10 ** (-snr_db / 10)
    return transmit(symbols, torch.ones_like(noise), noise_power, noise)


def evaluation_batches(images: Tensor, device: torch.device) -> Iterator[tuple[int, Tensor]]:
    """Yield the index and the images, on the device and with channels last, of each evaluation batch."""
    for index, chunk in enumerate(torch.split(images, EVALUATION_BATCH)):
        yield index, chunk.to(device).contiguous(memory_format=torch.channels_last)
