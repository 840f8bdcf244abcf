"""One hop of the radio: gain, noise and jamming on complex symbols, and the one definition of SNR.

    heard = gain * symbols + noise + jamming

Everything that speaks of SNR in linksim means this: with ``P`` the mean power radiated per complex symbol and ``N0`` the mean
noise power per complex symbol (``N0 / 2`` in each real dimension),

    snr = E|gain|^2 * P / N0            (Es/N0 at the receiver's input, before equalisation)

Power is a property of a frame, never of a batch: an image's quality must not depend on the images that travel beside it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Heard:
    """What one ear received of a batch of frames.

    symbols      complex [batch, uses]
    gain         complex [batch, uses] (or [batch, 1] where it is the same over the frame), as the receiver believes it to be
    noise_power  real [batch], N0 as the receiver believes it to be, linear
    """

    symbols: Tensor
    gain: Tensor
    noise_power: Tensor


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
    jamming      complex [batch, uses], as it arrives at this ear, or None
    """
    heard = gain * symbols + noise_power.sqrt()[:, None] * noise
    return heard if jamming is None else heard + jamming


def equalise(heard: Heard) -> Tensor:
    """Unbiased linear estimate of the radiated symbols. -> complex [batch, uses].

    With ``w = conj(h) / (|h|^2 + N0)`` the unbiased MMSE estimate is ``w * y / (w * h)`` = ``y / h``: what MMSE adds is *how far to
    trust it*, which `reliability` gives. A symbol whose gain is zero comes back as zero.
    """
    alive = heard.gain.abs() > 0
    return torch.where(alive, heard.symbols / torch.where(alive, heard.gain, 1.0), 0.0)


def reliability(heard: Heard) -> Tensor:
    """SNR of each symbol after `equalise`, linear: ``|h|^2 / N0`` for unit transmit power. -> real, shaped as ``heard.gain``."""
    return heard.gain.abs().square() / heard.noise_power[:, None]
