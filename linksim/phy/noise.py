"""Noise for a batch of items with one stream each. It is generated where it is used, from keys that are cheap to carry.

The worker may evaluate an item together with any others, in batches of any size. An item therefore carries the key of its noise, 24 bytes,
instead of the noise itself or a generator: its draws are the same in every batch, and waiting items need little memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from linksim.rng import Normals, StreamKey

_NORMALS = Normals()
_ROW = Struct("=3Q")
MIX = 6364136223846793005  # Knuth's multiplier; it is odd, so multiplication modulo 2^64 maps different keys to different keys


def item_keys(key: StreamKey, first: int, count: int) -> NDArray[np.int64]:
    """Keys of items `first` .. `first + count - 1` of a stream: the bits of uint64 [count, 3], as int64, which torch supports; read-only.

    A row is the two words of the stream's key and the number of the item.

    >>> item_keys(StreamKey(high=7, low=8), first=2, count=2).tolist()
    [[7, 8, 2], [7, 8, 3]]
    """
    return ItemKeys.stack([ItemKeys(key, first, count)])


class ItemKeys:
    """The keys of the items of a frame, `item_keys(key, first, count)`, as an input of a promise: an array only when its batch runs.

    >>> key = StreamKey(high=7, low=8)
    >>> ItemKeys.stack([ItemKeys(key, 2, 1), ItemKeys(key, 5, 2)]).tolist()
    [[7, 8, 2], [7, 8, 5], [7, 8, 6]]
    """

    __slots__ = ("count", "first", "key")

    def __init__(self, key: StreamKey, first: int, count: int) -> None:
        self.key, self.first, self.count = key, first, count

    def __len__(self) -> int:
        return self.count

    @staticmethod
    def stack(column: "Sequence[ItemKeys]") -> NDArray[np.int64]:
        """Return the keys of several frames, int64 [items, 3]; read-only. `struct` is several times faster here than filling an array."""
        pack = _ROW.pack
        packed = [pack(x.key.high, x.key.low, number) for x in column for number in range(x.first, x.first + x.count)]
        return np.frombuffer(b"".join(packed), np.int64).reshape(-1, 3)


def unit_noise(draw: np.random.Generator, channel_uses: int) -> NDArray[np.complex64]:
    """Circular complex normals of unit power from one generator, complex64 [channel_uses]: variance 1/2 in each real dimension."""
    noise: NDArray[np.complex64] = draw.standard_normal(2 * channel_uses, dtype=np.float32).view(np.complex64) * np.float32(0.5**0.5)
    return noise


@dataclass(frozen=True)
class Noise:
    """Random draws for a batch of items. numpy generates them on the CPU for every device, so runs on a GPU use the same noise.

    The methods are pure: the same call returns the same values again. An operation that needs several independent draws takes each of
    them from its own `branch`.

    keys  int64 [batch, 3], see `item_keys`; results are on the device of the keys

    >>> keys = torch.tensor([[1, 2, 0], [1, 2, 1]])
    >>> both, second = Noise(keys).complex(8), Noise(keys[1:]).complex(8)
    >>> torch.equal(both[1:], second)  # the noise of an item does not depend on its batch
    True
    """

    keys: Tensor

    def real(self, count: int) -> Tensor:
        """Standard normals, float32 [batch, count]."""
        parts: Tensor = torch.view_as_real(self.complex(-(-count // 2))).mul(2.0**0.5)
        return parts.flatten(1)[:, :count]

    def complex(self, channel_uses: int) -> Tensor:
        """Circular complex normals of unit power, complex64 [batch, channel_uses]."""
        keys: NDArray[Any] = self.keys.cpu().numpy().view(np.uint64)
        return torch.from_numpy(_NORMALS(keys, channel_uses)).to(self.keys.device)

    def branch(self, number: int) -> "Noise":
        """Other streams for the same items, independent of these and of all other branches, including nested ones.

        number  number of the branch; equal numbers give equal streams
        """
        keys = self.keys.clone()
        keys[:, 0] = keys[:, 0] * MIX + number
        return Noise(keys)
