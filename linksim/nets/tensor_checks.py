"""Checks of a network and its stored tensors before the weights are used: size, names, shapes, number formats, and finite values."""

import threading
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_buffer_registration_hook, register_module_parameter_registration_hook

from linksim.errors import ModelError

STORED = (torch.float16, torch.float32)  # number formats of weights


class _TooLargeError(Exception):
    """A network has more values than allowed."""


def check_size(make: Callable[[], nn.Module], most: int) -> None:
    """Raise ModelError if the network that `make` builds has more than `most` values.

    It is built on torch's device "meta", where tensors take no memory, and only until it is too large. Whatever else prevents its
    construction is not reported here, but by the construction itself.

    >>> check_size(lambda: nn.Linear(10**6, 10**6), most=1000)
    Traceback (most recent call last):
        ...
    linksim.errors.ModelError: its config describes a network of more than 1,000 values, which its file cannot hold
    """
    total, thread = 0, threading.get_ident()

    def count(module: nn.Module, name: str, value: Tensor | None) -> None:
        nonlocal total
        total += value.numel() if value is not None and threading.get_ident() == thread else 0
        if total > most:
            raise _TooLargeError

    hooks = [register_module_parameter_registration_hook(count), register_module_buffer_registration_hook(count)]
    try:
        with torch.device("meta"):
            make()
    except _TooLargeError:
        raise ModelError(f"its config describes a network of more than {most:,} values, which its file cannot hold") from None
    except Exception:  # of the construction, which is repeated in earnest and then reports it
        return
    finally:
        for hook in hooks:
            hook.remove()


def check_tensors(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Raise ModelError, with the first mismatch, unless `tensors` can be the values of a network.

    A tensor must not be missing or unexpected, and must have the shape that it has in the network. Weights must be float16 or float32
    without NaN and infinite values; other values, such as counters, must have the number format that they have in the network.
    """
    wanted = network.state_dict()
    for name in sorted(wanted.keys() | tensors.keys()):
        shapes = [tuple(some[name].shape) if name in some else "none" for some in (wanted, tensors)]
        if shapes[0] != shapes[1]:
            raise ModelError(f"tensor {name} must be of shape {shapes[0]}, got {shapes[1]}")
        formats = STORED if wanted[name].is_floating_point() else (wanted[name].dtype,)
        if tensors[name].dtype not in formats:
            allowed = " or ".join(str(dtype).removeprefix("torch.") for dtype in formats)
            raise ModelError(f"tensor {name} must be of type {allowed}, got {str(tensors[name].dtype).removeprefix('torch.')}")
    check_finite(tensors)


def check_finite(tensors: Mapping[str, Tensor]) -> None:
    """Raise ModelError, with the name of the first one, if a tensor contains NaN or infinite values.

    >>> check_finite({"head.weight": torch.tensor([1.0, float("nan")])})
    Traceback (most recent call last):
        ...
    linksim.errors.ModelError: tensor head.weight contains NaN or infinite values
    """
    for name in sorted(tensors):
        if not bool(torch.isfinite(tensors[name]).all()):
            raise ModelError(f"tensor {name} contains NaN or infinite values")
