"""Tests of the perceptual distance LPIPS against the reference implementation."""

import importlib.util
import os
from pathlib import Path

import pytest
import torch

from linksim.data.evaluation_weights import weights_file
from linksim.errors import DataError
from linksim.nets.lpips import load_lpips

CPU = torch.device("cpu")
LOADERS = Path(os.environ.get("LINKSIM_DATA") or Path(__file__).parents[2] / "shared" / "data") / "loaders.py"
needs_weights = pytest.mark.skipif(weights_file("lpips") is None, reason="needs the weights of LPIPS: set LINKSIM_DATA")


def noisy(side: int, strengths: tuple[float, ...] = (0.0, 0.05, 0.1, 0.3)) -> tuple[torch.Tensor, torch.Tensor]:
    """Smooth images, and copies of them with growing noise."""
    draw = torch.Generator().manual_seed(1)
    coarse = torch.rand(1, 3, 8, 8, generator=draw)
    images = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic").clamp(0, 1).expand(len(strengths), -1, -1, -1)
    noise = torch.randn(images.shape, generator=draw) * torch.tensor(strengths)[:, None, None, None]
    return (images + noise).clamp(0, 1), images


@needs_weights
@pytest.mark.parametrize("side", [31, 64, 128])
def test_the_distance_equals_the_reference(side: int) -> None:
    if not LOADERS.is_file():
        pytest.skip(f"{LOADERS} is not present")
    spec = importlib.util.spec_from_file_location("loaders", LOADERS)
    assert spec is not None
    assert spec.loader is not None
    oracle = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(oracle)
    estimates, images = noisy(side)
    with torch.inference_mode():
        expected = oracle.LPIPS(weights_file("lpips"))(2.0 * estimates - 1.0, 2.0 * images - 1.0)
        torch.testing.assert_close(load_lpips(CPU)(estimates, images), expected, atol=1e-5, rtol=1e-4)


@needs_weights
def test_the_distance_is_zero_for_copies_and_grows_with_noise() -> None:
    found = load_lpips(CPU)(*noisy(64))
    assert found[0] == 0
    assert (found.diff() > 0).all()


@needs_weights
def test_unfit_images_are_refused() -> None:
    for shape in ((1, 3, 30, 64), (1, 1, 64, 64)):
        with pytest.raises(ValueError, match="LPIPS needs colour images of at least 31 x 31 pixels"):
            load_lpips(CPU)(torch.rand(shape), torch.rand(shape))


def test_missing_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINKSIM_DATA", str(tmp_path))
    load_lpips.cache_clear()
    with pytest.raises(DataError, match=r"set LINKSIM_DATA to a folder with weights/lpips_alex_f16\.npz"):
        load_lpips(CPU)
