"""A codec from outside: average blocks of 4 x 4 pixels and send them as symbols.

linksim run my-scenario.yaml --plugin examples/linear_codec.py        # with scheme: {name: deepjscc, codec: block-means}
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

import linksim


@linksim.register("codec", "block-means")
class BlockMeans(nn.Module):
    """Two block means make one complex symbol; the amplitude carries the deviation from mid-grey."""

    channel_uses = 3 * 8 * 8 // 2

    def encode(self, images: Tensor, snr_db: Tensor) -> Tensor:
        means = functional.avg_pool2d(images, 4) - 0.5
        return torch.view_as_complex(means.reshape(len(images), -1, 2).contiguous())

    def decode(self, symbols: Tensor, snr_db: Tensor) -> Tensor:
        means = torch.view_as_real(symbols).reshape(-1, 3, 8, 8) * 0.2 + 0.5  # typical deviation of CIFAR-10
        return functional.interpolate(means, scale_factor=4.0, mode="bilinear")
