"""The worker: runs the networks of every node, in batches across nodes, links and time. It knows no clock.

The world decides *when* things happen, and what a frame carries seldom has a say in that. So a payload is a promise: an operation
and its inputs, which may be promises themselves. Making one costs a few microseconds and runs nothing:

    Alice   symbols = worker.promise(encode, images)
    air     received   = worker.promise(path, symbols, gain, noise)
    Bob     image = worker.promise(decode, received)
    evaluator   worker.then(image, score)

An operation runs when as many items wait for it as its best batch holds, when somebody in the world needs a value to go on (a
policy its reward, a digital receiver its checksum), or when the run ends. One link with one image a frame fills the same batches as a
thousand links; processing *time* is the world's affair: a node that needs 2 ms for a network waits 2 ms on the simulated clock and asks
for the value then, together with every link that did the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Operation:
    """A pure function of batches, item by item independent: ([batch, ...], ...) -> [batch, ...].

    cap  the batch size that is fastest on this class of device, from the part's card; never found by timing during a run
    """

    name: str
    run: Callable[..., Tensor]
    batch_size: int


class Promise:
    """A tensor [items, ...] that is known later. Made by `Worker.promise`."""

    __slots__ = ("_inputs", "_listeners", "_operation", "_value", "items", "level")

    def __init__(self, operation: Operation, inputs: "tuple[Tensor | Array | Promise, ...]", items: int) -> None:
        self._operation = operation
        self._inputs = inputs
        self._listeners: list[Callable[[Tensor], None]] = []
        self._value: Tensor | None = None
        self.items = items
        self.level: int = max([x.level + 1 for x in inputs if isinstance(x, Promise)], default=0)

    def _keep(self, value: Tensor) -> None:
        self._value = value
        self._inputs = ()  # let go of what it was made from

    def _tell(self) -> None:
        listeners, self._listeners = self._listeners, []
        assert self._value is not None
        for listener in listeners:
            listener(self._value)


class _Queue:
    """What waits for one operation at one level.

    A promise's level is above that of all it is made from, so an operation may stand twice in a chain (a second hop over the air), and
    asking for inputs never comes back to the queue that asks.
    """

    __slots__ = ("items", "promises")

    def __init__(self) -> None:
        self.promises: list[Promise] = []
        self.items = 0


class Worker:
    """Answers all nodes; one instance per device.

    device   where operations run; inputs are moved there
    eager  keep every promise as soon as it is made (slow; for tests and comparisons)
    calls    how often each operation has run, by name
    """

    def __init__(self, device: torch.device | None = None, eager: bool = False) -> None:
        self._waiting: dict[tuple[Operation, int], _Queue] = {}
        self.device = device or torch.device("cpu")
        self._at_once = eager
        self.calls: dict[str, int] = {}
        self.items: dict[str, int] = {}

    def promise(self, operation: Operation, *inputs: Tensor | Array | Promise) -> Promise:
        """Promise ``operation.run(*inputs)``. Inputs agree in their number of items, the first dimension.

        Raises ValueError where they do not.
        """
        counts = {x.items if isinstance(x, Promise) else len(x) for x in inputs}
        if len(counts) != 1:
            raise ValueError(f"inputs of {operation.name!r} must hold the same number of items, got {sorted(counts)}")
        items = counts.pop()
        made = Promise(operation, inputs, items)
        place = operation, made.level
        queue = self._waiting.get(place)
        if queue is None:
            queue = self._waiting[place] = _Queue()
        queue.promises.append(made)
        queue.items += items
        if queue.items >= operation.batch_size or self._at_once:
            self._run(place)
        return made

    def value(self, promise: Promise) -> Tensor:
        """The value, now. Whatever waits for the same operations is computed with it."""
        if promise._value is None:
            self._run((promise._operation, promise.level))
        assert promise._value is not None
        return promise._value

    def then(self, promise: Promise, listener: Callable[[Tensor], None]) -> None:
        """Call `listener` with the value once it is known, at the latest when the run ends."""
        if promise._value is None:
            promise._listeners.append(listener)
        else:
            listener(promise._value)

    def flush(self) -> None:
        """Compute all that still waits: when the run has ended, or when somebody needs all of it at once."""
        while self._waiting:
            self._run(next(iter(self._waiting)))

    def _run(self, place: tuple[Operation, int]) -> None:
        queue = self._waiting.pop(place, None)
        groups: dict[tuple[Any, ...], list[tuple[Promise, list[Tensor | Array]]]] = {}
        for promise in queue.promises if queue else ():
            inputs = [self.value(x) if isinstance(x, Promise) else x for x in promise._inputs]
            groups.setdefault(tuple(x.shape[1:] for x in inputs), []).append((promise, inputs))
        for members in groups.values():
            self._run_alike(place[0], members)

    def _run_alike(self, operation: Operation, members: list[tuple[Promise, list[Tensor | Array]]]) -> None:
        columns = [self._column(column) for column in zip(*(inputs for _, inputs in members), strict=True)]
        starts = range(0, len(columns[0]), operation.batch_size)
        with torch.inference_mode():
            parts = [operation.run(*(c[s : s + operation.batch_size] for c in columns)) for s in starts]
            result = torch.cat(parts) if len(parts) > 1 else parts[0]
        self.calls[operation.name] = self.calls.get(operation.name, 0) + len(starts)
        self.items[operation.name] = self.items.get(operation.name, 0) + len(result)
        end = 0
        for promise, _ in members:
            start, end = end, end + promise.items
            promise._keep(result[start:end])
        for promise, _ in members:
            promise._tell()

    def _column(self, column: tuple[Tensor | Array, ...]) -> Tensor:
        arrays = [x for x in column if isinstance(x, np.ndarray)]
        if len(arrays) == len(column):
            return torch.from_numpy(np.concatenate(arrays)).to(self.device)  # a copy even of a single one: arrays may be read-only
        tensors = [torch.tensor(x, device=self.device) if isinstance(x, np.ndarray) else x.to(self.device) for x in column]
        return torch.cat(tensors) if len(tensors) > 1 else tensors[0]
