"""Tests of the pipeline from training task to model: training, measuring, storing and tuning."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_models import use_models
from tiny_tasks import CPU, DATASET, declare_tasks, ignore, tiny_classifier, tiny_codec, tiny_inverter

from linksim.data.sources import SOURCES
from linksim.errors import ModelError
from linksim.nets.cards import Card, RuntimeSettings, Score, TrainingData, read_card
from linksim.nets.weights import clear_model_cache, load_model
from linksim.rng import Streams
from linksim.training import loop, tune
from linksim.training.card_blocks import cost_of
from linksim.training.loop import TrainingProgress
from linksim.training.measure import cast, measure, within_tolerance
from linksim.training.noise import unit_noise
from linksim.training.pipeline import train_model
from linksim.training.tune import Timing, fastest


@pytest.fixture
def make_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Card]:
    """Return a function that trains a tiny task by name and stores the model in a temporary folder."""
    tasks = {
        "codec": tiny_codec(12),
        "classifier": tiny_classifier(12),
        "inverter": tiny_inverter(12),
        "shuffled": tiny_inverter(12, shuffled=True),
    }
    use_models(monkeypatch, tmp_path / "models")
    declare_tasks(monkeypatch, tasks)
    clear_model_cache()

    def make(name: str, report: loop.ProgressCallback = ignore, fresh: bool = False) -> Card:
        return train_model(name, "cpu", tmp_path / "work", tmp_path / "models", report, fresh)

    return make


def test_a_model_is_trained_measured_and_stored(make_model: Callable[..., Card]) -> None:
    reports: list[TrainingProgress] = []
    card = make_model("codec", reports.append)
    task = tiny_codec(12)
    model = load_model("codec", "codec")
    assert card == model.card
    assert card.training == {"seed": 1, "steps": 12, **task.recipe, "snr_db": [-2.0, 21.0]}
    assert list(dict.fromkeys(score.condition for score in card.scores)) == list(task.conditions)
    assert {score.samples for score in card.scores} == {96}
    assert card.data == (TrainingData("samples", SOURCES["samples"].licence),)
    assert card.cost == cost_of(model.network, "codec")
    assert card.cost.channel_uses == model.network.channel_uses
    assert card.cost.parameters == sum(weight.numel() for weight in model.network.parameters())
    assert measure(task, model.network, DATASET, CPU) == card.scores
    assert [(r.stage, r.step, r.steps) for r in reports] == [("training", 12, 12), *(("measuring", n, 21) for n in range(1, 22))]


def test_a_finished_task_is_measured_without_training(make_model: Callable[..., Card]) -> None:
    reports: list[TrainingProgress] = []
    before = make_model("codec")
    after = make_model("codec", reports.append)
    assert {report.stage for report in reports} == {"measuring"}
    assert after == before
    assert make_model("codec", reports.append, fresh=True).sha256 == before.sha256
    assert "training" in {report.stage for report in reports}


def test_weights_are_stored_in_a_smaller_format_only_if_no_score_changes(
    make_model: Callable[..., Card], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert make_model("codec").dtype == "int8"
    monkeypatch.setattr("linksim.training.pipeline.pack", lambda tensors, weights: cast(tensors, weights, torch.float16) | zeroed(tensors))
    assert make_model("codec").dtype == "float16"
    monkeypatch.setattr("linksim.training.measure.TOLERANCE", {"psnr_of_mean_mse_db": -1.0})
    assert make_model("codec").dtype == "float32"


def zeroed(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The kernels as zeros; those of a checkpoint come in an arbitrary order, and some of them alone matter little."""
    return {name: torch.zeros_like(value) for name, value in tensors.items() if value.ndim == 4}


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_scores_that_are_not_finite_leave_the_former_model(
    value: float, make_model: Callable[..., Card], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_model("codec")
    before = files(tmp_path / "models")
    broken = (Score("psnr_of_mean_mse_db", "AWGN at 10 dB", value, 96),)
    monkeypatch.setattr("linksim.training.pipeline.measure", lambda *args, **options: broken)
    with pytest.raises(ModelError, match=rf"codec: its score psnr_of_mean_mse_db \(AWGN at 10 dB\) is {value}; the model in .* stays"):
        make_model("codec")
    assert files(tmp_path / "models") == before


def test_weights_that_are_not_finite_leave_the_former_model(
    make_model: Callable[..., Card], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_model("codec")
    before = files(tmp_path / "models")
    result = loop.Trainer.result
    monkeypatch.setattr(loop.Trainer, "result", lambda trainer: {name: value * math.nan for name, value in result(trainer).items()})
    with pytest.raises(ModelError, match=r"the training has diverged: tensor .* contains NaN"):
        make_model("codec")
    assert files(tmp_path / "models") == before


@pytest.mark.parametrize("failing", ["write_card", "read_card"])
def test_weights_and_card_are_replaced_together_or_not_at_all(
    failing: str, make_model: Callable[..., Card], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_model("codec")
    before = files(tmp_path / "models")
    declare_tasks(monkeypatch, {"codec": tiny_codec(13)})

    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(f"linksim.training.publication.{failing}", fail)
        with pytest.raises(ModelError, match=r"codec.safetensors cannot be written: No space left"):
            make_model("codec", fresh=True)
        assert files(tmp_path / "models") == before
    make_model("codec")
    assert load_model("codec", "codec").card.training["steps"] == 13


def test_a_damaged_former_card_is_replaced(make_model: Callable[..., Card], tmp_path: Path) -> None:
    before = make_model("codec")
    (tmp_path / "models" / "codec.yaml").write_text("[")
    assert make_model("codec") == before


def test_an_unknown_task_suggests_the_nearest_name(make_model: Callable[..., Card]) -> None:
    with pytest.raises(ModelError, match="did you mean 'codec'"):
        make_model("codek")


def test_an_inverter_requires_a_trained_codec_and_names_it(make_model: Callable[..., Card], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no trained model 'codec'"):
        make_model("inverter")
    codec = make_model("codec")
    card = make_model("inverter")
    assert card.training["codec_sha256"] == codec.sha256
    assert [score.metric for score in card.scores] == 3 * ["psnr_of_mean_mse_db", "ssim"]
    make_model("classifier")
    classified = make_model("inverter")
    assert [score.metric for score in classified.scores] == 3 * ["psnr_of_mean_mse_db", "ssim", "accuracy"]
    assert [s for s in classified.scores if s.metric != "accuracy"] == list(card.scores)


def test_the_defended_link_gives_eve_shuffled_captures(make_model: Callable[..., Card]) -> None:
    make_model("codec")
    images, level = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(1)), torch.full((8,), 20.0)
    tasks = tiny_inverter(), tiny_inverter(shuffled=True)
    received, shuffled = (task.capture(images, level, level, Streams(1), "test", 0) for task in tasks)
    noise = unit_noise(Streams(1), "test/noise", 0, 8, received.shape[1]) * 0.1
    rows, moved = ((x - noise).reshape(4, 16, -1) for x in (received, shuffled))
    assert not torch.allclose(rows, moved, atol=1e-4)
    torch.testing.assert_close(rows.abs().sum((1, 2)), moved.abs().sum((1, 2)))  # the same rows in another order


def test_scores_are_compared_with_the_tolerance() -> None:
    reference = (Score("psnr_of_mean_mse_db", "x", 30.0, 10), Score("accuracy", "x", 0.9, 10))
    assert within_tolerance((replace(reference[0], value=30.019), replace(reference[1], value=0.9009)), reference)
    assert not within_tolerance((replace(reference[0], value=29.97), reference[1]), reference)
    assert not within_tolerance((reference[0], replace(reference[1], value=0.8985)), reference)


def test_the_smallest_batch_close_to_the_highest_rate_is_chosen() -> None:
    timings = [
        Timing(RuntimeSettings(batch, p), rate) for batch, p, rate in ((8, "float32", 50), (64, "float32", 98), (256, "bfloat16", 100))
    ]
    assert fastest(timings) == RuntimeSettings(64, "float32")
    assert fastest([*timings, Timing(RuntimeSettings(256, "float32"), 200)]) == RuntimeSettings(256, "float32")


@pytest.mark.parametrize("name", ["codec", "classifier", "inverter"])
def test_tuning_writes_only_the_card(name: str, make_model: Callable[..., Card], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for needed in dict.fromkeys(["codec", name]):
        before = make_model(needed)
    monkeypatch.setattr(tune, "BATCHES", {"cpu": (2, 4)})
    monkeypatch.setattr(tune, "IMAGES", 4)
    monkeypatch.setattr(tune, "bfloat16_holds", lambda model, task: False)
    timings: list[Timing] = []
    card = tune.tune(name, "cpu", timings.append)
    assert [timing.settings for timing in timings] == [RuntimeSettings(2, "float32"), RuntimeSettings(4, "float32")]
    assert replace(card, runtime={}) == before
    assert load_model(name, card.kind).runtime == card.runtime["cpu"] == fastest(timings)
    assert read_card(tmp_path / "models" / f"{name}.yaml") == card
    assert make_model(name).runtime == card.runtime  # unchanged weights keep the tuned settings


@pytest.mark.parametrize(("tolerance", "holds"), [(10.0, True), (-1.0, False)])
def test_bfloat16_is_allowed_only_within_the_tolerance(
    tolerance: float, holds: bool, make_model: Callable[..., Card], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_model("codec")
    monkeypatch.setattr("linksim.training.measure.TOLERANCE", {"psnr_of_mean_mse_db": tolerance, "ssim": tolerance})
    assert tune.bfloat16_holds(load_model("codec", "codec"), tiny_codec(12)) is holds
