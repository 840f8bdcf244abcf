"""Noise and batches of training and evaluation, and reconstructions over AWGN.

Noise is a function of stream and index, and an evaluation batch has a fixed size. A measurement therefore gives the same scores whenever
it is repeated, on every device.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from linksim.link import OfflineLink, over_the_air
from linksim.phy.baseband import equalise
from linksim.rng import Streams
from linksim.schemes.base import Scheme
from linksim.schemes.deepjscc import snr_after_equalising_db
from linksim.schemes.parameters import uniform_parameters

EVALUATION_BATCH = 250  # images per batch in evaluations; even, so that pairs are not separated


def unit_noise(streams: Streams, name: str, index: int, batch: int, channel_uses: int) -> Tensor:
    """Return circular complex normal noise of unit power, complex64 [batch, channel_uses], on the CPU.

    streams      streams of the task
    name, index  stream, and number of the draw: the training step or the number of the evaluation batch

    >>> unit_noise(Streams(seed=1), "codec/noise", index=17, batch=64, channel_uses=512).shape
    torch.Size([64, 512])
    """
    real = torch.from_numpy(streams(name, index).standard_normal((batch, channel_uses, 2), dtype="float32"))
    noise: Tensor = torch.view_as_complex(real) * 0.5**0.5
    return noise


def equalised(streams: Streams, purpose: str, index: int, symbols: Tensor, snr_db: Tensor, rayleigh: bool) -> tuple[Tensor, Tensor]:
    """Send symbols, and return them equalised, complex [batch, channel_uses], with the SNR after equalisation in dB [batch].

    streams   streams of the task
    purpose   prefix of the names of the streams of noise and gain
    index     number of the draws
    snr_db    SNR in dB [batch]
    rayleigh  multiply every symbol by a complex normal gain of its own, which the receiver knows (MMSE); otherwise AWGN
    """
    draws = (unit_noise(streams, f"{purpose}/{what}", index, *symbols.shape) for what in ("noise", "gain"))
    noise, gain = (draw.to(symbols.device) for draw in draws)
    if not rayleigh:
        return over_the_air(symbols, snr_db, noise).symbols, snr_db
    received = over_the_air(symbols, snr_db, noise, gain, equaliser="mmse")
    return equalise(received), snr_after_equalising_db(received)


def sent_over_awgn(scheme: Scheme, images: Tensor, snr_db: float, streams: Streams, name: str, index: int) -> Tensor:
    """Return Bob's reconstructions [n, c, h, w] in 0..1 of images that are sent over AWGN.

    scheme       a scheme that negotiates nothing and draws no noise
    images       float [n, c, h, w] in 0..1
    snr_db       SNR in dB, which Alice and Bob know
    streams      streams of the channel noise
    name, index  stream and number of the draw of the channel noise
    """
    link, parameters = OfflineLink(scheme), uniform_parameters(snr_db, len(images), device=images.device)
    noise = unit_noise(streams, name, index, len(images), scheme.channel_uses).to(images.device)
    received = link.channel(link.send(images[:, None], parameters), snr_db, noise)
    return link.receive(received, parameters).shown()[:, 0]


def evaluation_batches(images: Tensor, device: torch.device) -> Iterator[tuple[int, Tensor]]:
    """Yield the index and the images, on the device and with channels last, of each evaluation batch.

    images  float [n, c, h, w]; a batch has `EVALUATION_BATCH` images, the last one the rest

    >>> [(index, len(chunk)) for index, chunk in evaluation_batches(torch.zeros(600, 3, 8, 8), torch.device("cpu"))]
    [(0, 250), (1, 250), (2, 100)]
    """
    for index, chunk in enumerate(torch.split(images, EVALUATION_BATCH)):
        yield index, chunk.to(device).contiguous(memory_format=torch.channels_last)
