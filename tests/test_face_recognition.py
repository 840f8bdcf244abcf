"""Tests of the face recognisers: against the reference implementation, and their accuracy on official pairs of LFW."""

import importlib.util
import io
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from linksim.data.evaluation_weights import weights_file
from linksim.errors import DataError
from linksim.nets.face_recognition import CHIP_SIDE, FaceRecogniserA, chip_positions, load_face_recogniser, padded_sum

CPU = torch.device("cpu")
FOLDER = Path(os.environ.get("LINKSIM_DATA") or Path(__file__).parents[2] / "shared" / "data")
PAIRS = 150  # official pairs of the test people of view 1
needs_weights = pytest.mark.skipif(
    any(weights_file(f"face-recogniser-{name}") is None for name in "ab"), reason="needs the weights of the recognisers: set LINKSIM_DATA"
)


def reference() -> ModuleType:
    """The reference implementation, which stands beside the weights."""
    path = FOLDER / "loaders.py"
    if not path.is_file():
        pytest.skip(f"{path} is not present")
    spec = importlib.util.spec_from_file_location("loaders", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stored() -> Any:
    path = FOLDER / "faces-lfw128.npz"
    if not path.is_file():
        pytest.skip(f"no dataset 'faces': {path} is not present")
    return np.load(path)


def crops(file: Any, indices: NDArray[Any]) -> torch.Tensor:
    """Crops of the faces in 0..1, [n, 3, 128, 128]."""
    raw, ends = file["x_webp"].tobytes(), file["x_ends"]
    starts = np.append(0, ends[:-1])
    images = [np.asarray(Image.open(io.BytesIO(raw[starts[i] : ends[i]])).convert("RGB")) for i in indices.tolist()]
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255.0


@pytest.fixture(scope="module")
def faces() -> torch.Tensor:
    return crops(stored(), np.arange(4))


@needs_weights
@pytest.mark.parametrize("side", [128, 64])
def test_recogniser_a_equals_the_reference(faces: torch.Tensor, side: int) -> None:
    images, oracle = functional.avg_pool2d(faces, 128 // side), reference()
    with torch.inference_mode():
        expected = oracle.DlibFaceNet(weights_file("face-recogniser-a"))(oracle.face_chip(255.0 * images))
        torch.testing.assert_close(load_face_recogniser("a", CPU)(images), expected, atol=1e-5, rtol=0)


@needs_weights
def test_recogniser_b_equals_the_reference(faces: torch.Tensor) -> None:
    oracle = reference()
    with torch.inference_mode():
        enlarged = functional.interpolate(255.0 * faces, (224, 224), mode="bicubic", align_corners=False).clamp(0.0, 255.0)
        expected = functional.normalize(oracle.HseFaceRes(weights_file("face-recogniser-b"))(enlarged))
        torch.testing.assert_close(load_face_recogniser("b", CPU)(faces), expected, atol=1e-5, rtol=0)


@needs_weights
@pytest.mark.parametrize("name", ["a", "b"])
def test_faces_are_verified(name: str) -> None:
    """On all of the 1,000 pairs both recognisers decide correctly in more than 97 %."""
    file = stored()
    chosen = np.random.default_rng(1).permutation(len(file["pairs_dev_test"]))[:PAIRS]
    pairs, network = file["pairs_dev_test"][chosen].astype(np.int64), load_face_recogniser(name, CPU)
    with torch.inference_mode():
        first, second = (torch.cat([network(part) for part in crops(file, pairs[:, side]).split(8)]) for side in (0, 1))
    same = torch.linalg.vector_norm(first - second, dim=1) < network.threshold
    assert (same.numpy() == (pairs[:, 2] == 1)).mean() > 0.94


@needs_weights
@pytest.mark.parametrize("name", ["a", "b"])
def test_noise_hides_a_person_and_little_noise_does_not(faces: torch.Tensor, name: str) -> None:
    noise = torch.randn(faces.shape, generator=torch.Generator().manual_seed(1))
    network = load_face_recogniser(name, CPU)
    with torch.inference_mode():
        assert network.same_person(faces, faces).all()
        assert network.same_person((faces + 0.02 * noise).clamp(0, 1), faces).all()
        assert not network.same_person((faces + noise).clamp(0, 1), faces).any()


@needs_weights
@pytest.mark.parametrize("name", ["a", "b"])
def test_the_distance_has_gradients_in_the_images_alone(faces: torch.Tensor, name: str) -> None:
    network = load_face_recogniser(name, CPU)
    for images in (faces[:1].clone(), functional.avg_pool2d(faces[:1], 2)):
        estimates = images.clone().requires_grad_()
        network.distance(estimates, images).sum().backward()
        assert estimates.grad is not None
        assert not estimates.grad.any()  # equal images
        (gradient,) = torch.autograd.grad(network.distance((0.5 * estimates), images).sum(), estimates)
        assert gradient.isfinite().all()
        assert gradient.any()
    assert not any(weights.requires_grad for weights in network.parameters())


def test_sums_of_feature_maps_are_padded_with_zeros() -> None:
    found = padded_sum(torch.ones(1, 1, 2, 3), 2.0 * torch.ones(1, 2, 3, 1))
    assert found.shape == (1, 2, 3, 3)
    assert found[0, 0].tolist() == [[3.0, 1.0, 1.0], [3.0, 1.0, 1.0], [2.0, 0.0, 0.0]]
    assert found[0, 1].tolist() == [[2.0, 0.0, 0.0]] * 3


def test_the_input_of_a_is_a_part_of_the_crop() -> None:
    positions = chip_positions()
    assert positions.shape == (1, CHIP_SIDE, CHIP_SIDE, 2)
    assert positions.abs().max() < 1
    side = 128 * (positions[0, 0, -1] - positions[0, 0, 0]).norm() / 2
    assert side.item() == pytest.approx((CHIP_SIDE - 1) / 1.6414, rel=1e-3)


def test_missing_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINKSIM_DATA", str(tmp_path))
    load_face_recogniser.cache_clear()
    for name, file in (("a", "dlib_face_resnet_f16"), ("b", "hse_faceres_f16")):
        with pytest.raises(DataError, match=f"set LINKSIM_DATA to a folder with weights/{file}.npz"):
            load_face_recogniser(name, CPU)


def test_a_damaged_file_of_weights_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "dlib_face_resnet_f16.npz").write_bytes(b"PK\x03\x04 not an archive")
    monkeypatch.setenv("LINKSIM_DATA", str(tmp_path))
    load_face_recogniser.cache_clear()
    with pytest.raises(DataError, match="dlib_face_resnet_f16"):
        load_face_recogniser("a", CPU)


def test_weights_of_another_network_do_not_fit() -> None:
    with pytest.raises(RuntimeError, match="Missing key"):
        FaceRecogniserA({"conv1.weight": np.zeros((32, 3, 7, 7), np.float32)})
