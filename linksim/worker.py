"""The worker: runs the networks of all nodes in batches across nodes, links and time. It knows no clock.

The simulation decides when events happen, and the contents of a frame rarely influence that. A payload is therefore a promise: an operation
and its inputs, which may be promises themselves. Making a promise takes a few microseconds and runs nothing:

    Alice      symbols = worker.promise(send, images)
    air        received = worker.promise(apply_channel, symbols, gain, noise)
    Bob        reconstruction = worker.promise(receive, received)
    evaluator  worker.then(worker.promise(score, reconstruction, images), listener)

An operation runs when as many items wait for it as its batch size, when a process needs a value to continue (a policy its reward, a digital
receiver its checksum), or when the run ends. One link with one image per frame fills the same batches as a thousand links. Processing time
is part of the simulation, not of the worker: a node with a latency of 2 ms waits 2 ms on the simulated clock and then requests the value,
which is computed in one batch with those of all links that did the same.

Batching changes no result, because every operation is a pure function whose items do not depend on each other, and because all random draws
are inputs (keys of noise, one per item). Only the last bits may differ between batch sizes, as kernels sum in different orders. Batches are
therefore formed from the order of the promises alone, never from measured times: equal runs form equal batches and give equal bits.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[Any]  # an input [items, ...] made outside torch, such as keys of noise or gains
Named = Mapping[str, Tensor]  # several tensors by name, each [items, ...]
Value = Tensor | Named  # what an operation returns


@dataclass(frozen=True, eq=False)
class Operation:
    """A pure function of batches whose items are independent of each other: ([batch, ...], ...) -> [batch, ...].

    It returns a tensor, or several tensors by name; a promise of the latter enters another operation as a mapping of the same names.

    Promises share a batch only if they have the same `Operation` object, not merely an equal one. Links with equal options therefore share
    their operations (`simulate.link_factory`).

    name        name in profiles, see `Worker.calls`
    run         the function; it is called in inference mode, with tensors on the worker's device and 1..batch_size items
    batch_size  batch size that is fastest on this class of device, from the model's card; never measured during a run
    """

    name: str
    run: Callable[..., Value]
    batch_size: int


class Promise:
    """A tensor [items, ...], or several by name, that is computed later. `Worker.promise` makes it.

    items  number of items, the first dimension of every input and of the value
    level  length of the longest chain of promises that it depends on, 0 if all inputs are known
    """

    __slots__ = ("_inputs", "_listeners", "_operation", "_value", "items", "level")

    def __init__(self, operation: Operation, inputs: "tuple[Tensor | Array | Promise, ...]", items: int) -> None:
        self._operation = operation
        self._inputs = inputs
        self._listeners: list[Callable[[Any], None]] = []
        self._value: Value | None = None
        self.items = items
        self.level: int = max([x.level + 1 for x in inputs if isinstance(x, Promise)], default=0)

    def _resolve(self, value: Value) -> None:
        self._value = value
        self._inputs = ()  # free the memory of the inputs

    def _notify(self) -> None:
        listeners, self._listeners = self._listeners, []
        assert self._value is not None
        for listener in listeners:
            listener(self._value)


class _Queue:
    """The promises that wait for one operation at one level.

    The level of a promise is higher than those of its inputs. So an operation may occur twice in a chain (a second hop over the air), and
    computing the inputs of a queue never leads back to the same queue.
    """

    __slots__ = ("items", "promises")

    def __init__(self) -> None:
        self.promises: list[Promise] = []
        self.items = 0


class Worker:
    """Computes the promises of all nodes. A run has one worker on one device.

    device  device of the operations, to which inputs are moved; the CPU by default
    eager   True computes every promise when it is made (slow; for tests and comparisons)
    calls   number of calls of each operation so far, by name
    items   number of items that each operation has processed so far, by name; `items / calls` is the mean size of a batch

    >>> worker = Worker()
    >>> double = Operation("double", lambda x: 2 * x, batch_size=64)
    >>> promise = worker.promise(double, torch.tensor([1.0, 2.0]))
    >>> worker.value(promise).tolist(), worker.calls, worker.items
    ([2.0, 4.0], {'double': 1}, {'double': 2})
    """

    def __init__(self, device: torch.device | None = None, eager: bool = False) -> None:
        self._waiting: dict[tuple[Operation, int], _Queue] = {}
        self.device = device or torch.device("cpu")
        self._eager = eager
        self.calls: dict[str, int] = {}
        self.items: dict[str, int] = {}

    def promise(self, operation: Operation, *inputs: Tensor | Array | Promise) -> Promise:
        """Return a promise of ``operation.run(*inputs)``.

        If the promises that wait for `operation` now fill its batch, all of them are computed before the method returns, together with the
        inputs that they wait for. Arrays must not change until then; they may be read-only.

        operation  the operation
        inputs     arrays or tensors [items, ...], and promises of them; at least one

        Raises ValueError if the inputs differ in their number of items, the first dimension.

        >>> worker, square = Worker(), Operation("square", lambda x: x * x, batch_size=2)
        >>> first = worker.promise(square, torch.tensor([3.0]))
        >>> worker.calls
        {}
        >>> second = worker.promise(square, torch.tensor([4.0]))  # the batch is full
        >>> worker.calls, worker.value(first).item(), worker.value(second).item()
        ({'square': 1}, 9.0, 16.0)
        """
        counts = {x.items if isinstance(x, Promise) else len(x) for x in inputs}
        if len(counts) != 1:
            raise ValueError(f"inputs of {operation.name!r} must hold the same number of items, got {sorted(counts)}")
        items = counts.pop()
        promise = Promise(operation, inputs, items)
        place = operation, promise.level
        queue = self._waiting.get(place)
        if queue is None:
            queue = self._waiting[place] = _Queue()
        queue.promises.append(promise)
        queue.items += items
        if queue.items >= operation.batch_size or self._eager:
            self._run(place)
        return promise

    def value(self, promise: Promise) -> Any:
        """Return the value of a promise: a tensor [items, ...] on the worker's device, or several by name.

        If it is not known yet, it is computed now, together with all promises that wait for the same operations, in batches of at most
        `batch_size` items. No simulated time passes. A process whose next step depends on a value calls this method, after it has waited
        for its processing time.
        """
        if promise._value is None:
            self._run((promise._operation, promise.level))
        assert promise._value is not None
        return promise._value

    def then(self, promise: Promise, listener: Callable[[Any], None]) -> None:
        """Call `listener` with the value of a promise as soon as it is known, at the latest when the run ends.

        The call happens at once if the value is known, else in the batch that computes it. The simulated time is then arbitrary, so a
        listener must not read the clock or change the course of the simulation: records that depend on a value carry the time at which
        they were requested. Listeners of one batch are called in the order in which its promises were made.

        >>> worker, found = Worker(), []
        >>> worker.then(worker.promise(Operation("sum", lambda x: x.sum(dim=1), 8), torch.ones(1, 4)), found.append)
        >>> worker.flush()
        >>> found
        [tensor([4.])]
        """
        if promise._value is None:
            promise._listeners.append(listener)
        else:
            listener(promise._value)

    def flush(self) -> None:
        """Compute all promises that still wait, and call their listeners. A run does so at its end."""
        while self._waiting:
            self._run(next(iter(self._waiting)))

    def _run(self, place: tuple[Operation, int]) -> None:
        """Compute all promises that wait for an operation at one level, in batches of items of equal shape."""
        queue = self._waiting.pop(place, None)
        groups: dict[tuple[Any, ...], list[tuple[Promise, list[Value | Array]]]] = {}
        for promise in queue.promises if queue else ():
            inputs = [self.value(x) if isinstance(x, Promise) else x for x in promise._inputs]
            groups.setdefault(tuple(map(_shape, inputs)), []).append((promise, inputs))
        for members in groups.values():
            self._run_batch(place[0], members)

    def _run_batch(self, operation: Operation, members: list[tuple[Promise, list[Value | Array]]]) -> None:
        """Concatenate the inputs of promises, run the operation on slices of `batch_size` items, and divide the result among the promises.

        Listeners are called after all values are set, because they may request further values.
        """
        columns = [self._column(column) for column in zip(*(inputs for _, inputs in members), strict=True)]
        total = sum(promise.items for promise, _ in members)
        starts = range(0, total, operation.batch_size)
        with torch.inference_mode():
            result = _join([operation.run(*(_part(c, s, s + operation.batch_size) for c in columns)) for s in starts])
        self.calls[operation.name] = self.calls.get(operation.name, 0) + len(starts)
        self.items[operation.name] = self.items.get(operation.name, 0) + total
        end = 0
        for promise, _ in members:
            start, end = end, end + promise.items
            promise._resolve(_part(result, start, end))
        for promise, _ in members:
            promise._notify()

    def _column(self, column: tuple[Value | Array, ...]) -> Value:
        """Concatenate one input of several promises; an input of named tensors name by name."""
        first = column[0]
        if isinstance(first, Mapping):
            named = [value for value in column if isinstance(value, Mapping)]
            return {name: self._tensor(tuple(value[name] for value in named)) for name in first}
        return self._tensor(column)

    def _tensor(self, column: tuple[Any, ...]) -> Tensor:
        """Concatenate arrays and tensors to one tensor on the device. A column of arrays becomes a tensor in a single conversion."""
        arrays = [x for x in column if isinstance(x, np.ndarray)]
        if len(arrays) == len(column):
            return torch.from_numpy(np.concatenate(arrays)).to(self.device)  # copies even a single array, which may be read-only
        tensors = [x.to(self.device) if isinstance(x, Tensor) else torch.tensor(x, device=self.device) for x in column]
        return torch.cat(tensors) if len(tensors) > 1 else tensors[0]


def _shape(value: Value | Array) -> tuple[Any, ...]:
    """Shape of an item; items of equal shape share a batch."""
    return tuple((name, part.shape[1:]) for name, part in value.items()) if isinstance(value, Mapping) else tuple(value.shape[1:])


def _part(value: Value, start: int, end: int) -> Value:
    """Items `start` to `end`."""
    return {name: part[start:end] for name, part in value.items()} if isinstance(value, Mapping) else value[start:end]


def _join(values: list[Value]) -> Value:
    """Concatenate the results of consecutive calls."""
    first = values[0]
    if len(values) == 1:
        return first
    if isinstance(first, Mapping):
        named = [value for value in values if isinstance(value, Mapping)]
        return {name: torch.cat([value[name] for value in named]) for name in first}
    return torch.cat([value for value in values if isinstance(value, Tensor)])
