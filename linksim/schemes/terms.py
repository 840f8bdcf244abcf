"""Terms: what both ends must have agreed before a frame makes sense, as arrays with one row per item, so that items of different
frames, lanes and epochs can share a batch.

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
class Terms:
    """Base: a frozen dataclass whose fields are rows [items, ...] or terms themselves."""


@lru_cache(maxsize=4096)
def rows_of(value: float, items: int) -> NDArray[np.float32]:
    """float32 [items], all `value`; the same one for the same arguments: never write to it."""
    return np.full(items, value, np.float32)


@dataclass(frozen=True, eq=False)
class Belief(Terms):
    """All that a plain link needs: what Alice takes the SNR for.

    snr_db  float32 [items]
    """

    snr_db: Rows


@dataclass(frozen=True, eq=False)
class Steps(Belief):
    """What DiffuSeC needs: how many steps Alice diffuses, and how many more Bob denoises.

    t_d, t_plus  int64 [items]
    """

    t_d: Rows
    t_plus: Rows


@lru_cache(maxsize=4096)
def steps_of(value: int, items: int) -> NDArray[np.int64]:
    """int64 [items], all `value`; the same one for the same arguments: never write to it."""
    return np.full(items, value, np.int64)


T = TypeVar("T", bound=Terms)


def leaves(terms: Terms) -> list[Rows]:
    """The arrays of a tree of terms, depth first."""
    found: list[Rows] = []
    for name in terms.__dataclass_fields__:
        value = getattr(terms, name)
        found.extend(leaves(value)) if isinstance(value, Terms) else found.append(value)
    return found


def rebuilt(like: T, arrays: Iterator[Rows]) -> T:
    """Terms of the same tree as `like` with other arrays, in the order of `leaves`."""
    parts = {}
    for part in fields(like):
        value = getattr(like, part.name)
        parts[part.name] = rebuilt(value, arrays) if isinstance(value, Terms) else next(arrays)
    return type(like)(**parts)


def apart(terms: T) -> T:
    """Terms of bundles, rows [bundles, n, ...], as terms of the n items of every bundle, rows [bundles * n, ...]."""
    return rebuilt(terms, (torch.as_tensor(rows).flatten(0, 1) for rows in leaves(terms)))


def bundled(terms: T, n: int) -> T:
    """Undo `apart`: rows [bundles * n, ...] as rows [bundles, n, ...]."""
    return rebuilt(terms, (rows.reshape(len(rows) // n, n, *rows.shape[1:]) for rows in leaves(terms)))
