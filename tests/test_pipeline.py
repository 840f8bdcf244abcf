"""Facts about the way from training task to model: training, measuring, storing, tuning."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_tasks import CPU, PICTURES, ignore, tiny_classifier, tiny_codec, tiny_inverter

from linksim.errors import ModelError
from linksim.nets.cards import Card, RuntimeSettings, Score, read_card
from linksim.nets.weights import clear_model_cache, load_model
from linksim.rng import Streams
from linksim.training import loop, pipeline, tune
from linksim.training.loop import Progress
from linksim.training.measure import measure, within_tolerance
from linksim.training.noise import unit_noise
from linksim.training.pipeline import train_model
from linksim.training.tune import Timing, fastest


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Card]:
    """Trains tiny training tasks by name into a models folder of their own."""
    tasks = {
        "codec": tiny_codec(12),
        "classifier": tiny_classifier(12),
        "inverter": tiny_inverter(12),
        "shuffled": tiny_inverter(12, shuffled=True),
    }
    monkeypatch.setenv("LINKSIM_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(pipeline, "LESSONS", tasks)
    clear_model_cache()

    def make(name: str, report: loop.Report = ignore, fresh: bool = False) -> Card:
        return train_model(name, "cpu", tmp_path / "work", tmp_path / "models", report, fresh)

    return make


def test_a_part_is_trained_measured_and_stored(studio: Callable[..., Card]) -> None:
    reports: list[Progress] = []
    card = studio("codec", reports.append)
    task = tiny_codec(12)
    part = load_model("codec", "codec")
    assert card == part.card
    assert card.training == {"seed": 1, "steps": 12, **task.recipe, "snr_db": [-2.0, 21.0]}
    assert list(dict.fromkeys(score.condition for score in card.scores)) == list(task.conditions)
    assert {score.samples for score in card.scores} == {96}
    assert measure(task, part.network, PICTURES, CPU) == card.scores
    assert [(r.stage, r.step, r.steps) for r in reports] == [("training", 12, 12), *(("measuring", n, 14) for n in range(1, 15))]


def test_a_finished_task_goes_straight_to_measuring(studio: Callable[..., Card]) -> None:
    reports: list[Progress] = []
    before = studio("codec")
    after = studio("codec", reports.append)
    assert {report.stage for report in reports} == {"measuring"}
    assert after == before
    assert studio("codec", reports.append, fresh=True).sha256 == before.sha256
    assert "training" in {report.stage for report in reports}


def test_weights_are_halved_only_where_no_score_tells(studio: Callable[..., Card], monkeypatch: pytest.MonkeyPatch) -> None:
    assert studio("codec").dtype == "float16"
    monkeypatch.setattr("linksim.training.measure.TOLERANCE", {"psnr_of_mean_mse_db": -1.0})
    assert studio("codec").dtype == "float32"


def test_a_name_without_a_task_is_answered_with_the_nearest(studio: Callable[..., Card]) -> None:
    with pytest.raises(ModelError, match="did you mean 'codec'"):
        studio("codek")


def test_an_inverter_learns_from_a_trained_codec_and_names_it(studio: Callable[..., Card], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no trained model 'codec'"):
        studio("inverter")
    codec = studio("codec")
    card = studio("inverter")
    assert card.training["codec_sha256"] == codec.sha256
    assert [score.metric for score in card.scores] == 3 * ["psnr_of_mean_mse_db", "ssim"]
    studio("classifier")
    judged = studio("inverter")
    assert [score.metric for score in judged.scores] == 3 * ["psnr_of_mean_mse_db", "ssim", "accuracy"]
    assert [s for s in judged.scores if s.metric != "accuracy"] == list(card.scores)


def test_the_defended_link_gives_eve_other_captures_than_the_open_one(studio: Callable[..., Card]) -> None:
    studio("codec")
    images, level = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(1)), torch.full((8,), 20.0)
    tasks = tiny_inverter(), tiny_inverter(shuffled=True)
    received, shuffled = (task.capture(images, level, level, Streams(1), "test", 0) for task in tasks)
    noise = unit_noise(Streams(1), "test/noise", 0, 8, received.shape[1]) * 0.1
    rows, moved = ((x - noise).reshape(4, 16, -1) for x in (received, shuffled))
    assert not torch.allclose(rows, moved, atol=1e-4)
    torch.testing.assert_close(rows.abs().sum((1, 2)), moved.abs().sum((1, 2)))  # the same rows in another order


def test_figures_are_alike_within_the_tolerance_and_not_beyond() -> None:
    reference = (Score("psnr_of_mean_mse_db", "x", 30.0, 10), Score("accuracy", "x", 0.9, 10))
    assert within_tolerance((replace(reference[0], value=30.019), replace(reference[1], value=0.9009)), reference)
    assert not within_tolerance((replace(reference[0], value=29.97), reference[1]), reference)
    assert not within_tolerance((reference[0], replace(reference[1], value=0.8985)), reference)


def test_the_smallest_batch_that_is_as_good_as_the_fastest_is_chosen() -> None:
    timings = [
        Timing(RuntimeSettings(batch, p), rate) for batch, p, rate in ((8, "float32", 50), (64, "float32", 98), (256, "bfloat16", 100))
    ]
    assert fastest(timings) == RuntimeSettings(64, "float32")
    assert fastest([*timings, Timing(RuntimeSettings(256, "float32"), 200)]) == RuntimeSettings(256, "float32")


@pytest.mark.parametrize("name", ["codec", "classifier", "inverter"])
def test_tuning_writes_the_card_and_nothing_else(
    name: str, studio: Callable[..., Card], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for needed in dict.fromkeys(["codec", name]):
        before = studio(needed)
    monkeypatch.setattr(tune, "BATCHES", {"cpu": (2, 4)})
    monkeypatch.setattr(tune, "IMAGES", 4)
    monkeypatch.setattr(tune, "bfloat16_holds", lambda part, task: False)
    timings: list[Timing] = []
    card = tune.tune(name, "cpu", timings.append)
    assert [timing.how for timing in timings] == [RuntimeSettings(2, "float32"), RuntimeSettings(4, "float32")]
    assert replace(card, runtime={}) == before
    assert load_model(name, card.kind).best == card.runtime["cpu"] == fastest(timings)
    assert read_card(tmp_path / "models" / f"{name}.yaml") == card
    assert studio(name).best == card.runtime  # the same weights keep what was tuned


@pytest.mark.parametrize(("tolerance", "holds"), [(10.0, True), (-1.0, False)])
def test_bfloat16_is_allowed_by_parity_alone(
    tolerance: float, holds: bool, studio: Callable[..., Card], monkeypatch: pytest.MonkeyPatch
) -> None:
    studio("codec")
    monkeypatch.setattr("linksim.training.measure.TOLERANCE", {"psnr_of_mean_mse_db": tolerance, "ssim": tolerance})
    assert tune.bfloat16_holds(load_model("codec", "codec"), tiny_codec(12)) is holds
