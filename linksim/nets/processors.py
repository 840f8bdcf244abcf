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
Precision = Literal["float32", "bfloat16"]
DEVICE_CLASSES: tuple[DeviceClass, ...] = get_args(DeviceClass)


def device_class(device: torch.device) -> DeviceClass:
    """Return the class of a device.

    >>> device_class(torch.device("cuda"))
    'cuda'
    >>> device_class(torch.device("cpu")) in DEVICE_CLASSES
    True
    """
    return "cuda" if device.type == "cuda" else _processor_class()


def training_precision(device: torch.device, bfloat16: bool) -> Precision:
    """Return the precision of trainings and measurements on a device: bfloat16 needs instructions for it.

    A processor that emulates bfloat16 takes up to fifteen times as long as in float32.

    bfloat16  whether a training task requests bfloat16 on a CPU; on a GPU it is always used

    >>> training_precision(torch.device("cuda"), False), training_precision(torch.device("cpu"), False)
    ('bfloat16', 'float32')
    """
    known = device_class(device)
    return "bfloat16" if known == "cuda" or (bfloat16 and known != "cpu") else "float32"


@cache
def _processor_class() -> DeviceClass:
    """The class of this machine's processor. Releases of torch before `get_capabilities` do not tell, so it is "cpu" with them."""
    has = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    if has.get("amx_bf16"):
        return "cpu-amx"
    return "cpu-avx512-bf16" if has.get("avx512_bf16") else "cpu"
