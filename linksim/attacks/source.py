"""Attacks on the source image: imperceptible perturbations that change a classifier's decision (DiffuSeC Sec. III-A).

    x_adv = x + n_a    with H(x_adv) != H(x)

The attacker knows the classifier H and ascends the gradient of its loss. Each image is attacked independently of the others in the batch.

    fgsm            one step of size epsilon, l_inf                    Goodfellow, Shlens and Szegedy, ICLR 2015
    pgd             several small steps, projected onto the l_inf ball  Madry et al., ICLR 2018
    carlini_wagner  the nearest misclassified image found, l2          Carlini and Wagner, IEEE S&P 2017

The paper gives PGD a "step size" of 10, which is read here as ten steps. The gradient is a parameter, so that `pgd` also serves an attacker
who knows a defence, including a randomised one. All functions may be called in inference mode.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

Classify = Callable[[Tensor], Tensor]  # images [n, c, h, w] -> logits [n, classes], differentiable, item by item independent
StochasticClassify = Callable[[Tensor, int], Tensor]  # the same with the number of a draw, which determines all randomness
Gradient = Callable[[Tensor, int], Tensor]  # (images, number of the step) -> gradient of the objective, of the shape of the images

EPSILON, STEP_SIZE, STEPS = 8 / 255, 2 / 255, 10  # in pixel values of 0..1
ATANH_LIMIT = 0.999999  # images are scaled by this factor before the artanh so that it stays finite


def cross_entropy_gradient(classify: Classify, labels: Tensor) -> Gradient:
    """Return the gradient of each image's cross-entropy with its true label, for an attack that lowers the accuracy.

    classify  classifier under attack
    labels    true labels, int64 [n]
    """
    return expected_gradient(lambda images, _: classify(images), labels, 1)


def expected_gradient(classify: StochasticClassify, labels: Tensor, draws: int) -> Gradient:
    """Return the gradient of the cross-entropy averaged over draws (expectation over transformation, Athalye et al., ICML 2018).

    classify  classifier with random behaviour
    labels    true labels, int64 [n]
    draws     draws per step; every step uses new ones
    """
    with torch.inference_mode(False):  # tensors created in inference mode cannot take part in a backward pass
        labels = labels.clone()

    def gradient(images: Tensor, step: int) -> Tensor:
        with torch.inference_mode(False), torch.enable_grad():
            x, total = images.clone().requires_grad_(), torch.zeros_like(images)
            for draw in range(step * draws, (step + 1) * draws):
                loss = functional.cross_entropy(classify(x, draw), labels, reduction="sum")
                total = total + torch.autograd.grad(loss, x)[0]
            return total / draws

    return gradient


def fgsm(gradient: Gradient, images: Tensor, epsilon: float | Tensor = EPSILON, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Fast gradient sign method (Goodfellow et al., ICLR 2015): one step of `pgd` with the size epsilon, whose arguments it takes.

    >>> fgsm(lambda images, step: torch.ones_like(images), torch.full((1, 1, 1, 2), 0.5), 0.25).flatten().tolist()
    [0.75, 0.75]
    """
    return pgd(gradient, images, epsilon, 1, epsilon, None, low, high)


def pgd(
    gradient: Gradient,
    images: Tensor,
    epsilon: float | Tensor = EPSILON,
    steps: int = STEPS,
    step_size: float | Tensor = STEP_SIZE,
    start: Tensor | None = None,
    low: float = 0.0,
    high: float = 1.0,
) -> Tensor:
    """Projected gradient ascent. Return attacked images, of the shape of `images`.

    gradient   gradient of the objective, which the attack maximises
    images     float [n, c, h, w] in `low`..`high`
    epsilon    largest change of a pixel, or that of each image, [n, 1, 1, 1], like `step_size`
    steps      number of steps
    step_size  change of a pixel per step
    start      images from which the ascent starts, for example random ones; None to start from `images`
    low, high  range of a pixel

    >>> pgd(lambda images, step: -torch.ones_like(images), torch.full((1, 1, 1, 1), 0.5), 0.25, steps=3, step_size=0.125).item()
    0.25
    """
    radius = torch.as_tensor(epsilon, dtype=images.dtype, device=images.device)

    def project(found: Tensor) -> Tensor:
        return (images + (found - images).clamp(-radius, radius)).clamp(low, high)

    found = images if start is None else project(start)
    for step in range(steps):
        found = project(found + step_size * gradient(found, step).sign())
    return found


