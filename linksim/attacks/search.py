"""Gradient search for the unknowns of a batch of independent problems: Adam, which stops for each item when its own loss has converged.

The white-box attacks use it, with images (`attacks.white_box`) or images and latent codes (`attacks.map_inversion`) as unknowns. All state
is per value, so that items do not affect each other.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

ADAM = (0.9, 0.999, 1e-8)  # beta_1, beta_2 and epsilon of Adam: the usual values
WINDOW = 50  # iterations between two tests of convergence

Loss = Callable[[Tensor, Tensor], Tensor]  # (unknowns [n, ...], numbers of their items in the batch, int64 [n]) -> losses [n]
Callback = Callable[[int, Tensor, Tensor], None]


@dataclass(frozen=True)
class SearchSettings:
    """Settings of a search.

    learning_rate  step size of Adam, in the unit of the unknowns
    iterations     largest number of steps
    tolerance      an item has converged when its loss falls by less than this fraction over `WINDOW` steps
    """

    learning_rate: float
    iterations: int
    tolerance: float


def minimise(loss: Loss, start: Tensor, settings: SearchSettings, callback: Callback | None = None) -> Tensor:
    """Return the unknowns of the lowest loss that the search has tested, in the shape of `start`.

    loss      losses of the items that have not converged, differentiable in the unknowns
    start     unknowns from which the search starts, float [batch, ...]
    settings  parameters of the search
    callback  called every `WINDOW` steps, and after the last one, with (iteration, losses [batch], unknowns [batch, ...])

    The loss is tested at the start, every `WINDOW` steps and at the end. A step that is too large for the start therefore does not make the
    result worse than the start. The function also runs in inference mode; the tensors that `loss` uses must have been made outside it.

    >>> nearest = minimise(lambda x, items: (x - 3.0).square().sum(1), torch.zeros(1, 1), SearchSettings(0.1, 200, 0.0))
    >>> round(nearest.item(), 2)
    3.0
    """
    with torch.inference_mode(False), torch.enable_grad():
        found = start.clone()
        losses = torch.full((len(found),), torch.inf, device=found.device)
        active = torch.arange(len(found), device=found.device)  # the items that have not converged
        search = _Adam(found.clone(), settings.learning_rate)
        for iteration in range(settings.iterations + 1):
            x = search.x.requires_grad_()
            now = loss(x, active)
            (gradient,) = torch.autograd.grad(now.sum(), x)
            if iteration % WINDOW == 0 or iteration == settings.iterations:
                now = now.detach()
                converged = losses[active] - now < settings.tolerance * now
                lower = now < losses[active]
                losses[active[lower]], found[active[lower]] = now[lower], search.x.detach()[lower]
                if callback is not None:
                    callback(iteration, losses.clone(), found.clone())
                search, gradient, active = search.select(~converged), gradient[~converged], active[~converged]
                if not len(active):
                    break
            search.step(gradient)
    return found


class _Adam:
    """Adam for a batch of items from which converged ones are removed."""

    def __init__(self, x: Tensor, learning_rate: float) -> None:
        self.x, self._learning_rate, self._steps = x, learning_rate, 0
        self._mean, self._square = torch.zeros_like(x), torch.zeros_like(x)

    def select(self, kept: Tensor) -> "_Adam":
        """Return the optimiser of the items for which `kept`, bool [n], is True."""
        if kept.all():
            return self
        fewer = _Adam(self.x.detach()[kept], self._learning_rate)
        fewer._mean, fewer._square, fewer._steps = self._mean[kept], self._square[kept], self._steps
        return fewer

    def step(self, gradient: Tensor) -> None:
        """Update all items by one step."""
        beta_1, beta_2, epsilon = ADAM
        self._steps += 1
        self._mean.lerp_(gradient, 1 - beta_1)
        self._square.lerp_(gradient.square(), 1 - beta_2)
        root = (self._square / (1 - beta_2**self._steps)).sqrt().add_(epsilon)
        self.x = self.x.detach() - self._learning_rate / (1 - beta_1**self._steps) * self._mean / root
