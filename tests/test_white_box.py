"""Tests of the white-box attack: it finds known minima, and the result for an image does not depend on the batch."""

import pytest
import torch
from torch import Tensor

from linksim.attacks.white_box import WINDOW, WhiteBoxSettings, white_box
from linksim.metrics import mse, total_variation

IMAGE = (3, 8, 8)
VALUES = 3 * 8 * 8


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


MIXING = torch.linalg.qr(torch.randn(VALUES, VALUES, generator=torch.Generator().manual_seed(1))).Q


def encode(images: Tensor) -> Tensor:
    """An orthogonal transformation of the pixels."""
    return torch.view_as_complex((images.flatten(1) @ MIXING).reshape(len(images), -1, 2))


def test_the_image_is_recovered_without_noise_and_total_variation() -> None:
    images = drawn(4, *IMAGE)
    found = white_box(encode, encode(images), IMAGE, WhiteBoxSettings(learning_rate=1e-2, iterations=1500, tv_weight=0.0, tolerance=0.0))
    assert mse(found, images).max() < 1e-5


def test_total_variation_smooths_the_image() -> None:
    images = drawn(2, *IMAGE)
    rough, smooth = (
        white_box(encode, encode(images), IMAGE, WhiteBoxSettings(learning_rate=1e-2, iterations=400, tv_weight=v, tolerance=0.0))
        for v in (0.0, 0.3)
    )
    assert (total_variation(smooth) < 0.8 * total_variation(rough)).all()


def test_the_result_for_an_image_does_not_depend_on_the_batch() -> None:
    """The images converge after different numbers of iterations."""
    images = torch.cat([drawn(2, *IMAGE), drawn(2, *IMAGE, seed=2) * 0.05])
    settings = WhiteBoxSettings(learning_rate=1e-2, iterations=1000, tv_weight=0.01, tolerance=0.02)
    received = encode(images)
    together = white_box(encode, received, IMAGE, settings)
    alone = torch.cat([white_box(encode, part, IMAGE, settings) for part in torch.tensor_split(received, len(received))])
    # near a minimum Adam's steps amplify rounding errors
    torch.testing.assert_close(together, alone, rtol=0, atol=settings.learning_rate / 2)


def test_the_search_stops_when_the_loss_converges() -> None:
    seen: list[tuple[int, Tensor]] = []
    images = drawn(2, *IMAGE)
    settings = WhiteBoxSettings(learning_rate=3e-2, iterations=100_000, tv_weight=0.0, tolerance=1e-3)
    white_box(encode, encode(images), IMAGE, settings, lambda step, losses, found: seen.append((step, losses)))
    steps = [step for step, _ in seen]
    assert steps == list(range(0, len(steps) * WINDOW, WINDOW))
    assert len(steps) < 200
    before, last = seen[-2][1], seen[-1][1]
    assert ((before - last) < settings.tolerance * last + 1e-9).any()


@pytest.mark.parametrize("inference", [True, False])
def test_it_runs_in_inference_mode(inference: bool) -> None:
    with torch.inference_mode(inference):
        found = white_box(encode, encode(drawn(1, *IMAGE)), IMAGE, WhiteBoxSettings(iterations=3))
    assert found.shape == (1, *IMAGE)


def test_total_variation_is_the_sum_of_steps() -> None:
    """The image has one step of 0.5 per row; Eq. (3) counts every row but the last, in each colour."""
    image = torch.zeros(1, 3, 8, 8)
    image[..., 4:] = 0.5
    torch.testing.assert_close(total_variation(image), torch.tensor([3 * 7 * 0.5]), rtol=1e-2, atol=0.05)
