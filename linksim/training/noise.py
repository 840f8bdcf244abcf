"""Noise of training and measuring, and the one path that parts are trained and measured over: AWGN of the radio's SNR (see `phy.options`)."""

from collections.abc import Iterator

import torch
from torch import Tensor

from linksim.phy.baseband import transmit
from linksim.rng import Streams

SCORED_BATCH = 250  # images per batch when measuring; even, so that pairs stay whole


def unit_noise(streams: Streams, name: str, index: int, batch: int, channel_uses: int) -> Tensor:
    """Complex noise of unit power [batch, uses] from one draw of a stream."""
    real = torch.from_numpy(streams(name, index).standard_normal((batch, channel_uses, 2), dtype="float32"))
    noise: Tensor = torch.view_as_complex(real) * 0.5**0.5
    return noise


def over_awgn(symbols: Tensor, snr_db: Tensor, noise: Tensor) -> Tensor:
    """Symbols of unit power complex [batch, uses], snr_db [batch], noise of unit power complex [batch, uses] -> what arrives."""
    noise_power: Tensor = 10 ** (-snr_db / 10)
    return transmit(symbols, torch.ones_like(noise), noise_power, noise)


def scored_batches(images: Tensor, device: torch.device) -> Iterator[tuple[int, Tensor]]:
    """(number, images on the device, channels last) of each batch that is measured."""
    for index, part in enumerate(torch.split(images, SCORED_BATCH)):
        yield index, part.to(device).contiguous(memory_format=torch.channels_last)