@dataclass(frozen=True)
class CarliniWagnerSettings:
    """Settings of `carlini_wagner`.

    confidence           required margin of a wrong class's logit over the true one
    initial_const        first value of the weight c of the misclassification loss
    binary_search_steps  number of weights tried per image: the weight grows tenfold until the attack succeeds, then it is bisected
    steps                Adam steps for each weight
    learning_rate        step size of Adam, in the space of the artanh
    """

    confidence: float = 0.0
    initial_const: float = 1e-2
    binary_search_steps: int = 5
    steps: int = 100
    learning_rate: float = 1e-2


def carlini_wagner(
    classify: Classify, images: Tensor, labels: Tensor, settings: CarliniWagnerSettings, low: float = 0.0, high: float = 1.0
) -> Tensor:
    """Return the nearest misclassified image that is found for each image, or the image itself if none is found.

    minimise  ||x' - x||^2 + c max(margin(x'), -confidence)    over w, x' = centre + half_range tanh(w)

    The margin is the logit of the true label minus the largest other logit.

    classify   classifier under attack
    images     float [n, c, h, w] in `low`..`high`
    labels     true labels, int64 [n]
    settings   parameters of the search
    low, high  range of a pixel
    """
    with torch.inference_mode(False), torch.enable_grad():
        images, labels = images.clone(), labels.clone()
        best, distances = images, torch.full_like(images[:, 0, 0, 0], torch.inf)
        weight, lower, upper = torch.full_like(distances, settings.initial_const), torch.zeros_like(distances), distances
        for _ in range(settings.binary_search_steps):
            found, reached = _minimise(classify, images, labels, weight, settings, (low, high))
            best = torch.where((reached < distances)[:, None, None, None], found, best)
            distances = distances.minimum(reached)
            upper, lower = torch.where(reached.isfinite(), weight, upper), torch.where(reached.isfinite(), lower, weight)
            weight = torch.where(upper.isfinite(), (lower + upper) / 2, 10 * weight)
    return best.clamp(low, high)


def _minimise(
    classify: Classify, images: Tensor, labels: Tensor, weight: Tensor, settings: CarliniWagnerSettings, span: tuple[float, float]
) -> tuple[Tensor, Tensor]:
    """Minimise the loss with one weight [n] per image.

    Return the nearest misclassified images met during the minimisation, and their squared distances [n] (infinite if there is none).
    """
    centre, half_range = sum(span) / 2, (span[1] - span[0]) / 2
    best, distances = images, torch.full_like(weight, torch.inf)
    w = ((images - centre) / half_range * ATANH_LIMIT).atanh().requires_grad_()
    adam = torch.optim.Adam([w], settings.learning_rate)
    for _ in range(settings.steps):
        x = centre + half_range * w.tanh()
        logits = classify(x)
        margin = logits.gather(1, labels[:, None])[:, 0] - logits.scatter(1, labels[:, None], -torch.inf).amax(dim=1)
        distance = (x - images).square().flatten(1).sum(dim=1)
        (w.grad,) = torch.autograd.grad((distance + weight * margin.clamp_min(-settings.confidence)).sum(), w)
        adam.step()
        nearer = (margin < -settings.confidence) & (distance < distances)
        best = torch.where(nearer[:, None, None, None], x.detach(), best)
        distances = torch.where(nearer, distance.detach(), distances)
    return best, distances
