"""Settings of the process for a computation: the number of torch threads, and freed memory that is kept for the next tensor."""

import os
import subprocess
import sys

import pytest
import torch

from linksim.computation import computation

PROGRAM = """
import torch
from linksim.computation import keep_freed_memory

def resident_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6

kept, before = keep_freed_memory(), resident_mb()
tensors = [torch.ones(6_000_000) for _ in range(3)]  # 24 MB each
full = resident_mb()
del tensors
print(kept, full - before > 60, resident_mb() - before > 60)
"""


def report(**environment: str) -> str:
    """What the program prints in an environment: whether memory is kept, whether the tensors needed it, whether it stayed."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_") and name != "GLIBC_TUNABLES"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=inherited | environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.skipif(not sys.platform.startswith("linux") or os.confstr("CS_GNU_LIBC_VERSION") is None, reason="needs glibc")
@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, "True True True"),
        ({"MALLOC_ARENA_MAX": "2"}, "False True False"),
        ({"GLIBC_TUNABLES": "glibc.malloc.arena_max=2"}, "False True False"),
    ],
)
def test_freed_memory_is_kept_unless_the_environment_sets_the_allocator(environment: dict[str, str], found: str) -> None:
    assert report(**environment) == found


def test_the_number_of_threads_is_restored_after_an_exception() -> None:
    before = torch.get_num_threads()

    def fail() -> None:
        with computation(before + 1):
            assert torch.get_num_threads() == before + 1
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert torch.get_num_threads() == before
