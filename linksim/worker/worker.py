"""The worker: runs the networks of all nodes in batches across nodes, links and time. It knows no clock.

The simulation decides when events happen, and the contents of a frame rarely influence that. A payload is therefore a promise: rows of a
batch that has yet to run, whose inputs may be rows of other batches. Making a promise takes a few microseconds and runs nothing:

    Alice      symbols = worker.promise(send, images)
    air        received = worker.promise(apply_channel, symbols, gain, noise)
    Bob        reconstruction = worker.promise(receive, received)
    evaluator  worker.announce(worker.promise(score, reconstruction, images), listener, frame)

A batch runs when it holds as many items as its operation waits for, when a process needs a value to continue (a policy its reward, a
digital receiver its checksum), or when the run ends. Its inputs are stacked column by column then; a column of promises becomes one
selection of rows of the batches that it names. One link with one image per frame fills the same batches as a thousand links. Processing
time is part of the simulation, not of the worker: a node with a latency of 2 ms waits 2 ms on the simulated clock and then requests the
value, which is computed in one batch with those of all links that did the same.

Batching changes no result, because every operation is a pure function whose items do not depend on each other, and because all random draws
are inputs (keys of noise, one per item). Only the last bits may differ between batch sizes, as kernels sum in different orders. Batches are
therefore formed from the order of the promises alone, never from measured times: equal runs form equal batches and give equal bits.
"""

from collections.abc import Callable
from typing import Any

import torch

from linksim.worker.batches import Batch, BatchListener, Input, Operation, Promise, join, rows, stack


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
        self._waiting: dict[tuple[Operation, int], Batch] = {}
        self.device = device or torch.device("cpu")
        self._eager = eager
        self.calls: dict[str, int] = {}
        self.items: dict[str, int] = {}

    def promise(self, operation: Operation, *inputs: Input) -> Promise:
        """Return a promise of ``operation.run(*inputs)``.

        If the promises of `operation` now hold as many items as it waits for, all of them are computed before the method returns, together
        with the inputs that they wait for. Arrays must not change until then; they may be read-only.

        operation  the operation
        inputs     arrays or tensors [items, ...], rows that become arrays, and promises; at least one

        Raises ValueError if the inputs differ in their number of items, the first dimension.

        >>> worker, square = Worker(), Operation("square", lambda x: x * x, batch_size=2)
        >>> first = worker.promise(square, torch.tensor([3.0]))
        >>> worker.calls
        {}
        >>> second = worker.promise(square, torch.tensor([4.0]))  # the batch is full
        >>> worker.calls, worker.value(first).item(), worker.value(second).item()
        ({'square': 1}, 9.0, 16.0)
        """
        items, level = -1, 0
        for x in inputs:
            if isinstance(x, Promise):
                count, below = x.items, x._batch.level
                if level <= below:
                    level = below + 1
            else:
                count = len(x)
            if count != items >= 0:
                raise ValueError(f"inputs of {operation.name!r} must hold the same number of items, got {sorted(set(map(len, inputs)))}")
            items = count
        batch = self._waiting.get((operation, level))
        if batch is None:
            batch = self._waiting[operation, level] = Batch(operation, level)
        promise = Promise(batch, inputs, items)
        batch.promises.append(promise)
        batch.items += items
        if batch.items >= operation.wait_for or self._eager:
            self._run(batch)
        return promise

    def value(self, promise: Promise) -> Any:
        """Return the value of a promise: a tensor [items, ...] on the worker's device, or several by name.

        If it is not known yet, it is computed now, together with all promises that wait for the same operations, in batches of at most
        `batch_size` items. No simulated time passes. A process whose next step depends on a value calls this method, after it has waited
        for its processing time.
        """
        if promise._batch.value is None:
            self._run(promise._batch)
        return promise.known()

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
        if promise._batch.value is None:
            promise._batch.listeners.append((promise, listener))
        else:
            listener(promise.known())

    def announce(self, promise: Promise, listener: BatchListener, entry: Any) -> None:
        """Call `listener` once for all promises of a batch that are announced to it, as soon as their values are known; else as `then`.

        This is for values that every frame has, such as scores. The listener is called with the entries and promises in the order of the
        promises, and with the value of their batch, of which each has `promise.items` rows from `promise.first` on. It is called before the
        listeners of `then`.

        >>> worker, total = Worker(), Operation("sum", lambda x: x.sum(dim=1), 8)
        >>> def show(block, value):
        ...     print([entry for entry, _ in block], value.tolist())
        >>> for name in ("a", "b"):
        ...     worker.announce(worker.promise(total, torch.ones(1, 4)), show, name)
        >>> worker.flush()
        ['a', 'b'] [4.0, 4.0]
        """
        if promise._batch.value is None:
            promise._batch.blocks.setdefault(listener, []).append((entry, promise))
        else:
            listener([(entry, promise)], promise._batch.value)

    def flush(self) -> None:
        """Compute all promises that still wait, and call their listeners. A run does so at its end."""
        while self._waiting:
            self._run(next(iter(self._waiting.values())))

    def _run(self, batch: Batch) -> None:
        """Compute a batch, after those that its inputs wait for. Items of different shapes are divided among batches of equal shapes."""
        del self._waiting[batch.operation, batch.level]
        for promise in batch.promises:
            for x in promise._inputs:
                if isinstance(x, Promise) and x._batch.value is None:
                    self._run(x._batch)
        parts = batch.of_equal_shapes()
        for part in parts:
            self._compute(part)
        for part in parts:
            part.notify()

    def _compute(self, batch: Batch) -> None:
        """Stack the inputs of a batch, and run the operation on slices of `batch_size` items."""
        operation = batch.operation
        columns = [stack(column, self.device) for column in zip(*(promise._inputs for promise in batch.promises), strict=True)]
        starts = range(0, batch.items, operation.batch_size)
        with torch.inference_mode():
            results = [operation.run(*(rows(column, s, s + operation.batch_size) for column in columns)) for s in starts]
            batch.resolve(join(results))
        self.calls[operation.name] = self.calls.get(operation.name, 0) + len(starts)
        self.items[operation.name] = self.items.get(operation.name, 0) + batch.items
