"""The encoders of DiffSem's features, each with the classifier that is trained with it (Tables I and II).

    image -> [encoder] -> features [channels, 8, 8] of unit mean square -> symbols
                             received features z, denoised features f', step t -> [classifier] -> logits

Differs from the paper, which gives output sizes but no kernels: the encoder for MNIST has kernels of 5, 7 and 7 pixels. For CIFAR-10 there
is a stronger encoder beside that of Table II: a small head on the frozen layers of a classifier.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from torch import Tensor, nn

from linksim.nets.classifiers import WhitenedNet
from linksim.nets.feature_inverter import LinearInverter
from linksim.nets.feature_receivers import ConvReceiver, FeatureReceiver, LinearReceiver
from linksim.nets.feature_symbols import SIDE, channel_uses, to_symbols
from linksim.nets.layers import ResidualPair
from linksim.registry import suggest

TRUNK_WIDTHS = (64, 192, 256)  # of the three stages of the trunk
RECEIVER_WIDTH = 256  # of the receiver for CIFAR-10, a half of that of Table II


class MnistEncoder(nn.Sequential):
    """Encoder of Table I. Images [n, 1, 28, 28] in 0..1 -> [n, 1, 8, 8]."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 16, 5, stride=2, padding=2),
            nn.LeakyReLU(),
            nn.Conv2d(16, 32, 7),
            nn.LeakyReLU(),
            nn.Conv2d(32, 1, 7, padding=3),
            nn.LayerNorm([1, SIDE, SIDE]),
        )


class CifarEncoder(nn.Sequential):
    """Encoder of Table II. Images [n, 3, 32, 32] in 0..1 -> [n, 3, 8, 8]."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 16, 3, padding=1),
            nn.LeakyReLU(),
            nn.Conv2d(16, 32, 5, stride=2, padding=2),
            nn.LeakyReLU(),
            ResidualPair(32),
            nn.Conv2d(32, 3, 5, stride=2, padding=2),
            nn.LeakyReLU(),
            nn.LayerNorm([3, SIDE, SIDE]),
        )


class TrunkEncoder(nn.Module):
    """A classifier without its last layer, frozen, with a linear head. Images [n, 3, 32, 32] in 0..1 -> [n, 3, 8, 8].

    The norms of the trunk keep their statistics in training. `training.features` loads its weights.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trunk = WhitenedNet(widths=TRUNK_WIDTHS).requires_grad_(False)
        self.head = nn.Linear(TRUNK_WIDTHS[-1], 3 * SIDE**2)
        self.norm = nn.LayerNorm([3, SIDE, SIDE])

    def train(self, mode: bool = True) -> "TrunkEncoder":
        super().train(mode)
        self.trunk.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.norm(self.head(self.trunk.embed(images)).view(-1, 3, SIDE, SIDE))
        return features


class Layout(NamedTuple):
    """Networks and sizes of a codec of features: encoder, classifier, channels of the features, colours and side of the images."""

    encoder: Callable[[], nn.Module]
    classifier: Callable[[], FeatureReceiver]
    channels: int
    colours: int
    side: int


LAYOUTS: Mapping[str, Layout] = {
    "mnist": Layout(MnistEncoder, LinearReceiver, 1, 1, 28),
    "cifar10": Layout(CifarEncoder, lambda: ConvReceiver(width=RECEIVER_WIDTH), 3, 3, 32),
    "trunk": Layout(TrunkEncoder, lambda: LinearReceiver(channels=3), 3, 3, 32),
}


class FeatureCodec(nn.Module):
    """An encoder with the classifier that was trained with it, which is the receiver without denoiser.

    layout        "mnist" for Table I, "cifar10" for Table II, "trunk" for the stronger pair for CIFAR-10
    adversarial   has a decoder, against which IBAL trains the encoder; nothing else uses it
    channels      channels of the features
    channel_uses  complex channel uses per image
    colours       colour channels of the images
    side          side of the images in pixels

    >>> import torch
    >>> codec = FeatureCodec()
    >>> codec.encode(torch.zeros(2, 1, 28, 28)).shape, codec.classifier(*(torch.zeros(2, 1, 8, 8),) * 2, torch.tensor([0, 300])).shape
    (torch.Size([2, 32]), torch.Size([2, 10]))
    """

    def __init__(self, *, layout: str = "mnist", adversarial: bool = False) -> None:
        super().__init__()
        if layout not in LAYOUTS:
            raise ValueError(f"no layout {layout!r}; {suggest(layout, LAYOUTS)}")
        encoder, classifier, self.channels, self.colours, self.side = LAYOUTS[layout]
        self.encoder, self.classifier = encoder(), classifier()
        self.channel_uses = channel_uses(self.channels)
        self.decoder = LinearInverter(channels=self.channels, colours=self.colours, side=self.side) if adversarial else None

    def features(self, images: Tensor) -> Tensor:
        """Encode images [n, colours, side, side] in 0..1 to features [n, channels, 8, 8] with mean square 1 over each image (Sec. IV-A)."""
        features: Tensor = self.encoder(images).float()
        return features / features.square().mean(dim=(1, 2, 3), keepdim=True).sqrt().clamp_min(1e-6)

    def encode(self, images: Tensor) -> Tensor:
        """Encode images to complex symbols [n, channel_uses] without self-noising."""
        return to_symbols(self.features(images))
