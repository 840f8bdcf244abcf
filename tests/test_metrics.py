"""Tests of the metrics against torchmetrics and for identical images."""

import math

import pytest
import torch

from linksim.metrics import mse, psnr, psnr_of_mean_mse, ssim

torchmetrics = pytest.importorskip("torchmetrics", reason="reference implementation")


def pairs(count: int = 6, colours: int = 3, side: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    images = torch.rand(count, colours, side, side, generator=draw)
    noise = torch.randn(images.shape, generator=draw) * torch.linspace(0, 0.4, count)[:, None, None, None]
    return (images + noise).clamp(0, 1), images


@pytest.mark.parametrize(("colours", "side"), [(3, 32), (1, 28), (3, 128)])
def test_ssim_equals_torchmetrics(colours: int, side: int) -> None:
    from torchmetrics.functional.image import structural_similarity_index_measure as oracle

    estimates, images = pairs(colours=colours, side=side)
    _, everywhere = oracle(estimates, images, data_range=1.0, reduction="none", return_full_image=True)
    expected = everywhere[..., 5:-5, 5:-5].mean(dim=(1, 2, 3))  # positions with a complete window
    torch.testing.assert_close(ssim(estimates, images), expected, atol=1e-4, rtol=0)


def test_psnr_equals_torchmetrics() -> None:
    from torchmetrics.functional.image import peak_signal_noise_ratio as oracle

    estimates, images = pairs()
    error = mse(estimates[1:], images[1:])
    expected = oracle(estimates[1:], images[1:], data_range=1.0, reduction="none", dim=(1, 2, 3))
    torch.testing.assert_close(psnr(error), expected)
    assert psnr_of_mean_mse(error) == pytest.approx(oracle(estimates[1:], images[1:], data_range=1.0).item(), abs=1e-4)


def test_an_exact_copy_is_perfect() -> None:
    _, images = pairs()
    torch.testing.assert_close(ssim(images, images), torch.ones(6))
    assert (psnr(mse(images, images)) == 100).all()


def test_mean_of_psnr_is_above_psnr_of_mean() -> None:
    """The two averages differ by Jensen's inequality."""
    error = torch.tensor([0.001, 0.1])
    assert psnr(error).mean().item() == pytest.approx(20.0)
    assert psnr_of_mean_mse(error) == pytest.approx(-10 * math.log10(0.0505))


def test_too_small_images_are_rejected() -> None:
    with pytest.raises(ValueError, match="at least 11 x 11 pixels, got 10 x 32"):
        ssim(torch.rand(1, 3, 10, 32), torch.rand(1, 3, 10, 32))


def test_ssim_in_inference_mode_does_not_prevent_later_gradients() -> None:
    """The matrices cached by `blur` must not be inference tensors."""
    images = torch.rand(1, 1, 19, 19, generator=torch.Generator().manual_seed(1))  # a size that no other test uses
    with torch.inference_mode():
        ssim(images, images)
    estimates = (0.5 * images).requires_grad_()
    ssim(estimates, images).sum().backward()
    assert estimates.grad is not None
    assert estimates.grad.isfinite().all()


def test_ssim_is_unaffected_by_bfloat16_autocast() -> None:
    estimates, images = pairs()
    with torch.autocast("cpu", torch.bfloat16):
        found = ssim(estimates, images)
    assert torch.equal(found, ssim(estimates, images))
