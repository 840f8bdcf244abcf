"""Terms: what both ends must have agreed before a frame makes sense, as arrays with one row per item, so that items of different
frames, links and epochs can share a batch.

Terms of a stack are nested: those of a wrapping scheme hold those of the scheme inside. A worker's operation takes plain arrays, so
terms are taken apart (`leaves`) on the way in and put together again (`rebuilt`) on the other side.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Rows = NDArray[Any] | Tensor


@dataclass(frozen=True, eq=False)
class FrameParameters:
    """Base: a frozen dataclass whose fields are rows [items, ...] or terms themselves."""


@lru_cache(maxsize=4096)
def rows_of(value: float, items: int) -> NDArray[np.float32]:
    """float32 [items], all `value`; the same one for the same arguments: never write to it."""
    return np.full(items, value, np.float32)


@dataclass(frozen=True, eq=False)
class SnrEstimate(FrameParameters):
    """All that a plain link needs: what Alice takes the SNR for.

    snr_db  float32 [items]
    """

    snr_db: Rows


@dataclass(frozen=True, eq=False)
class Steps(SnrEstimate):
    """What DiffuSeC needs: how many steps Alice diffuses, and how many more Bob denoises.

    t_d, t_plus  int64 [items]
    """

    t_d: Rows
    t_plus: Rows


@lru_cache(maxsize=4096)
def steps_of(value: int, items: int) -> NDArray[np.int64]:
    """int64 [items], all `value`; the same one for the same arguments: never write to it."""
    return np.full(items, value, np.int64)


T = TypeVar("T", bound=FrameParameters)


def flatten(parameters: FrameParameters) -> list[Rows]:
    """The arrays of a tree of terms, depth first."""
    found: list[Rows] = []
    for name in parameters.__dataclass_fields__:
        value = getattr(parameters, name)
        found.extend(flatten(value)) if isinstance(value, FrameParameters) else found.append(value)
    return found


def unflatten(like: T, arrays: Iterator[Rows]) -> T:
    """Terms of the same tree as `like` with other arrays, in the order of `leaves`."""
    parts = {}
    for part in fields(like):
        value = getattr(like, part.name)
        parts[part.name] = unflatten(value, arrays) if isinstance(value, FrameParameters) else next(arrays)
    return type(like)(**parts)


def split_bundles(parameters: T) -> T:
    """Terms of bundles, rows [bundles, n, ...], as terms of the n items of every bundle, rows [bundles * n, ...]."""
    return unflatten(parameters, (torch.as_tensor(rows).flatten(0, 1) for rows in flatten(parameters)))


def merge_bundles(parameters: T, n: int) -> T:
    """Undo `apart`: rows [bundles * n, ...] as rows [bundles, n, ...]."""
    return unflatten(parameters, (rows.reshape(len(rows) // n, n, *rows.shape[1:]) for rows in flatten(parameters)))
