"""Facts about the open-box attack: it solves what can be solved in closed form, and no image feels another."""

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
    """A turn of the space of images."""
    return torch.view_as_complex((images.flatten(1) @ MIXING).reshape(len(images), -1, 2))


def test_without_noise_and_smoothing_the_image_is_found() -> None:
    images = drawn(4, *IMAGE)
    found = white_box(encode, encode(images), IMAGE, WhiteBoxSettings(learning_rate=1e-2, iterations=1500, tv_weight=0.0, tolerance=0.0))
    assert mse(found, images).max() < 1e-5


def test_total_variation_smooths() -> None:
    images = drawn(2, *IMAGE)
    rough, smooth = (
        white_box(encode, encode(images), IMAGE, WhiteBoxSettings(learning_rate=1e-2, iterations=400, tv_weight=v, tolerance=0.0))
        for v in (0.0, 0.3)
    )
    assert (total_variation(smooth) < 0.8 * total_variation(rough)).all()


def test_what_is_found_does_not_depend_on_what_is_searched_beside_it() -> None:
    """Images of different difficulty stop at different times."""
    images = torch.cat([drawn(2, *IMAGE), drawn(2, *IMAGE, seed=2) * 0.05])
    how = WhiteBoxSettings(learning_rate=1e-2, iterations=1000, tv_weight=0.01, tolerance=0.02)
    received = encode(images)
    together = white_box(encode, received, IMAGE, how)
    alone = torch.cat([white_box(encode, part, IMAGE, how) for part in received.split(1)])
    torch.testing.assert_close(together, alone, rtol=0, atol=how.learning_rate / 2)  # near a minimum Adam's steps hang on the last bits


def test_an_image_is_done_when_its_loss_is_flat() -> None:
    seen: list[tuple[int, Tensor]] = []
    images = drawn(2, *IMAGE)
    how = WhiteBoxSettings(learning_rate=3e-2, iterations=100_000, tv_weight=0.0, tolerance=1e-3)
    white_box(encode, encode(images), IMAGE, how, lambda step, losses, pictures: seen.append((step, losses)))
    steps = [step for step, _ in seen]
    assert steps == list(range(0, len(steps) * WINDOW, WINDOW))
    assert len(steps) < 200
    before, last = seen[-2][1], seen[-1][1]
    assert ((before - last) < how.tolerance * last + 1e-9).any()


@pytest.mark.parametrize("inference", [True, False])
def test_it_runs_inside_the_workers_inference_mode(inference: bool) -> None:
    with torch.inference_mode(inference):
        found = white_box(encode, encode(drawn(1, *IMAGE)), IMAGE, WhiteBoxSettings(iterations=3))
    assert found.shape == (1, *IMAGE)


def test_total_variation_is_the_sum_of_steps() -> None:
    """Eq. (3) on an image with one step of 0.5 down the middle: every row but the last has one, in each colour."""
    image = torch.zeros(1, 3, 8, 8)
    image[..., 4:] = 0.5
    torch.testing.assert_close(total_variation(image), torch.tensor([3 * 7 * 0.5]), rtol=1e-2, atol=0.05)
