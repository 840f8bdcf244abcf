"""One hop of the radio: gain, noise and jamming on complex symbols, and the one definition of SNR.

    received = gain * symbols + noise + jamming

Everything that speaks of SNR in linksim means this: with ``P`` the mean power radiated per complex symbol and ``N0`` the mean
noise power per complex symbol (``N0 / 2`` in each real dimension),

    snr = E|gain|^2 * P / N0            (Es/N0 at the receiver's input, before equalisation)

Power is a property of a frame, never of a batch: an image's quality must not depend on the images that travel beside it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from linksim.scenario.channel import Equaliser

TINY = torch.finfo(torch.float32).tiny


@dataclass(frozen=True)
class ReceivedSymbols:
    """What one receiver received of a batch of frames.

    symbols      complex [batch, uses]
    gain         complex [batch, uses] (or [batch, 1] where it is the same over the frame), as the receiver believes it to be
    noise_power  real [batch], N0 as the receiver believes it to be, linear
    equaliser    how it undoes the gain, see `equalise`
    """

    symbols: Tensor
    gain: Tensor
    noise_power: Tensor
    equaliser: Equaliser = "zero-forcing"


def normalise_power(symbols: Tensor) -> Tensor:
    """Scale each frame to unit mean power per complex symbol. [batch, uses] complex -> the same.

    A silent frame stays silent: there is no direction to scale it in.
    """
    power = torch.view_as_real(symbols).square().mean(dim=(1, 2), keepdim=False)[:, None] * 2.0
    return symbols * torch.where(power > 0, power.rsqrt(), 0.0)


def transmit(symbols: Tensor, gain: Tensor, noise_power: Tensor, noise: Tensor, jamming: Tensor | None = None) -> Tensor:
    """Carry a batch of frames over one path -> what arrives, complex [batch, uses].

    symbols      complex [batch, uses], already at the power they are radiated with
    gain         complex [batch, uses] or [batch, 1]; a frame longer than a coherence block has several values
    noise_power  real [batch], N0, linear; zero is allowed
    noise        complex [batch, uses] of unit power, drawn by the caller from the path's own stream
    jamming      complex [batch, uses], as it arrives at this receiver, or None
    """
    received = gain * symbols + noise_power.sqrt()[:, None] * noise
    return received if jamming is None else received + jamming


def equalise(received: ReceivedSymbols) -> Tensor:
    """Linear estimate of the radiated symbols, each by its own gain. -> complex [batch, uses]. One of no gain comes back as zero.

    zero-forcing  ``y / h``: no symbol has a bias, but a weak one comes back with ``1 / |h|^2`` times its noise
    mmse          ``w y / mean(w h)`` with ``w = conj(h) / (|h|^2 + N0)``, the mean over the item: the estimate of least mean square error,
                  scaled so that the item as a whole has no bias (a decoder expects symbols of the size in which they were sent). A weak
                  symbol comes back small. Where one gain holds for the item this is zero-forcing
    """
    alive = received.gain.abs() > 0
    forced = torch.where(alive, received.symbols / torch.where(alive, received.gain, 1.0), 0.0)
    if received.equaliser == "zero-forcing":
        return forced
    error = mmse(received)
    return forced * ((1 - error) / (1 - error.mean(dim=1, keepdim=True)).clamp_min(TINY))


def post_equalisation_snr(received: ReceivedSymbols) -> Tensor:
    """SNR of each symbol after `equalise`, linear: one over its mean square error at unit transmit power. -> real, as ``received.gain``.

    With ``e = N0 / (|h|^2 + N0)`` of the symbol and ``m`` its mean over the item:

    zero-forcing  ``|h|^2 / N0``
    mmse          ``(1 - m)^2 / (e (1 - e) + (e - m)^2)``: noise and bias; over the item the mean square error is ``m / (1 - m)``
    """
    if received.equaliser == "zero-forcing":
        return received.gain.abs().square() / received.noise_power[:, None]
    error = mmse(received)
    mean = error.mean(dim=1, keepdim=True)
    return (1 - mean).square() / (error * (1 - error) + (error - mean).square()).clamp_min(TINY)


def mmse(received: ReceivedSymbols) -> Tensor:
    """``N0 / (|h|^2 + N0)``: the least mean square error of a linear estimate at unit transmit power. -> real 0..1, as ``received.gain``."""
    power, noise_power = received.gain.abs().square(), received.noise_power[:, None]
    return torch.where(power > 0, noise_power / (power + noise_power).clamp_min(TINY), 1.0)
