"""Image quality metrics, as pure functions of batches.

Two averages of PSNR are in use, which differ by 0.35-0.65 dB on CIFAR-10. `psnr` is computed per image, and its mean over images is the
larger value; `psnr_of_mean_mse` averages the squared error first.

All functions take batches of images float [batch, colours, height, width] in 0..1 and are differentiable, except `psnr_of_mean_mse`. The
evaluator's operation `scoring.score` and the training tasks use them.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from linksim.errors import LinksimError

SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
SSIM_C1 = 0.01**2
SSIM_C2 = 0.03**2
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, the finest first (Wang et al., 2003)
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


def gaussian_window(size: int = SSIM_WINDOW, sigma: float = SSIM_SIGMA, device: torch.device | str = "cpu") -> Tensor:
    """Return a Gaussian window [size] with sum 1; `sigma` is its standard deviation in pixels."""
    offsets = torch.arange(size, dtype=torch.float32, device=device) - (size - 1) / 2
    window = torch.exp(-offsets.square() / (2 * sigma**2))
    return window / window.sum()


@functools.lru_cache(maxsize=16)
def blur(size: int, device: torch.device) -> Tensor:
    """Return the matrix [size - 10, size] of Gaussian-weighted means around every position whose window is complete."""
    with torch.inference_mode(False):  # the matrix is cached, and later callers may need gradients
        window, positions = gaussian_window(device=device), size - SSIM_WINDOW + 1
        matrix = torch.zeros(positions, size, device=device)
        for i in range(positions):
            matrix[i, i : i + SSIM_WINDOW] = window
        return matrix


def structure_maps(estimates: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the two factors of the structural similarity around every position whose window is complete.

    The luminance compares means, the structure compares variances and the covariance; each is [batch, c, h - 10, w - 10]. Arguments are
    those of `ssim`, and so is the ValueError.
    """
    batch, colours, height, width = images.shape
    if min(height, width) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs images of at least {SSIM_WINDOW} x {SSIM_WINDOW} pixels, got {height} x {width}")
    x, y = estimates.float().reshape(-1, height, width), images.float().reshape(-1, height, width)
    down, across = blur(height, x.device), blur(width, x.device)
    with torch.autocast(x.device.type, enabled=False):  # in bfloat16, variances are lost to cancellation
        # For images this small, two matrix products are several times faster than convolutions.
        mean_x, mean_y, power, xy = (down @ (moment @ across.T) for moment in (x, y, torch.addcmul(x * x, y, y), x * y))
    product, squares = mean_x * mean_y, torch.addcmul(mean_x * mean_x, mean_y, mean_y)
    luminance = (2 * product + SSIM_C1) / (squares + SSIM_C1)
    structure = (2 * (xy - product) + SSIM_C2) / (power - squares + SSIM_C2)  # covariance, and sum of the variances
    shape = (batch, colours, *luminance.shape[1:])
    return luminance.view(shape), structure.view(shape)


def ssim(estimates: Tensor, images: Tensor) -> Tensor:
    """Return the structural similarity of each image (Wang et al., 2004). Two batches [batch, c, h, w] in 0..1 -> [batch].

    The window is Gaussian with 11 pixels and sigma 1.5; the result is the mean over complete windows and colours. Raises ValueError if h or
    w is below 11.

    >>> image = torch.linspace(0, 1, 256).view(1, 1, 16, 16)
    >>> round(ssim(image, image).item(), 4)
    1.0
    """
    luminance, structure = structure_maps(estimates, images)
    return (luminance * structure).flatten(1).mean(dim=1)


def ms_ssim(estimates: Tensor, images: Tensor) -> Tensor:
    """Return the multi-scale structural similarity of each image (Wang et al., 2003). Two batches [batch, c, h, w] in 0..1 -> [batch].

    The result is the product, over scales that halve the image, of the mean structure, and of the mean similarity at the coarsest scale,
    each to the power of its weight; mean over colours. Five scales need at least 176 pixels. Smaller images have as many scales as leave
    the window complete, with their first weights in proportion: four from 88 pixels, three from 44, two from 22, one from 11. Negative
    means count as 0. Raises ValueError if h or w is below 11.

    >>> image = torch.linspace(0, 1, 128 * 128).view(1, 1, 128, 128)
    >>> round(ms_ssim(image, image).item(), 4)
    1.0
    """
    smallest = min(images.shape[-2:])
    scales = max(1, sum(smallest // 2**scale >= SSIM_WINDOW for scale in range(len(MS_SSIM_WEIGHTS))))
    weights = [weight / sum(MS_SSIM_WEIGHTS[:scales]) for weight in MS_SSIM_WEIGHTS[:scales]]
    product = torch.ones(images.shape[:2], device=images.device)
    for scale, weight in enumerate(weights, start=1):
        luminance, structure = structure_maps(estimates, images)
        compared = structure if scale < scales else luminance * structure
        product = product * compared.mean(dim=(2, 3)).clamp_min(0.0) ** weight
        estimates, images = (functional.avg_pool2d(x.float(), 2) for x in (estimates, images))
    return product.mean(dim=1)


@dataclass(frozen=True)
class Metric:
    """A metric that a scenario asks for, beside those that every run computes.

    name     name of its column in the trace
    measure  function of two batches [n, c, h, w] in 0..1, the estimates and the images, that returns a value for each pair, [n]
    batch    pairs per call of the function

    >>> copies = Metric("copies", lambda estimates, images: (mse(estimates, images) == 0).float(), batch=2)
    >>> copies(torch.zeros(3, 1, 2, 2), torch.zeros(3, 1, 2, 2))
    tensor([1., 1., 1.])
    """

    name: str
    measure: Callable[[Tensor, Tensor], Tensor]
    batch: int

    def __call__(self, estimates: Tensor, images: Tensor) -> Tensor:
        """Return the value of each pair in float32. Two batches [n, c, h, w] in 0..1 -> [n].

        Raises LinksimError if the function returns another number of values.
        """
        pairs = zip(torch.split(estimates, self.batch), torch.split(images, self.batch), strict=True)
        values = torch.cat([self.measure(*pair) for pair in pairs]).float()
        if values.shape != images.shape[:1]:
            raise LinksimError(f"metric {self.name!r} returned values of shape {list(values.shape)} for {len(images)} images")
        return values
