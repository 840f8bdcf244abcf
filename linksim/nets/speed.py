"""How fast this machine runs networks: a measurement of a fraction of a second, with which `linksim check` predicts the time of a run."""

import time

import torch
from torch import nn

SHAPES = (
    (64, 32, 8),
    (96, 16, 32),
    (192, 8, 32),
)  # channels, side and batch of convolutions as in the shipped networks
CALLS, ROUNDS = 2, 4


def operations_per_s() -> float:
    """Measure multiply-accumulate operations of convolutions per second of CPU time, in float32; the fastest of some rounds counts.

    >>> 1e8 < operations_per_s() < 1e13
    True
    """
    fastest = [min(_seconds(*shape) for _ in range(ROUNDS)) for shape in SHAPES]
    operations = [batch * side**2 * 9 * channels**2 for channels, side, batch in SHAPES]
    return CALLS * sum(operations) / sum(fastest)


@torch.inference_mode()
def _seconds(channels: int, side: int, batch: int) -> float:
    """CPU time in s of `CALLS` convolutions of 3 x 3, after one that is not counted."""
    network = nn.Conv2d(channels, channels, 3, padding=1)
    images = torch.ones(batch, channels, side, side).contiguous(memory_format=torch.channels_last)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
    network(images)
    started = time.process_time()
    for _ in range(CALLS):
        network(images)
    return time.process_time() - started
