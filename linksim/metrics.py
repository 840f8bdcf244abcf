"""How good an image is: pure functions of batches; the evaluator accumulates.

Two averages of PSNR are in use, 0.35-0.65 dB apart on CIFAR-10, and each has its name here: `psnr` is per image (its mean over images
is the larger figure), `psnr_of_mean_mse` takes the mean of the squared error first.
"""

import functools
import math

import torch
from torch import Tensor

SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
SSIM_C1 = 0.01**2
SSIM_C2 = 0.03**2
STEP_FLOOR = 1e-10  # added to a squared step: the root has no slope at zero


def mse(estimates: Tensor, images: Tensor) -> Tensor:
    """Mean squared error of each image. [batch, c, h, w] in 0..1, twice -> [batch]."""
    return (estimates - images).square().mean(dim=(1, 2, 3))


def psnr(squared_error: Tensor) -> Tensor:
    """dB of each image's `mse`, peak 1. An exact copy is given 100 dB, the most this returns."""
    return -10.0 * squared_error.clamp_min(1e-10).log10()


def psnr_of_mean_mse(squared_error: Tensor) -> float:
    """dB of the mean of many images' `mse`."""
    return -10.0 * math.log10(max(squared_error.double().mean().item(), 1e-10))


def total_variation(images: Tensor, beta: float = 1.0) -> Tensor:
    """Roughness of each image: the sum over all pixels and colours of (vertical step^2 + horizontal step^2)^(beta / 2) (MIEA Eq. 3).

    [batch, c, h, w] -> [batch]. Steps are to the next row and column; the last row and column have none. Differentiable at zero.
    """
    here = images[:, :, :-1, :-1]
    steps = (images[:, :, 1:, :-1] - here).square() + (images[:, :, :-1, 1:] - here).square()
    return (steps + STEP_FLOOR).pow(beta / 2).sum(dim=(1, 2, 3))


def gaussian_window(size: int = SSIM_WINDOW, sigma: float = SSIM_SIGMA) -> Tensor:
    """[size], sum 1."""
    offsets = torch.arange(size, dtype=torch.float32) - (size - 1) / 2
    window = torch.exp(-offsets.square() / (2 * sigma**2))
    return window / window.sum()


@functools.lru_cache(maxsize=16)
def blur(size: int, device: torch.device) -> Tensor:
    """Matrix [size - 10, size] that takes the Gaussian-weighted mean about every position that has all its neighbours."""
    with torch.inference_mode(False):  # it outlives the call: who comes later may want gradients
        window, places = gaussian_window(), size - SSIM_WINDOW + 1
        matrix = torch.zeros(places, size)
        for i in range(places):
            matrix[i, i : i + SSIM_WINDOW] = window
        return matrix.to(device)


def ssim(estimates: Tensor, images: Tensor) -> Tensor:
    """Structural similarity of each image (Wang et al., 2004: Gaussian window of 11, sigma 1.5, valid positions, mean over colours).

    [batch, c, h, w] in 0..1, twice -> [batch]; h and w are at least 11.
    """
    batch, _, height, width = images.shape
    if min(height, width) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs images of at least {SSIM_WINDOW} x {SSIM_WINDOW} pixels, got {height} x {width}")
    x, y = estimates.float().reshape(-1, height, width), images.float().reshape(-1, height, width)
    down, across = blur(height, x.device), blur(width, x.device)
    with torch.autocast(x.device.type, enabled=False):  # in bfloat16 the variance of a window is lost beside its mean square
        # On images this small two matrix products are several times faster than convolutions.
        mean_x, mean_y, xx, yy, xy = (down @ (moment @ across.T) for moment in (x, y, x * x, y * y, x * y))
    covariance, spread = xy - mean_x * mean_y, xx - mean_x.square() + yy - mean_y.square()
    luminance = (2 * mean_x * mean_y + SSIM_C1) / (mean_x.square() + mean_y.square() + SSIM_C1)
    structure = (2 * covariance + SSIM_C2) / (spread + SSIM_C2)
    return (luminance * structure).view(batch, -1).mean(dim=1)
