"""The evaluation classifier of DiffuSeC (Ren et al., Sec. VI-C): a wide residual network, by default WRN-28-10 (Zagoruyko and Komodakis,
"Wide Residual Networks", BMVC 2016).

    image -> [conv] -> 3 groups of (depth - 4) / 6 [block]s, the last two of half the side -> [norm, ReLU] -> mean -> linear -> logits

Blocks are preactivated: norm and ReLU stand before a convolution, so the residual path is the identity wherever shapes agree (He et al.,
"Identity Mappings in Deep Residual Networks", 2016). The network has 36.5 million weights and needs a GPU for its training.
"""

from torch import Tensor, nn
from torch.nn import functional

from linksim.nets.classifiers import Classifier


class PreactivatedBlock(nn.Module):
    """Residual block of two convolutions, each after a norm. [batch, inputs, n, n] -> [batch, outputs, n / stride, n / stride].

    inputs, outputs  channels
    stride           stride of the first convolution; 2 halves the side
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first_norm, self.second_norm = nn.BatchNorm2d(inputs), nn.BatchNorm2d(outputs)
        self.first = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.skip = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if inputs != outputs or stride > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        active = functional.relu(self.first_norm(x))
        inner = self.second(functional.relu(self.second_norm(self.first(active))))
        out: Tensor = inner + (self.skip(active) if self.skip else x)
        return out


class WideResNet(Classifier):
    """Images [batch, 3, side, side] in 0..1, side a multiple of 4 -> logits [batch, classes].

    classes  number of classes
    depth    number of layers, 6 n + 4 with n of at least 1
    widen    factor on the 16, 32 and 64 channels of the groups

    Raises ValueError for any other depth.

    >>> import torch
    >>> WideResNet(depth=10, widen=1).eval()(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(self, *, classes: int = 10, depth: int = 28, widen: int = 10) -> None:
        blocks, left = divmod(depth - 4, 6)
        if left or blocks < 1:
            raise ValueError(f"depth must be 6 n + 4 with n of at least 1, got {depth}")
        super().__init__(classes)
        widths = (16, *(widen * width for width in (16, 32, 64)))
        self.inp = nn.Conv2d(3, widths[0], 3, padding=1, bias=False)
        self.groups = nn.Sequential()
        for inputs, outputs, stride in zip(widths, widths[1:], (1, 2, 2), strict=False):
            self.groups.append(PreactivatedBlock(inputs, outputs, stride))
            self.groups.extend(PreactivatedBlock(outputs, outputs, 1) for _ in range(blocks - 1))
        self.norm, self.head = nn.BatchNorm2d(widths[-1]), nn.Linear(widths[-1], classes)

    def forward(self, images: Tensor) -> Tensor:
        x = functional.relu(self.norm(self.groups(self.inp(self.standardise(images)))))
        logits: Tensor = self.head(x.mean(dim=(2, 3)))
        return logits.float()
