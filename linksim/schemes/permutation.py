"""Random permutation and substitution of feature rows: the defence of Chen et al., GLOBECOM 2023, Sec. III-C.

    features --> [permute rows by P] --> [swap rows S with the companion] --> symbols
                                                                                 |  air
    features <-- [undo P]           <-- [swap rows S back]                <------+

Wraps any scheme: it shuffles what the inner scheme would have sent. Rows are equal slices of an item's symbols; the paper's rows are the
first axis of its feature tensor, and a codec whose symbols run through its features row by row makes the two the same. An item is a
*pair*: two images that travel together, or an image and a frame of noise where Alice has a single one, so that items stay independent of
each other and may share a batch with those of other frames and links.

Differs from the paper: power is normalised by the inner scheme before the shuffle (done after it, a row would come home with its
companion's scale); the pair of schemes is drawn per pair of images, not per frame.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from linksim.phy.baseband import ReceivedSymbols
from linksim.phy.noise import Noise
from linksim.schemes.base import Scheme
from linksim.schemes.parameters import FrameParameters, Rows, split_bundles


@dataclass(frozen=True, eq=False)
class PermutationKey(FrameParameters):
    """What both ends must know before a pair makes sense.

    order    int64 [pairs, 2, rows], a permutation of 0..rows-1 for each image: row i of the frame is row order[i] of the features
    swapped  bool [pairs, rows], the rows that the two images exchange after their permutation
    inner    terms of the scheme inside, rows [pairs, 2, ...]: one for each image of the pair ([pairs, ...] where an item is one image)
    """

    order: Rows
    swapped: Rows
    inner: FrameParameters


def shuffle(features: Tensor, order: Tensor, swapped: Tensor) -> Tensor:
    """Permute, then substitute. [pairs, 2, rows, width] -> the same shape."""
    permuted = features.gather(2, order[..., None].expand_as(features))
    return torch.where(swapped[:, None, :, None], permuted.flip(1), permuted)


def unshuffle(shuffled: Tensor, order: Tensor, swapped: Tensor) -> Tensor:
    """Undo `shuffle`, bit for bit. [pairs, 2, rows, width] -> the same shape."""
    permuted = torch.where(swapped[:, None, :, None], shuffled.flip(1), shuffled)
    return permuted.gather(2, order.argsort(dim=-1)[..., None].expand_as(permuted))


class Permutation:
    """Shuffles the rows of a pair.

    inner     the scheme whose symbols are shuffled
    rows      rows of one image's features; `inner.channel_uses` is a multiple of it
    single    True where an item is one image whose companion is noise, False where it is two images
    """

    agrees: type[FrameParameters] = PermutationKey

    def __init__(self, inner: Scheme, rows: int, single: bool) -> None:
        if inner.channel_uses % rows:
            raise ValueError(f"{inner.channel_uses} symbols do not split into {rows} rows")
        self._inner, self._rows, self._single = inner, rows, single
        self.images_per_item = inner.images_per_item * (1 if single else 2)
        self.channel_uses = 2 * inner.channel_uses
        self.checked = inner.checked

    def send(self, source: Tensor, parameters: FrameParameters, noise: Noise) -> Tensor:
        assert isinstance(parameters, PermutationKey)
        pairs, inner_noise = len(source), self._inner_noise(noise)
        if self._single:
            sent = self._inner.send(source, parameters.inner, inner_noise)
            both = torch.stack([sent, noise.complex(self._inner.channel_uses)], dim=1)
        else:
            images = source.reshape(2 * pairs, self._inner.images_per_item, *source.shape[2:])
            both = self._inner.send(images, split_bundles(parameters.inner), inner_noise)
        return shuffle(self._by_rows(both.reshape(pairs, -1)), *self._keys(parameters)).reshape(pairs, self.channel_uses)

    def receive(self, received: ReceivedSymbols, parameters: FrameParameters, noise: Noise) -> Tensor:
        assert isinstance(parameters, PermutationKey)
        pairs, inner_noise = len(received.symbols), self._inner_noise(noise)
        symbols = self._restored(received.symbols, parameters)
        gain = self._restored(received.gain, parameters) if received.gain.shape[1] > 1 else received.gain[:, None].expand(pairs, 2, 1)
        if self._single:
            return self._inner.receive(replace(received, symbols=symbols[:, 0], gain=gain[:, 0]), parameters.inner, inner_noise)
        noise_power = received.noise_power.repeat_interleave(2)
        inner = replace(received, symbols=symbols.flatten(0, 1), gain=gain.flatten(0, 1), noise_power=noise_power)
        images = self._inner.receive(inner, split_bundles(parameters.inner), inner_noise)
        return images.reshape(pairs, self.images_per_item, *images.shape[2:])

    def _inner_noise(self, noise: Noise) -> Noise:
        """Streams of the inner items: other ones than the companion's, and another one for each image of a pair."""
        return noise.branch(1) if self._single else Noise(torch.stack([noise.branch(1).keys, noise.branch(2).keys], dim=1).flatten(0, 1))

    def _restored(self, symbols: Tensor, parameters: PermutationKey) -> Tensor:
        """Complex [pairs, uses] as received -> [pairs, 2, inner uses] as the inner scheme sent it."""
        return unshuffle(self._by_rows(symbols), *self._keys(parameters)).flatten(2)

    def _by_rows(self, symbols: Tensor) -> Tensor:
        return symbols.reshape(len(symbols), 2, self._rows, -1)

    @staticmethod
    def _keys(parameters: PermutationKey) -> tuple[Tensor, Tensor]:
        return torch.as_tensor(parameters.order), torch.as_tensor(parameters.swapped)
