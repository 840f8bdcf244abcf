"""Hiders: how the channel input signal of a private image is embedded in that of a host image, and how both are recovered.

    host, private --> [hide] --> container of unit power --> channel --> [reveal] --> host, private, and the SNR of each

Covert communication after Tang et al., "Towards Secure Semantic Communications in the Presence of Intelligent Eavesdroppers", Sec. IV: the
container takes as many channel uses as the host alone, and an eavesdropper's decoder shows the host image. The module holds the base class
of the hiders, and the keys that some of them take. The invertible network of the paper is in `nets.invertible`, linear rivals without
training are in `nets.linear_hiders`.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from linksim.nets.codecs import to_features, to_symbols

FOLD = 2  # side of the squares of feature positions that become channels


class Revealed(NamedTuple):
    """What Bob recovers from received containers.

    host, private                complex [batch, channel_uses], estimates of the two channel input signals
    host_snr_db, private_snr_db  float [batch], the SNR in dB that the decoder takes as input for each
    """

    host: Tensor
    private: Tensor
    host_snr_db: Tensor
    private_snr_db: Tensor


class HidingKey(NamedTuple):
    """Key of the private components of an item.

    order  int64 [batch, places], a permutation of the places; place i carries component order[i]
    signs  float [batch, places], 1 or -1 of each place
    """

    order: Tensor
    signs: Tensor


def draw_hiding_key(draw: np.random.Generator, items: int, places: int) -> HidingKey:
    """Return random keys of a number of items, on the CPU.

    >>> draw_hiding_key(np.random.default_rng(1), items=2, places=3).order.shape
    torch.Size([2, 3])
    """
    order = torch.from_numpy(draw.permuted(np.tile(np.arange(places), (items, 1)), axis=1))
    signs = torch.from_numpy(draw.integers(0, 2, (items, places), dtype=np.int8)).float() * 2.0 - 1.0
    return HidingKey(order, signs)


class Hider(nn.Module):
    """Base class of the hiders.

    channels      real feature channels of the codec, an even number
    channel_uses  complex channel uses of a signal of an image of the intended size; images of other sizes work as well
    places        number of places that a key permutes, for images of the intended size; 0 if the hider takes no key
    """

    places = 0

    def __init__(self, channels: int, channel_uses: int) -> None:
        super().__init__()
        self.channels, self.channel_uses = channels, channel_uses

    def hide(self, host: Tensor, private: Tensor, key: HidingKey | None = None) -> Tensor:
        """Return containers of unit mean power, complex [batch, channel_uses].

        host, private  channel input signals of unit mean power, complex [batch, channel_uses]
        key            key of each item; None for an embedding without one
        """
        raise TypeError(f"{type(self).__name__} does not hide")

    def reveal(self, symbols: Tensor, snr_db: Tensor, key: HidingKey | None = None) -> Revealed:
        """Return what is recovered from equalised containers.

        symbols  complex [batch, channel_uses]
        snr_db   SNR after equalisation in dB, float [batch]
        key      the key with which they were made
        """
        raise TypeError(f"{type(self).__name__} does not reveal")


def permuted(components: Tensor, key: HidingKey | None) -> Tensor:
    """Permute components real [batch, tiles, kept] over all places, and change their signs; None leaves them as they are.

    >>> key = HidingKey(torch.tensor([[2, 0, 1]]), torch.tensor([[1.0, -1.0, 1.0]]))
    >>> permuted(torch.tensor([[[10.0, 20.0, 30.0]]]), key).tolist()
    [[[30.0, -10.0, 20.0]]]
    """
    if key is None:
        return components
    return (components.flatten(1).gather(1, key.order) * key.signs).view_as(components)


def unpermuted(components: Tensor, key: HidingKey | None) -> Tensor:
    """Invert `permuted`.

    >>> key = HidingKey(torch.tensor([[2, 0, 1]]), torch.tensor([[1.0, -1.0, 1.0]]))
    >>> unpermuted(permuted(torch.tensor([[[10.0, 20.0, 30.0]]]), key), key).tolist()
    [[[10.0, 20.0, 30.0]]]
    """
    if key is None:
        return components
    values = components.flatten(1)
    return torch.empty_like(values).scatter(1, key.order, values * key.signs).view_as(components)


def fold(symbols: Tensor, channels: int) -> Tensor:
    """Convert symbols, complex [batch, channel_uses], to features real [batch, 4 channels, side / 2, side / 2].

    Squares of `FOLD` x `FOLD` positions of the codec's features become channels; see `codecs.to_features`.

    >>> fold(torch.ones(1, 256, dtype=torch.complex64), channels=8).shape
    torch.Size([1, 32, 4, 4])
    """
    return functional.pixel_unshuffle(to_features(symbols, channels), FOLD)


def unfold(features: Tensor) -> Tensor:
    """Convert features real [batch, 4 channels, side / 2, side / 2] to symbols, complex [batch, channel_uses], the inverse of `fold`.

    >>> symbols = torch.randn(2, 256, dtype=torch.complex64)
    >>> torch.equal(unfold(fold(symbols, channels=8)), symbols)
    True
    """
    return to_symbols(functional.pixel_shuffle(features, FOLD))
