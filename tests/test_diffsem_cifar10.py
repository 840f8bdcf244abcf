"""DiffSem's networks and training tasks for CIFAR-10: shapes of Table II, the frozen trunk, and features that are computed once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import use_models
from tiny_tasks import CPU, SyntheticData, declare_tasks, ignore

from linksim.data.sources import ImageDataset
from linksim.nets import features as networks
from linksim.nets.cards import Card
from linksim.nets.feature_inverter import ConvInverter
from linksim.nets.feature_receivers import ConvReceiver
from linksim.nets.features import LAYOUTS, FeatureCodec, TrunkEncoder
from linksim.nets.weights import build, clear_model_cache, load_model
from linksim.training.adversary import FeatureInverterTask, StrongClassifierTask
from linksim.training.classifier import ClassifierTask
from linksim.training.diffsem_tasks import ADVERSARY, PAIR
from linksim.training.feature_denoiser import FeatureDenoiserTask
from linksim.training.feature_receiver import ReceiverTask
from linksim.training.features import FeatureCodecTask
from linksim.training.loop import Trainer
from linksim.training.order import take_share
from linksim.training.pipeline import train_model
from linksim.training.tasks import AnyTask

IMAGES = torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(1))
SMALL = (24, 24, 24)  # widths of a trunk
MLP: dict[str, object] = {"layout": "mlp", "width": 16, "num_blocks": 1, "channels": 3}


class Shared(SyntheticData):
    """The synthetic images, limited to the share of the task."""

    share: tuple[float, float]

    def load_dataset(self, split: str) -> ImageDataset:
        found = super().load_dataset(split)
        return take_share(found, self.share) if split == "train" else found


@dataclass(frozen=True)
class TinyTrunk(Shared, ClassifierTask):
    """The trunk on synthetic images."""


@dataclass(frozen=True)
class TinyCodec(Shared, FeatureCodecTask):
    """The codec on synthetic images."""


@dataclass(frozen=True)
class TinyDenoiser(Shared, FeatureDenoiserTask):
    """The denoiser on synthetic images."""


@dataclass(frozen=True)
class TinyReceiver(Shared, ReceiverTask):
    """The receiver on synthetic images."""


@dataclass(frozen=True)
class TinyInverter(Shared, FeatureInverterTask):
    """The adversary on synthetic images."""


@dataclass(frozen=True)
class TinyClassifier(Shared, StrongClassifierTask):
    """The strong classifier on synthetic images."""


CODEC = TinyCodec("samples", {"layout": "trunk"}, steps=3, trunk="trunk", batch=8, share=PAIR, mirror=True, shift=2)
TASKS: dict[str, AnyTask] = {
    "trunk": TinyTrunk("samples", {"widths": SMALL}, ((2, 1.0),), batch=8, share=PAIR),
    "codec": CODEC,
    "denoiser": TinyDenoiser("samples", MLP, steps=2, codec="codec", batch=8, share=PAIR, mirror=True),
    "receiver": TinyReceiver("samples", {"channels": 3}, steps=2, codec="codec", denoiser="denoiser", batch=8, share=PAIR),
    "bypass": TinyReceiver("samples", {"channels": 3}, steps=2, codec="codec", from_codec=True, batch=8, share=PAIR),
    "inverter": TinyInverter("samples", {"layout": "conv", "width": 32}, steps=2, codec="codec", batch=8, share=ADVERSARY, mirror=True),
    "classifier": TinyClassifier(
        "samples", {"widths": SMALL}, steps=2, inverter="inverter", start="trunk", codec="codec", batch=9, share=ADVERSARY
    ),
}


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Card]]:
    """Return a function that trains a task by name."""
    use_models(monkeypatch, tmp_path / "models")
    monkeypatch.setattr(networks, "TRUNK_WIDTHS", SMALL)
    declare_tasks(monkeypatch, TASKS)
    clear_model_cache()
    yield lambda name: train_model(name, "cpu", tmp_path / "work", tmp_path / "models", ignore)
    clear_model_cache()


@pytest.mark.parametrize("layout", [name for name, layout in LAYOUTS.items() if layout.colours == 3])
def test_features_have_the_size_and_the_power_of_the_paper(layout: str) -> None:
    codec = FeatureCodec(layout=layout).eval()
    features = codec.features(IMAGES)
    assert features.shape == (6, 3, 8, 8)  # Table II
    assert torch.allclose(features.square().mean(dim=(1, 2, 3)), torch.ones(6), atol=1e-5)
    assert 2 * codec.channel_uses / IMAGES[0].numel() == 0.0625  # the compression rate of Sec. IV-A
    assert codec.encode(IMAGES).shape == (6, 96)


def test_the_receiver_of_table_ii_sees_features_step_and_denoised_features() -> None:
    receiver = ConvReceiver(width=16).eval()
    shapes = []
    receiver.first.register_forward_hook(lambda module, inputs, output: shapes.append((inputs[0].shape[1:], output.shape[1:])))
    received, denoised = torch.randn(2, 4, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    logits = receiver(received, denoised, torch.full((4,), 100))
    assert shapes == [((6, 8, 9), (64, 8, 8))]
    others = (receiver(denoised, denoised, torch.full((4,), 100)), receiver(received, received, torch.full((4,), 100)))
    assert all(not torch.allclose(logits, other) for other in (*others, receiver(received, denoised, torch.full((4,), 400))))


def test_the_images_of_the_adversary_of_table_ii_are_images() -> None:
    images = ConvInverter(width=32).eval().invert(50.0 * torch.randn(4, 3, 8, 8), torch.tensor([0, 100, 300, 500]))
    assert images.shape == (4, 3, 32, 32)
    assert 0.0 <= images.min() < images.max() <= 1.0


def test_every_model_is_trained_from_the_others(make: Callable[[str], Card]) -> None:
    cards = {name: make(name) for name in TASKS}
    for name, card in cards.items():
        assert load_model(name, TASKS[name].kind).card == card
        assert all(np.isfinite(score.value) for score in card.scores)
    assert cards["codec"].training["trunk_sha256"] == cards["trunk"].sha256
    assert cards["classifier"].training["start_sha256"] == cards["trunk"].sha256


def test_the_trunk_stays_as_it_is(make: Callable[[str], Card]) -> None:
    """Weights and statistics of the trunk are those of the classifier, before and after steps of the training."""
    make("trunk")
    given = load_model("trunk", "classifier").network.state_dict()
    trainer = Trainer(CODEC, build(CODEC.kind, dict(CODEC.config)), CPU)
    encoder = trainer.network.encoder
    assert isinstance(encoder, TrunkEncoder)
    head = encoder.head.weight.clone()
    for _ in range(2):
        trainer.train_step()
    assert not torch.equal(head, encoder.head.weight)
    assert all(torch.equal(given[name], value) for name, value in encoder.trunk.state_dict().items())


@pytest.mark.parametrize("name", ["denoiser", "receiver"])
def test_features_that_are_computed_once_are_those_of_the_images(name: str, make: Callable[[str], Card]) -> None:
    """Also of mirrored images, in any epoch."""
    for needed in ("trunk", "codec", "denoiser"):
        make(needed)
    task = TASKS[name]
    assert isinstance(task, TinyDenoiser | TinyReceiver)
    codec = task.codec_on(CPU)
    for step in (0, 1, task._batches.per_epoch + 2):
        images, labels = task._batches(step)
        features, found = task.encoded(step, CPU)
        assert torch.allclose(features, codec.features(images), atol=1e-4)
        assert torch.equal(found, labels)


def test_a_receiver_may_start_from_the_classifier_of_the_codec(make: Callable[[str], Card]) -> None:
    for needed in ("trunk", "codec"):
        make(needed)
    task = TASKS["bypass"]
    network = Trainer(task, build(task.kind, dict(task.config)), CPU).network  # type: ignore[arg-type]  # not a grid
    classifier = load_model("codec", "feature-codec").network.classifier
    for name, value in classifier.state_dict().items():  # type: ignore[union-attr, operator]
        assert torch.equal(network.state_dict()[name], value)
