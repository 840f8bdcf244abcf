"""White-box model inversion (MIEA Sec. III-A): Eve knows the encoder and searches for the image whose symbols match the received ones.

    x_e = argmin_x ||y_e - f(x)||^2 + lambda T(x)        Eq. (5), by Adam

The paper starts from an image of zeros. The loss is not convex in x, and from there the search can stop at a loss far above that of the
image that was sent: it has then failed, whatever its image looks like. `white_box_loss` gives the loss of any image, so an evaluator that
knows the true image can compare the two. A better start needs only what Eve has anyway: the mean of images like Alice's, or the
reconstruction of an inverse network that she trains herself with her copy of the encoder.

Each image is a separate optimisation, which stops when its own loss converges, independently of the rest of the batch.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from linksim.metrics import total_variation

ADAM = (0.9, 0.999, 1e-8)  # beta_1, beta_2 and epsilon of Adam: the usual values
WINDOW = 50  # iterations between two tests of convergence


@dataclass(frozen=True)
class WhiteBoxSettings:
    """Settings of the minimisation.

    learning_rate  step size of Adam, in pixel values of 0..1
    iterations     largest number of steps
    tv_weight      weight lambda of the total variation
    tolerance      an image has converged when its loss falls by less than this fraction over `WINDOW` steps
    """

    learning_rate: float = 1e-3
    iterations: int = 5000
    tv_weight: float = 1.0
    tolerance: float = 1e-3


Encode = Callable[[Tensor], Tensor]
Callback = Callable[[int, Tensor, Tensor], None]


def white_box(encode: Encode, received: Tensor, start: Tensor, settings: WhiteBoxSettings, callback: Callback | None = None) -> Tensor:
    """Return Eve's images, float [batch, c, h, w] in 0..1.

    encode    differentiable encoder, images [n, c, h, w] -> symbols complex [n, channel_uses]
    received  equalised symbols, complex [batch, channel_uses]
    start     images from which the search starts, float [batch, c, h, w]; zeros in the paper
    settings  parameters of the minimisation
    callback  called every `WINDOW` steps, and after the last one, with (iteration, losses [batch], images)

    The loss is tested at the start, every `WINDOW` steps and at the end; the image of the lowest loss among these is returned. A step that
    is too large for the start therefore does not make the result worse than the start.
    """
    with torch.inference_mode(False), torch.enable_grad():
        received, found = received.clone(), start.clone()
        losses = torch.full((len(received),), torch.inf, device=received.device)
        active = torch.arange(len(received), device=received.device)  # the images that have not converged
        search = _Adam(found.clone(), settings.learning_rate)
        for iteration in range(settings.iterations + 1):
            x = search.x.requires_grad_()
            loss = white_box_loss(encode, received[active], x, settings.tv_weight)
            (gradient,) = torch.autograd.grad(loss.sum(), x)
            if iteration % WINDOW == 0 or iteration == settings.iterations:
                converged = losses[active] - loss.detach() < settings.tolerance * loss.detach()
                lower = loss.detach() < losses[active]
                losses[active[lower]], found[active[lower]] = loss.detach()[lower], search.x.detach()[lower]
                if callback is not None:
                    callback(iteration, losses.clone(), found.clamp(0.0, 1.0))
                search, gradient, active = search.select(~converged), gradient[~converged], active[~converged]
                if not len(active):
                    break
            search.step(gradient)
    return found.clamp(0.0, 1.0)


def white_box_loss(encode: Encode, received: Tensor, images: Tensor, tv_weight: float) -> Tensor:
    """Return the loss of Eq. (5) of each image, float [n]: squared distance of its symbols from the received ones, plus total variation.

    encode     differentiable encoder, as in `white_box`
    received   equalised symbols, complex [n, channel_uses]
    images     float [n, c, h, w]
    tv_weight  weight lambda of the total variation
    """
    return torch.view_as_real(received - encode(images)).square().sum(dim=(1, 2)) + tv_weight * total_variation(images)


class _Adam:
    """Adam for a batch of images from which converged ones are removed. All state is per pixel, so images do not affect each other."""

    def __init__(self, x: Tensor, learning_rate: float) -> None:
        self.x, self._learning_rate, self._steps = x, learning_rate, 0
        self._mean, self._square = torch.zeros_like(x), torch.zeros_like(x)

    def select(self, kept: Tensor) -> "_Adam":
        """Return the optimiser of the images for which `kept`, bool [n], is True."""
        if kept.all():
            return self
        fewer = _Adam(self.x.detach()[kept], self._learning_rate)
        fewer._mean, fewer._square, fewer._steps = self._mean[kept], self._square[kept], self._steps
        return fewer

    def step(self, gradient: Tensor) -> None:
        """Update all images by one step."""
        beta_1, beta_2, epsilon = ADAM
        self._steps += 1
        self._mean.lerp_(gradient, 1 - beta_1)
        self._square.lerp_(gradient.square(), 1 - beta_2)
        root = (self._square / (1 - beta_2**self._steps)).sqrt().add_(epsilon)
        self.x = self.x.detach() - self._learning_rate / (1 - beta_1**self._steps) * self._mean / root
