"""A pure function that remembers its latest outcomes by its exact inputs, so that runs which ask for the same compute it once."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable

from torch import Tensor

MOST_BYTES = 256 << 20


class Remembered:
    """Called as the function itself; what it gives must not be written to.

    most_bytes  of outcomes that are kept; the oldest go first
    """

    def __init__(self, function: Callable[..., Tensor], most_bytes: int = MOST_BYTES) -> None:
        self._function, self._room = function, most_bytes
        self._kept: OrderedDict[bytes, Tensor] = OrderedDict()

    def __call__(self, *inputs: Tensor) -> Tensor:
        digest = hashlib.blake2b(digest_size=16)
        for tensor in inputs:  # how it lies in memory may decide last bits, too
            digest.update(f"{tensor.device} {tensor.dtype} {tuple(tensor.shape)} {tensor.stride()}".encode())
            digest.update(tensor.contiguous().cpu().numpy().tobytes())
        place = digest.digest()
        if place not in self._kept:
            found = self._kept[place] = self._function(*inputs)
            self._room -= found.nbytes
            while self._room < 0 and len(self._kept) > 1:
                _, oldest = self._kept.popitem(last=False)
                self._room += oldest.nbytes
        return self._kept[place]
