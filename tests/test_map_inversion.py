"""Tests of the white-box attack with a prior: known minima, agreement with ridge regression, and gradients through a generator."""

import pytest
import torch
from torch import Tensor

from linksim.attacks.map_inversion import per_image, search_latents, search_pixels
from linksim.attacks.search import SearchSettings
from linksim.metrics import mse, total_variation
from linksim.nets.generator import Eigenfaces, Generator, StyleGenerator
from linksim.nets.layers import draw_weights
from linksim.phy.baseband import ReceivedSymbols

SIDE = 8
SETTINGS = SearchSettings(learning_rate=0.03, iterations=1500, tolerance=0.0)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


MIXING = drawn(3 * SIDE**2, 32, seed=1) / 8.0


def encode(images: Tensor) -> Tensor:
    """A linear encoder, 16 symbols per image."""
    return torch.view_as_complex((images.flatten(1) @ MIXING).reshape(len(images), -1, 2))


def received(symbols: Tensor, gain: Tensor | None = None, noise_power: float = 0.1) -> ReceivedSymbols:
    gain = torch.ones_like(symbols) if gain is None else gain
    return ReceivedSymbols(gain * symbols, gain, torch.full((len(symbols),), noise_power))


def grey(count: int) -> Tensor:
    return torch.full((count, 3, SIDE, SIDE), 0.5)


def eigenfaces(latents: int = 5) -> Eigenfaces:
    faces = Eigenfaces(side=SIDE, coarse=SIDE, latents=latents).requires_grad_(False)
    faces.components.copy_(torch.linalg.qr(drawn(3 * SIDE**2, latents, seed=2)).Q.T)
    faces.spread.copy_(torch.linspace(0.6, 0.3, latents))
    return faces


@pytest.mark.parametrize("gain", [None, torch.view_as_complex(drawn(4, 16, 2, seed=5))])
def test_with_a_linear_encoder_and_eigenfaces_the_result_is_that_of_ridge_regression(gain: Tensor | None) -> None:
    faces, noise_power = eigenfaces(), 0.3
    sent = received(encode(faces.generate(drawn(4, 5), torch.zeros(4, 0))), gain, noise_power)
    noisy = ReceivedSymbols(sent.symbols + 0.4 * torch.view_as_complex(drawn(4, 16, 2, seed=7)), sent.gain, sent.noise_power)
    found = faces.embed(search_latents(encode, noisy, grey(4), faces, False, SETTINGS))[0]
    for item in range(4):
        columns = noisy.gain[item] * encode((faces.spread[:, None] * faces.components).view(-1, 3, SIDE, SIDE))
        target = noisy.symbols[item] - noisy.gain[item] * encode(faces.mean.view(1, 3, SIDE, SIDE))[0]
        A, y = (torch.view_as_real(x).flatten(-2) for x in (columns, target))
        ridge = torch.linalg.solve(A @ A.T + noise_power / 2 * torch.eye(5), A @ y)
        torch.testing.assert_close(found[item], ridge, rtol=0, atol=0.02)


def test_without_a_prior_an_image_with_the_received_symbols_is_found() -> None:
    images = drawn(2, 3, SIDE, SIDE) * 0.1 + 0.5
    found = search_pixels(encode, received(encode(images)), torch.full_like(images, 0.5), 0.0, SETTINGS)
    torch.testing.assert_close(encode(found), encode(images), rtol=0, atol=1e-3)
    assert mse(found, images).min() > 1e-3  # 32 equations do not determine 192 pixels


def test_total_variation_has_its_weight_relative_to_the_noise() -> None:
    """More noise gives the same prior more influence."""
    images = drawn(2, 3, SIDE, SIDE) * 0.1 + 0.5
    found = [search_pixels(encode, received(encode(images), None, n0), images, 1.0, SETTINGS) for n0 in (1e-3, 1.0)]
    assert (total_variation(found[1]) < 0.5 * total_variation(found[0])).all()


def test_the_noise_of_a_generator_is_searched_on_request() -> None:
    generator = StyleGenerator(side=SIDE, coarse=4, latents=3, width=8, inner=8, stem=8, blocks=1).requires_grad_(False)
    draw_weights(generator, torch.Generator().manual_seed(1))
    target = received(encode(generator.generate(drawn(2, 3), drawn(2, generator.noise_size, seed=3))), None, 1e-3)
    settings = SearchSettings(0.03, 200, 0.0)
    errors = [
        (encode(search_latents(encode, target, grey(2), generator, noise, settings)) - target.symbols).abs().mean()
        for noise in (False, True)
    ]
    assert errors[1] < 0.5 * errors[0]


def test_the_search_starts_from_the_embedding_of_an_image() -> None:
    faces = eigenfaces()
    images = faces.generate(drawn(2, 5), torch.zeros(2, 0))
    found = search_latents(encode, received(encode(images)), images, faces, True, SearchSettings(1e-9, 1, 0.0))
    torch.testing.assert_close(found, images.clamp(0.0, 1.0), rtol=0, atol=1e-4)


def test_an_image_of_the_batch_does_not_affect_the_others() -> None:
    faces: Generator = eigenfaces()
    batch = received(encode(faces.generate(drawn(3, 5), torch.zeros(3, 0))))
    settings = SearchSettings(0.03, 400, 1e-2)
    with torch.inference_mode():
        together = search_latents(encode, batch, grey(3), faces, True, settings)
        items = zip(*(torch.split(part, 1) for part in (batch.symbols, batch.gain, batch.noise_power)), strict=True)
        alone = [search_latents(encode, ReceivedSymbols(*item), grey(1), faces, True, settings) for item in items]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=0.02)


def test_items_are_split_into_images_without_their_companion_of_noise() -> None:
    symbols = torch.arange(12.0).reshape(2, 6) + 0j
    split = per_image(ReceivedSymbols(symbols, torch.tensor([[1j], [2.0 + 0j]]), torch.tensor([0.1, 0.2])), channel_uses=2, images=2)
    assert split.symbols.real.tolist() == [[0.0, 1.0], [2.0, 3.0], [6.0, 7.0], [8.0, 9.0]]
    assert split.gain.tolist() == [[1j, 1j], [1j, 1j], [2.0, 2.0], [2.0, 2.0]]
    torch.testing.assert_close(split.noise_power, torch.tensor([0.1, 0.1, 0.2, 0.2]))
