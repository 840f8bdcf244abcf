"""White-box inversion by maximum a posteriori estimation (Tang et al., Sec. III-A and III-C): Eve knows encoder, channel and noise power.

    x_e = argmin_x ||y - h f(x)||^2 / N0 + weight T(x)                        without a prior (weight 0), or with total variation
    z, n = argmin  ||y - h f(G(z, n))||^2 / N0 + (||z||^2 + ||n||^2) / 2      with the prior of a generator G; x_e = G(z, n)

The first term is the negative logarithm of the likelihood (Eqs. 11, 18) under complex noise of power N0 and a gain h that Eve knows, the
second one that of the prior (Eqs. 12, 19, 20), each up to a constant. A generator may be linear, such as eigenfaces (`nets.generator`);
with a linear encoder, the result is then that of ridge regression.

Each image is a separate search by Adam (Algorithm 1), which stops when its own loss converges.

Differs from the paper, which minimises the squared distance alone where there is no prior and gives no weights: here the likelihood has its
weight from the received SNR.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from linksim.attacks.search import SearchSettings, minimise
from linksim.metrics import total_variation
from linksim.nets.generator import Generator
from linksim.phy.baseband import ReceivedSymbols

Encode = Callable[[Tensor], Tensor]  # differentiable: images [n, c, h, w] -> symbols complex [n, channel_uses]
MIN_NOISE = 1e-6  # N0; keeps the likelihood finite on a path without noise


def search_pixels(encode: Encode, received: ReceivedSymbols, start: Tensor, tv_weight: float, settings: SearchSettings) -> Tensor:
    """Return Eve's images, float [batch, c, h, w] in 0..1, without a prior or with total variation.

    encode     Eve's copy of Alice's encoder
    received   one image per item
    start      images from which the search starts, float [batch, c, h, w]
    tv_weight  weight of the total variation relative to the negative log-likelihood, 0 for no prior
    settings   parameters of the search; the unit of the learning rate is pixel values of 0..1
    """
    distance = _misfit(encode, received)

    def loss(images: Tensor, items: Tensor) -> Tensor:
        return distance(images, items) + tv_weight * total_variation(images)

    return minimise(loss, start, settings).clamp(0.0, 1.0)


def search_latents(
    encode: Encode, received: ReceivedSymbols, start: Tensor, generator: Generator, noise: bool, settings: SearchSettings
) -> Tensor:
    """Return Eve's images, float [batch, c, h, w] in 0..1, with the prior of a generator.

    encode     Eve's copy of Alice's encoder
    received   one image per item
    start      images float [batch, c, h, w]; the search starts from their embedding
    generator  generator with frozen weights
    noise      whether the noise of the generator is unknown, too; otherwise it is zero
    settings   parameters of the search; the unit of the learning rate is the standard deviation of a latent value
    """
    distance = _misfit(encode, received)
    with torch.no_grad():
        first = torch.cat(generator.embed(start)[: 1 + noise], dim=1)

    def generate(latents: Tensor) -> Tensor:
        z, n = latents[:, : generator.latents], latents[:, generator.latents :]
        return generator.generate(z, n if noise else z.new_zeros(len(z), generator.noise_size))

    def loss(latents: Tensor, items: Tensor) -> Tensor:
        return distance(generate(latents), items) + 0.5 * latents.square().sum(dim=1)

    found = minimise(loss, first, settings)
    with torch.no_grad():
        return generate(found).clamp(0.0, 1.0)


def per_image(received: ReceivedSymbols, channel_uses: int, images: int) -> ReceivedSymbols:
    """Return the symbols of each image of a batch of items as an item of its own, complex [batch * k, channel_uses].

    received      symbols complex [batch, n * channel_uses] with n >= images, or n a divisor of images
    channel_uses  symbols per image
    images        images per item; further symbols of an item are a frame of noise that serves as companion, and are dropped. An item with
                  fewer symbols has images that share them, as a host and the image that is hidden in it; k is the smaller of both numbers
    """
    parts = min(images, received.symbols.shape[1] // channel_uses)
    count = parts * channel_uses
    symbols, gain = (x.expand_as(received.symbols)[:, :count].reshape(-1, channel_uses) for x in (received.symbols, received.gain))
    return ReceivedSymbols(symbols, gain, received.noise_power.repeat_interleave(parts), received.equaliser)


def _misfit(encode: Encode, received: ReceivedSymbols) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the function (images, numbers of their items) -> ||y - h f(x)||^2 / N0, float [n]."""
    with torch.inference_mode(False):  # the search needs gradients
        symbols, gain, noise_power = (part.clone() for part in (received.symbols, received.gain, received.noise_power))

    def distance(images: Tensor, items: Tensor) -> Tensor:
        error = torch.view_as_real(symbols[items] - gain[items] * encode(images)).square().sum(dim=(1, 2))
        return error / noise_power[items].clamp_min(MIN_NOISE)

    return distance
