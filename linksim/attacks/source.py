"""Data-source attacks: an image changed so little that nobody sees it, which a classifier takes for something else (DiffuSeC Sec. III-A).

    x_adv = x + n_a    with H(x_adv) != H(x)

The attacker knows the classifier H and climbs the slope of its loss. Every image is attacked by itself, whatever is attacked beside it.

    fgsm            one step of the whole bound, l_inf            Goodfellow, Shlens and Szegedy, ICLR 2015
    pgd             many small steps, kept within the bound       Madry et al., ICLR 2018; the paper's "step size is 10" read as ten of them
    carlini_wagner  the nearest image that is mistaken, l2      Carlini and Wagner, IEEE S&P 2017

What is climbed is a function of its own, so that `pgd` also serves an attacker who knows a defence, and a random one at that. All may be
called in inference mode.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

Classify = Callable[[Tensor], Tensor]  # images [n, c, h, w] -> logits [n, classes], differentiable, item by item independent
ClassifyByChance = Callable[[Tensor, int], Tensor]  # the same with the number of a draw, all of whose chance follows from that number
Gradient = Callable[[Tensor, int], Tensor]  # images, number of the step -> gradient of what is climbed, shaped as the images

BOUND, STEP_SIZE, STEPS = 8 / 255, 2 / 255, 10  # in pixel values of 0..1
INSIDE = 0.999999  # of the range: what an image is drawn in to before its artanh is taken


def cross_entropy_gradient(classify: Classify, labels: Tensor) -> Gradient:
    """Slope of each image's cross-entropy towards its true label, int64 [n]."""
    return expected_gradient(lambda images, _: classify(images), labels, 1)


def expected_gradient(classify: ClassifyByChance, labels: Tensor, draws: int) -> Gradient:
    """The same as a mean over fresh `draws` in every step (expectation over transformation, Athalye et al., ICML 2018)."""
    with torch.inference_mode(False):  # what a gradient flows through must not come from there
        labels = labels.clone()

    def gradient(images: Tensor, step: int) -> Tensor:
        with torch.inference_mode(False), torch.enable_grad():
            x, total = images.clone().requires_grad_(), torch.zeros_like(images)
            for draw in range(step * draws, (step + 1) * draws):
                loss = functional.cross_entropy(classify(x, draw), labels, reduction="sum")
                total = total + torch.autograd.grad(loss, x)[0]
            return total / draws

    return gradient


def fgsm(gradient: Gradient, images: Tensor, bound: float = BOUND, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Fast gradient sign method; as `pgd`."""
    return pgd(gradient, images, bound, 1, bound, None, low, high)


def pgd(
    gradient: Gradient,
    images: Tensor,
    bound: float = BOUND,
    steps: int = STEPS,
    step_size: float = STEP_SIZE,
    start: Tensor | None = None,
    low: float = 0.0,
    high: float = 1.0,
) -> Tensor:
    """Projected gradient ascent: images shaped as `images`, in `low`..`high`, no pixel more than `bound` from its own.

    images  float [n, c, h, w] in `low`..`high`
    start   images from which the ascent begins, for example at random; None: the images
    """

    def allowed(found: Tensor) -> Tensor:
        return (images + (found - images).clamp(-bound, bound)).clamp(low, high)

    found = images if start is None else allowed(start)
    for step in range(steps):
        found = allowed(found + step_size * gradient(found, step).sign())
    return found


@dataclass(frozen=True)
class CarliniWagnerSettings:
    """How `carlini_wagner` searches.

    confidence  by how much the logit of a wrong class is to lead
    constant    weight c of the mistake against the squared distance, at first
    searches    weights tried for each image: ten times the last until one is enough, then halfway between enough and too little
    steps       of Adam, for each weight
    rate        step size of Adam, where the range of a pixel is -inf..inf
    """

    confidence: float = 0.0
    constant: float = 1e-2
    searches: int = 5
    steps: int = 100
    rate: float = 1e-2


def carlini_wagner(
    classify: Classify, images: Tensor, labels: Tensor, how: CarliniWagnerSettings, low: float = 0.0, high: float = 1.0
) -> Tensor:
    """For each image float [n, c, h, w] of label int64 [n] the nearest image found that is mistaken; itself where none was found.

    minimise  ||x' - x||^2 + c max(lead(x'), -confidence)    over w, x' = middle + half tanh(w)

    where the lead is that of the true label's logit over the best of the others.
    """
    with torch.inference_mode(False), torch.enable_grad():
        images, labels = images.clone(), labels.clone()
        best, distances = images, torch.full_like(images[:, 0, 0, 0], torch.inf)
        weight, too_little, enough = torch.full_like(distances, how.constant), torch.zeros_like(distances), distances
        for _ in range(how.searches):
            found, reached = _nearest(classify, images, labels, weight, how, (low, high))
            best = torch.where((reached < distances)[:, None, None, None], found, best)
            distances = distances.minimum(reached)
            enough, too_little = torch.where(reached.isfinite(), weight, enough), torch.where(reached.isfinite(), too_little, weight)
            weight = torch.where(enough.isfinite(), (too_little + enough) / 2, 10 * weight)
    return best.clamp(low, high)


def _nearest(
    classify: Classify, images: Tensor, labels: Tensor, weight: Tensor, how: CarliniWagnerSettings, span: tuple[float, float]
) -> tuple[Tensor, Tensor]:
    """The nearest mistaken images met on the way to the minimum under one weight [n], and their squared distances [n], else inf."""
    middle, half = sum(span) / 2, (span[1] - span[0]) / 2
    best, distances = images, torch.full_like(weight, torch.inf)
    w = ((images - middle) / half * INSIDE).atanh().requires_grad_()
    adam = torch.optim.Adam([w], how.rate)
    for _ in range(how.steps):
        x = middle + half * w.tanh()
        logits = classify(x)
        lead = logits.gather(1, labels[:, None])[:, 0] - logits.scatter(1, labels[:, None], -torch.inf).amax(dim=1)
        distance = (x - images).square().flatten(1).sum(dim=1)
        (w.grad,) = torch.autograd.grad((distance + weight * lead.clamp_min(-how.confidence)).sum(), w)
        adam.step()
        nearer = (lead < -how.confidence) & (distance < distances)
        best = torch.where(nearer[:, None, None, None], x.detach(), best)
        distances = torch.where(nearer, distance.detach(), distances)
    return best, distances
