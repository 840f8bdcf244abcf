"""Thread count of torch for the duration of a computation, restored afterwards.

One thread is the fastest on a shared machine and gives the same last bits everywhere.
"""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Run a block with `count` torch threads (intra-op parallelism), 1 or more.

    The previous count is restored when the block ends, also by an exception, so that a call of linksim does not slow down its caller.

    >>> import torch
    >>> with torch_threads(1):
    ...     torch.get_num_threads()
    1
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
