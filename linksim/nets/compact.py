"""Weights of 8 bits: a tensor as signed integers, with one scale per row of its first dimension.

    w[row, ...] = scale[row] * q[row, ...],   q in -127..127,   scale[row] = max |w[row, ...]| / 127

For a linear layer or a convolution, a row is what one output channel is computed from. A file contains the integers under the name of the
tensor and the scales under that name with `SCALE` appended. Vectors and small tensors stay in float16: they take little space, and biases
need the accuracy.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from linksim.errors import ModelError

SCALE = ".scale"  # suffix of the name of the scales
LARGEST = 127  # largest magnitude of an integer
SMALL = 1_024  # tensors of fewer values are not packed


def pack(tensors: Mapping[str, Tensor], weights: set[str]) -> dict[str, Tensor]:
    """Convert weights to integers of 8 bits with scales in float32, vectors and small tensors of them to float16.

    tensors  tensors by name
    weights  names of the tensors that are converted; others, such as buffers, are returned as they are

    >>> packed = pack({"w": torch.ones(32, 32), "b": torch.ones(32)}, {"w", "b"})
    >>> {name: str(value.dtype) for name, value in packed.items()}
    {'w': 'torch.int8', 'w.scale': 'torch.float32', 'b': 'torch.float16'}
    """
    packed: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if name not in weights:
            packed[name] = value
        elif value.ndim < 2 or value.numel() < SMALL:
            packed[name] = value.to(torch.float16)
        else:
            rows = value.detach().float().flatten(1)
            scale = rows.abs().amax(1) / LARGEST
            integers = (rows / scale.clamp_min(torch.finfo(torch.float32).tiny)[:, None]).round().clamp(-LARGEST, LARGEST)
            packed[name], packed[name + SCALE] = integers.to(torch.int8).reshape(value.shape).contiguous(), scale
    return packed


def unpack(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert tensors of 8 bits that have scales to float32; return the others as they are.

    Raises ModelError for scales of another type or number than the rows of their tensor.

    >>> unpack({"w": torch.tensor([[127], [-127]], dtype=torch.int8), "w.scale": torch.tensor([0.5, 1.0])})["w"].tolist()
    [[63.5], [-127.0]]
    """
    unpacked = dict(tensors)
    for name in [name for name, value in tensors.items() if value.dtype == torch.int8 and name + SCALE in tensors]:
        integers, scale = tensors[name], unpacked.pop(name + SCALE)
        if scale.dtype != torch.float32 or scale.shape != integers.shape[:1]:
            raise ModelError(f"tensor {name + SCALE} must be of type float32 and have one value for each row of {name}")
        unpacked[name] = integers * scale.reshape(-1, *[1] * (integers.ndim - 1))
    return unpacked
