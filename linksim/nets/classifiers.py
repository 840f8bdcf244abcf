"""Classifiers that evaluate the semantic quality of a reconstruction by their accuracy on it. The default one is small:

    image -> [2x2 whitening] -> 3 x [conv, pool, norm, conv, norm] -> max -> linear -> logits

The weights of the first layer are fixed, its bias is trained. The layer decorrelates 2x2 patches with the statistics of the data, which
saves the first epochs (after K. Jordan, "94 % on CIFAR-10 in 3.29 seconds on a single GPU", 2024).

The evaluator classifies every reconstruction, so a small network keeps a run fast; `nets.wide_resnet` is the classifier of DiffuSeC.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

CHANNEL_MEAN = (0.4914, 0.4822, 0.4465)  # mean and standard deviation of the CIFAR-10 training images
CHANNEL_STD = (0.2470, 0.2435, 0.2616)


class Classifier(nn.Module):
    """Base class. Images [batch, colours, side, side] in 0..1 -> logits float32 [batch, classes].

    classes                    number of classes
    channel_mean, channel_std  mean and standard deviation of the training images per channel; of CIFAR-10 unless overridden
    colours                    number of colour channels
    mean, std                  the same as tensors [1, colours, 1, 1]; not part of the stored weights
    """

    channel_mean: tuple[float, ...] = CHANNEL_MEAN
    channel_std: tuple[float, ...] = CHANNEL_STD

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes, self.colours = classes, len(self.channel_mean)
        self.register_buffer("mean", torch.tensor(self.channel_mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(self.channel_std).view(1, -1, 1, 1), persistent=False)
        self.mean: Tensor
        self.std: Tensor

    def standardise(self, images: Tensor) -> Tensor:
        """Scale images [batch, colours, side, side] to mean 0 and standard deviation 1 per channel, those of the training data."""
        return (images - self.mean) / self.std

    def initialise_from(self, images: Tensor) -> None:
        """Fit layers that are not drawn at random to `images` [n, 3, side, side] before training. Does nothing unless overridden."""


class Norm(nn.BatchNorm2d):
    """Batch normalisation with a bias but without a scale. [batch, channels, h, w] -> the same shape.

    The running statistics have a momentum of 0.4, so they average over about the last two batches, while the weights change fast.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-5, momentum=0.4)
        self.weight.requires_grad = False


class Stage(nn.Module):
    """Two 3x3 convolutions, each with a norm and GELU, and max pooling after the first one.

    [batch, inputs, n, n] -> [batch, outputs, n // 2, n // 2].
    """

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
    """The small classifier, for images of 32 x 32 pixels.

    classes  number of classes
    widths   channels of the three stages

    The weights of the whitening layer are not trained; `initialise_from` sets them once, before training.

    >>> WhitenedNet(widths=(24, 32, 32)).eval()(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(self, *, classes: int = 10, widths: tuple[int, int, int] = (64, 256, 256)) -> None:
        super().__init__(classes)
        self.whiten = nn.Conv2d(3, 24, 2)
        self.whiten.weight.requires_grad = False
        self.stages = nn.Sequential(*(Stage(i, o) for i, o in zip((24, *widths), widths, strict=False)))
        self.head = nn.Linear(widths[-1], classes, bias=False)

    def embed(self, images: Tensor) -> Tensor:
        """Return what the last layer classifies: [n, 3, 32, 32] in 0..1 -> [n, widths[-1]]."""
        embedded: Tensor = self.stages(functional.gelu(self.whiten(self.standardise(images)))).amax(dim=(2, 3))
        return embedded

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.embed(images)) / 9.0
        return logits.float()

    @torch.no_grad()
    def initialise_from(self, images: Tensor) -> None:
        """Initialise the whitening layer from 2x2 patches of `images` [n, 3, 32, 32], and the first filters of the stages to the identity.

        The whitening filters are the scaled eigenvectors of the covariance of the patches, with both signs.
        """
        for stage in self.stages:
            assert isinstance(stage, Stage)
            for conv in (stage.first, stage.second):
                nn.init.dirac_(conv.weight[: conv.in_channels])
        patches = functional.unfold(self.standardise(images), 2).permute(0, 2, 1).reshape(-1, 12)
        values, vectors = torch.linalg.eigh((patches.T @ patches / len(patches)).double())
        filters = (vectors / (values + 5e-4).sqrt()).T.float().view(12, 3, 2, 2)
        self.whiten.weight.copy_(torch.cat([filters, -filters]))
        nn.init.zeros_(self.whiten.bias)  # type: ignore[arg-type]  # this layer has a bias
