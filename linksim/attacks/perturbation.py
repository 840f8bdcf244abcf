"""Adversarial perturbation of radio symbols: the perturbation of given power that changes a receiver's image most.

    maximise  || receive(clean + gain * p) - receive(clean) ||^2   over p of unit mean power

The method is projected gradient ascent on the sphere (l2 norm) with step sizes that decrease linearly from the sphere's radius to zero:

    p <- unit(p + (1 - k / steps) unit(gradient)),    k = 0 .. steps - 1

The attack is untargeted: it maximises the distance from the undisturbed reconstruction. The gradient is zero at p = 0, so the ascent starts
at a random perturbation. For a linear receiver this is the power method, and p converges to the strongest singular vector.

Based on Sadeghi and Larsson, "Physical adversarial attacks against end-to-end autoencoder communication systems", IEEE Communications
Letters 23(5), 2019, which attacks a classifier's decision; here the objective is the squared error of an image.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from linksim.phy.baseband import normalise_power


def perturbation(receive: Callable[[Tensor], Tensor], clean: Tensor, gain: Tensor, start: Tensor, steps: int) -> Tensor:
    """Return perturbations of unit mean power, complex, of the shape of `start`.

    receive  differentiable receiver: symbols complex [n, channel_uses] -> images [n, ...], item by item independent
    clean    received symbols without perturbation, complex [n, channel_uses]
    gain     gain with which the perturbation reaches the receiver, complex or real [n, channel_uses] or [n, 1]
    start    initial perturbation, complex: [n, channel_uses] for one per item, [1, channel_uses] for one that all items share
    steps    number of ascent steps

    The function may be called in inference mode. If the items share one perturbation, the ascent maximises the sum over all items.

    >>> def receive(symbols):  # a linear receiver that sees only the first symbol
    ...     return torch.view_as_real(symbols[:, :1])
    >>> start = torch.tensor([[1 + 0j, 1 + 0j]])
    >>> found = perturbation(receive, torch.zeros(1, 2, dtype=torch.complex64), torch.ones(1, 1), start, steps=20)
    >>> [round(power, 2) for power in found.abs().square()[0].tolist()]  # all power on that symbol
    [2.0, 0.0]
    """
    with torch.inference_mode(False), torch.enable_grad():
        clean, gain, found = clean.clone(), gain.clone(), normalise_power(start.clone())
        undisturbed = receive(clean).detach()
        for step in range(steps):
            found.requires_grad_()
            distance = (receive(clean + gain * found) - undisturbed).square().sum()
            (gradient,) = torch.autograd.grad(distance, found)
            found = normalise_power(found.detach() + (1 - step / steps) * normalise_power(gradient))
    return found
