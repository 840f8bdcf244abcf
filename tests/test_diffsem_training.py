"""The training tasks of DiffSem on a tiny MNIST: each makes a model that the next one uses, and what is frozen stays as it is."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_digits import TRAIN, declare_digits
from tiny_models import use_models
from tiny_tasks import CPU, declare_tasks, ignore

from linksim.nets.cards import Card
from linksim.nets.weights import build, clear_model_cache, load_model
from linksim.training.adversary import FeatureInverterTask, StrongClassifierTask
from linksim.training.diffsem_tasks import ADVERSARY, DIFFSEM, PAIR
from linksim.training.feature_denoiser import FeatureDenoiserTask
from linksim.training.feature_receiver import ReceiverTask
from linksim.training.features import FeatureCodecTask, received_features
from linksim.training.ibal import IbalTask
from linksim.training.loop import Trainer
from linksim.training.pipeline import train_model
from linksim.training.tasks import AnyTask

MLP: dict[str, object] = {"layout": "mlp", "width": 16, "num_blocks": 1}
TASKS: dict[str, AnyTask] = {
    "codec": FeatureCodecTask("mnist", {}, steps=60, batch=40, peak_rate=3e-3, share=PAIR, average=0.9),
    "denoiser": FeatureDenoiserTask("mnist", MLP, steps=4, codec="codec", batch=40, drop=0.5, share=PAIR),
    "receiver": ReceiverTask("mnist", {}, steps=4, codec="codec", denoiser="denoiser", num_calls=2, batch=40, share=PAIR),
    "guided": ReceiverTask(
        "mnist", {}, steps=4, codec="codec", denoiser="denoiser", guidance="label", num_rounds=2, num_calls=1, batch=40, share=PAIR
    ),
    "bypass": ReceiverTask("mnist", {}, steps=4, codec="codec", batch=10, num_labels=20, share=PAIR),
    "inverter": FeatureInverterTask("mnist", {"hidden": 32}, steps=4, codec="codec", batch=40, share=ADVERSARY),
    "classifier": StrongClassifierTask("mnist", {"layout": "mlp"}, steps=4, inverter="inverter", codec="codec", batch=30, share=ADVERSARY),
    "ibal": IbalTask("mnist", {"adversarial": True}, steps=4, batch=40, share=PAIR, dynamic=True),
}


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Card]]:
    """Return a function that trains a task by name."""
    declare_digits(tmp_path, monkeypatch)
    use_models(monkeypatch, tmp_path / "models")
    declare_tasks(monkeypatch, TASKS)
    clear_model_cache()
    yield lambda name: train_model(name, "cpu", tmp_path / "work", tmp_path / "models", ignore)
    clear_model_cache()


def test_every_model_of_the_system_is_trained_from_the_others(make: Callable[[str], Card]) -> None:
    cards = {name: make(name) for name in TASKS}
    for name, card in cards.items():
        task = TASKS[name]
        assert load_model(name, task.kind).card == card
        assert list(dict.fromkeys(score.condition for score in card.scores)) == list(task.conditions)
        assert all(np.isfinite(score.value) for score in card.scores)
    assert cards["receiver"].training["codec_sha256"] == cards["codec"].sha256
    assert cards["receiver"].training["denoiser_sha256"] == cards["denoiser"].sha256
    accuracy = {score.condition: score.value for score in cards["codec"].scores}
    assert accuracy["t = 0"] > 0.9 > accuracy["t = 400"]  # the rectangles are easy, and self-noise hides them


@pytest.mark.parametrize("name", ["denoiser", "receiver", "guided", "inverter", "classifier"])
def test_only_the_trained_network_changes(name: str, make: Callable[[str], Card]) -> None:
    for needed in ("codec", "denoiser", "inverter"):
        make(needed)
    frozen = {other: load_model(other, TASKS[other].kind).network for other in ("codec", "denoiser", "inverter")}
    before = {other: [value.clone() for value in network.state_dict().values()] for other, network in frozen.items()}
    task = TASKS[name]
    trainer = Trainer(task, build(task.kind, dict(task.config)), CPU)  # type: ignore[arg-type]  # no grid and no policy among them
    first = [value.clone() for value in trainer.network.state_dict().values()]
    trainer.train_step()
    assert any(not torch.equal(a, b) for a, b in zip(first, trainer.network.state_dict().values(), strict=True))
    for other, network in frozen.items():
        assert all(torch.equal(a, b) for a, b in zip(before[other], network.state_dict().values(), strict=True))


def test_training_resumes_bit_for_bit(make: Callable[[str], Card], tmp_path: Path) -> None:
    make("codec")
    task = TASKS["receiver"]
    make("denoiser")
    through, resumed = (Trainer(task, build(task.kind, dict(task.config)), CPU) for _ in range(2))  # type: ignore[arg-type]
    for _ in range(2):
        through.train_step()
    through.save(tmp_path / "checkpoint.safetensors")
    resumed.load(tmp_path / "checkpoint.safetensors")
    for trainer in (through, resumed):
        trainer.train_step()
    for name, value in through.result().items():
        assert torch.equal(value, resumed.result()[name])


def test_the_pair_and_the_adversary_share_no_image(make: Callable[[str], Card]) -> None:
    pair, adversary = (TASKS[name].load_dataset("train") for name in ("codec", "inverter"))  # type: ignore[union-attr]
    assert len(pair.images) + len(adversary.images) == TRAIN
    assert len(pair.images) == round(0.6 * TRAIN)
    seen = {image.tobytes() for image in pair.images}
    assert not any(image.tobytes() in seen for image in adversary.images)


def test_few_labels_are_equally_many_of_each_class(make: Callable[[str], Card]) -> None:
    labels = TASKS["bypass"].load_dataset("train").labels  # type: ignore[union-attr]
    assert np.bincount(labels).tolist() == [2] * 10


def test_the_encoder_is_trained_against_the_decoder(make: Callable[[str], Card]) -> None:
    """The gradient of the squared error has opposite signs for the decoder and the encoder."""
    task = IbalTask("mnist", {"adversarial": True}, steps=4, batch=40, share=PAIR, adversary_weight=1.0, peak_rate=1e-3)
    plain = IbalTask("mnist", {"adversarial": True}, steps=4, batch=40, share=PAIR, adversary_weight=0.0, peak_rate=1e-3)
    gradients = []
    for each in (task, plain):
        trainer = Trainer(each, build(each.kind, dict(each.config)), CPU)
        each.loss(trainer.network, 0, CPU).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        gradients.append({name: value.grad.clone() for name, value in trainer.network.named_parameters() if value.grad is not None})
    network = Trainer(task, build(task.kind, dict(task.config)), CPU).network
    images, _ = task._batches(0)
    features = network.features(images)  # type: ignore[operator]
    steps = task.draw_steps(0, len(images))
    received = received_features(features, steps, 15.0, task.draw_noise("features/noise", 0, features))
    error = (network.decoder(received, steps) - images).square().mean() / task._variance  # type: ignore[operator]
    error.backward()
    for name, value in network.named_parameters():
        if value.grad is None:
            continue
        adversarial = gradients[0][name] - gradients[1].get(name, torch.zeros_like(value))
        sign = 1.0 if name.startswith("decoder") else -1.0
        assert torch.allclose(adversarial, sign * value.grad, atol=1e-5), name


def test_received_features_have_the_noise_of_the_step_or_of_the_channel() -> None:
    features = torch.randn(4000, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    noise = torch.randn(features.shape, generator=torch.Generator().manual_seed(2))
    for step, snr_db, variance in ((300, 15.0, 0.8413), (0, 10.0, 0.1), (50, 0.0, 1.0)):
        steps = torch.full((4000,), step)
        clean = received_features(features, steps, 200.0, torch.zeros_like(noise))
        assert (received_features(features, steps, snr_db, noise) - clean).square().mean().item() == pytest.approx(variance, rel=0.02)


def test_rivals_have_equal_effort() -> None:
    """Receivers that are compared differ in what they receive and in their width, not in steps, batches or rates."""
    names = ("diffsem-receiver-mnist", "e-diffsem-receiver-mnist", "diffsem-bypass-mnist", "diffsem-wide-bypass-mnist")
    efforts = set()
    for name in (*names, "diffsem-noiseless-mnist"):
        task = DIFFSEM[name]
        assert isinstance(task, ReceiverTask)
        efforts.add((task.steps, task.batch, task.peak_rate, task.share, task.average, task.snr_db))
    assert len(efforts) == 1
