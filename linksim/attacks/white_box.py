"""Model inversion with an open box (MIEA Sec. III-A): Eve knows the encoder and looks for the image whose symbols are those she received.

    x_e = argmin_x ||y_e - f(x)||^2 + lambda T(x)        Eq. (5), by Adam, from an image of zeros

Every image is a search of its own: it stops when its own loss is flat, whatever travels beside it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from linksim.metrics import total_variation

ADAM = (0.9, 0.999, 1e-8)  # decay of the mean, decay of the mean square, and what keeps the quotient finite: the usual values
WINDOW = 50  # iterations between two looks at whether a loss is flat


@dataclass(frozen=True)
class WhiteBoxSettings:
    """How Eve minimises.

    rate        step size of Adam, in pixel values (0..1)
    iterations  most steps
    variation   weight lambda of the total variation
    flat        relative fall of the loss over `WINDOW` steps below which an image is done
    """

    learning_rate: float = 1e-3
    iterations: int = 5000
    tv_weight: float = 1.0
    tolerance: float = 1e-3


Encode = Callable[[Tensor], Tensor]
Watch = Callable[[int, Tensor, Tensor], None]


def white_box(encode: Encode, received: Tensor, image: tuple[int, ...], how: WhiteBoxSettings, watch: Watch | None = None) -> Tensor:
    """Eve's images float [batch, c, h, w] in 0..1.

    encode  differentiable, images [n, c, h, w] -> symbols complex [n, uses]
    received   complex [batch, uses], equalised
    image   (c, h, w)
    watch   is told (iteration, losses [batch], images so far) every `WINDOW` steps
    """
    with torch.inference_mode(False), torch.enable_grad():
        received = received.clone()
        found = torch.zeros(len(received), *image, device=received.device)
        losses = torch.full((len(received),), torch.inf, device=received.device)
        going = torch.arange(len(received), device=received.device)  # the images that are not done
        search = _Adam(found.clone(), how.learning_rate)
        for iteration in range(how.iterations):
            x = search.x.requires_grad_()
            loss = _loss(encode(x), received[going], x, how.tv_weight)
            (gradient,) = torch.autograd.grad(loss.sum(), x)
            if iteration % WINDOW == 0:
                done = losses[going] - loss.detach() < how.tolerance * loss.detach()
                losses[going], found[going] = loss.detach(), search.x.detach()
                if watch is not None:
                    watch(iteration, losses.clone(), found.clamp(0.0, 1.0))
                search, gradient, going = search.only(~done), gradient[~done], going[~done]
                if not len(going):
                    break
            search.step(gradient)
        found[going] = search.x.detach()
    return found.clamp(0.0, 1.0)


def _loss(symbols: Tensor, received: Tensor, x: Tensor, tv_weight: float) -> Tensor:
    """Eq. (5) of each image. -> [n]"""
    return torch.view_as_real(received - symbols).square().sum(dim=(1, 2)) + tv_weight * total_variation(x)


class _Adam:
    """Adam over images that leave one by one; its moments belong to pixels, so no image feels another."""

    def __init__(self, x: Tensor, learning_rate: float) -> None:
        self.x, self._rate, self._steps = x, learning_rate, 0
        self._mean, self._square = torch.zeros_like(x), torch.zeros_like(x)

    def only(self, kept: Tensor) -> "_Adam":
        if kept.all():
            return self
        fewer = _Adam(self.x.detach()[kept], self._rate)
        fewer._mean, fewer._square, fewer._steps = self._mean[kept], self._square[kept], self._steps
        return fewer

    def step(self, gradient: Tensor) -> None:
        fast, slow, tiny = ADAM
        self._steps += 1
        self._mean.lerp_(gradient, 1 - fast)
        self._square.lerp_(gradient.square(), 1 - slow)
        root = (self._square / (1 - slow**self._steps)).sqrt().add_(tiny)
        self.x = self.x.detach() - self._rate / (1 - fast**self._steps) * self._mean / root
