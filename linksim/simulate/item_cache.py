"""A cache for a pure function of items. It stores the newest results by the exact bytes of the item.

Every item is computed in a batch of its own, so a result depends neither on other items nor on earlier calls. A batch of several items
would be faster, but its size would depend on which items are in the cache, and with it the last bits of the results.

Attacks on the source are cached, because one takes many passes through a classifier, and because all groups of a run send the same images.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor

from linksim.scenario.source_attacks import CACHE_BYTES


class ItemCache:
    """A cached function. It is called with batches like the function itself: ([batch, ...], ...) -> [batch, ...].

    function   pure function of batches; it is called with batches of one item
    max_bytes  memory for results in bytes; the oldest results are dropped first, but at least one is kept

    >>> computed = []
    >>> cached = ItemCache(lambda x: computed.append(x.item()) or 2 * x)
    >>> cached(torch.tensor([[1.0], [3.0], [1.0]])).tolist(), computed
    ([[2.0], [6.0], [2.0]], [1.0, 3.0])
    """

    def __init__(self, function: Callable[..., Tensor], max_bytes: int = CACHE_BYTES) -> None:
        self._function, self._free_bytes = function, max_bytes
        self._kept: OrderedDict[bytes, Tensor] = OrderedDict()

    def __call__(self, *inputs: Tensor) -> Tensor:
        return torch.cat([self._result(*item) for item in zip(*(torch.split(tensor, 1) for tensor in inputs), strict=True)])

    def _result(self, *item: Tensor) -> Tensor:
        """Return the result of one item, given as batches of one."""
        item = tuple(tensor.contiguous() for tensor in item)  # the memory layout may change the last bits of a result
        digest = hashlib.blake2b(digest_size=16)
        for tensor in item:
            digest.update(f"{tensor.device} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.cpu().numpy().tobytes())
        key = digest.digest()
        if key not in self._kept:
            result = self._kept[key] = self._function(*item)
            self._free_bytes -= result.nbytes
            while self._free_bytes < 0 and len(self._kept) > 1:
                _, oldest = self._kept.popitem(last=False)
                self._free_bytes += oldest.nbytes
        return self._kept[key]
