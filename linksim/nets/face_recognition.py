"""Two face recognisers with frozen weights of others, which decide whether two images show the same person.

    images -> [resampled to the input of the network] -> [convolutions] -> mean over positions -> descriptor
    same person  <=>  Euclidean distance of two descriptors < threshold

A is dlib_face_recognition_resnet_model_v1 (King, 2017), a ResNet with descriptors of 128 values. B is the MobileNet of HSE_FaceRec
(Savchenko, "Efficient Facial Representations for Age, Gender and Identity Recognition in Organizing Photo Albums", 2019), trained on
VGGFace2, with descriptors of 1024 values and length one. A serves in losses and attacks, B evaluates them independently.

Both take the aligned crops of the dataset `faces` at any resolution, and are differentiable in the images. The weights are those of
`data.evaluation_weights`.

Differs from the originals: batch normalisation and affine layers are folded into the convolutions. A has no face detector of its own; a
fixed similarity takes the place of the alignment by landmarks, because all crops have the eyes and the mouth at the same positions.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from linksim.data.evaluation_weights import read_weights

CROP = 128  # side in pixels of the crops to which `CHIP` refers
CHIP_SIDE = 150  # side of A's input in pixels
CHIP = ((1.6414, -0.0096, -30.8504), (0.0096, 1.6414, -49.7865))  # similarity from pixels of a crop to pixels of A's input, x before y
SPREAD_A = 256.0  # of pixels in 0..255
THRESHOLD_A = 0.6  # as published with the weights
STEM_A = 32  # channels of the first convolution
STAGES_A = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))  # channels, blocks, whether it halves the image

SIDE_B = 224
MEAN_B = (103.939, 116.779, 123.68)  # blue, green, red; of pixels in 0..255
THRESHOLD_B = 0.97
STRIDES_B = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)  # of the depthwise convolutions


class FaceRecogniser(nn.Module):
    """Base of the recognisers: a network from images to descriptors, with the distance below which two of them are the same person.

    threshold  Euclidean distance of two descriptors
    """

    threshold: float

    def same_person(self, estimates: Tensor, images: Tensor) -> Tensor:
        """Return whether each pair of images shows the same person, bool [n]. Both arguments are [n, 3, h, w] in 0..1."""
        return self.distance(estimates, images) < self.threshold

    def distance(self, estimates: Tensor, images: Tensor) -> Tensor:
        """Return the distance of the descriptors of each pair of images, float [n]. Both arguments are [n, 3, h, w] in 0..1."""
        found: Tensor = torch.linalg.vector_norm(self(estimates) - self(images), dim=1)  # the gradient is 0 for equal descriptors
        return found


class ResidualBlock(nn.ModuleList):
    """Block of A: two convolutions around which the input is added, [n, before, h, w] -> [n, channels, h', w'].

    before, channels  channels of the input, and of the result
    halves            whether the block halves height and width
    """

    def __init__(self, before: int, channels: int, halves: bool) -> None:
        stride, padding = (2, 0) if halves else (1, 1)
        super().__init__([nn.Conv2d(before, channels, 3, stride, padding), nn.Conv2d(channels, channels, 3, 1, 1)])
        self.halves = halves

    def forward(self, x: Tensor) -> Tensor:
        first, second = self
        residual: Tensor = second(functional.relu(first(x)))
        return functional.relu(padded_sum(functional.avg_pool2d(x, 2) if self.halves else x, residual))


class FaceRecogniserA(FaceRecogniser):
    """Recogniser A: aligned crops [n, 3, h, w] in 0..1 -> descriptors [n, 128].

    weights  arrays as in the npz file: weight and bias of conv1, blocks.N.0 and blocks.N.1, fc.weight, and the mean of the colours
    """

    threshold = THRESHOLD_A

    def __init__(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        super().__init__()
        sizes = [(channels, halves and block == 0) for channels, count, halves in STAGES_A for block in range(count)]
        before = [STEM_A, *(channels for channels, _ in sizes)]
        self.conv1 = nn.Conv2d(3, STEM_A, 7, 2)
        self.blocks = nn.Sequential(*(ResidualBlock(inner, *size) for inner, size in zip(before, sizes, strict=False)))
        self.fc = nn.Linear(256, 128, bias=False)
        self.register_buffer("mean", torch.zeros(1, 3, 1, 1))
        self.register_buffer("positions", chip_positions(), persistent=False)
        self.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
        self.requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        x = (255.0 * self.chips(images) - self.get_buffer("mean")) / SPREAD_A
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 3, 2)
        descriptors: Tensor = self.fc(self.blocks(x).mean(dim=(2, 3)))
        return descriptors

    def chips(self, images: Tensor) -> Tensor:
        """Return the images as A takes them, [n, 3, 150, 150] in 0..1: a part of the crop, enlarged and turned by `CHIP`."""
        positions = self.get_buffer("positions").expand(len(images), -1, -1, -1)
        found = functional.grid_sample(images, positions, mode="bicubic", padding_mode="border", align_corners=False)
        return found.clamp(0.0, 1.0)


def chip_positions() -> Tensor:
    """Return the position in the crop of each pixel of A's input, [1, 150, 150, 2]: x and y, -1 and 1 at the edges of the crop."""
    inverse = np.linalg.inv(np.vstack([CHIP, [0.0, 0.0, 1.0]]))
    pixels = np.stack(np.meshgrid(np.arange(CHIP_SIDE) + 0.5, np.arange(CHIP_SIDE) + 0.5), axis=-1)
    return torch.from_numpy(2.0 * (pixels @ inverse[:2, :2].T + inverse[:2, 2]) / CROP - 1.0).float()[None]


