"""Scores of reconstructions against the images that were sent, in pixel values, structure and perception."""

from collections.abc import Iterable

import torch
from torch import Tensor

from linksim.metrics import ms_ssim, mse, psnr_of_mean_mse
from linksim.nets.cards import Score
from linksim.nets.lpips import load_lpips


def likeness_scores(condition: str, batches: Iterable[tuple[Tensor, Tensor]]) -> list[Score]:
    """Return PSNR of the mean squared error, mean MS-SSIM and mean LPIPS.

    condition  test condition of the scores
    batches    estimates and images, float [n, 3, h, w] in 0..1, batch by batch

    Raises DataError if the weights of LPIPS are missing.
    """
    found = []
    for estimates, images in batches:
        perceived: Tensor = load_lpips(images.device)(estimates, images)
        found.append(torch.stack([mse(estimates, images), ms_ssim(estimates, images), perceived.float()]).cpu())
    error, likeness, perceived = torch.cat(found, dim=1)
    return [
        Score("psnr_of_mean_mse_db", condition, psnr_of_mean_mse(error), len(error)),
        Score("ms_ssim", condition, likeness.mean().item(), len(error)),
        Score("lpips", condition, perceived.mean().item(), len(error)),
    ]
