"""Whatever is chosen on images is chosen on training images: no choice loads the test split of a dataset."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from synthetic_reward_table import synthetic_reward_table
from tiny_models import bare_card, use_models, write_model
from tiny_tasks import CODEC, DATASET, TinyCodec, declare_tasks, ignore
from torch import nn

from linksim.adapt.reward_table_file import split_of, write_reward_table
from linksim.data.sources import ImageDataset
from linksim.errors import ModelError
from linksim.nets.cards import Card, Score, read_card, write_card
from linksim.nets.weights import clear_model_cache, sha256_of
from linksim.papers.miea import white_box_choice
from linksim.papers.miea.experiments import WHITE_BOX
from linksim.papers.miea.white_box_convergence import CODEC as WHITE_BOX_CODEC
from linksim.places import shipped_models
from linksim.reproduction.results import ExperimentResult, ResultStore
from linksim.training.ddpg import DdpgTask
from linksim.training.ddpg_trainer import DdpgTrainer
from linksim.training.pipeline import train_model
from linksim.training.reward_table import RewardTableMeasurement
from linksim.training.task import TrainingTask
from linksim.training.tasks import TASKS

TEST = ImageDataset(255 - DATASET.images, DATASET.labels, DATASET.classes)


def only_training_images(dataset: str, split: str) -> ImageDataset:
    """A loader that fails the test when a choice loads test images."""
    assert split == "train", f"the {split} split of {dataset} was loaded"
    return DATASET


def test_the_reward_table_is_measured_on_training_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("linksim.training.reward_table.load", only_training_images)
    task = TASKS["diffusec-reward-table"]
    assert isinstance(task, RewardTableMeasurement)
    assert task.split == "train"
    sent = replace(task, images=12).load_dataset().images
    assert len(sent) == 12
    assert all(any(np.array_equal(image, known) for known in DATASET.images) for image in sent)


@pytest.mark.parametrize(("training", "split"), [({"split": "train"}, "train"), ({"split": "test"}, "test"), ({}, "unknown")])
def test_a_policy_is_chosen_by_a_table_of_training_images_only(
    training: dict[str, Any], split: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_reward_table(synthetic_reward_table(), tmp_path / "table.h5")
    write_card(replace(bare_card("table", "reward-table", sha256_of(tmp_path / "table.h5")), training=training), tmp_path / "table.yaml")
    use_models(monkeypatch, tmp_path)
    clear_model_cache()
    assert split_of("table") == split
    if split == "train":
        assert DdpgTrainer(DdpgTask("table")).task.recipe["split"] == "train"
    else:
        with pytest.raises(ModelError, match=rf"'table' was measured on images of the split '{split}'.* `linksim train table`"):
            DdpgTrainer(DdpgTask("table"))
    assert DdpgTrainer(DdpgTask("table", split=split)).task.rewards.images == synthetic_reward_table().images


def test_the_shipped_policy_states_the_split_of_its_table() -> None:
    card = read_card(shipped_models() / "ddpg-cifar10.yaml")
    table = read_card(shipped_models() / f"{card.training['reward_table']}.yaml")
    assert card.training["split"] == table.training["split"] == "train"
    assert card.training["reward_table_sha256"] == table.sha256


class TwoSplits(TinyCodec):
    """The codec task with test images that differ from the training images."""

    def load_dataset(self, split: str) -> ImageDataset:
        return DATASET if split == "train" else TEST


@pytest.mark.parametrize(("sensitive", "dtype"), [("test", "int8"), ("train", "float32")])
def test_the_number_format_is_chosen_on_training_images_and_the_scores_are_those_of_test_images(
    sensitive: str, dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The score of one split, `sensitive`, is made to change in a smaller format: only that of the training images decides."""
    changed, trained = TEST if sensitive == "test" else DATASET, list[torch.Tensor]()

    def scores(task: TrainingTask, network: nn.Module, dataset: ImageDataset, device: torch.device, done: Any) -> tuple[Score, ...]:
        weights = [weight.detach().clone() for weight in network.parameters()]
        trained.extend(weights if not trained else [])  # the first call is of the weights as they were trained
        reduced = not all(map(torch.equal, weights, trained))
        on_test = np.array_equal(dataset.images, TEST.images)
        lost = 5.0 if reduced and np.array_equal(dataset.images, changed.images) else 0.0
        return (Score("psnr_of_mean_mse_db", "AWGN at 10 dB", (20.0 if on_test else 30.0) - lost, len(dataset.images)),)

    monkeypatch.setattr("linksim.training.pipeline.measure", scores)
    declare_tasks(monkeypatch, {"codec": TwoSplits("samples", CODEC, 12, batch=8, average=0.99)})
    card: Card = train_model("codec", "cpu", tmp_path / "work", tmp_path / "models", ignore)
    assert card.dtype == dtype
    assert [score.value for score in card.scores] == [15.0 if dtype == "int8" else 20.0]


def test_the_step_size_of_the_white_box_is_chosen_on_training_faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faces = ImageDataset(np.random.default_rng(1).integers(0, 256, (3, 128, 128, 3), np.uint8), np.zeros(3, np.int64), ("person",))
    loaded = list[str]()
    monkeypatch.setattr(white_box_choice, "load", lambda dataset, split: loaded.append(split) or faces)
    monkeypatch.setattr(white_box_choice, "FACES", 2)
    monkeypatch.setattr(white_box_choice, "ITERATIONS", 50)
    write_model(tmp_path, WHITE_BOX_CODEC, "codec", {"layout": "miea", "side": 128, "channels": 32, "width": 4})
    use_models(monkeypatch, tmp_path)
    clear_model_cache()
    samples = white_box_choice.StepSizeTrial(0.03, 1).measure(int).samples
    assert loaded == ["train"]
    assert samples["loss@50"].shape == (2,)


def test_the_step_size_is_the_first_near_the_lowest_loss(tmp_path: Path) -> None:
    """Two come within 2 % of the lowest loss after 100 iterations, one of them later to the lowest; another never does."""
    at_100, at_end = {1e-3: 9.0, 1e-2: 6.0, 3e-2: 4.07, 1e-1: 4.5}, {1e-3: 7.0, 1e-2: 4.0, 3e-2: 4.07, 1e-1: 4.5}
    kept = [
        ExperimentResult(
            key=white_box_choice.key(rate),
            digest="d",
            seed=1,
            samples={f"loss@{n}": np.full(3, 20.0 if n < 100 else at_100[rate] if n < 300 else at_end[rate]) for n in range(0, 301, 50)},
        )
        for rate in white_box_choice.LEARNING_RATES
    ]
    assert white_box_choice.chosen_step_size(ResultStore(tmp_path, kept)) == (0.03, 100)
    assert white_box_choice.chosen_step_size(ResultStore(tmp_path, kept[1:])) is None


def test_the_tables_use_the_step_size_that_the_kept_results_choose() -> None:
    kept = ResultStore(Path(__file__).parents[1] / "results" / "papers" / "miea")
    choice = white_box_choice.chosen_step_size(kept)
    assert choice is not None
    assert choice[0] == WHITE_BOX["learning_rate"]
