"""White-box model inversion (MIEA Sec. III-A): Eve knows the encoder and searches for the image whose symbols match the received ones.

    x_e = argmin_x ||y_e - f(x)||^2 + lambda T(x)        Eq. (5), by Adam

The paper starts from an image of zeros. The loss is not convex in x, and from there the search can stop at a loss far above that of the
image that was sent: it has then failed, whatever its image looks like. `white_box_loss` gives the loss of any image, so an evaluator that
knows the true image can compare the two. A better start needs only what Eve has anyway: the mean of images like Alice's, or the
reconstruction of an inverse network that she trains herself with her copy of the encoder.

Each image is a separate optimisation, which stops when its own loss converges, independently of the rest of the batch. The module
`attacks.map_inversion` has the same attack with other priors in the place of T.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from linksim.attacks.search import Callback, SearchSettings, minimise
from linksim.metrics import total_variation


@dataclass(frozen=True)
class WhiteBoxSettings:
    """Settings of the minimisation.

    learning_rate  step size of Adam, in pixel values of 0..1
    iterations     largest number of steps
    tv_weight      weight lambda of the total variation
    tolerance      an image has converged when its loss falls by less than this fraction over `search.WINDOW` steps
    """

    learning_rate: float = 1e-3
    iterations: int = 5000
    tv_weight: float = 1.0
    tolerance: float = 1e-3


Encode = Callable[[Tensor], Tensor]


def white_box(encode: Encode, received: Tensor, start: Tensor, settings: WhiteBoxSettings, callback: Callback | None = None) -> Tensor:
    """Return Eve's images, float [batch, c, h, w] in 0..1.

    encode    differentiable encoder, images [n, c, h, w] -> symbols complex [n, channel_uses]
    received  equalised symbols, complex [batch, channel_uses]
    start     images from which the search starts, float [batch, c, h, w]; zeros in the paper
    settings  parameters of the minimisation
    callback  called every `search.WINDOW` steps, and after the last one, with (iteration, losses [batch], images)

    The image of the lowest loss that was tested is returned, see `search.minimise`.
    """
    with torch.inference_mode(False):
        received = received.clone()

    def loss(images: Tensor, items: Tensor) -> Tensor:
        return white_box_loss(encode, received[items], images, settings.tv_weight)

    def in_range(iteration: int, losses: Tensor, images: Tensor) -> None:
        if callback is not None:
            callback(iteration, losses, images.clamp(0.0, 1.0))

    search = SearchSettings(settings.learning_rate, settings.iterations, settings.tolerance)
    return minimise(loss, start, search, in_range).clamp(0.0, 1.0)


def white_box_loss(encode: Encode, received: Tensor, images: Tensor, tv_weight: float) -> Tensor:
    """Return the loss of Eq. (5) of each image, float [n]: squared distance of its symbols from the received ones, plus total variation.

    encode     differentiable encoder, as in `white_box`
    received   equalised symbols, complex [n, channel_uses]
    images     float [n, c, h, w]
    tv_weight  weight lambda of the total variation
    """
    return torch.view_as_real(received - encode(images)).square().sum(dim=(1, 2)) + tv_weight * total_variation(images)
