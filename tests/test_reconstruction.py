"""Tests of reconstructions: their parts, merging of transmissions, and a receiver that outputs labels alone."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import linksim
from linksim.enums import Node
from linksim.errors import ModelError
from linksim.metrics import psnr_of_mean_mse
from linksim.negotiation import NegotiatedParameters
from linksim.nets.weights import clear_model_cache
from linksim.phy.baseband import ReceivedSymbols, equalise
from linksim.reconstruction import FILL_VALUE, Reconstruction
from linksim.records import ImageScore, KeptImage
from linksim.registry import remove
from linksim.scenario.schema import LinkOptions, refresh
from linksim.scoring import score
from linksim.simulate.link_factory import Precision

CLASSES, LEVELS = 4, torch.tensor([0.2, 0.4, 0.6])  # classes by mean brightness, and their boundaries


def filled(*values: float) -> Tensor:
    """One item with an image of 1 x 2 pixels for each value."""
    return torch.tensor(values).view(1, -1, 1, 1, 1).expand(1, len(values), 1, 1, 2).clone()


def test_a_reconstruction_has_images_or_logits() -> None:
    with pytest.raises(ValueError, match="needs images or logits"):
        Reconstruction(erased=torch.zeros(1, 1, dtype=torch.bool))


def test_named_tensors_are_the_parts_that_exist() -> None:
    made = Reconstruction(filled(0.1), erased=torch.tensor([[True]]))
    assert list(made.tensors()) == ["images", "erased"]
    again = Reconstruction.of(made.tensors())
    assert again.logits is None
    assert again.images is made.images
    assert again.erased is made.erased


def test_erased_images_are_shown_as_grey_and_labels_cannot_be_shown() -> None:
    made = Reconstruction(filled(0.1, 0.2), erased=torch.tensor([[False, True]]))
    torch.testing.assert_close(made.shown(), filled(0.1, FILL_VALUE))
    with pytest.raises(ValueError, match="reconstructs no images"):
        Reconstruction(logits=torch.zeros(1, 1, 3)).shown()


def test_a_retransmission_fills_in_the_images_that_are_erased() -> None:
    """Images and logits come from the newest transmission that decoded them."""
    old = Reconstruction(filled(1, 2, 3), torch.arange(6.0).view(1, 3, 2), torch.tensor([[False, False, True]]))
    new = Reconstruction(filled(4, 5, 6), -torch.arange(6.0).view(1, 3, 2), torch.tensor([[False, True, True]]))
    merged = new.merge(old)
    assert merged.images is not None
    assert merged.logits is not None
    assert merged.erased is not None
    assert merged.images[0, :, 0, 0, 0].tolist() == [4, 2, 3]
    assert merged.logits[0].tolist() == [[0, -1], [2, 3], [4, 5]]
    assert merged.erased.tolist() == [[False, False, True]]
    plain = Reconstruction(filled(7))
    assert plain.merge(old) is plain


def test_scores_are_those_of_the_parts_that_exist() -> None:
    operation, images = score(None, 8, Precision(False, torch.device("cpu"))), torch.rand(2, 1, 3, 16, 16)
    logits = torch.tensor([[[0.0, 2.0, 1.0]], [[3.0, 2.0, 1.0]]])
    found: Any = operation.run({"images": images}, images)
    assert set(found) == {"mse", "psnr_db", "ssim"}
    found = operation.run({"logits": logits}, images)
    assert set(found) == {"class_received"}
    assert found["class_received"].tolist() == [[1], [0]]
    found = operation.run({"images": images, "logits": logits, "erased": torch.tensor([[True], [False]])}, images)
    assert set(found) == {"mse", "psnr_db", "ssim", "class_received", "erased"}
    assert found["mse"][0] > 0
    assert found["mse"][1] == 0


def test_nan_is_never_shown_as_grey_unless_it_is_erased() -> None:
    images = torch.full((1, 2, 3, 16, 16), math.nan)
    found = Reconstruction(images, erased=torch.tensor([[False, True]]))
    assert found.shown()[0, 0].isnan().all()
    assert (found.shown()[0, 1] == FILL_VALUE).all()
    scores: Any = score(None, 8, Precision(False, torch.device("cpu"))).run(found.tensors(), torch.rand(1, 2, 3, 16, 16))
    for name in ("mse", "psnr_db", "ssim"):
        assert scores[name].isnan().tolist() == [[True, False]], name
    assert math.isnan(psnr_of_mean_mse(scores["mse"]))


class NanCodec(nn.Module):
    """A codec whose decoder returns NaN."""

    channel_uses, rows = 256, 8

    def encode(self, images: Any, snr_db: Any) -> Any:
        return torch.view_as_complex(images.flatten(1)[:, :512].reshape(len(images), 256, 2).contiguous())

    def decode(self, symbols: Any, snr_db: Any) -> Any:
        return torch.full((len(symbols), 3, 32, 32), math.nan)


@pytest.fixture
def nan_codec() -> Iterator[None]:
    linksim.register("codec", "nan-codec")(NanCodec)
    clear_model_cache()
    yield
    remove("codec", "nan-codec")
    clear_model_cache()


@pytest.mark.usefixtures("nan_codec")
@pytest.mark.parametrize("layers", [[], ["permutation"]])
def test_a_run_whose_codec_returns_nan_ends_with_an_error(simulate: Any, layers: list[str]) -> None:
    """Without a PSNR the images would count as never received."""
    options = LinkOptions.model_validate({"scheme": [*layers, {"name": "deepjscc", "codec": "nan-codec"}]})
    with pytest.raises(ModelError, match=r"link 0, frame 0, image 0: the reconstruction of bob contains NaN"):
        simulate({"broken": options}, frames=2)


class BrightnessOptions(linksim.Options):
    """The mean brightness of an image, which the receiver quantises to a class."""


class Brightness:
    """The scheme of `BrightnessOptions`: repeats the brightness in all symbols."""

    Parameters, images_per_item, detects_erasures, channel_uses = NegotiatedParameters, 1, False, 64

    def send(self, images: Any, parameters: Any, noise: Any) -> Any:
        return images.mean(dim=(1, 2, 3, 4))[:, None].expand(-1, self.channel_uses).to(torch.complex64)

    def receive(self, received: ReceivedSymbols, parameters: Any, noise: Any) -> Reconstruction:
        brightness = equalise(received).real.mean(dim=1)
        return Reconstruction(logits=torch.nn.functional.one_hot(torch.bucketize(brightness, LEVELS), CLASSES)[:, None].float())


@pytest.fixture
def brightness() -> Iterator[None]:
    linksim.register("scheme", "brightness", BrightnessOptions)(lambda options, context: Brightness())
    yield
    remove("scheme", "brightness")
    refresh()


@pytest.mark.usefixtures("brightness")
@pytest.mark.parametrize("scheme", ["brightness", ["permutation", "brightness"], ["phase-scrambling", "permutation", "brightness"]])
def test_a_receiver_of_labels_is_scored_by_accuracy_alone(simulate: Any, scheme: Any) -> None:
    """At 60 dB its classes are those of the images, also under layers that process pairs of images."""
    path = {"snr": {"kind": "constant", "mean_db": 60.0}}
    options = LinkOptions.model_validate({"scheme": scheme, "channel": {"bob": path}, "links": 2})
    result, kept = simulate({"labels": options}, frames=3, trace={"images": 24})
    assert not result.warnings
    originals = {(row.link, row.frame, row.image): row.pixels for row in kept.of(KeptImage)}
    assert {row.node for row in kept.of(KeptImage)} == {Node.ALICE}
    rows = kept.of(ImageScore)
    assert len(rows) == len(originals) == 24
    for row in rows:
        mean = torch.tensor(np.mean(originals[row.link, row.frame, row.image]) / 255.0)
        assert row.class_received == torch.bucketize(mean, LEVELS).item()
        assert (row.psnr_db, row.ssim, row.mse, row.erased, row.class_clean, row.class_attacked) == (None,) * 6
    assert len({row.class_received for row in rows}) > 1
