"""Denoising diffusion (DDPM; Ho, Jain, Abbeel, 2020) on images in -1..1: the schedule, the way there, and two ways back.

    there   x^t = sqrt(abar_t) x^0 + sqrt(1 - abar_t) n                                   DiffuSeC Eq. (12)
    back    step by step, from t to t - 1, or in strides, from t to an earlier step        DiffuSeC Eq. (20), (21)

A stride takes the posterior of DDPM between its two ends, so a stride of one is DDPM's step. The solver knows no network: it is handed a
function that tells an image's noise. Items have steps of their own, and a call of that function holds only those that still go on.
"""

from collections.abc import Callable

import torch
from torch import Tensor

STEPS = 1000  # T
FIRST_BETA, LAST_BETA = 1e-4, 2e-2

Denoise = Callable[[Tensor, Tensor], Tensor]  # (x^t [n, c, h, w], t int64 [n]) -> noise [n, c, h, w]
Draw = Callable[[int], Tensor]  # number of the draw -> standard normals [batch, c, h, w]


def alpha_bar() -> Tensor:
    """abar_t, the share of signal power left at step t = 0 .. T: float32 [T + 1], from 1 down. The linear sequence is 1 - alpha."""
    beta = torch.linspace(FIRST_BETA, LAST_BETA, STEPS, dtype=torch.float64)
    return torch.cat([torch.ones(1, dtype=torch.float64), (1.0 - beta).cumprod(0)]).float()


ABAR = alpha_bar()


def to_unit(images: Tensor) -> Tensor:
    """Pixels in 0..1 -> -1..1."""
    return 2.0 * images - 1.0


def to_pixels(x: Tensor) -> Tensor:
    """Undo `to_unit`."""
    return 0.5 * x + 0.5


def diffuse(x: Tensor, steps: Tensor, noise: Tensor) -> Tensor:
    """Eq. (12): x^0 [n, c, h, w] in -1..1, steps int64 [n] in 0..T, standard normals like x -> x^t. At step 0 nothing is added."""
    left = ABAR.to(x.device)[steps][:, None, None, None]
    return left.sqrt() * x + (1.0 - left).sqrt() * noise


def predict_x0(x: Tensor, steps: Tensor, noise: Tensor) -> Tensor:
    """Eq. (12) solved for x^0, in the range of pixels."""
    left = ABAR.to(x.device)[steps][:, None, None, None]
    return ((x - (1.0 - left).sqrt() * noise) / left.sqrt()).clamp(-1.0, 1.0)


def timesteps(steps: Tensor, num_calls: int | None) -> Tensor:
    """Where each item's way back halts: int64 [calls + 1, n], from its step down to 0, in at most `calls` even strides, or one by one.

    An item that needs fewer calls starts later: its first rows repeat its step.
    """
    most = int(steps.max()) if len(steps) else 0
    rows = most if num_calls is None else min(num_calls, most)
    needed = steps.clamp_max(rows) if rows else steps
    left = (rows - torch.arange(rows + 1, device=steps.device))[:, None].clamp(max=needed[None])
    needed = needed.clamp_min(1)
    return torch.div(left * steps[None] + needed[None] - 1, needed[None], rounding_mode="floor")


def posterior_step(x: Tensor, clean: Tensor, here: Tensor, there: Tensor, noise: Tensor) -> Tensor:
    """DDPM's posterior of x at step `there`, given x at step `here` > there and an estimate of x^0; Eq. (20) where they are neighbours."""
    abar = ABAR.to(x.device)
    now, then = (abar[step][:, None, None, None] for step in (here, there))
    alpha = now / then
    mean = (then.sqrt() * (1.0 - alpha) * clean + alpha.sqrt() * (1.0 - then) * x) / (1.0 - now)
    variance = (1.0 - then) / (1.0 - now) * (1.0 - alpha)
    return mean + variance.sqrt() * noise


def denoise(model: Denoise, x: Tensor, steps: Tensor, draw: Draw, num_calls: int | None = None) -> Tensor:
    """Eq. (21): x [n, c, h, w] taken for x^t at t = steps int64 [n] -> x^0 in -1..1, by DDPM's reverse process.

    model  tells the noise
    draw   standard normals like x, by number; what an item gets of a draw must not depend on the others
    calls  most calls of the model for an item; None for one per step

    An item of step 0 is only brought into range.
    """
    path = timesteps(steps, num_calls)
    ahead = range(len(path) - 1, 0, -1)  # draws are numbered from the end, which is the same for all items
    for number, here, there in zip(ahead, path[:-1], path[1:], strict=True):
        going = (here > there).nonzero().squeeze(1)
        part, now, then = x[going], here[going], there[going]
        clean = predict_x0(part, now, model(part, now))
        x = x.index_copy(0, going, posterior_step(part, clean, now, then, draw(number)[going]))
    return x.clamp(-1.0, 1.0)
