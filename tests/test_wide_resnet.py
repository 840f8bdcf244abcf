"""Tests of the wide residual network: its published size, independence of the items of a batch, and training."""

from pathlib import Path

import pytest
import torch
from conftest import RecordCollector
from tiny_models import write_diffusec_models, write_model

from linksim.errors import ModelError
from linksim.nets.weights import build
from linksim.nets.wide_resnet import WideResNet
from linksim.records import ImageScore
from linksim.scenario.load import scenario_from_text
from linksim.simulate.run import run
from linksim.training.tasks import TASKS
from tests.test_nets import drawn
from tests.tiny_tasks import TinyClassifier, trainer_of

TINY = {"layout": "wide-resnet", "depth": 10, "widen": 1}
LINK = """
name: wide
scheme: {name: diffusec, num_denoiser_calls: 2}
alice: {images_per_frame: 2, source_attack: pgd}
trace: {images: 0}
"""


def test_wrn_28_10_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        network = build("classifier", TASKS["classifier-cifar10-wrn"].config)
    assert isinstance(network, WideResNet)
    assert sum(weight.numel() for weight in network.parameters()) == 36_479_194


def test_the_network_gives_one_logit_per_class_and_item() -> None:
    network = WideResNet(classes=7, depth=16, widen=1).eval()
    images = drawn(3, 3, 32, 32)
    logits = network(images)
    assert logits.shape == (3, 7)
    torch.testing.assert_close(network(images[1:2]), logits[1:2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("depth", [4, 27])
def test_another_depth_is_rejected(depth: int) -> None:
    with pytest.raises(ModelError, match="depth must be 6 n"):
        build("classifier", {"layout": "wide-resnet", "depth": depth})


def test_the_classifier_task_lowers_its_loss() -> None:
    task = TinyClassifier("samples", TINY, ((80, 1.0),), batch=16, rate_per_image=0.01, bias_factor=1.0, smoothing=0.0, shift=0)
    trainer = trainer_of(task)
    losses = [trainer.train_step().item() for _ in range(80)]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


def test_a_scenario_may_use_it_as_evaluator_and_target_of_an_attack(own_models: Path) -> None:
    write_diffusec_models(own_models)
    write_model(own_models, "wide", "classifier", TINY)
    collector = RecordCollector()
    run(scenario_from_text(LINK, "wide", ["classifier=wide", "frames=2"]), [collector])
    classes = {score.class_attacked for score in collector.of(ImageScore)}
    assert classes
    assert classes <= set(range(10))
