"""Random permutation and substitution of feature rows: the defence of Chen et al., GLOBECOM 2023, Sec. III-C.

    features --> [permute rows by P] --> [swap rows S with the companion] --> symbols
                                                                                 |  air
    features <-- [undo P]           <-- [swap rows S back]                <------+

The layer wraps any scheme and reorders the symbols of that inner scheme. Rows are equal slices of an item's symbols. The paper's rows are
the first axis of its feature tensor; the two are the same for a codec that serialises its features row by row. An item is a *pair*: two
images or, if a frame cannot be divided into pairs, one image and a frame of noise as its companion. Items therefore stay independent of
each other and can share a batch with items of other frames and links.

Differs from the paper: the inner scheme normalises the power before the permutation (otherwise a substituted row would come back with its
companion's scale); a key is drawn per pair of images, not per frame.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from linksim.phy.baseband import ReceivedSymbols
from linksim.phy.noise import Noise
from linksim.reconstruction import Reconstruction
from linksim.schemes.base import Scheme
from linksim.schemes.parameters import FrameParameters, ItemArray, split_bundles


@dataclass(frozen=True, eq=False)
class PermutationKey(FrameParameters):
    """Frame parameters of the permutation layer.

    order    int64 [pairs, 2, rows], a permutation of 0..rows-1 for each image: row i of the frame is row order[i] of the features
    swapped  bool [pairs, rows], True for the rows that the two images exchange after their permutation
    inner    parameters of the inner scheme, arrays [pairs, 2, ...], or [pairs, ...] if an item is one image
    """

    order: ItemArray
    swapped: ItemArray
    inner: FrameParameters


def shuffle(features: Tensor, order: Tensor, swapped: Tensor) -> Tensor:
    """Permute the rows of each image, then exchange the swapped rows of each pair. [pairs, 2, rows, width] -> the same shape.

    features  any dtype; `width` is the number of symbols of a row
    order     int64 [pairs, 2, rows], see `PermutationKey`
    swapped   bool [pairs, rows]

    The example of the paper's Fig. 2, with the rows y_0..y_4 as 0..4 and those of the next image, y'_0..y'_4, as 10..14:

    >>> pair = torch.tensor([0, 1, 2, 3, 4, 10, 11, 12, 13, 14]).view(1, 2, 5, 1)
    >>> order, swapped = torch.tensor([[[4, 2, 1, 0, 3], [0, 3, 4, 1, 2]]]), torch.tensor([[True, False, True, False, False]])  # S = {0, 2}
    >>> shuffle(pair, order, swapped).squeeze().tolist()
    [[10, 2, 14, 0, 3], [4, 13, 1, 11, 12]]
    """
    permuted = features.gather(2, order[..., None].expand_as(features))
    return torch.where(swapped[:, None, :, None], permuted.flip(1), permuted)


def unshuffle(shuffled: Tensor, order: Tensor, swapped: Tensor) -> Tensor:
    """Invert `shuffle`, bit for bit. [pairs, 2, rows, width] -> the same shape. Arguments as in `shuffle`.

    >>> pair, order, swapped = torch.rand(1, 2, 3, 4), torch.tensor([[[2, 0, 1], [0, 1, 2]]]), torch.tensor([[True, False, False]])
    >>> torch.equal(unshuffle(shuffle(pair, order, swapped), order, swapped), pair)
    True
    """
    permuted = torch.where(swapped[:, None, :, None], shuffled.flip(1), shuffled)
    return permuted.gather(2, order.argsort(dim=-1)[..., None].expand_as(permuted))


class Permutation:
    """Permutes and exchanges the rows of pairs. It implements `Scheme`; an item takes twice the channel uses of an inner item.

    The gain of the channel is restored to the order of the inner scheme together with the symbols, so fading within a frame is equalised
    correctly.

    inner            scheme whose symbols are reordered
    rows             number of rows of one image; divides `inner.channel_uses`
    noise_companion  True if an item is one image with a frame of noise, False if it is two images

    Raises ValueError if `rows` does not divide `inner.channel_uses`.
    """

    def __init__(self, inner: Scheme, rows: int, noise_companion: bool) -> None:
        if inner.channel_uses % rows:
            raise ValueError(f"{inner.channel_uses} symbols cannot be divided into {rows} rows")
        self._inner, self._rows, self._noise_companion = inner, rows, noise_companion
        self.images_per_item = inner.images_per_item * (1 if noise_companion else 2)
        self.channel_uses = 2 * inner.channel_uses
        self.Parameters, self.detects_erasures = inner.Parameters, inner.detects_erasures

    def send(self, images: Tensor, parameters: FrameParameters, noise: Noise) -> Tensor:
        assert isinstance(parameters, PermutationKey)
        pairs, inner_noise = len(images), self._inner_noise(noise)
        if self._noise_companion:
            sent = self._inner.send(images, parameters.inner, inner_noise)
            both = torch.stack([sent, noise.complex(self._inner.channel_uses)], dim=1)
        else:
            inner_images = images.reshape(2 * pairs, self._inner.images_per_item, *images.shape[2:])
            both = self._inner.send(inner_images, split_bundles(parameters.inner), inner_noise)
        return shuffle(self._to_rows(both.reshape(pairs, -1)), *self._keys(parameters)).reshape(pairs, self.channel_uses)

    def receive(self, received: ReceivedSymbols, parameters: FrameParameters, noise: Noise) -> Reconstruction:
        assert isinstance(parameters, PermutationKey)
        pairs, inner_noise = len(received.symbols), self._inner_noise(noise)
        symbols = self._restore(received.symbols, parameters)
        gain = self._restore(received.gain, parameters) if received.gain.shape[1] > 1 else received.gain[:, None].expand(pairs, 2, 1)
        if self._noise_companion:
            return self._inner.receive(replace(received, symbols=symbols[:, 0], gain=gain[:, 0]), parameters.inner, inner_noise)
        noise_power = received.noise_power.repeat_interleave(2)
        inner = replace(received, symbols=symbols.flatten(0, 1), gain=gain.flatten(0, 1), noise_power=noise_power)
        return self._inner.receive(inner, split_bundles(parameters.inner), inner_noise).regroup(pairs, self.images_per_item)

    def _inner_noise(self, noise: Noise) -> Noise:
        """Return the streams of the inner items, which differ from the companion's stream and between the images of a pair."""
        if self._noise_companion:
            return noise.branch(1)
        return Noise(torch.stack([noise.branch(1).keys, noise.branch(2).keys], dim=1).flatten(0, 1))

    def _restore(self, symbols: Tensor, parameters: PermutationKey) -> Tensor:
        """Return received symbols in the order of the inner scheme. Complex [pairs, channel_uses] -> [pairs, 2, inner channel_uses]."""
        return unshuffle(self._to_rows(symbols), *self._keys(parameters)).flatten(2)

    def _to_rows(self, symbols: Tensor) -> Tensor:
        return symbols.reshape(len(symbols), 2, self._rows, -1)

    @staticmethod
    def _keys(parameters: PermutationKey) -> tuple[Tensor, Tensor]:
        return torch.as_tensor(parameters.order), torch.as_tensor(parameters.swapped)
