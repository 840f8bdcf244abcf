"""Tests of the networks: shapes, power, and independence of the items of a batch."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from linksim.nets.classifiers import WhitenedNet
from linksim.nets.codecs import ResidualJscc, to_features, to_symbols
from linksim.nets.inverters import InverseNet
from linksim.nets.layers import Bottleneck, SnrFiLM, draw_weights


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def codec() -> ResidualJscc:
    network = ResidualJscc(channels=16, stem=8, width=16, inner=8)
    draw_weights(network, torch.Generator().manual_seed(1))
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize(("channels", "ratio"), [(16, 6), (8, 12)])
def test_bandwidth_ratio_is_channel_uses_per_image_value(channels: int, ratio: int) -> None:
    assert ResidualJscc(channels=channels).channel_uses * ratio == 3 * 32 * 32


def test_every_image_has_unit_power_regardless_of_its_batch(codec: ResidualJscc) -> None:
    images = drawn(6, 3, 32, 32) * torch.logspace(-3, 0, 6)[:, None, None, None]
    symbols = codec.encode(images, torch.linspace(-2, 21, 6))
    assert symbols.dtype == torch.complex64
    assert symbols.shape == (6, codec.channel_uses)
    torch.testing.assert_close(symbols.abs().square().mean(1), torch.ones(6))


@given(items=st.integers(1, 3), pairs=st.integers(1, 4), side=st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_to_features_inverts_to_symbols(items: int, pairs: int, side: int) -> None:
    features = drawn(items, 2 * pairs, side, side)
    symbols = to_symbols(features)
    assert symbols.shape == (items, side**2 * pairs)
    assert torch.equal(to_features(symbols, 2 * pairs), features)


def test_a_row_of_features_is_one_slice_of_the_symbols() -> None:
    features = torch.zeros(1, 4, 8, 8)
    features[:, :, 3] = 1.0
    touched = to_symbols(features).abs()[0].nonzero().flatten()
    assert touched.tolist() == list(range(3 * 16, 4 * 16))


def test_encoding_and_decoding_do_not_depend_on_the_batch(codec: ResidualJscc) -> None:
    images, snr_db = drawn(5, 3, 32, 32), torch.tensor([0.0, 5.0, 10.0, 15.0, 20.0])
    symbols = codec.encode(images, snr_db)
    torch.testing.assert_close(codec.encode(images[2:3], snr_db[2:3]), symbols[2:3], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(codec.decode(symbols[2:3], snr_db[2:3]), codec.decode(symbols, snr_db)[2:3], rtol=1e-4, atol=1e-5)


def test_decoded_pixels_stay_in_range(codec: ResidualJscc) -> None:
    images = codec.decode(100.0 * torch.view_as_complex(drawn(3, codec.channel_uses, 2) - 0.5), torch.full((3,), 10.0))
    assert images.shape == (3, 3, 32, 32)
    assert images.min() == 0.0
    assert images.max() == 1.0


def test_snr_film_with_zero_weights_is_the_identity() -> None:
    layer = SnrFiLM(4)
    torch.nn.init.zeros_(layer.out.weight)
    torch.nn.init.zeros_(layer.out.bias)
    x = drawn(3, 4, 2, 2)
    assert torch.equal(layer(x, torch.tensor([0.0, 10.0, 20.0])), x)


def test_snr_film_scales_each_item_by_its_own_snr() -> None:
    layer = SnrFiLM(4)
    draw_weights(layer, torch.Generator().manual_seed(3))
    x = drawn(1, 4, 2, 2).expand(3, -1, -1, -1)
    low, low_again, high = layer(x, torch.tensor([0.0, 0.0, 20.0]))
    torch.testing.assert_close(low, low_again)
    assert (low - high).abs().max() > 1e-2


def test_snr_film_is_affine_in_the_features() -> None:
    layer = SnrFiLM(4)
    snr_db = torch.tensor([7.0])
    a, b = drawn(1, 4, 2, 2), drawn(1, 4, 2, 2, seed=1)
    middle = layer((a + b) / 2, snr_db)
    torch.testing.assert_close(middle, (layer(a, snr_db) + layer(b, snr_db)) / 2)


def test_a_bottleneck_with_zero_branch_is_the_identity() -> None:
    block = Bottleneck(6, 3)
    torch.nn.init.zeros_(block.expand.weight)
    torch.nn.init.zeros_(block.expand.bias)
    x = drawn(2, 6, 5, 5)
    assert torch.equal(block(x), x)


def test_the_seed_determines_all_drawn_weights() -> None:
    first, second, other = (ResidualJscc(channels=4, stem=4, width=8, inner=4) for _ in range(3))
    for network, seed in ((first, 1), (second, 1), (other, 2)):
        draw_weights(network, torch.Generator().manual_seed(seed))
    for (name, a), b, c in zip(first.named_parameters(), second.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert "activation" in name or "stem.1" in name or not torch.equal(a, c)


@pytest.mark.parametrize("classes", [10, 7])
def test_classifier_gives_one_logit_per_class_and_item(classes: int) -> None:
    network = WhitenedNet(classes=classes, widths=(8, 16, 16)).eval()
    images = drawn(3, 3, 32, 32)
    logits = network(images)
    assert logits.shape == (3, classes)
    torch.testing.assert_close(network(images[1:2]), logits[1:2], rtol=1e-4, atol=1e-5)


def test_the_first_layer_of_the_classifier_whitens_patches() -> None:
    images = drawn(64, 3, 32, 32).cumsum(3).div(32)  # pixels that depend on their neighbours
    network = WhitenedNet(widths=(24, 24, 24))
    network.initialise_from(images)
    responses = network.whiten((images - network.mean) / network.std)[:, :12].permute(1, 0, 2, 3).reshape(12, -1)
    second_moments = responses @ responses.T / responses.shape[1]
    off_diagonal = second_moments - torch.diag(second_moments.diagonal())
    assert off_diagonal.abs().max() < 1e-3
    assert second_moments.diagonal().max() < 1.001  # slightly below one because of the regularisation
    assert second_moments.diagonal()[-1] > 0.99


@pytest.mark.parametrize("channels", [16, 8])
def test_inverter_turns_symbols_into_images_item_by_item(channels: int) -> None:
    network = InverseNet(channels=channels, stem=8, width=16, inner=8).eval()
    symbols = torch.view_as_complex(drawn(3, channels * 32, 2) - 0.5)
    images = network.invert(symbols)
    assert images.shape == (3, 3, 32, 32)
    assert images.min() >= 0.0
    assert images.max() <= 1.0
    torch.testing.assert_close(network.invert(symbols[1:2]), images[1:2], rtol=1e-4, atol=1e-5)
