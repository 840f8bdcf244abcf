"""Facts of the data-source attacks: closed forms on linear classifiers, foolbox's results, bounds, and that no image feels another."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from linksim.attacks.source import BOUND, CarliniWagnerSettings, carlini_wagner, cross_entropy_gradient, expected_gradient, fgsm, pgd
from linksim.data.sources import load
from linksim.errors import DataError
from linksim.nets.classifiers import Classifier
from linksim.nets.weights import clear_model_cache, load_model
from linksim.training.order import to_images

SHAPE = (3, 6, 6)
VALUES = 3 * 6 * 6
CLASSES = 5


def drawn(count: int, seed: int = 0) -> Tensor:
    return torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def weights(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def network() -> nn.Module:
    """A curved classifier in double precision: in single, a slope near zero would take another sign by a mere rounding."""
    made = nn.Sequential(nn.Flatten(), nn.Linear(VALUES, 24), nn.Tanh(), nn.Linear(24, CLASSES)).double()
    for place, parameter in enumerate(made.parameters()):
        parameter.data = weights(*parameter.shape, seed=place) / parameter.shape[-1] ** 0.5
    return made.requires_grad_(False).eval()


CURVED = network()
IMAGES = drawn(12)
LABELS = CURVED(IMAGES).argmax(dim=1)  # it knows every one of them

NORMAL = weights(VALUES, seed=9)


def straight(images: Tensor) -> Tensor:
    """Two classes, parted by the plane through the grey image at right angles to `NORMAL`."""
    side = (images.flatten(1) - 0.5) @ NORMAL.to(images.dtype)
    return torch.stack([side, -side], dim=1)


def gradient_of(labels: Tensor = LABELS) -> Any:
    return cross_entropy_gradient(CURVED, labels)


@pytest.mark.parametrize("steps", [1, 10])
def test_on_a_plane_every_pixel_goes_to_the_bound_against_its_weight(steps: int) -> None:
    images = drawn(4) * 0.8 + 0.1
    labels = straight(images).argmax(dim=1)
    away = torch.where(labels == 0, -1.0, 1.0)[:, None, None, None] * NORMAL.sign().view(SHAPE)
    found = pgd(cross_entropy_gradient(straight, labels), images, bound=0.05, steps=steps, step_size=0.06)
    torch.testing.assert_close(found, images + 0.05 * away)


@pytest.mark.parametrize("epsilon", [0.01, BOUND])
def test_fgsm_is_foolbox_s(bound: float) -> None:
    foolbox = pytest.importorskip("foolbox", reason="foolbox is not installed")
    theirs = foolbox.attacks.LinfFastGradientAttack().run(foolbox.PyTorchModel(CURVED, (0, 1)), IMAGES, LABELS, epsilon=bound)
    torch.testing.assert_close(fgsm(gradient_of(), IMAGES, bound), theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("epsilon", "steps", "step_size"), [(BOUND, 10, 2 / 255), (0.1, 7, 0.03), (0.01, 3, 0.05)])
def test_pgd_is_foolbox_s(bound: float, steps: int, step_size: float) -> None:
    foolbox = pytest.importorskip("foolbox", reason="foolbox is not installed")
    attack = foolbox.attacks.LinfProjectedGradientDescentAttack(abs_stepsize=step_size, steps=steps, random_start=False)
    theirs = attack.run(foolbox.PyTorchModel(CURVED, (0, 1)), IMAGES, LABELS, epsilon=bound)
    torch.testing.assert_close(pgd(gradient_of(), IMAGES, bound, steps, step_size), theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("confidence", [0.0, 0.3])
def test_carlini_and_wagner_s_pictures_are_mistaken_and_no_farther_than_foolbox_s(confidence: float) -> None:
    foolbox = pytest.importorskip("foolbox", reason="foolbox is not installed")
    how = CarliniWagnerSettings(confidence, 1e-2, 5, 60, 1e-2)
    attack = foolbox.attacks.L2CarliniWagnerAttack(how.searches, how.steps, how.rate, confidence, how.constant, abort_early=False)
    theirs = attack.run(foolbox.PyTorchModel(CURVED, (0, 1)), IMAGES, LABELS)
    ours = carlini_wagner(CURVED, IMAGES, LABELS, how)
    logits, rows = CURVED(ours), torch.arange(len(IMAGES))
    lead = logits[rows, LABELS].clone()
    logits[rows, LABELS] = -torch.inf
    assert (logits.amax(dim=1) - lead > confidence).all()
    norms = [(found - IMAGES).flatten(1).norm(dim=1) for found in (ours, theirs)]
    assert (norms[0] <= 1.02 * norms[1]).all()


def test_carlini_and_wagner_find_the_foot_of_the_plane() -> None:
    images = drawn(6) * 0.2 + 0.4  # the feet lie within the range
    labels = straight(images).argmax(dim=1)
    found = carlini_wagner(straight, images, labels, CarliniWagnerSettings(searches=6, steps=200))
    distance = ((images.flatten(1) - 0.5) @ NORMAL).abs() / NORMAL.norm()
    assert (straight(found).argmax(dim=1) != labels).all()
    torch.testing.assert_close((found - images).flatten(1).norm(dim=1), distance, rtol=0.03, atol=2e-3)


def test_an_image_that_no_search_moves_stays_as_it_is() -> None:
    stubborn = torch.zeros_like(LABELS)

    def classify(images: Tensor) -> Tensor:
        return torch.tensor([[5.0, 0.0]]) + 0.0 * images.flatten(1)[:, :2]

    torch.testing.assert_close(carlini_wagner(classify, IMAGES, stubborn, CarliniWagnerSettings(steps=3)), IMAGES, rtol=0, atol=0)


@settings(max_examples=40, deadline=None)
@given(
    bound=st.floats(0.0, 1.0),
    step_size=st.floats(0.0, 2.0),
    steps=st.integers(1, 4),
    low=st.floats(-1.0, 0.0),
    high=st.floats(1.0, 2.0),
    far=st.booleans(),
)
def test_bounds_are_never_exceeded(bound: float, step_size: float, steps: int, low: float, high: float, far: bool) -> None:
    images = low + (high - low) * drawn(2, seed=3)
    start = low + (high - low) * drawn(2, seed=4) if far else None
    labels = CURVED(images).argmax(dim=1)
    searched = carlini_wagner(CURVED, images, labels, CarliniWagnerSettings(searches=2, steps=steps), low, high)
    climbed = pgd(gradient_of(labels), images, bound, steps, step_size, start, low, high)
    for found in (searched, climbed, fgsm(gradient_of(labels), images, bound, low, high)):
        assert found.min() >= low
        assert found.max() <= high
    assert (climbed - images).abs().max() <= bound + 1e-12


def attacked(name: str, images: Tensor, labels: Tensor) -> Tensor:
    if name == "carlini_wagner":
        return carlini_wagner(CURVED, images, labels, CarliniWagnerSettings(searches=3, steps=20))
    return (fgsm if name == "fgsm" else pgd)(gradient_of(labels), images)


@pytest.mark.parametrize("name", ["fgsm", "pgd", "carlini_wagner"])
def test_an_image_is_attacked_as_if_it_were_alone(name: str) -> None:
    together = attacked(name, IMAGES, LABELS)
    alone = [attacked(name, image, label) for image, label in zip(IMAGES[:, None], LABELS[:, None], strict=True)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["fgsm", "pgd", "carlini_wagner"])
def test_they_run_inside_the_workers_inference_mode(name: str) -> None:
    outside = attacked(name, IMAGES, LABELS)
    with torch.inference_mode():
        inside = attacked(name, IMAGES.clone(), LABELS.clone())
    torch.testing.assert_close(inside, outside, rtol=0, atol=0)


def test_a_random_classifier_is_climbed_in_the_mean_of_fresh_draws() -> None:
    """Draw n turns the loss's sign or not; four draws a step, three of them upright, climb as a certain classifier does."""
    seen: list[int] = []

    def by_chance(images: Tensor, draw: int) -> Tensor:
        seen.append(draw)
        logits: Tensor = straight(images)
        return -logits if draw % 4 == 0 else logits

    images = IMAGES * 0.02 + 0.49  # near the plane, where all slopes are alike in size
    labels = straight(images).argmax(dim=1)
    mean = pgd(expected_gradient(by_chance, labels, 4), images, steps=3)
    torch.testing.assert_close(mean, pgd(cross_entropy_gradient(straight, labels), images, steps=3))
    assert seen == list(range(12))


def test_the_shipped_classifier_falls_to_pgd(monkeypatch: pytest.MonkeyPatch) -> None:
    """l_inf 8/255, 10 steps: an accuracy of 0 within 5 points, from more than 85 %; no pixel is off by more than 8 of 255."""
    monkeypatch.delenv("LINKSIM_MODELS", raising=False)
    clear_model_cache()
    classifier = load_model("classifier-cifar10", "classifier", "cpu").network
    assert isinstance(classifier, Classifier)
    try:
        pictures = load("cifar10", "test")
    except DataError:
        pictures = load("samples", "test")
    images, labels = to_images(pictures.images[:60]), torch.tensor(pictures.labels[:60])
    found = pgd(cross_entropy_gradient(classifier, labels), images)
    with torch.inference_mode():
        clean, after = ((classifier(seen).argmax(dim=1) == labels).float().mean().item() for seen in (images, found))
    assert clean > 0.85
    assert after < 0.05
    assert ((found - images).abs() * 255).max() < 8.01
