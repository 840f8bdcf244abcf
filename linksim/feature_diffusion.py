"""Diffusion of features as in DiffSem: self-noising at the transmitter, the noise margin for the channel, and the DDIM reverse process.

    Alice   z = sqrt(abar_T') f + sqrt(1 - abar_T'') n,  T'' <= T'          Eq. (17), (20); T'' from the SNR by Eq. (24)
    air     z + channel noise: the distribution of step T' of the forward process, Eq. (22)
    Bob     f from step T' back to step 0, without randomness               Eq. (16)

Features have unit mean square, [n, channels, h, w]; the linear schedule of `linksim.diffusion` has T = 500 steps here. The solver receives
the network as a function, and items of a batch have individual steps.
"""

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from linksim.diffusion import alpha_bar, timesteps

STEPS = 500  # T
ABAR = alpha_bar(STEPS)  # abar_t, share of signal power left at step t = 0..T; on the CPU

PredictNoise = Callable[[Tensor, Tensor, Tensor], Tensor]  # (x^t [m, c, h, w], t int64 [m], rows int64 [m] of the batch) -> noise


def equivalent_snr_db(step: int) -> float:
    """Return the equivalent SNR of step 1..T in dB, Eq. (13): the ratio of signal to noise power of features of unit power.

    >>> [round(equivalent_snr_db(step), 1) for step in (67, 150, 184, 344)]
    [10.0, 2.3, 0.0, -10.0]
    """
    abar = ABAR[step].item()
    return 10.0 * math.log10(abar / (1.0 - abar))


def self_noise(features: Tensor, steps: Tensor, noise_steps: Tensor, noise: Tensor) -> Tensor:
    """Add Alice's own noise, Eq. (20); it is Eq. (17) if both steps are equal.

    features     f, [n, c, h, w]
    steps        T', int64 [n] in 0..T, which scales the features
    noise_steps  T'', int64 [n] in 0..T', which scales the noise
    noise        standard normal values with the shape of `features`

    Returns z with the shape of `features`. Its power is less than one where T'' < T'.
    """
    abar = ABAR.to(features.device)
    kept, added = abar[steps], 1.0 - abar[noise_steps]
    return kept.sqrt()[:, None, None, None] * features + added.sqrt()[:, None, None, None] * noise


def abar_with_margin(abar: Tensor, snr: Tensor, power: Tensor | float = 1.0) -> Tensor:
    """Return abar_T'' of Eq. (24), per value: the share that leaves room for the channel noise.

    abar   abar_T', [n]
    snr    ratio of the radiated power to the channel noise power, linear, [n]
    power  mean square of the features

    >>> abar_with_margin(torch.tensor(0.5), torch.tensor(9.0)).item()  # (0.5 (9 + 1) + 1) / (9 + 1)
    0.6000000238418579
    """
    return (abar * (snr + power) + 1.0) / (snr + 1.0)


def noise_steps_for(steps: Tensor, snr_at_unit_power: Tensor) -> Tensor:
    """Return T'' for channel noise that is known relative to unit signal power, int64 [n].

    steps              T', int64 [n]
    snr_at_unit_power  1 / N0, linear, [n]

    Alice radiates the power 1 - N0 if the margin is right, so the SNR of Eq. (24) is 1 / N0 - 1. T'' is the largest step whose abar is not
    below Eq. (24); step 0 if the channel alone is noisier than step T' (footnote 4).

    >>> noise_steps_for(torch.tensor([184, 184, 67]), torch.tensor([1e9, 10.0, 2.0])).tolist()
    [184, 157, 0]
    """
    abar = ABAR.to(steps.device)
    wanted = abar_with_margin(abar[steps], (snr_at_unit_power - 1.0).clamp_min(0.0))
    not_below = (abar[None] >= wanted[:, None] - 1e-6).sum(dim=1) - 1  # abar falls with the step
    return torch.minimum(not_below.clamp_min(0), steps)


def step_of_noise(signal: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Return the step whose ratio of signal to noise is nearest to a given one, int64 [n], and the scale that brings x to that step, [n].

    signal  power of the features within x, [n]
    noise   power of all noise within x, [n]

    >>> step, scale = step_of_noise(torch.tensor([0.25]), torch.tensor([0.25]))
    >>> step.item(), round(scale.item(), 2)
    (184, 1.41)
    """
    total = (signal + noise).clamp_min(1e-12)
    abar = ABAR.to(signal.device)
    return (abar[None] - (signal / total)[:, None]).abs().argmin(dim=1), total.rsqrt()


def ddim(model: PredictNoise, x: Tensor, steps: Tensor, num_calls: int | None = None) -> Tensor:
    """Run the deterministic reverse process of DDIM, Eq. (16), and return the estimate of f, [n, c, h, w].

    model      predicts the noise in x^t; it also gets the rows of the batch that it is called for, to look up what guides them
    x          x^t, [n, c, h, w]
    steps      step t of each item, int64 [n] in 0..T; an item at step 0 is returned as it is
    num_calls  upper bound on the model calls per item, evenly spaced in step; None for one call per step
    """
    stops, abar = timesteps(steps, num_calls), ABAR.to(x.device)
    for here, there in pairwise(stops):
        rows = (here > there).nonzero().squeeze(1)
        batch, step = x[rows], here[rows]
        noise = model(batch, step, rows)
        now, then = (abar[at][:, None, None, None] for at in (step, there[rows]))
        clean = (batch - (1.0 - now).sqrt() * noise) / now.sqrt()
        x = x.index_copy(0, rows, then.sqrt() * clean + (1.0 - then).sqrt() * noise)
    return x
