"""Classes of devices by how fast they compute in bfloat16. The settings on a card are those of a class (`cards.RuntimeSettings`).

cuda              a GPU
cpu-amx           a processor with AMX tiles, where bfloat16 is up to twice as fast as float32
cpu-avx512-bf16   one with the bfloat16 instructions of AVX-512 alone, where bfloat16 may be slower
cpu               any other one, where bfloat16 is emulated; its settings also serve a class without settings of its own
"""

from functools import cache
from typing import Literal, get_args

import torch

DeviceClass = Literal["cuda", "cpu-amx", "cpu-avx512-bf16", "cpu"]
DEVICE_CLASSES: tuple[DeviceClass, ...] = get_args(DeviceClass)


def device_class(device: torch.device) -> DeviceClass:
    """Return the class of a device.

    >>> device_class(torch.device("cuda"))
    'cuda'
    >>> device_class(torch.device("cpu")) in DEVICE_CLASSES
    True
    """
    return "cuda" if device.type == "cuda" else _processor_class()


@cache
def _processor_class() -> DeviceClass:
    """The class of this machine's processor. Releases of torch before `get_capabilities` do not tell, so it is "cpu" with them."""
    has = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    if has.get("amx_bf16"):
        return "cpu-amx"
    return "cpu-avx512-bf16" if has.get("avx512_bf16") else "cpu"
