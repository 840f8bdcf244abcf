"""Adversarial perturbation of radio symbols: the direction, of a given power, in which a receiver's image changes most.

    maximise  || receive(clean + arrives * p) - receive(clean) ||^2   over p of unit mean power

by gradient ascent on the sphere (projected gradient with the l2 norm), with steps that shrink from the sphere's radius to nothing:

    p <- unit(p + (1 - k / steps) unit(gradient)),    k = 0 .. steps - 1

The attacker has no image of his own: he drives Bob away from what Bob would see undisturbed. There the gradient is zero, so the ascent
starts elsewhere. On a linear receiver this is the power method, and p becomes the strongest singular vector.

After Sadeghi and Larsson, "Physical adversarial attacks against end-to-end autoencoder communication systems", IEEE Communications
Letters 23(5), 2019, who attack a classifier's decisions; here it is the squared error of an image.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from linksim.phy.baseband import normalise_power


def perturbation(receive: Callable[[Tensor], Tensor], clean: Tensor, arrives: Tensor, start: Tensor, steps: int) -> Tensor:
    """Perturbations of unit mean power, complex, shaped as `start`.

    receive  what was received, complex [n, uses] -> images [n, ...], differentiable; item by item independent
    clean    what is received undisturbed, complex [n, uses]
    arrives  amplitude and phase with which the perturbation arrives, complex or real [n, uses] or [n, 1]
    start    where the ascent begins, complex: [n, uses] for one each, [1, uses] for one that serves all n
    steps    of the ascent

    May be called in inference mode.
    """
    with torch.inference_mode(False), torch.enable_grad():
        clean, arrives, found = clean.clone(), arrives.clone(), normalise_power(start.clone())
        undisturbed = receive(clean).detach()
        for step in range(steps):
            found.requires_grad_()
            changed = (receive(clean + arrives * found) - undisturbed).square().sum()
            (gradient,) = torch.autograd.grad(changed, found)
            found = normalise_power(found.detach() + (1 - step / steps) * normalise_power(gradient))
    return found
