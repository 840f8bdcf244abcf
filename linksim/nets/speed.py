"""How fast this machine runs networks: a measurement of a fraction of a second, with which `linksim check` predicts the time of a run."""

import time

import torch
from torch import nn

from linksim.cost import MachineSpeed
from linksim.nets.processors import Precision, device_class, training_precision
from linksim.nets.weights import autocast

SHAPES = (
    (64, 32, 8),
    (96, 16, 32),
    (192, 8, 32),
)  # channels, side and batch of convolutions as in the shipped networks
CALLS, ROUNDS = 2, 4
OTHER = 0.2  # share of a network's time in float32 that no convolution takes, and that bfloat16 does not shorten
CPU = torch.device("cpu")


def machine_speed() -> MachineSpeed:
    """Measure the speed of this processor in both precisions; where bfloat16 is emulated, that of float32 stands for both.

    >>> found = machine_speed()
    >>> 1e8 < found.float32 < 1e13, 1e8 < found.bfloat16 < 1e13
    (True, True)
    """
    float32 = operations_per_s("float32")
    if training_precision(CPU, bfloat16=True) == "float32":
        return MachineSpeed(float32, float32, device_class(CPU))
    return MachineSpeed(float32, 1.0 / ((1.0 - OTHER) / operations_per_s("bfloat16") + OTHER / float32), device_class(CPU))


def operations_per_s(precision: Precision) -> float:
    """Measure multiply-accumulate operations of convolutions per second of CPU time; the fastest of some rounds counts."""
    fastest = [min(_seconds(*shape, precision) for _ in range(ROUNDS)) for shape in SHAPES]
    operations = [batch * side**2 * 9 * channels**2 for channels, side, batch in SHAPES]
    return CALLS * sum(operations) / sum(fastest)


@torch.inference_mode()
def _seconds(channels: int, side: int, batch: int, precision: Precision) -> float:
    """CPU time in s of `CALLS` convolutions of 3 x 3, after one that is not counted."""
    network = nn.Conv2d(channels, channels, 3, padding=1)
    images = torch.ones(batch, channels, side, side).contiguous(memory_format=torch.channels_last)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
    with autocast(CPU, precision):
        network(images)
        started = time.process_time()
        for _ in range(CALLS):
            network(images)
        return time.process_time() - started
