"""Frame parameters: what both ends must know before a frame can be decoded.

Parameters are arrays with one row per item, so that items of different frames, links and epochs can share a batch. The parameters of a
stack are nested: those of a layer contain those of the scheme inside it. A worker's operation takes plain arrays; `flatten` turns the
nested parameters into a list of arrays, and `unflatten` is its inverse.

    Alice, Bob   Stack.parameters --> FrameParameters --> flatten --> arrays, as inputs of a promise
    worker       arrays of many frames, concatenated --> unflatten --> FrameParameters of the batch --> Scheme.send, Scheme.receive

At the ends the arrays are of numpy, because a small tensor of torch takes longer to make; in the worker they are tensors.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ItemArray = NDArray[Any] | Tensor  # [items, ...]


@dataclass(frozen=True, eq=False)
class FrameParameters:
    """Base class: a frozen dataclass whose fields are arrays [items, ...] or frame parameters themselves."""


@lru_cache(maxsize=4096)
def per_item_float(value: float, items: int) -> NDArray[np.float32]:
    """Return float32 [items] filled with `value`. The array is cached and shared: callers must not write to it.

    >>> per_item_float(1.5, 3)
    array([1.5, 1.5, 1.5], dtype=float32)
    """
    return np.full(items, value, np.float32)


@lru_cache(maxsize=4096)
def per_item_values(values: tuple[int, ...], items: int) -> NDArray[np.int64]:
    """Return int64 [items, k] with `values` in each row. The array is cached and shared: callers must not write to it.

    >>> per_item_values((20, 5), 2).tolist()
    [[20, 5], [20, 5]]
    """
    return np.tile(np.array(values, np.int64), (items, 1))


@dataclass(frozen=True, eq=False)
class SnrEstimate(FrameParameters):
    """The SNR for which Alice encodes; the only parameter of a link without negotiated parameters.

    snr_db  float32 [items], in dB; at Bob his own estimate, which no scheme of linksim uses for decoding
    """

    snr_db: ItemArray


@dataclass(frozen=True, eq=False)
class NegotiatedValues(SnrEstimate):
    """Parameters of a scheme that negotiates: the SNR for which Alice encodes, and the negotiated values.

    values  int64 [items, k], in the order of the scheme's declaration
    """

    values: ItemArray

    def columns(self) -> tuple[Tensor, ...]:
        """Return the values of each negotiated parameter, int64 [items] each.

        >>> [column.tolist() for column in NegotiatedValues(np.zeros(2), np.array([[20, 5], [30, 0]])).columns()]
        [[20, 30], [5, 0]]
        """
        return torch.as_tensor(self.values).unbind(-1)


def uniform_parameters(snr_db: float, items: int, values: Sequence[int] = (), device: torch.device | str = "cpu") -> SnrEstimate:
    """Return the parameters of a base scheme with equal rows, as tensors.

    snr_db  SNR for which Alice encodes, in dB
    items   number of items
    values  negotiated values in the order of the scheme's declaration; empty for a scheme that negotiates nothing

    >>> uniform_parameters(10.0, 2, (20, 5)).columns()
    (tensor([20, 20]), tensor([5, 5]))
    """
    estimate = torch.full((items,), snr_db, dtype=torch.float32, device=device)
    if not values:
        return SnrEstimate(estimate)
    return NegotiatedValues(estimate, torch.tensor(values, device=device).expand(items, len(values)))


T = TypeVar("T", bound=FrameParameters)


def flatten(parameters: FrameParameters) -> list[ItemArray]:
    """Return all arrays of nested parameters, depth first.

    >>> flatten(SnrEstimate(np.array([3.0, 6.0])))
    [array([3., 6.])]
    """
    found: list[ItemArray] = []
    for name in parameters.__dataclass_fields__:
        value = getattr(parameters, name)
        found.extend(flatten(value)) if isinstance(value, FrameParameters) else found.append(value)
    return found


def unflatten(like: T, arrays: Iterator[ItemArray]) -> T:
    """Return parameters with the nesting of `like` and other arrays, which come in the order of `flatten`.

    >>> unflatten(SnrEstimate(np.zeros(2)), iter([np.array([3.0, 6.0])])).snr_db
    array([3., 6.])
    """
    parts = {}
    for part in fields(like):
        value = getattr(like, part.name)
        parts[part.name] = unflatten(value, arrays) if isinstance(value, FrameParameters) else next(arrays)
    return type(like)(**parts)


def split_bundles(parameters: T) -> T:
    """Turn parameters of bundles of n items, arrays [bundles, n, ...], into parameters of single items, arrays [bundles * n, ...].

    >>> split_bundles(SnrEstimate(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))).snr_db.tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    return unflatten(parameters, (torch.as_tensor(array).flatten(0, 1) for array in flatten(parameters)))


def merge_bundles(parameters: T, n: int) -> T:
    """Turn parameters of single items, arrays [bundles * n, ...], into parameters of bundles of n, arrays [bundles, n, ...].

    Inverse of `split_bundles`.

    >>> merge_bundles(SnrEstimate(np.array([1.0, 2.0, 3.0, 4.0])), 2).snr_db.tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    return unflatten(parameters, (array.reshape(len(array) // n, n, *array.shape[1:]) for array in flatten(parameters)))
