"""Tests of the metrics against torchmetrics and for identical images."""

import math

import pytest
import torch

from linksim.errors import LinksimError
from linksim.metrics import MS_SSIM_WEIGHTS, Metric, ms_ssim, mse, psnr, psnr_of_mean_mse, ssim

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


@pytest.mark.parametrize(
    ("colours", "side", "scales"), [(1, 180, 5), (3, 176, 5), (1, 175, 4), (3, 128, 4), (1, 87, 3), (1, 43, 2), (3, 32, 2), (1, 21, 1)]
)
def test_ms_ssim_equals_torchmetrics(colours: int, side: int, scales: int) -> None:
    """Its own function of that name adds positions with an incomplete window at the coarsest scale and averages the colours of each scale
    instead of those of the product. So the parts of its SSIM are combined here, colour by colour and without these positions."""
    from torchmetrics.functional.image import structural_similarity_index_measure as oracle

    estimates, images = pairs(colours=colours, side=side)
    first, second = (x.reshape(-1, 1, side, side) for x in (estimates, images))
    expected = torch.ones(len(first))
    for scale, weight in enumerate(MS_SSIM_WEIGHTS[:scales], start=1):
        options = {"data_range": 1.0, "reduction": "none"}
        if scale < scales:
            _, compared = oracle(first, second, return_contrast_sensitivity=True, **options)
        else:
            compared = oracle(first, second, return_full_image=True, **options)[1][..., 5:-5, 5:-5].mean(dim=(1, 2, 3))
        expected = expected * compared.clamp_min(0.0) ** (weight / sum(MS_SSIM_WEIGHTS[:scales]))
        first, second = (torch.nn.functional.avg_pool2d(x, 2) for x in (first, second))
    torch.testing.assert_close(ms_ssim(estimates, images), expected.view(-1, colours).mean(dim=1), atol=1e-4, rtol=0)


def test_ms_ssim_of_one_scale_is_ssim() -> None:
    estimates, images = pairs(side=20)
    torch.testing.assert_close(ms_ssim(estimates, images), ssim(estimates, images))


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
    torch.testing.assert_close(ms_ssim(images, images), torch.ones(6))
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


def test_a_metric_is_computed_in_small_batches() -> None:
    estimates, images = pairs(5)
    sizes: list[int] = []

    def measure(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        sizes.append(len(first))
        return ssim(first, second).double()

    found = Metric("similarity", measure, batch=2)(estimates, images)
    assert sizes == [2, 2, 1]
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, ssim(estimates, images))


def test_a_metric_with_another_number_of_values_is_refused() -> None:
    with pytest.raises(LinksimError, match=r"metric 'pixels' returned values of shape \[6, 3, 32, 32\] for 6 images"):
        Metric("pixels", lambda estimates, images: estimates - images, batch=4)(*pairs())
