"""LPIPS, the perceptual distance of Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (CVPR 2018).

    two images -> [AlexNet up to each of five layers] -> unit length per position -> weighted squared difference -> mean -> sum of layers

The weights are those of version 0.1 with AlexNet (`data.evaluation_weights`). The distance is 0 for equal images and grows with what a
person sees. AlexNet needs at least 31 x 31 pixels and is nearly blind for textures at that size.
"""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from linksim.data.evaluation_weights import read_weights

SMALLEST = 31  # side in pixels
LAYERS = ((0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1))  # number in AlexNet, stride and padding of each convolution
POOLED = (3, 6)  # convolutions that follow a max pooling
MEAN, SPREAD = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of the colours, for images in -1..1
FLOOR = 1e-10  # added to the length of a feature vector


class Lpips(nn.Module):
    """The perceptual distance as a network with frozen weights, differentiable in both images.

    weights  arrays as in the npz file: features.N.weight, features.N.bias of each convolution, lin0 ... lin4
    """

    def __init__(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        super().__init__()
        for name, array in weights.items():
            self.register_buffer(name.replace(".", "_"), torch.from_numpy(array))
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("spread", torch.tensor(SPREAD).view(1, 3, 1, 1))

    def features(self, images: Tensor) -> list[Tensor]:
        """Return the feature maps of unit length per position of `images` [n, 3, h, w] in 0..1, layer by layer."""
        x, found = (2.0 * images - 1.0 - self.get_buffer("mean")) / self.get_buffer("spread"), []
        for number, stride, padding in LAYERS:
            x = functional.max_pool2d(x, 3, 2) if number in POOLED else x
            weight, bias = (self.get_buffer(f"features_{number}_{part}") for part in ("weight", "bias"))
            x = functional.relu(functional.conv2d(x, weight, bias, stride, padding))
            found.append(x / (x.float().square().sum(dim=1, keepdim=True).sqrt() + FLOOR))
        return found

    def forward(self, estimates: Tensor, images: Tensor) -> Tensor:
        """Return the distance of each pair of images, float [n]. Both arguments are [n, 3, h, w] in 0..1, with h and w at least 31.

        Raises ValueError for smaller images or another number of colours.
        """
        _, colours, *size = images.shape
        if colours != len(MEAN) or min(size) < SMALLEST:
            raise ValueError(f"LPIPS needs colour images of at least {SMALLEST} x {SMALLEST} pixels, got {colours} x {size[0]} x {size[1]}")
        pairs = enumerate(zip(self.features(estimates), self.features(images), strict=True))
        layers = [((x - y).float().square() * self.get_buffer(f"lin{k}").view(1, -1, 1, 1)).sum(1).mean((1, 2)) for k, (x, y) in pairs]
        return torch.stack(layers).sum(dim=0)


@lru_cache(maxsize=2)
@torch.inference_mode(False)  # the network is cached, and later callers may need gradients through it
def load_lpips(device: torch.device) -> Lpips:
    """Return the network on `device`, with weights from $LINKSIM_DATA. Raises DataError if they are missing or damaged."""
    with torch.inference_mode(False):  # the network is cached, and later callers may need gradients
        return Lpips(read_weights("lpips")).to(device).eval()
