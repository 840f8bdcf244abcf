"""Transmission of complex symbols over one path, equalisation, and the definition of SNR.

    received = gain * symbols + noise + jamming

The package uses a single definition of SNR. With ``P`` the mean radiated power per complex symbol and ``N0`` the mean noise power per
complex symbol (``N0 / 2`` in each real dimension),

    snr = E|gain|^2 * P / N0            (Es/N0 at the receiver's input, before equalisation)

All powers are relative: ``P = 1`` is the power of a normalised frame, and a path of mean SNR ``s`` has ``N0 = 1 / s`` and
``E|gain|^2 = 1``. A scheme that radiates less than unit power therefore has a lower SNR on the same path.

Power is normalised per frame, never per batch: the quality of an image must not depend on the other images of its batch.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from linksim.scenario.channel import Equaliser

TINY = torch.finfo(torch.float32).tiny


@dataclass(frozen=True)
class ReceivedSymbols:
    """A batch of frames as one receiver receives them.

    symbols      complex [batch, channel_uses]
    gain         complex [batch, channel_uses], or [batch, 1] for a constant gain; the receiver's estimate
    noise_power  real [batch], N0, linear; the receiver's estimate
    equaliser    method by which `equalise` removes the gain
    """

    symbols: Tensor
    gain: Tensor
    noise_power: Tensor
    equaliser: Equaliser = "zero-forcing"


def normalise_power(symbols: Tensor) -> Tensor:
    """Scale each frame to unit mean power per complex symbol: complex [batch, channel_uses] -> the same shape.

    A frame of zero power stays zero.

    >>> normalise_power(torch.tensor([[2.0 + 0j, 2j], [0j, 0j]])).tolist()
    [[(1+0j), 1j], [0j, 0j]]
    """
    power = torch.view_as_real(symbols).square().mean(dim=(1, 2), keepdim=False)[:, None] * 2.0
    return symbols * torch.where(power > 0, power.rsqrt(), 0.0)


def transmit(symbols: Tensor, gain: Tensor, noise_power: Tensor, noise: Tensor, jamming: Tensor | None = None) -> Tensor:
    """Received symbols of a batch of frames over one path, complex [batch, channel_uses].

    symbols      complex [batch, channel_uses], at the power with which they are radiated
    gain         complex [batch, channel_uses] or [batch, 1]; a frame longer than a coherence block has several values
    noise_power  real [batch], N0, linear; 0 is allowed
    noise        complex [batch, channel_uses] of unit power, drawn by the caller from the stream of the path
    jamming      complex [batch, channel_uses], as received, or None

    >>> symbols, noise = torch.ones(1, 2, dtype=torch.complex64), torch.tensor([[1j, -1.0]])
    >>> transmit(symbols, torch.tensor([[2j]]), torch.tensor([4.0]), noise).tolist()
    [[4j, (-2+2j)]]
    """
    received = gain * symbols
    torch.view_as_real(received).addcmul_(torch.view_as_real(noise), noise_power.sqrt()[:, None, None])
    return received if jamming is None else received + jamming


def equalise(received: ReceivedSymbols) -> Tensor:
    """Linear estimate of the transmitted symbols, complex [batch, channel_uses]. A symbol with zero gain becomes zero.

    zero-forcing  ``y / h``: the estimate has no bias; its noise power is ``N0 / |h|^2``
    mmse          ``w y / mean(w h)`` with ``w = conj(h) / (|h|^2 + N0)`` and the mean over the item: the linear estimate of minimum mean
                  square error, scaled to have no bias on average over the item, as decoders expect symbols of the transmitted scale.
                  Symbols of small gain are attenuated. For a constant gain it equals zero-forcing

    The function is differentiable in the symbols. Source: Kay, Fundamentals of Statistical Signal Processing, Vol. I, 1993, Ch. 12.

    >>> gain = torch.tensor([[2.0 + 0j, 0.1 + 0j]])
    >>> equalise(ReceivedSymbols(gain, gain, torch.tensor([0.1]))).tolist()  # ones were sent, without noise
    [[(1+0j), (1+0j)]]
    >>> [[round(x.real, 2) for x in row] for row in equalise(ReceivedSymbols(gain, gain, torch.tensor([0.1]), "mmse")).tolist()]
    [[1.83, 0.17]]
    """
    alive = received.gain.abs() > 0
    forced = torch.where(alive, received.symbols / torch.where(alive, received.gain, 1.0), 0.0)
    if received.equaliser == "zero-forcing":
        return forced
    error = mmse(received)
    return forced * ((1 - error) / (1 - error.mean(dim=1, keepdim=True)).clamp_min(TINY))


def post_equalisation_snr(received: ReceivedSymbols) -> Tensor:
    """SNR of each symbol after `equalise`, linear: the inverse of its mean square error at unit transmit power. Shape of ``received.gain``.

    With ``e = N0 / (|h|^2 + N0)`` of the symbol and ``m`` its mean over the item:

    zero-forcing  ``|h|^2 / N0``
    mmse          ``(1 - m)^2 / (e (1 - e) + (e - m)^2)``: noise and bias; the mean square error over the item is ``m / (1 - m)``

    Decoders that expect an SNR, and soft demodulation, use it. It is 0 for a symbol of zero gain under zero-forcing.
    """
    if received.equaliser == "zero-forcing":
        return received.gain.abs().square() / received.noise_power[:, None]
    error = mmse(received)
    mean = error.mean(dim=1, keepdim=True)
    return (1 - mean).square() / (error * (1 - error) + (error - mean).square()).clamp_min(TINY)


def mmse(received: ReceivedSymbols) -> Tensor:
    """Minimum mean square error of a linear estimate at unit power, ``N0 / (|h|^2 + N0)``: real 0..1, shape of ``received.gain``."""
    power, noise_power = received.gain.abs().square(), received.noise_power[:, None]
    return torch.where(power > 0, noise_power / (power + noise_power).clamp_min(TINY), 1.0)
