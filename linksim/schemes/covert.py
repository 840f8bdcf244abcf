"""Semantic covert communication: a private image is sent inside the symbols of a host image (Tang et al., Sec. IV).

    host, private --> [inner scheme] --> two signals --> [hide] --> container --> air --> [reveal] --> two signals --> [inner scheme]

An item is a pair of images, of which the first is the host. A container takes the channel uses of one image, so the bandwidth ratio of the
host does not change. An eavesdropper who decodes the container with the inner scheme sees the host. What hides and reveals is a trained
network or a linear map, see `nets.hiders`.

Differs from the paper: optionally, both ends derive a key for every item from the session key and the frame number, which permutes the
private signal's components and changes their signs before they are hidden.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from linksim.nets.hiders import Hider, HidingKey, Revealed
from linksim.phy.baseband import ReceivedSymbols, equalise
from linksim.phy.noise import Noise
from linksim.reconstruction import Reconstruction
from linksim.schemes.base import Scheme
from linksim.schemes.deepjscc import snr_after_equalising_db
from linksim.schemes.parameters import FrameParameters, ItemArray, split_bundles
from linksim.secrecy import SessionKeys, draw_permutation, keystream

PAIR = 2  # images of an item: host and private


@dataclass(frozen=True, eq=False)
class CovertParameters(FrameParameters):
    """Frame parameters of a covert scheme without keys.

    inner  parameters of the inner scheme, arrays [pairs, 2, ...]
    """

    inner: FrameParameters


@dataclass(frozen=True, eq=False)
class CovertKey(CovertParameters):
    """Frame parameters of a covert scheme with keys.

    order  int64 [pairs, places], see `nets.hiders.HidingKey`
    signs  float32 [pairs, places], 1 or -1
    """

    order: ItemArray
    signs: ItemArray


class Covert:
    """Hides private images in host images. It implements `Scheme`; an item is a pair of images in the channel uses of one.

    inner  scheme of single images whose symbols are features of a codec
    hider  embeds one signal of the inner scheme in another

    The hider computes in float32 at any precision of the run, because its inverse enhances rounding errors.
    """

    images_per_item = PAIR

    def __init__(self, inner: Scheme, hider: Hider) -> None:
        self._inner, self._hider = inner, hider
        self.channel_uses, self.Parameters, self.detects_erasures = inner.channel_uses, inner.Parameters, inner.detects_erasures

    def send(self, images: Tensor, parameters: FrameParameters, noise: Noise) -> Tensor:
        assert isinstance(parameters, CovertParameters)
        signals = self._inner.send(images.flatten(0, 1)[:, None], split_bundles(parameters.inner), inner_noise(noise))
        host, private = signals.view(len(images), PAIR, -1).unbind(dim=1)
        with torch.autocast(host.device.type, enabled=False):
            return self._hider.hide(host, private, hiding_key(parameters))

    def receive(self, received: ReceivedSymbols, parameters: FrameParameters, noise: Noise) -> Reconstruction:
        assert isinstance(parameters, CovertParameters)
        revealed = self._reveal(equalise(received), snr_after_equalising_db(received), parameters)
        signals = torch.stack([revealed.host, revealed.private], dim=1).flatten(0, 1)
        noise_power = 10 ** (-torch.stack([revealed.host_snr_db, revealed.private_snr_db], dim=1).flatten() / 10)
        inner = ReceivedSymbols(signals, torch.ones_like(signals[:, :1]), noise_power)
        return self._inner.receive(inner, split_bundles(parameters.inner), inner_noise(noise)).regroup(len(received.symbols), PAIR)

    def _reveal(self, symbols: Tensor, snr_db: Tensor, parameters: CovertParameters) -> Revealed:
        with torch.autocast(symbols.device.type, enabled=False):
            return self._hider.reveal(symbols, snr_db, hiding_key(parameters))


def inner_noise(noise: Noise) -> Noise:
    """Return the streams of the inner items, two for each pair."""
    return Noise(torch.stack([noise.branch(1).keys, noise.branch(2).keys], dim=1).flatten(0, 1))


def hiding_key(parameters: CovertParameters) -> HidingKey | None:
    """Return the key of a batch as tensors, None without keys."""
    if not isinstance(parameters, CovertKey):
        return None
    return HidingKey(torch.as_tensor(parameters.order), torch.as_tensor(parameters.signs))


def draw_hiding_keys(keys: SessionKeys, layer: int, frame: int, items: int, places: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the order and the signs of the items of a frame, [items, places] each.

    keys    session keys, of which `parameters` is the key of all draws
    layer   position of the layer in the stack, 0 for the outermost layer
    frame   number of the frame on its link; item `i` of it has the key number `frame * items + i`
    items   number of items in every frame of the link
    places  number of places of private components of an item
    """
    numbers, order_label, sign_label = range(frame * items, (frame + 1) * items), f"hidden {layer}".encode(), f"signs {layer}".encode()
    order = np.stack([draw_permutation(keys.parameters, order_label, number, places) for number in numbers])
    drawn = b"".join(keystream(keys.parameters, sign_label, number, -(-places // 8)) for number in numbers)
    bits = np.unpackbits(np.frombuffer(drawn, np.uint8).reshape(items, -1), axis=1)[:, :places]
    return order, 1.0 - 2.0 * bits.astype(np.float32)
