"""DiffSem's strong classifier for MNIST, which evaluates the images of an eavesdropper (Table I).

    image -> [linear, tanh 784] -> [linear, tanh 128] -> [linear] -> logits

Differs from the paper: the last layer has no sigmoid, because the loss takes logits.
"""

from torch import Tensor, nn

from linksim.nets.classifiers import Classifier


class MlpClassifier(Classifier):
    """Classifier of grey images [n, 1, side, side] in 0..1 -> logits float32 [n, classes].

    classes  number of classes
    side     side of the images in pixels

    >>> import torch
    >>> MlpClassifier()(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """

    channel_mean, channel_std = (0.1307,), (0.3081,)  # of the MNIST training images

    def __init__(self, *, classes: int = 10, side: int = 28) -> None:
        super().__init__(classes)
        self.side, pixels = side, side**2
        self.layers = nn.Sequential(nn.Linear(pixels, pixels), nn.Tanh(), nn.Linear(pixels, 128), nn.Tanh(), nn.Linear(128, classes))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(self.standardise(images).flatten(1))
        return logits.float()
