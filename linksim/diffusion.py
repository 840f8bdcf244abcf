"""Denoising diffusion (DDPM; Ho, Jain, Abbeel, 2020) on images in -1..1: the schedule, the forward process and the reverse process.

    forward   x^t = sqrt(abar_t) x^0 + sqrt(1 - abar_t) n                           DiffuSeC Eq. (12)
    reverse   step by step, from t to t - 1, or in strides, from t to an earlier step   DiffuSeC Eq. (20), (21)

A stride samples the DDPM posterior between its two ends, so a stride of one is a DDPM step. The solver is independent of the network: it
receives a function that predicts the noise in an image. Items of a batch have individual steps, and a call of that function contains only
the items that are not finished.
"""

from collections.abc import Callable

import torch
from torch import Tensor

STEPS = 1000  # T
FIRST_BETA, LAST_BETA = 1e-4, 2e-2  # beta rises linearly from step 1 to step T, as in Ho et al.

Denoise = Callable[[Tensor, Tensor], Tensor]  # (x^t [n, c, h, w], t int64 [n]) -> noise [n, c, h, w]
Draw = Callable[[int], Tensor]  # index of the draw -> standard normal values [batch, c, h, w]


def alpha_bar(steps: int = STEPS) -> Tensor:
    """Return abar_t, the remaining share of signal power at step t = 0..T, float32 [T + 1], for a linear beta = 1 - alpha.

    steps  T, at least 2

    >>> [round(share, 4) for share in alpha_bar()[[0, 50, STEPS]].tolist()]
    [1.0, 0.971, 0.0]
    """
    beta = torch.linspace(FIRST_BETA, LAST_BETA, steps, dtype=torch.float64)
    return torch.cat([torch.ones(1, dtype=torch.float64), (1.0 - beta).cumprod(0)]).float()


ABAR = alpha_bar()  # on the CPU; functions copy it to the device of their images


def to_unit(images: Tensor) -> Tensor:
    """Scale pixels from 0..1 to -1..1.

    >>> to_unit(torch.tensor([0.0, 0.5, 1.0]))
    tensor([-1.,  0.,  1.])
    """
    return 2.0 * images - 1.0


def to_pixels(x: Tensor) -> Tensor:
    """Scale values from -1..1 to pixels in 0..1, the inverse of `to_unit`. Values outside -1..1 are not clipped."""
    return 0.5 * x + 0.5


def diffuse(x: Tensor, steps: Tensor, noise: Tensor) -> Tensor:
    """Diffuse images, Eq. (12).

    x      x^0, [n, c, h, w] in -1..1
    steps  int64 [n] in 0..T; an image at step 0 is unchanged
    noise  standard normal values with the shape of x

    Returns x^t, with the shape of x.
    """
    abar = ABAR.to(x.device)[steps][:, None, None, None]
    return abar.sqrt() * x + (1.0 - abar).sqrt() * noise


def predict_x0(x: Tensor, steps: Tensor, noise: Tensor) -> Tensor:
    """Estimate x^0 from x^t and the predicted noise, Eq. (12) solved for x^0 and clamped to -1..1. Shapes as in `diffuse`."""
    abar = ABAR.to(x.device)[steps][:, None, None, None]
    return ((x - (1.0 - abar).sqrt() * noise) / abar.sqrt()).clamp(-1.0, 1.0)


def timesteps(steps: Tensor, num_calls: int | None) -> Tensor:
    """Return the steps at which the reverse process of each item stops, int64 [calls + 1, n], from its step down to 0.

    steps      initial step of each item, int64 [n]
    num_calls  upper bound on the number of even strides, None for one step at a time

    An item that needs fewer calls starts later: its first rows repeat its initial step.

    >>> timesteps(torch.tensor([10, 2]), num_calls=5).T.tolist()
    [[10, 8, 6, 4, 2, 0], [2, 2, 2, 2, 1, 0]]
    """
    most = int(steps.max()) if len(steps) else 0
    rows = most if num_calls is None else min(num_calls, most)
    needed = steps.clamp_max(rows) if rows else steps
    left = (rows - torch.arange(rows + 1, device=steps.device))[:, None].clamp(max=needed[None])
    needed = needed.clamp_min(1)
    return torch.div(left * steps[None] + needed[None] - 1, needed[None], rounding_mode="floor")


def posterior_step(x: Tensor, clean: Tensor, here: Tensor, there: Tensor, noise: Tensor) -> Tensor:
    """Sample the DDPM posterior of x at step `there`, given x at step `here` and an estimate of x^0. Eq. (20) if the steps are adjacent.

    x, clean, noise  x at step `here`, estimate of x^0, and standard normal values, each [n, c, h, w]
    here, there      int64 [n], here > there
    """
    abar = ABAR.to(x.device)
    abar_here, abar_there = (abar[step][:, None, None, None] for step in (here, there))
    alpha = abar_here / abar_there
    mean = (abar_there.sqrt() * (1.0 - alpha) * clean + alpha.sqrt() * (1.0 - abar_there) * x) / (1.0 - abar_here)
    variance = (1.0 - abar_there) / (1.0 - abar_here) * (1.0 - alpha)
    return mean + variance.sqrt() * noise


def denoise(model: Denoise, x: Tensor, steps: Tensor, draw: Draw, num_calls: int | None = None) -> Tensor:
    """Run the DDPM reverse process, Eq. (21), and return x^0 [n, c, h, w] in -1..1.

    model      predicts the noise in x^t
    x          x^t, [n, c, h, w]
    steps      step t of each item, int64 [n]; an item at step 0 is only clamped
    draw       standard normal values with the shape of x, by index; the values of an item must not depend on the other items
    num_calls  upper bound on the model calls per item, None for one call per step
    """
    stops = timesteps(steps, num_calls)
    indices = range(len(stops) - 1, 0, -1)  # draws are counted from the end, which is the same for all items
    for index, here, there in zip(indices, stops[:-1], stops[1:], strict=True):
        active = (here > there).nonzero().squeeze(1)
        batch, step, next_step = x[active], here[active], there[active]
        clean = predict_x0(batch, step, model(batch, step))
        x = x.index_copy(0, active, posterior_step(batch, clean, step, next_step, draw(index)[active]))
    return x.clamp(-1.0, 1.0)
