"""Image quality metrics, as pure functions of batches.

Two averages of PSNR are in use, which differ by 0.35-0.65 dB on CIFAR-10. `psnr` is computed per image, and its mean over images is the
larger value; `psnr_of_mean_mse` averages the squared error first.

All functions take batches of images float [batch, colours, height, width] in 0..1 and are differentiable, except `psnr_of_mean_mse`. The
evaluator's operation `operations.score` and the training tasks use them.
"""

import functools
import math

import torch
from torch import Tensor

SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
SSIM_C1 = 0.01**2
SSIM_C2 = 0.03**2
STEP_FLOOR = 1e-10  # added to a squared difference, because the derivative of the square root is infinite at zero


def mse(estimates: Tensor, images: Tensor) -> Tensor:
    """Return the mean squared error of each image. Two batches [batch, c, h, w] in 0..1 -> [batch].

    >>> mse(torch.full((1, 1, 2, 2), 0.5), torch.zeros(1, 1, 2, 2))
    tensor([0.2500])
    """
    return (estimates - images).square().mean(dim=(1, 2, 3))


def psnr(squared_error: Tensor) -> Tensor:
    """Return the PSNR in dB for each `mse` of images in 0..1. The maximum is 100 dB, also for exact copies.

    >>> psnr(torch.tensor([0.01, 0.0]))
    tensor([ 20., 100.])
    """
    return -10.0 * squared_error.clamp_min(1e-10).log10()


def psnr_of_mean_mse(squared_error: Tensor) -> float:
    """Return the PSNR in dB of the mean `mse` of many images.

    >>> round(psnr_of_mean_mse(torch.tensor([0.001, 0.1])), 2)
    12.97
    """
    return -10.0 * math.log10(max(squared_error.double().mean().item(), 1e-10))


def total_variation(images: Tensor, beta: float = 1.0) -> Tensor:
    """Return the total variation of each image (MIEA Eq. 3). [batch, c, h, w] -> [batch].

    It is the sum over all pixels and colours of (vertical difference^2 + horizontal difference^2)^(beta / 2). Differences are to the next
    row and column; the last row and column are omitted. The result is differentiable at zero.

    >>> edge = torch.tensor([[[[0.0, 1.0, 1.0], [0.0, 1.0, 1.0]]]])  # a vertical edge of height 1, of which one row counts
    >>> round(total_variation(edge).item(), 3)
    1.0
    """
    here = images[:, :, :-1, :-1]
    steps = (images[:, :, 1:, :-1] - here).square() + (images[:, :, :-1, 1:] - here).square()
    return (steps + STEP_FLOOR).pow(beta / 2).sum(dim=(1, 2, 3))


def gaussian_window(size: int = SSIM_WINDOW, sigma: float = SSIM_SIGMA) -> Tensor:
    """Return a Gaussian window [size] with sum 1; `sigma` is its standard deviation in pixels."""
    offsets = torch.arange(size, dtype=torch.float32) - (size - 1) / 2
    window = torch.exp(-offsets.square() / (2 * sigma**2))
    return window / window.sum()


@functools.lru_cache(maxsize=16)
def blur(size: int, device: torch.device) -> Tensor:
    """Return the matrix [size - 10, size] of Gaussian-weighted means around every position whose window is complete."""
    with torch.inference_mode(False):  # the matrix is cached, and later callers may need gradients
        window, positions = gaussian_window(), size - SSIM_WINDOW + 1
        matrix = torch.zeros(positions, size)
        for i in range(positions):
            matrix[i, i : i + SSIM_WINDOW] = window
        return matrix.to(device)


def ssim(estimates: Tensor, images: Tensor) -> Tensor:
    """Return the structural similarity of each image (Wang et al., 2004). Two batches [batch, c, h, w] in 0..1 -> [batch].

    The window is Gaussian with 11 pixels and sigma 1.5; the result is the mean over complete windows and colours. Raises ValueError if h or
    w is below 11.

    >>> image = torch.linspace(0, 1, 256).view(1, 1, 16, 16)
    >>> round(ssim(image, image).item(), 4)
    1.0
    """
    batch, _, height, width = images.shape
    if min(height, width) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs images of at least {SSIM_WINDOW} x {SSIM_WINDOW} pixels, got {height} x {width}")
    x, y = estimates.float().reshape(-1, height, width), images.float().reshape(-1, height, width)
    down, across = blur(height, x.device), blur(width, x.device)
    with torch.autocast(x.device.type, enabled=False):  # in bfloat16, variances are lost to cancellation
        # For images this small, two matrix products are several times faster than convolutions.
        mean_x, mean_y, xx, yy, xy = (down @ (moment @ across.T) for moment in (x, y, x * x, y * y, x * y))
    covariance, spread = xy - mean_x * mean_y, xx - mean_x.square() + yy - mean_y.square()
    luminance = (2 * mean_x * mean_y + SSIM_C1) / (mean_x.square() + mean_y.square() + SSIM_C1)
    structure = (2 * covariance + SSIM_C2) / (spread + SSIM_C2)
    return (luminance * structure).view(batch, -1).mean(dim=1)
