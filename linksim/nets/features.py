"""The networks of DiffSem around its features: encoder and classifier of Table I.

    image -> [encoder] -> features [channels, 8, 8] of unit mean square -> symbols
                             received features z, denoised features f, step t -> [classifier] -> logits

Differs from the paper, which gives output sizes but no kernels: the encoder for MNIST has kernels of 5, 7 and 7 pixels. A receiver without
denoiser puts z in the place of f.
"""

import torch
from torch import Tensor, nn

from linksim.feature_diffusion import STEPS
from linksim.nets.feature_inverter import FeatureInverter
from linksim.nets.feature_symbols import SIDE, channel_uses, to_symbols

CLASSES = 10


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


class LinearReceiver(nn.Module):
    """Classifier of the receiver, Table I. (z, f, both [n, channels, 8, 8], steps int64 [n] in 0..T) -> logits float32 [n, 10].

    channels  channels of the features
    hidden    width of the hidden layer, None for that of Table I: the number of inputs
    """

    def __init__(self, *, channels: int = 1, hidden: int | None = None) -> None:
        super().__init__()
        self.channels, inputs = channels, 2 * channels * SIDE**2 + 1
        self.hidden = nn.Linear(inputs, hidden or inputs)
        self.out = nn.Linear(hidden or inputs, CLASSES)

    def forward(self, received: Tensor, denoised: Tensor, steps: Tensor) -> Tensor:
        inputs = torch.cat([received.flatten(1), denoised.flatten(1), steps[:, None] / STEPS], dim=1)
        logits: Tensor = self.out(torch.relu(self.hidden(inputs)))
        return logits.float()


class FeatureCodec(nn.Module):
    """An encoder with the classifier that was trained with it, which is the receiver without denoiser.

    layout        "mnist" for Table I
    adversarial   has a decoder, against which IBAL trains the encoder; nothing else uses it
    channels      channels of the features
    channel_uses  complex channel uses per image
    colours       colour channels of the images
    side          side of the images in pixels

    >>> codec = FeatureCodec()
    >>> codec.encode(torch.zeros(2, 1, 28, 28)).shape, codec.classifier(*(torch.zeros(2, 1, 8, 8),) * 2, torch.tensor([0, 300])).shape
    (torch.Size([2, 32]), torch.Size([2, 10]))
    """

    def __init__(self, *, layout: str = "mnist", adversarial: bool = False) -> None:
        super().__init__()
        if layout != "mnist":
            raise ValueError(f"no layout {layout!r}; there is 'mnist'")
        self.channels, self.colours, self.side = 1, 1, 28
        self.encoder, self.classifier = MnistEncoder(), LinearReceiver()
        self.channel_uses = channel_uses(self.channels)
        self.decoder = FeatureInverter() if adversarial else None

    def features(self, images: Tensor) -> Tensor:
        """Encode images [n, colours, side, side] in 0..1 to features [n, channels, 8, 8] with mean square 1 over each image (Sec. IV-A)."""
        features: Tensor = self.encoder(images).float()
        return features / features.square().mean(dim=(1, 2, 3), keepdim=True).sqrt().clamp_min(1e-6)

    def encode(self, images: Tensor) -> Tensor:
        """Encode images to complex symbols [n, channel_uses] without self-noising."""
        return to_symbols(self.features(images))
