"""Operations and memory of a network, counted on its workload. Both follow from the network alone, not from the machine."""

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode


def count_operations(run: Callable[[], object]) -> int:
    """Multiply-accumulate operations of the convolutions and matrix products of a function.

    >>> layer = torch.nn.Linear(8, 4)
    >>> count_operations(lambda: layer(torch.zeros(1, 8)))
    32
    """
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops()) // 2


def count_bytes(run: Callable[[], object]) -> tuple[int, int]:
    """Memory of the intermediate values of a function, in bytes: (the most at one time, all together).

    >>> count_bytes(lambda: torch.zeros(256).exp().exp())  # three times 1,024 bytes, of which two at a time
    (2048, 3072)
    """
    with torch.inference_mode(), _Allocations() as found:
        run()
    return found.most, found.total


class _Allocations(TorchDispatchMode):  # type: ignore[no-untyped-call]  # of torch
    """Counts the bytes of the storages that operations create, and of those that exist at one time."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.most = self.total = self._now = 0
        self._storages: dict[int, tuple[int, int]] = {}  # storage -> (tensors that refer to it, bytes)

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        inputs = {_storage(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)}
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and (_storage(tensor) in self._storages or _storage(tensor) not in inputs):
                self._refer(tensor)
        return result

    def _refer(self, tensor: Tensor) -> None:
        """Count a tensor that an operation has returned, until it is deleted. Views refer to the storage of another tensor."""
        place = _storage(tensor)
        known, size = self._storages.get(place, (0, tensor.untyped_storage().nbytes()))
        if not known:
            self._now, self.total = self._now + size, self.total + size
            self.most = max(self.most, self._now)
        self._storages[place] = known + 1, size
        weakref.finalize(tensor, self._release, place)

    def _release(self, place: int) -> None:
        known, size = self._storages.pop(place)
        if known > 1:
            self._storages[place] = known - 1, size
        else:
            self._now -= size


def _storage(tensor: Tensor) -> int:
    """Identity of the storage behind a tensor."""
    return int(tensor.untyped_storage()._cdata)
