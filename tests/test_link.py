"""Tests of the offline link: it gives the images of a simulation, its gradient is that of the images, and items are independent."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from linksim.data.sources import load
from linksim.enums import Node
from linksim.link import NO_NOISE, LinkNoise, OfflineLink, over_the_air
from linksim.negotiation import values
from linksim.nets.codecs import Codec
from linksim.nets.unet import UNet
from linksim.nets.weights import load_model
from linksim.records import FrameSent, ImageScore, KeptImage
from linksim.rng import Streams
from linksim.scenario.schema import LinkOptions
from linksim.scenario.schemes import base_options
from linksim.schemes.base_schemes import build_base
from linksim.schemes.deepjscc import DeepJscc
from linksim.schemes.diffusec import Diffusec
from linksim.schemes.parameters import NegotiatedValues, uniform_parameters
from linksim.training.order import to_images

DATASET = load("samples", "test")
STREAMS = Streams(1)
FRAMES, IMAGES, SNR_DB = 3, 4, 6.0
CLIFF_DB = 1.0  # SNR at which the digital scheme loses some of the images
SCHEMES: dict[str, Any] = {
    "deepjscc": "deepjscc",
    "diffusec": {"name": "diffusec", "t_d": 7, "t_plus": 3},
    "masked-vqvae": "masked-vqvae",
    "digital": "digital",
}


def keyed(alice: str, air: str, bob: str, count: int) -> LinkNoise:
    return LinkNoise.keyed(map(STREAMS.key, (alice, air, bob)), 0, count)


def sample_images(count: int) -> Tensor:
    return to_images(DATASET.images[:count])[:, None]


def codec_link() -> OfflineLink:
    codec = load_model("codec-cifar10-6", "codec").network
    assert isinstance(codec, Codec)
    return OfflineLink(DeepJscc(codec))


def diffusec_link() -> OfflineLink:
    codec, denoiser = load_model("diffusec-codec", "codec").network, load_model("diffusec-denoiser", "denoiser").network
    assert isinstance(codec, Codec)
    assert isinstance(denoiser, UNet)
    return OfflineLink(Diffusec(codec, denoiser, 3))


@pytest.mark.parametrize("name", SCHEMES)
def test_its_images_are_those_of_a_simulation_with_the_same_noise(simulate: Any, name: str) -> None:
    snr_db = CLIFF_DB if name == "digital" else SNR_DB
    path, count = {"snr": {"kind": "constant", "mean_db": snr_db}, "csi": "perfect"}, FRAMES * IMAGES
    spec = LinkOptions.model_validate({"scheme": SCHEMES[name], "channel": {"bob": path}, "alice": {"images_per_frame": IMAGES}})
    compute, trace = {"precision": "float32"}, {"images": count}
    _, kept = simulate({"one": spec}, frames=FRAMES, compute=compute, trace=trace)
    base = build_base(base_options(spec.scheme), load_model, (32, 32, 3))
    scores = {(row.frame, row.image): row for row in kept.of(ImageScore)}
    ordered = [scores[place] for place in sorted(scores)]
    images = to_images(DATASET.images[[row.dataset_index for row in ordered]])
    assumed = {row.frame: row.assumed_snr_db for row in kept.of(FrameSent)}
    estimate = torch.tensor([assumed[frame] for frame in range(FRAMES)]).repeat_interleave(IMAGES)
    parameters = replace(uniform_parameters(0.0, count, values(base.negotiated)), snr_db=estimate)
    noise = keyed("alice/link-0/send", "air/link-0/bob/noise", "bob/link-0/receive", count=count)
    with torch.inference_mode():
        found = OfflineLink(base.scheme)(images[:, None], parameters, snr_db, noise)
    error = (found.shown()[:, 0] - images).square().mean(dim=(1, 2, 3))
    np.testing.assert_allclose(error, [row.mse for row in ordered], rtol=1e-3)
    pixels = {(row.frame, row.image): row.pixels for row in kept.of(KeptImage) if row.node == Node.BOB}
    difference = (found.shown()[:, 0] * 255.0).round().numpy() - np.stack([pixels[place] for place in sorted(pixels)])
    assert np.abs(difference).max() <= 1  # pixels are kept as whole numbers
    assert (difference != 0).mean() < 1e-3
    if found.erased is not None:
        assert found.erased.flatten().tolist() == [row.erased for row in ordered]
        assert 0 < found.erased.sum() < count


@pytest.mark.usefixtures("small_models")
def test_the_gradient_with_respect_to_the_images_is_that_of_a_finite_difference() -> None:
    """The directional derivative of the squared error, through Alice, a fading channel with jamming, and Bob."""
    link, images = codec_link(), sample_images(2).requires_grad_()
    noise, gain = keyed("alice", "air", "bob", count=2).air.complex(512), torch.tensor([[0.8 + 0.3j], [1.1j]])
    jamming = keyed("alice", "jamming", "bob", count=2).air.complex(512) * 0.1

    def error(sent: Tensor) -> Tensor:
        parameters = uniform_parameters(SNR_DB, len(sent))
        received = link.channel(link.send(sent, parameters), SNR_DB, noise, gain, jamming)
        return link.receive(received, parameters).shown().double().square().sum()

    (gradient,) = torch.autograd.grad(error(images), images)
    direction, step = gradient / gradient.norm(), 0.05
    with torch.inference_mode():
        slope = (error(images + step * direction) - error(images - step * direction)) / (2 * step)
        assert not error(images).requires_grad
    assert slope.item() == pytest.approx(gradient.norm().item(), rel=0.02)


@pytest.mark.usefixtures("small_models")
def test_an_item_does_not_depend_on_the_rest_of_its_batch() -> None:
    """Neither its image nor its gradient, with noise at Alice, on the air and at Bob, and with parameters and an SNR of its own."""
    link, images, noise = diffusec_link(), sample_images(3), keyed("alice", "air", "bob", count=3)
    parameters = NegotiatedValues(torch.tensor([3.0, 9.0, 12.0]), torch.tensor([[5, 0], [20, 5], [50, 30]]))
    snr_db = torch.tensor([0.0, 6.0, 18.0])

    def through(rows: slice) -> tuple[Tensor, Tensor]:
        sent = images[rows].clone().requires_grad_()
        own = NegotiatedValues(torch.as_tensor(parameters.snr_db)[rows], torch.as_tensor(parameters.values)[rows])
        found = link(sent, own, snr_db[rows], noise.map(lambda keys: keys[rows])).shown()
        return found.detach(), torch.autograd.grad(found.square().sum(), sent)[0]

    together = through(slice(3))
    for item in range(3):
        alone = through(slice(item, item + 1))
        torch.testing.assert_close(alone[0], together[0][item : item + 1], rtol=1e-4, atol=1e-5)
        scale = alone[1].abs().max()
        torch.testing.assert_close(alone[1] / scale, together[1][item : item + 1] / scale, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("snr_db", [-3.0, 12.0])
def test_noise_has_the_power_of_the_snr_and_the_receiver_knows_gain_and_noise_power(snr_db: float) -> None:
    symbols, gain = torch.ones(4, 4096, dtype=torch.complex64), torch.tensor([[1.0 + 0j], [2j], [0.5 + 0j], [-1.0 + 0j]])
    noise = keyed("alice", "air", "bob", count=4).air.complex(4096)
    received = over_the_air(symbols, snr_db, noise, gain, equaliser="mmse")
    assert -10 * (received.symbols - gain).abs().square().mean().log10().item() == pytest.approx(snr_db, abs=0.15)
    assert torch.equal(received.gain, gain)
    torch.testing.assert_close(received.noise_power, torch.full((4,), 10 ** (-snr_db / 10)))
    assert received.equaliser == "mmse"
    silent, jamming = torch.zeros_like(symbols), torch.full_like(symbols, 3j)
    torch.testing.assert_close(over_the_air(symbols, 300.0, silent, jamming=jamming).symbols, symbols + 3j)


@pytest.mark.usefixtures("small_models")
def test_encoding_is_sending_with_equal_assumed_snr() -> None:
    link, images = codec_link(), sample_images(3)
    torch.testing.assert_close(link.encode(images[:, 0], 4.0), link.send(images, uniform_parameters(4.0, 3)), rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("small_models")
@pytest.mark.parametrize("items", [1, 3])
def test_a_scheme_that_draws_noise_must_be_given_some(items: int) -> None:
    with pytest.raises(RuntimeError, match="invalid for input of size 0"):
        diffusec_link().send(sample_images(items), uniform_parameters(4.0, items, (20, 5)), NO_NOISE)


@pytest.mark.usefixtures("small_models")
def test_the_precision_applies_to_both_ends_and_not_to_the_channel() -> None:
    scheme, entered = codec_link().scheme, list[str]()

    @contextmanager
    def precision() -> Iterator[None]:
        entered.append("networks")
        yield

    link, parameters = OfflineLink(scheme, precision=precision), uniform_parameters(4.0, 2)
    symbols = link.send(sample_images(2), parameters)
    received = link.channel(symbols, SNR_DB, torch.zeros_like(symbols))
    assert entered == ["networks"]
    link.receive(received, parameters)
    assert entered == ["networks", "networks"]
