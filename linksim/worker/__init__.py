"""The worker runs the networks of all nodes in batches across nodes, links and time; promises are rows of batches that have yet to run."""

from linksim.worker.batches import Array, Batch, BatchListener, Named, Operation, Promise, Rows, Value
from linksim.worker.worker import Worker

__all__ = ["Array", "Batch", "BatchListener", "Named", "Operation", "Promise", "Rows", "Value", "Worker"]
