"""Tests of diffusion: the schedule, the forward process against its closed form, and the reverse process against a known posterior."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from linksim.diffusion import ABAR, STEPS, denoise, diffuse, predict_x0, timesteps, to_pixels, to_unit

SHAPE = (3, 4, 4)


def normals(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_schedule_is_the_cumulative_product_of_alpha() -> None:
    left, kept = 1.0, [1.0]
    for step in range(STEPS):
        left *= 1.0 - (1e-4 + (2e-2 - 1e-4) * step / (STEPS - 1))
        kept.append(left)
    assert torch.allclose(ABAR.double(), torch.tensor(kept, dtype=torch.float64), rtol=1e-6)
    assert kept[-1] == pytest.approx(4.0358e-5, rel=1e-3)  # known final value of the DDPM schedule


def test_direct_diffusion_equals_many_single_steps() -> None:
    """Forty applications of Eq. (10) have the mean and variance of one application of Eq. (12)."""
    beta = 1e-4 + (2e-2 - 1e-4) * torch.arange(40) / (STEPS - 1)
    x = torch.full((40_000,), 0.7)
    for number, share in enumerate(beta):
        x = (1 - share).sqrt() * x + share.sqrt() * normals(number, len(x))
    leap = diffuse(torch.full((1, 1, 1, 40_000), 0.7), torch.tensor([40]), normals(99, 1, 1, 1, 40_000))
    assert x.mean().item() == pytest.approx(leap.mean().item(), abs=0.003)
    assert x.std().item() == pytest.approx(leap.std().item(), rel=0.02)
    assert leap.std().item() == pytest.approx(math.sqrt(1 - ABAR[40]), rel=0.02)


def test_step_zero_changes_nothing_and_the_noise_recovers_the_image() -> None:
    x, noise = normals(1, 3, *SHAPE).clamp(-1, 1), normals(2, 3, *SHAPE)
    steps = torch.tensor([0, 7, 50])
    noisy = diffuse(x, steps, noise)
    assert torch.equal(noisy[0], x[0])
    assert torch.allclose(predict_x0(noisy, steps, noise), x, atol=1e-5)
    assert torch.allclose(to_pixels(to_unit(x)), x, atol=1e-6)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=6), st.one_of(st.none(), st.integers(1, 12)))
def test_timesteps_lead_from_the_initial_step_to_zero_in_even_strides(steps: list[int], num_calls: int | None) -> None:
    path = timesteps(torch.tensor(steps), num_calls)
    for step, way in zip(steps, path.T.tolist(), strict=True):
        assert (way[0], way[-1]) == (step, 0)
        drops = [a - b for a, b in pairwise(way) if a != b]
        assert len(drops) == (step if num_calls is None else min(num_calls, step))
        assert all(drop > 0 for drop in drops)
        assert max(drops, default=0) - min(drops, default=0) <= 1


@pytest.mark.parametrize("num_calls", [None, 10, 4])
def test_a_perfect_denoiser_recovers_the_image(num_calls: int | None) -> None:
    x, steps = normals(3, 4, *SHAPE).clamp(-1, 1), torch.tensor([0, 1, 30, 100])
    noisy = diffuse(x, steps, normals(4, 4, *SHAPE))
    known = {tuple(image.flatten()[:2].tolist()): image for image in x}
    assert len(known) == 4

    def model(chunk: Tensor, at: Tensor) -> Tensor:
        clean = x[-len(chunk) :]  # the items that are still active are the last ones
        left = ABAR[at][:, None, None, None]
        return (chunk - left.sqrt() * clean) / (1 - left).sqrt()

    assert torch.allclose(denoise(model, noisy, steps, lambda n: normals(10 + n, 4, *SHAPE), num_calls), x, atol=1e-4)


@pytest.mark.parametrize("num_calls", [None, 10, 5])
def test_the_ideal_denoiser_of_a_gaussian_recovers_its_distribution(num_calls: int | None) -> None:
    """For pixels N(0, s^2) the posterior is known: the result from step 100 must be N(0, s^2) and correlated with the original."""
    s, count = 0.2, 60_000
    x = s * normals(5, 1, 1, 1, count)
    steps = torch.tensor([100])

    def model(chunk: Tensor, at: Tensor) -> Tensor:
        left = ABAR[at][:, None, None, None]
        return (1 - left).sqrt() / (left * s**2 + 1 - left) * chunk

    noisy = diffuse(x, steps, normals(6, *x.shape))
    back = denoise(model, noisy, steps, lambda n: normals(20 + n, *x.shape), num_calls)
    left = ABAR[100].item()
    gain = left * s**2 / (left * s**2 + 1 - left)
    likeness = torch.corrcoef(torch.stack([back.flatten(), x.flatten()]))[0, 1].item()
    if num_calls is None:  # DDPM samples the posterior, whose correlation with the original is the gain
        assert back.std().item() == pytest.approx(s, rel=0.03)
        assert likeness == pytest.approx(gain, abs=0.02)
    else:  # strides underestimate the variance: with fewer calls the result is closer to the mean of the posterior
        assert math.sqrt(gain) * s < back.std().item() < 1.03 * s
        assert gain - 0.02 < likeness < math.sqrt(gain) + 0.02


def test_the_result_of_an_item_does_not_depend_on_its_batch() -> None:
    x, steps = normals(7, 5, *SHAPE), torch.tensor([3, 100, 0, 17, 50])

    def model(chunk: Tensor, at: Tensor) -> Tensor:
        return 0.5 * chunk + 0.01 * at[:, None, None, None]

    together = denoise(model, x, steps, lambda n: normals(30 + n, 5, *SHAPE), 10)
    for item in range(5):
        alone = denoise(model, x[item : item + 1], steps[item : item + 1], lambda n, i=item: normals(30 + n, 5, *SHAPE)[i : i + 1], 10)
        assert torch.allclose(alone[0], together[item], atol=1e-6)


def test_strides_bound_the_number_of_network_calls() -> None:
    seen: list[int] = []

    def model(chunk: Tensor, at: Tensor) -> Tensor:
        seen.append(len(chunk))
        return torch.zeros_like(chunk)

    denoise(model, normals(8, 3, *SHAPE), torch.tensor([2, 40, 100]), lambda n: normals(n, 3, *SHAPE), 10)
    assert len(seen) == 10
    assert sum(seen) == 2 + 10 + 10
