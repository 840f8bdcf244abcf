"""Evaluation classifiers: their accuracy on an estimate says how much meaning came through. The one that comes with linksim is small:

    image -> [2x2 whitening] -> 3 x [conv, pool, norm, conv, norm] -> max -> linear -> logits

The first layer is fixed: it decorrelates 2x2 patches with the data's own statistics, which saves the first epochs (after K. Jordan,
"94 % on CIFAR-10 in 3.29 seconds on a single GPU", 2024).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

CHANNEL_MEAN = (0.4914, 0.4822, 0.4465)  # of the CIFAR-10 training images
CHANNEL_STD = (0.2470, 0.2435, 0.2616)


class Classifier(nn.Module):
    """Base: images [batch, 3, side, side] in 0..1 -> logits float32 [batch, classes]."""

    colours = len(CHANNEL_MEAN)

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.register_buffer("mean", torch.tensor(CHANNEL_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(CHANNEL_STD).view(1, 3, 1, 1), persistent=False)
        self.mean: Tensor
        self.std: Tensor

    def standard(self, images: Tensor) -> Tensor:
        """The images with mean 0 and deviation 1 in every channel, as the data has them on average."""
        return (images - self.mean) / self.std

    def start_from(self, images: Tensor) -> None:
        """Before training: set what is fitted to `images` [n, 3, side, side] rather than drawn. Nothing, if not overridden."""


class Norm(nn.BatchNorm2d):
    """Batch normalisation with a shift and no scale, averaging over about two batches."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-5, momentum=0.4)
        self.weight.requires_grad = False


class Stage(nn.Module):
    """[batch, inputs, n, n] -> [batch, outputs, n // 2, n // 2]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.first_norm = Norm(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.second_norm = Norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.gelu(self.first_norm(functional.max_pool2d(self.first(x), 2)))
        return functional.gelu(self.second_norm(self.second(x)))


class WhitenedNet(Classifier):
    """The small one, for images of 32 x 32."""

    def __init__(self, *, classes: int = 10, widths: tuple[int, int, int] = (64, 256, 256)) -> None:
        super().__init__(classes)
        self.whiten = nn.Conv2d(3, 24, 2)
        self.whiten.weight.requires_grad = False
        self.stages = nn.Sequential(*(Stage(i, o) for i, o in zip((24, *widths), widths, strict=False)))
        self.head = nn.Linear(widths[-1], classes, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        x = functional.gelu(self.whiten(self.standard(images)))
        logits: Tensor = self.head(self.stages(x).amax(dim=(2, 3))) / 9.0
        return logits.float()

    @torch.no_grad()
    def start_from(self, images: Tensor) -> None:
        """Set what is not drawn: the first layer whitens 2x2 patches of `images` [n, 3, 32, 32] (eigenvectors of their covariance, both
        signs), and the first filters of every later convolution are the identity."""
        for stage in self.stages:
            assert isinstance(stage, Stage)
            for conv in (stage.first, stage.second):
                nn.init.dirac_(conv.weight[: conv.in_channels])
        patches = functional.unfold(self.standard(images), 2).permute(0, 2, 1).reshape(-1, 12)
        values, vectors = torch.linalg.eigh((patches.T @ patches / len(patches)).double())
        filters = (vectors / (values + 5e-4).sqrt()).T.float().view(12, 3, 2, 2)
        self.whiten.weight.copy_(torch.cat([filters, -filters]))
        nn.init.zeros_(self.whiten.bias)  # type: ignore[arg-type]  # this layer has a bias