def padded_sum(x: Tensor, y: Tensor) -> Tensor:
    """Return the sum of two feature maps of any sizes, to which zeros are appended in height, width and channels, as dlib does."""
    channels, height, width = (max(x.shape[axis], y.shape[axis]) for axis in (1, 2, 3))
    parts = (functional.pad(z, (0, width - z.shape[3], 0, height - z.shape[2], 0, channels - z.shape[1])) for z in (x, y))
    return next(parts) + next(parts)


class FaceRecogniserB(FaceRecogniser):
    """Recogniser B: aligned crops [n, 3, h, w] in 0..1 -> descriptors of length one [n, 1024].

    weights  arrays as in the npz file: c0_w, c0_b of the first convolution, dN_w, dN_b and pN_w, pN_b of the Nth depthwise and pointwise
             one; the heads for gender and age are left out
    """

    threshold = THRESHOLD_B

    def __init__(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        super().__init__()
        for name in ("c0", *(f"{kind}{layer}" for layer in range(1, len(STRIDES_B) + 1) for kind in "dp")):
            for part in ("w", "b"):
                self.register_buffer(f"{name}_{part}", torch.from_numpy(weights[f"{name}_{part}"]))
        self.register_buffer("mean", torch.tensor(MEAN_B).view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        x = functional.interpolate(images, (SIDE_B, SIDE_B), mode="bicubic", align_corners=False).clamp(0.0, 1.0)
        x = self._layer(255.0 * x.flip(1) - self.get_buffer("mean"), "c0", stride=2)
        for layer, stride in enumerate(STRIDES_B, start=1):
            x = self._layer(x, f"d{layer}", stride, groups=x.shape[1])
            x = self._layer(x, f"p{layer}", padding=0)
        return functional.normalize(x.mean(dim=(2, 3)))

    def _layer(self, x: Tensor, name: str, stride: int = 1, padding: int = 1, groups: int = 1) -> Tensor:
        """Return a convolution with ReLU6; one of stride 2 has its padding at the bottom and right only, as TensorFlow has."""
        if stride == 2:
            x, padding = functional.pad(x, (0, 1, 0, 1)), 0
        weight, bias = self.get_buffer(f"{name}_w"), self.get_buffer(f"{name}_b")
        return functional.relu6(functional.conv2d(x, weight, bias, stride, padding, groups=groups))


RECOGNISERS: Mapping[str, Callable[[Mapping[str, NDArray[np.float32]]], FaceRecogniser]] = {"a": FaceRecogniserA, "b": FaceRecogniserB}


@lru_cache(maxsize=4)
def load_face_recogniser(name: str, device: torch.device) -> FaceRecogniser:
    """Return recogniser `name`, "a" or "b", on `device`, with weights from $LINKSIM_DATA.

    Raises DataError if they are missing or damaged.
    """
    with torch.inference_mode(False):  # the network is cached, and later callers may need gradients
        return RECOGNISERS[name](read_weights(f"face-recogniser-{name}")).to(device).eval()
