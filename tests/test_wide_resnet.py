"""The wide residual network: its size is the published one, its items keep apart, and it learns from its lesson."""

import pytest
import torch

from linksim.errors import ModelError
from linksim.nets.weights import build
from linksim.nets.wide_resnet import WideResNet
from linksim.train.lessons import LESSONS
from tests.test_nets import drawn
from tests.tiny_lessons import TinyClassifier, trainee_of

TINY = {"layout": "wide-resnet", "depth": 10, "widen": 1}


def test_wrn_28_10_has_the_published_number_of_weights() -> None:
    with torch.device("meta"):
        network = build("classifier", LESSONS["classifier-cifar10-wrn"].config)
    assert isinstance(network, WideResNet)
    assert sum(weight.numel() for weight in network.parameters()) == 36_479_194


def test_it_gives_one_logit_per_class_and_item() -> None:
    network = WideResNet(classes=7, depth=16, widen=1).eval()
    images = drawn(3, 3, 32, 32)
    logits = network(images)
    assert logits.shape == (3, 7)
    torch.testing.assert_close(network(images[1:2]), logits[1:2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("depth", [4, 27])
def test_another_depth_is_refused(depth: int) -> None:
    with pytest.raises(ModelError, match="depth must be 6 n"):
        build("classifier", {"layout": "wide-resnet", "depth": depth})


def test_it_learns_by_the_classifiers_lesson() -> None:
    lesson = TinyClassifier("samples", TINY, ((80, 1.0),), batch=16, rate_per_image=0.01, bias_factor=1.0, smoothing=0.0, shift=0)
    trainee = trainee_of(lesson)
    losses = [trainee.learn().item() for _ in range(80)]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
