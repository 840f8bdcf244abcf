"""Tests of attacks on the source: closed forms for linear classifiers, agreement with foolbox, bounds, and independence of the batch."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from linksim.attacks.source import EPSILON, CarliniWagnerSettings, carlini_wagner, cross_entropy_gradient, expected_gradient, fgsm, pgd
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
    """Return a nonlinear classifier. It uses double precision so that rounding does not flip the sign of a small gradient."""
    made = nn.Sequential(nn.Flatten(), nn.Linear(VALUES, 24), nn.Tanh(), nn.Linear(24, CLASSES)).double()
    for place, parameter in enumerate(made.parameters()):
        parameter.data = weights(*parameter.shape, seed=place) / parameter.shape[-1] ** 0.5
    return made.requires_grad_(False).eval()


CLASSIFIER = network()
IMAGES = drawn(12)
LABELS = CLASSIFIER(IMAGES).argmax(dim=1)  # so every image is classified correctly

NORMAL = weights(VALUES, seed=9)


def linear_classifier(images: Tensor) -> Tensor:
    """A linear classifier: two classes, separated by the plane through the grey image with normal vector `NORMAL`."""
    side = (images.flatten(1) - 0.5) @ NORMAL.to(images.dtype)
    return torch.stack([side, -side], dim=1)


def gradient_of(labels: Tensor = LABELS) -> Any:
    return cross_entropy_gradient(CLASSIFIER, labels)


@pytest.mark.parametrize("steps", [1, 10])
def test_pgd_on_a_linear_classifier_moves_every_pixel_by_epsilon(steps: int) -> None:
    images = drawn(4) * 0.8 + 0.1
    labels = linear_classifier(images).argmax(dim=1)
    away = torch.where(labels == 0, -1.0, 1.0)[:, None, None, None] * NORMAL.sign().view(SHAPE)
    found = pgd(cross_entropy_gradient(linear_classifier, labels), images, epsilon=0.05, steps=steps, step_size=0.06)
    torch.testing.assert_close(found, images + 0.05 * away)


@pytest.mark.parametrize("epsilon", [0.01, EPSILON])
def test_fgsm_agrees_with_foolbox(epsilon: float) -> None:
    foolbox = pytest.importorskip("foolbox", reason="foolbox is not installed")
    theirs = foolbox.attacks.LinfFastGradientAttack().run(foolbox.PyTorchModel(CLASSIFIER, (0, 1)), IMAGES, LABELS, epsilon=epsilon)
    torch.testing.assert_close(fgsm(gradient_of(), IMAGES, epsilon), theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("epsilon", "steps", "step_size"), [(EPSILON, 10, 2 / 255), (0.1, 7, 0.03), (0.01, 3, 0.05)])
def test_pgd_agrees_with_foolbox(epsilon: float, steps: int, step_size: float) -> None:
    foolbox = pytest.importorskip("foolbox", reason="foolbox is not installed")
    attack = foolbox.attacks.LinfProjectedGradientDescentAttack(abs_stepsize=step_size, steps=steps, random_start=False)
    theirs = attack.run(foolbox.PyTorchModel(CLASSIFIER, (0, 1)), IMAGES, LABELS, epsilon=epsilon)
    torch.testing.assert_close(pgd(gradient_of(), IMAGES, epsilon, steps, step_size), theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("confidence", [0.0, 0.3])
def test_carlini_wagner_succeeds_at_no_larger_distance_than_foolbox(confidence: float) -> None:
    foolbox = pytest.importorskip("foolbox", reason="foolbox is not installed")
    attack_settings = CarliniWagnerSettings(confidence, 1e-2, 5, 60, 1e-2)
    attack = foolbox.attacks.L2CarliniWagnerAttack(
        attack_settings.binary_search_steps,
        attack_settings.steps,
        attack_settings.learning_rate,
        confidence,
        attack_settings.initial_const,
        abort_early=False,
    )
    theirs = attack.run(foolbox.PyTorchModel(CLASSIFIER, (0, 1)), IMAGES, LABELS)
    ours = carlini_wagner(CLASSIFIER, IMAGES, LABELS, attack_settings)
    logits, rows = CLASSIFIER(ours), torch.arange(len(IMAGES))
    lead = logits[rows, LABELS].clone()
    logits[rows, LABELS] = -torch.inf
    assert (logits.amax(dim=1) - lead > confidence).all()
    norms = [(found - IMAGES).flatten(1).norm(dim=1) for found in (ours, theirs)]
    assert (norms[0] <= 1.02 * norms[1]).all()


def test_carlini_wagner_finds_the_nearest_point_of_the_plane() -> None:
    images = drawn(6) * 0.2 + 0.4  # the nearest points of the plane lie within the range
    labels = linear_classifier(images).argmax(dim=1)
    found = carlini_wagner(linear_classifier, images, labels, CarliniWagnerSettings(binary_search_steps=6, steps=200))
    distance = ((images.flatten(1) - 0.5) @ NORMAL).abs() / NORMAL.norm()
    assert (linear_classifier(found).argmax(dim=1) != labels).all()
    torch.testing.assert_close((found - images).flatten(1).norm(dim=1), distance, rtol=0.03, atol=2e-3)


def test_an_image_without_adversarial_example_stays_unchanged() -> None:
    labels = torch.zeros_like(LABELS)

    def classify(images: Tensor) -> Tensor:
        return torch.tensor([[5.0, 0.0]]) + 0.0 * images.flatten(1)[:, :2]

    torch.testing.assert_close(carlini_wagner(classify, IMAGES, labels, CarliniWagnerSettings(steps=3)), IMAGES, rtol=0, atol=0)


@settings(max_examples=40, deadline=None)
@given(
    epsilon=st.floats(0.0, 1.0),
    step_size=st.floats(0.0, 2.0),
    steps=st.integers(1, 4),
    low=st.floats(-1.0, 0.0),
    high=st.floats(1.0, 2.0),
    random_start=st.booleans(),
)
def test_bounds_are_never_exceeded(epsilon: float, step_size: float, steps: int, low: float, high: float, random_start: bool) -> None:
    images = low + (high - low) * drawn(2, seed=3)
    start = low + (high - low) * drawn(2, seed=4) if random_start else None
    labels = CLASSIFIER(images).argmax(dim=1)
    searched = carlini_wagner(CLASSIFIER, images, labels, CarliniWagnerSettings(binary_search_steps=2, steps=steps), low, high)
    climbed = pgd(gradient_of(labels), images, epsilon, steps, step_size, start, low, high)
    for found in (searched, climbed, fgsm(gradient_of(labels), images, epsilon, low, high)):
        assert found.min() >= low
        assert found.max() <= high
    assert (climbed - images).abs().max() <= epsilon + 1e-12


def attacked(name: str, images: Tensor, labels: Tensor) -> Tensor:
    if name == "carlini_wagner":
        return carlini_wagner(CLASSIFIER, images, labels, CarliniWagnerSettings(binary_search_steps=3, steps=20))
    return (fgsm if name == "fgsm" else pgd)(gradient_of(labels), images)


@pytest.mark.parametrize("name", ["fgsm", "pgd", "carlini_wagner"])
def test_the_result_for_an_image_does_not_depend_on_the_batch(name: str) -> None:
    together = attacked(name, IMAGES, LABELS)
    alone = [attacked(name, image, label) for image, label in zip(IMAGES[:, None], LABELS[:, None], strict=True)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["fgsm", "pgd", "carlini_wagner"])
def test_attacks_run_in_inference_mode(name: str) -> None:
    outside = attacked(name, IMAGES, LABELS)
    with torch.inference_mode():
        inside = attacked(name, IMAGES.clone(), LABELS.clone())
    torch.testing.assert_close(inside, outside, rtol=0, atol=0)


def test_the_expected_gradient_averages_over_new_draws_in_every_step() -> None:
    """One of four draws flips the logits, so the mean gradient has the sign of the deterministic classifier's."""
    seen: list[int] = []

    def stochastic(images: Tensor, draw: int) -> Tensor:
        seen.append(draw)
        logits: Tensor = linear_classifier(images)
        return -logits if draw % 4 == 0 else logits

    images = IMAGES * 0.02 + 0.49  # near the plane, where all gradients have similar magnitudes
    labels = linear_classifier(images).argmax(dim=1)
    mean = pgd(expected_gradient(stochastic, labels, 4), images, steps=3)
    torch.testing.assert_close(mean, pgd(cross_entropy_gradient(linear_classifier, labels), images, steps=3))
    assert seen == list(range(12))


def test_pgd_defeats_the_shipped_classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    """PGD with epsilon 8/255 and 10 steps reduces the accuracy from more than 85 % to less than 5 %."""
    monkeypatch.delenv("LINKSIM_MODELS", raising=False)
    clear_model_cache()
    classifier = load_model("classifier-cifar10", "classifier", "cpu").network
    assert isinstance(classifier, Classifier)
    try:
        dataset = load("cifar10", "test")
    except DataError:
        dataset = load("samples", "test")
    images, labels = to_images(dataset.images[:60]), torch.tensor(dataset.labels[:60])
    found = pgd(cross_entropy_gradient(classifier, labels), images)
    with torch.inference_mode():
        clean, after = ((classifier(seen).argmax(dim=1) == labels).float().mean().item() for seen in (images, found))
    assert clean > 0.85
    assert after < 0.05
    assert ((found - images).abs() * 255).max() < 8.01
