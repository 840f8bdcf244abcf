"""Tests of the white-box attack: it finds known minima, and the result for an image does not depend on the batch."""

import pytest
import torch
from torch import Tensor

from linksim.attacks.search import WINDOW
from linksim.attacks.white_box import WhiteBoxSettings, white_box, white_box_loss
from linksim.metrics import mse, total_variation

IMAGE = (3, 8, 8)
VALUES = 3 * 8 * 8


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def zeros(n: int) -> Tensor:
    """The paper's start."""
    return torch.zeros(n, *IMAGE)


MIXING = torch.linalg.qr(torch.randn(VALUES, VALUES, generator=torch.Generator().manual_seed(1))).Q


def encode(images: Tensor) -> Tensor:
    """An orthogonal transformation of the pixels."""
    return torch.view_as_complex((images.flatten(1) @ MIXING).reshape(len(images), -1, 2))


def test_the_image_is_recovered_without_noise_and_total_variation() -> None:
    images = drawn(4, *IMAGE)
    found = white_box(encode, encode(images), zeros(4), WhiteBoxSettings(learning_rate=1e-2, iterations=1500, tv_weight=0.0, tolerance=0.0))
    assert mse(found, images).max() < 1e-5


def test_a_search_that_starts_at_the_true_image_stays_there() -> None:
    images = drawn(3, *IMAGE)
    found = white_box(encode, encode(images), images, WhiteBoxSettings(learning_rate=0.03, iterations=200, tv_weight=0.0))
    assert torch.equal(found, images)  # every step raises the loss, and the image of the lowest loss is returned


def folded(images: Tensor) -> Tensor:
    """An encoder with two minima for every pixel: one near 0, where the loss is high, and one at the value that was sent."""
    x = images.flatten(1)
    return torch.view_as_complex((4 * x**3 - 5.4 * x**2 + 1.8 * x).reshape(len(images), -1, 2))


def test_a_search_from_zeros_can_stop_above_the_loss_at_the_truth_and_from_a_better_start_reach_it() -> None:
    """The true pixels are above 0.8; between them and 0 the encoder of this test rises and falls."""
    images = 0.8 + 0.2 * drawn(4, *IMAGE)
    received, settings = folded(images), WhiteBoxSettings(learning_rate=1e-2, iterations=1500, tv_weight=0.0, tolerance=1e-4)
    at_truth = white_box_loss(folded, received, images, settings.tv_weight)
    stuck, found = (white_box(folded, received, start, settings) for start in (zeros(4), torch.full_like(images, 0.7)))
    assert at_truth.max() == 0
    assert (white_box_loss(folded, received, stuck, settings.tv_weight) > 1).all()
    assert (white_box_loss(folded, received, found, settings.tv_weight) < 1e-3).all()
    assert mse(found, images).max() < 1e-3 < mse(stuck, images).min()


def test_the_loss_is_the_squared_distance_plus_total_variation() -> None:
    images, others = drawn(2, *IMAGE), drawn(2, *IMAGE, seed=3)
    distance = (images - others).square().sum(dim=(1, 2, 3))  # the encoder of this test preserves distances
    torch.testing.assert_close(white_box_loss(encode, encode(images), others, 0.5), distance + 0.5 * total_variation(others))


@pytest.mark.parametrize("iterations", [1, 49, 50, 51, 120])
def test_the_result_is_never_worse_than_the_start(iterations: int) -> None:
    images, start = drawn(3, *IMAGE), drawn(3, *IMAGE, seed=5)
    received, settings = encode(images), WhiteBoxSettings(learning_rate=0.5, iterations=iterations, tv_weight=0.0)
    losses = [white_box_loss(encode, received, x, 0.0) for x in (start, white_box(encode, received, start, settings))]
    assert (losses[1] <= losses[0]).all()


def test_total_variation_smooths_the_image() -> None:
    images = drawn(2, *IMAGE)
    rough, smooth = (
        white_box(encode, encode(images), zeros(2), WhiteBoxSettings(learning_rate=1e-2, iterations=400, tv_weight=v, tolerance=0.0))
        for v in (0.0, 0.3)
    )
    assert (total_variation(smooth) < 0.8 * total_variation(rough)).all()


def test_the_result_for_an_image_does_not_depend_on_the_batch() -> None:
    """The images converge after different numbers of iterations."""
    images = torch.cat([drawn(2, *IMAGE), drawn(2, *IMAGE, seed=2) * 0.05])
    settings = WhiteBoxSettings(learning_rate=1e-2, iterations=1000, tv_weight=0.01, tolerance=0.02)
    received = encode(images)
    together = white_box(encode, received, zeros(4), settings)
    alone = torch.cat([white_box(encode, part, zeros(1), settings) for part in torch.tensor_split(received, len(received))])
    # near a minimum Adam's steps amplify rounding errors
    torch.testing.assert_close(together, alone, rtol=0, atol=settings.learning_rate / 2)


def test_the_search_stops_when_the_loss_converges() -> None:
    seen: list[tuple[int, Tensor]] = []
    images = drawn(2, *IMAGE)
    settings = WhiteBoxSettings(learning_rate=3e-2, iterations=100_000, tv_weight=0.0, tolerance=1e-3)
    white_box(encode, encode(images), zeros(2), settings, lambda step, losses, found: seen.append((step, losses)))
    steps = [step for step, _ in seen]
    assert steps == list(range(0, len(steps) * WINDOW, WINDOW))
    assert len(steps) < 200
    before, last = seen[-2][1], seen[-1][1]
    assert ((before - last) < settings.tolerance * last + 1e-9).any()


@pytest.mark.parametrize("inference", [True, False])
def test_it_runs_in_inference_mode(inference: bool) -> None:
    with torch.inference_mode(inference):
        found = white_box(encode, encode(drawn(1, *IMAGE)), zeros(1), WhiteBoxSettings(iterations=3))
    assert found.shape == (1, *IMAGE)


def test_total_variation_is_the_sum_of_steps() -> None:
    """The image has one step of 0.5 per row; Eq. (3) counts every row but the last, in each colour."""
    image = torch.zeros(1, 3, 8, 8)
    image[..., 4:] = 0.5
    torch.testing.assert_close(total_variation(image), torch.tensor([3 * 7 * 0.5]), rtol=1e-2, atol=0.05)
