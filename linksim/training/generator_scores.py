"""Scores of a generator: how well it reproduces faces of unseen people, and how far its random samples are from such faces.

The distance of two sets of images is the Fréchet distance of Gaussian distributions fitted to their features (Heusel et al., "GANs Trained
by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", 2017). The features are the last layer of LPIPS' AlexNet, of unit
length per position and averaged over positions: 256 values per image, for which about a thousand images suffice.
"""

import torch
from torch import Tensor

from linksim.nets.cards import Score
from linksim.nets.generator import Generator
from linksim.nets.lpips import load_lpips
from linksim.rng import Streams
from linksim.training.likeness import likeness_scores
from linksim.training.noise import evaluation_batches

ROUND_TRIP, SAMPLES = "round trip of unseen people", "random samples and unseen people"
CONDITIONS = (ROUND_TRIP, SAMPLES)


def generator_scores(generator: Generator, condition: str, images: Tensor, streams: Streams, device: torch.device) -> list[Score]:
    """Return the scores of a generator, in evaluation mode on `device`, under one of `CONDITIONS`.

    images   float [n, c, h, w] in 0..1; the second condition draws as many samples
    streams  streams of the samples
    """
    if condition == ROUND_TRIP:
        batches = evaluation_batches(images, device)
        return likeness_scores(condition, ((generator.regenerate(chunk).clamp(0.0, 1.0), chunk) for _, chunk in batches))
    seen, drawn = [], []
    for index, chunk in evaluation_batches(images, device):
        z, noise = draw_latents(generator, streams, "samples", index, len(chunk), device)
        drawn.append(pooled_features(generator.generate(z, noise).clamp(0.0, 1.0)))
        seen.append(pooled_features(chunk))
    return [Score("frechet_distance", condition, frechet_distance(torch.cat(drawn), torch.cat(seen)), len(images))]


def draw_latents(generator: Generator, streams: Streams, name: str, index: int, batch: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return z [batch, latents] and noise [batch, noise_size], standard normal, of draw `index` of the streams that begin with `name`."""
    sizes = {"z": generator.latents, "noise": generator.noise_size}
    z, noise = (
        torch.from_numpy(streams(f"{name}/{part}", index).standard_normal((batch, size), dtype="float32")).to(device)
        for part, size in sizes.items()
    )
    return z, noise


def pooled_features(images: Tensor) -> Tensor:
    """Return the features of images [n, 3, h, w] in 0..1 for `frechet_distance`, float64 [n, 256] on the CPU. See the top of this file."""
    return load_lpips(images.device).features(images)[-1].mean(dim=(2, 3)).double().cpu()


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """Return the Fréchet distance |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of two sets of features, float64 [n, d] each.

    m and C are mean and covariance of the features of a set. With few samples the distance of equal distributions is above zero.

    >>> features = torch.randn(500, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    >>> round(frechet_distance(features, features + 3.0), 6)
    18.0
    """
    means, covariances = (first.mean(0), second.mean(0)), (torch.cov(first.T), torch.cov(second.T))
    values, vectors = torch.linalg.eigh(covariances[0])
    root = vectors * values.clamp_min(0.0).sqrt() @ vectors.T
    product = torch.linalg.eigvalsh(root @ covariances[1] @ root).clamp_min(0.0)  # the eigenvalues of C1 C2
    trace = covariances[0].trace() + covariances[1].trace() - 2 * product.sqrt().sum()
    return float((means[0] - means[1]).square().sum() + trace)
