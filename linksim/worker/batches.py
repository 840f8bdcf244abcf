"""Batches of an operation: the promises that wait for it, their inputs as columns, and their joint value.

    promises   inputs of one item each                     (symbols 7, gain, noise power), (symbols 8, gain, noise power), ...
    columns    one array or tensor [items, ...] per input  symbols[7:9], gains, noise powers
    value      result of the operation [items, ...]        each promise is a range of its rows

Promises of earlier batches become a column by one selection of rows per batch, whatever the number of promises.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[Any]  # an input [items, ...] made outside torch, such as gains
Named = Mapping[str, Tensor]  # several tensors by name, each [items, ...]
Value = Tensor | Named  # what an operation returns

_BATCH, _SHAPE = attrgetter("_batch"), attrgetter("shape")


class Rows(Protocol):
    """An input that becomes an array only when its batch runs. Its length is its number of items."""

    def __len__(self) -> int: ...

    @staticmethod
    def stack(column: Sequence[Any]) -> Array:
        """Return the items of several inputs as one array [items, ...]; items of a class have equal shapes."""


@dataclass(frozen=True, eq=False)
class Operation:
    """A pure function of batches whose items are independent of each other: ([batch, ...], ...) -> [batch, ...].

    It returns a tensor, or several tensors by name; a promise of the latter enters another operation as a mapping of the same names.

    Promises share a batch only if they have the same `Operation` object, not merely an equal one. Links with equal options therefore share
    their operations (`simulate.link_factory`).

    name        name in profiles, see `Worker.calls`
    run         the function; it is called in inference mode, with tensors on the worker's device and 1..batch_size items
    batch_size  batch size that is fastest on this class of device, from the model's card; never measured during a run
    wait_for    number of items that a batch of promises waits for, at least `batch_size`. A larger one suits an operation whose inputs are
                faster in larger batches: they are computed with it. The batch is then divided into calls of `batch_size` items
    """

    name: str
    run: Callable[..., Value]
    batch_size: int
    wait_for: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "wait_for", max(self.wait_for, self.batch_size))


class Promise:
    """A tensor [items, ...], or several by name, that is computed later: rows of a batch. `Worker.promise` makes it.

    first   number of its first row
    items   number of its rows, the first dimension of every input and of the value
    """

    __slots__ = ("_batch", "_inputs", "first", "items")

    def __init__(self, batch: "Batch", inputs: "tuple[Input, ...]", items: int) -> None:
        self._batch, self._inputs, self.first, self.items = batch, inputs, batch.items, items  # no inputs once the batch has run

    def __len__(self) -> int:
        return self.items

    def known(self) -> Value:
        """The value; the batch has run."""
        assert self._batch.value is not None
        return rows(self._batch.value, self.first, self.first + self.items)


Input = Tensor | Array | Rows | Promise
BatchListener = Callable[[Sequence[tuple[Any, Promise]], Any], None]  # ((entry, promise) in the order of rows, value of the batch)


class Batch:
    """Promises of one operation at one level.

    The level of a promise is higher than those of its inputs. So an operation may occur twice in a chain (a second hop over the air), and
    computing the inputs of a batch never leads back to the same batch.

    promises   promises that wait, in the order in which they were made; none once the batch has run
    items      number of items
    value      joint value, None until the batch has run
    shape      shape of an item of the value
    listeners  (promise, listener) of `Worker.then`
    blocks     entries and promises of `Worker.announce` by listener
    """

    __slots__ = ("blocks", "items", "level", "listeners", "operation", "promises", "shape", "value")

    def __init__(self, operation: Operation, level: int) -> None:
        self.operation, self.level, self.items = operation, level, 0
        self.promises: list[Promise] = []
        self.value: Value | None = None
        self.shape: tuple[Any, ...] = ()
        self.listeners: list[tuple[Promise, Callable[[Any], None]]] = []
        self.blocks: dict[BatchListener, list[tuple[Any, Promise]]] = {}

    def add(self, promise: Promise) -> None:
        """Add a promise that waits; its rows follow those of the promises before."""
        promise._batch, promise.first = self, self.items
        self.promises.append(promise)
        self.items += promise.items

    def of_equal_shapes(self) -> "list[Batch]":
        """Return the batch itself if all items of each input have one shape, else batches of its promises by shapes of the inputs."""
        if all(map(_uniform, zip(*(promise._inputs for promise in self.promises), strict=True))):
            return [self]
        found: dict[tuple[Any, ...], Batch] = {}
        for promise in self.promises:
            found.setdefault(tuple(map(_item_shape, promise._inputs)), Batch(self.operation, self.level)).add(promise)
        for promise, listener in self.listeners:
            promise._batch.listeners.append((promise, listener))
        for block, entries in self.blocks.items():
            for entry, promise in entries:
                promise._batch.blocks.setdefault(block, []).append((entry, promise))
        return list(found.values())

    def resolve(self, value: Value) -> None:
        """Set the value, and free the inputs."""
        self.value = value
        self.shape = tuple((name, column.shape[1:]) for name, column in value.items()) if isinstance(value, Mapping) else value.shape[1:]
        for promise in self.promises:
            promise._inputs = ()
        self.promises = []

    def notify(self) -> None:
        """Call the listeners in the order of their promises; they may request further values of the batch."""
        blocks, self.blocks = self.blocks, {}
        for block, entries in blocks.items():
            block(sorted(entries, key=lambda entry: entry[1].first), self.value)
        listeners, self.listeners = self.listeners, []
        for promise, listener in sorted(listeners, key=lambda entry: entry[0].first):
            listener(promise.known())


def _item_shape(x: Input) -> tuple[Any, ...]:
    """Shape of an item of an input; items of equal shape share a batch."""
    if isinstance(x, Promise):
        return x._batch.shape
    return tuple(x.shape[1:]) if isinstance(x, Tensor | np.ndarray) else ()


def _uniform(column: Sequence[Any]) -> bool:
    """Whether all items of an input have one shape."""
    kinds = set(map(type, column))
    if kinds == {Promise}:
        return len({batch.shape for batch in set(map(_BATCH, column))}) == 1
    if kinds <= {np.ndarray, Tensor}:
        return len({tuple(shape[1:]) for shape in set(map(_SHAPE, column))}) == 1
    return len(set(map(_item_shape, column))) == 1


def stack(column: Sequence[Any], device: torch.device) -> Value:
    """Concatenate one input of several promises on a device: a tensor [items, ...], or several by name."""
    kinds = set(map(type, column))
    if kinds == {Promise}:
        return _select(column)
    if kinds == {np.ndarray}:
        return torch.from_numpy(np.concatenate(column)).to(device)  # copies even a single array, which may be read-only
    if not isinstance(column[0], Promise | np.ndarray | Tensor):
        return torch.from_numpy(column[0].stack(column).copy()).to(device)
    values = [x.known() if isinstance(x, Promise) else torch.from_numpy(x.copy()) if isinstance(x, np.ndarray) else x for x in column]
    return join([_each(value, lambda part: part.to(device)) for value in values])


def _select(promises: Sequence[Promise]) -> Value:
    """Concatenate the values of promises: one selection of rows for each batch in which they are, and one to restore the order of these."""
    if len(promises) == 1:
        return promises[0].known()
    selected: dict[Batch, list[int]] = {}
    places: dict[Batch, list[int]] = {}
    total = 0
    for promise in promises:
        batch, items = promise._batch, promise.items
        if batch not in selected:
            selected[batch], places[batch] = [], []
        selected[batch].extend(range(promise.first, promise.first + items))
        places[batch].extend(range(total, total + items))
        total += items
    joined = join([_rows_of(batch.value, numbers) for batch, numbers in selected.items() if batch.value is not None])
    order = list(chain.from_iterable(places.values()))
    if len(places) == 1 or order == list(range(total)):
        return joined
    return _rows_of(joined, np.argsort(order).tolist())


def _rows_of(value: Value, numbers: list[int]) -> Value:
    """Rows of a value by number; consecutive ones without a copy if the memory is contiguous."""
    first, count = numbers[0], len(numbers)
    if numbers == list(range(first, first + count)):
        return _each(value, lambda column: column[first : first + count].contiguous())
    device = next(iter(value.values())).device if isinstance(value, Mapping) else value.device
    index = torch.tensor(numbers, device=device)
    return _each(value, lambda column: column.index_select(0, index))


def rows(value: Value, start: int, end: int) -> Value:
    """Rows `start` to `end` of a value."""
    return {name: column[start:end] for name, column in value.items()} if isinstance(value, Mapping) else value[start:end]


def _each(value: Value, change: Callable[[Tensor], Tensor]) -> Value:
    """Apply a function to a tensor, or to each of several by name."""
    return {name: change(column) for name, column in value.items()} if isinstance(value, Mapping) else change(value)


def join(values: Sequence[Any]) -> Value:
    """Concatenate values: tensors, or several tensors name by name."""
    first: Value = values[0]
    if len(values) == 1:
        return first
    if isinstance(first, Mapping):
        return {name: torch.cat([value[name] for value in values]) for name in first}
    return torch.cat(list(values))
