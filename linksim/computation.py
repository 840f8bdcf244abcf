"""Settings of the process for a computation: the number of torch threads, and memory that is kept for the next tensor.

One thread is the fastest on a shared machine and gives the same last bits everywhere. By default the C library returns the memory of a
large tensor to the operating system as soon as it is free, and the next tensor pays for every page of it again.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # parameters of glibc's mallopt
KEPT_BYTES = 2**30  # free memory that the process keeps
LARGEST_KEPT_BYTES = 2**25  # a larger block is returned at once; glibc allows no more


@contextmanager
def computation(threads: int) -> Iterator[None]:
    """Run a block with `threads` torch threads (intra-op parallelism), 1 or more, and with `keep_freed_memory`.

    The previous number of threads is restored when the block ends, also by an exception, so that a call of linksim does not slow down its
    caller.

    >>> import torch
    >>> with computation(threads=1):
    ...     torch.get_num_threads()
    1
    """
    import torch

    keep_freed_memory()
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@cache
def keep_freed_memory() -> bool:
    """Let the process keep freed memory for its next tensors, from now on; return whether it could.

    This is a setting of glibc, `mallopt(3)`. With another C library, or where the environment sets glibc's allocator (`MALLOC_...`,
    `GLIBC_TUNABLES`), nothing is changed. The peak of memory grows by a few percent.
    """
    if any(name.startswith("MALLOC_") for name in os.environ) or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", ""):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, TypeError, OSError):  # no such function; no handle of the process itself, as on Windows
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT_BYTES)) and bool(mallopt(M_TRIM_THRESHOLD, KEPT_BYTES))
