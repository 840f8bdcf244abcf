"""Tests of the measurement of the reward table: its values, resumption after an interruption, and the resulting model files."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tiny_models import bare_card, use_models
from tiny_tasks import CODEC, CPU, DATASET, declare_tasks, ignore

from linksim.adapt.reward import adv_share, err_share
from linksim.adapt.reward_table_file import COMPONENTS, load_reward_table, read_reward_table
from linksim.attacks.source import cross_entropy_gradient, pgd
from linksim.data.sources import ImageDataset
from linksim.errors import ModelError
from linksim.metrics import ssim
from linksim.nets.cards import Card, write_card
from linksim.nets.classifiers import Classifier
from linksim.nets.codecs import Codec
from linksim.nets.layers import draw_weights
from linksim.nets.unet import UNet
from linksim.nets.weights import build, clear_model_cache, find_table, list_models, load_model, sha256_of
from linksim.phy.baseband import ReceivedSymbols, transmit
from linksim.phy.noise import Noise, item_keys
from linksim.rng import Streams
from linksim.schemes.diffusec import Diffusec
from linksim.schemes.parameters import NegotiatedValues
from linksim.training.loop import TrainingProgress
from linksim.training.order import to_images
from linksim.training.pipeline import train_model
from linksim.training.reward_table import RewardTableMeasurement
from linksim.training.tune import tune

TINY: dict[str, dict[str, object]] = {
    "codec": CODEC,
    "denoiser": {"widths": (8, 8, 8), "embedding": 8},
    "classifier": {"widths": (24, 24, 24)},
}


@dataclass(frozen=True)
class TinyGrid(RewardTableMeasurement):
    """The measurement on synthetic images."""

    def load_dataset(self) -> ImageDataset:
        return ImageDataset(DATASET.images[: self.images], DATASET.labels[: self.images], DATASET.classes)


GRID = TinyGrid(
    "samples",
    "codec",
    "denoiser",
    "classifier",
    t_d=(1, 30),
    t_plus=(0, 10),
    snr_db=(-6.0, 18.0),
    images=12,
    num_denoiser_calls=3,
    batch=5,
)


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder with a tiny codec, denoiser and classifier."""
    folder = tmp_path / "models"
    folder.mkdir()
    for kind, config in TINY.items():
        network = build(kind, config)
        draw_weights(network, torch.Generator().manual_seed(1))
        if isinstance(network, Classifier):
            network.initialise_from(to_images(DATASET.images))
        save_file({k: v.contiguous() for k, v in network.state_dict().items()}, folder / f"{kind}.safetensors")
        digest = sha256_of(folder / f"{kind}.safetensors")
        write_card(replace(bare_card(kind, kind, digest), config=config), folder / f"{kind}.yaml")
    use_models(monkeypatch, folder)
    declare_tasks(monkeypatch, {"reward-table": GRID})
    clear_model_cache()
    return folder


Measure = Callable[..., Card]


@pytest.fixture
def measure(models: Path, tmp_path: Path) -> Measure:
    """Return a function that runs the measurement in a work folder."""

    def run(work: str = "work", fresh: bool = False, report: Callable[[TrainingProgress], None] = ignore) -> Card:
        return train_model("reward-table", "cpu", tmp_path / work, models, report, fresh)

    return run


def killed_after(cells: int) -> Callable[[TrainingProgress], None]:
    def report(progress: TrainingProgress) -> None:
        if progress.step == cells:
            raise KeyboardInterrupt

    return report


def test_a_table_that_is_not_finite_leaves_the_former_one(measure: Measure, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measure()
    before = {path.name: path.read_bytes() for path in models.iterdir()}
    monkeypatch.setattr(TinyGrid, "prepare", lambda grid, device: lambda cell: (float("nan"),) * len(COMPONENTS))
    with pytest.raises(ModelError, match="reward-table: the measured table is not valid"):
        measure(fresh=True)
    assert {path.name: path.read_bytes() for path in models.iterdir()} == before


def test_the_table_is_listed_verified_and_loaded(measure: Measure, models: Path) -> None:
    reports: list[TrainingProgress] = []
    card = measure(report=reports.append)
    assert [(r.stage, r.step, r.steps) for r in reports] == [("grid", n, 8) for n in range(1, 9)]
    assert "so far" in reports[0].line()
    assert card.kind == "reward-table"
    assert card.config == GRID.config
    assert card.training["codec_sha256"] == load_model("codec", "codec").card.sha256
    assert [score.condition for score in card.scores] == 2 * list(GRID.conditions)
    assert card.text().startswith("reward-table: reward-table, float64, measured for")
    reward_table = load_reward_table("reward-table")
    assert reward_table.ssim.shape == (2, 2, 2)
    assert reward_table.images == 12
    assert np.isnan(reward_table.clean).all()
    listed = {status.name: status for status in list_models()}
    assert listed["reward-table"].state == "present"
    assert listed["reward-table"].size_mb == (models / "reward-table.h5").stat().st_size / 1e6
    assert "at 10 dB" in listed["reward-table"].headline


def test_an_interrupted_measurement_resumes_to_the_same_file(measure: Measure, models: Path, tmp_path: Path) -> None:
    measure()
    whole = (models / "reward-table.h5").read_bytes()
    with pytest.raises(KeyboardInterrupt):
        measure("other", report=killed_after(3))
    kept = tmp_path / "other" / "reward-table.cells"
    assert len(kept.read_text().splitlines()) == 1 + 3
    kept.write_text(kept.read_text() + "[0.25, 0.1")  # an interruption in the middle of a line
    (models / "reward-table.h5").unlink()
    reports: list[TrainingProgress] = []
    measure("other", report=reports.append)
    assert [report.step for report in reports] == [4, 5, 6, 7, 8]
    assert (models / "reward-table.h5").read_bytes() == whole
    reports.clear()
    measure("other", report=reports.append)
    assert reports == []
    measure("other", fresh=True, report=reports.append)
    assert len(reports) == 8
    assert (models / "reward-table.h5").read_bytes() == whole


def test_stored_cells_of_another_recipe_or_damaged_ones_are_rejected(
    measure: Measure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure()
    declare_tasks(monkeypatch, {"reward-table": replace(GRID, num_denoiser_calls=2)})
    with pytest.raises(ModelError, match=r"reward-table\.cells: stored cells belong to another recipe"):
        measure()
    declare_tasks(monkeypatch, {"reward-table": GRID})
    kept = tmp_path / "work" / "reward-table.cells"
    lines = kept.read_text().splitlines()
    kept.write_text("\n".join([*lines[:2], "nonsense", *lines[3:]]) + "\n")
    with pytest.raises(ModelError, match=r"reward-table\.cells: damaged .* delete it"):
        measure()
    kept.write_bytes("\n".join([lines[0], ""]).encode() + b"\xff\n")  # not text
    with pytest.raises(ModelError, match=r"reward-table\.cells: damaged .* delete it"):
        measure()


def test_a_reward_table_is_not_a_network_and_its_file_is_verified(measure: Measure, models: Path) -> None:
    measure()
    with pytest.raises(ModelError, match="of kind reward-table, which is not a network"):
        load_model("reward-table", "codec")
    with pytest.raises(ModelError, match="nothing to tune"):
        tune("reward-table", "cpu")
    with pytest.raises(ModelError, match="of kind codec, not reward-table"):
        find_table("codec", "reward-table")
    (models / "reward-table.h5").write_bytes(b"other")
    assert {s.name: s.state for s in list_models()}["reward-table"] == "damaged"
    with pytest.raises(ModelError, match=r"reward-table\.h5: not the file that its card describes"):
        load_reward_table("reward-table")


@torch.inference_mode()
def by_hand(t_d: int, t_plus: int, snr_db: float, attacked: bool) -> dict[str, float]:
    """Compute one cell with all images in one batch, using `send` and `receive` of the scheme."""
    codec, denoiser, evaluator = (load_model(kind, kind).network for kind in TINY)
    assert isinstance(codec, Codec)
    assert isinstance(denoiser, UNet)
    assert isinstance(evaluator, Classifier)
    scheme, images, labels = Diffusec(codec, denoiser, 3), to_images(DATASET.images[:12]), torch.tensor(DATASET.labels[:12])
    fooling = pgd(cross_entropy_gradient(evaluator, labels), images)
    sent = fooling if attacked else images
    keys = [Noise(torch.tensor(item_keys(Streams(1).key(f"reward-table/{who}"), 0, 12))) for who in ("alice", "air", "bob")]
    parameters = NegotiatedValues(np.full(12, snr_db, np.float32), np.tile([t_d, t_plus], (12, 1)))
    symbols, level = scheme.send(sent[:, None], parameters, keys[0]), torch.full((12,), 10 ** (-snr_db / 10))
    gain = torch.ones(12, 1, dtype=torch.complex64)
    final = scheme.receive(
        ReceivedSymbols(transmit(symbols, gain, level, keys[1].complex(codec.channel_uses)), gain, level), parameters, keys[2]
    ).shown()[:, 0]
    clean, before, after = (evaluator(chunk).argmax(1).numpy() for chunk in (images, fooling, final))
    right = float((after == labels.numpy()).mean())
    shares = {"adv": float(adv_share(clean, before, after)), "err": float(err_share(clean, before, after))}
    return {"ssim": ssim(final, images).mean().item(), "right": right, **shares}


def test_cells_equal_the_result_of_the_scheme(models: Path) -> None:
    grid = replace(GRID, bfloat16=False, clean=True)
    measure = grid.prepare(CPU)
    for cell in (0, 3, 6):
        t_d, snr_db, t_plus = grid.node(cell)
        found = dict(zip(COMPONENTS, measure(cell), strict=True))
        attacked, clean = by_hand(t_d, t_plus, snr_db, attacked=True), by_hand(t_d, t_plus, snr_db, attacked=False)
        assert found["ssim"] == pytest.approx(attacked["ssim"], abs=1e-5)
        assert (found["adv"], found["err"], found["robust"]) == (attacked["adv"], attacked["err"], attacked["right"])
        assert found["clean"] == clean["right"]


def test_every_cell_is_written_to_its_index(models: Path, tmp_path: Path) -> None:
    """The values encode the node at which they were measured."""
    grid = replace(GRID, t_d=(1, 20, 50), t_plus=(0, 9), snr_db=(-6.0, 0.0, 6.0, 18.0))
    values = np.array([(t_d / 100, t_plus / 100, (snr_db + 6) / 100, 0, 0) for t_d, snr_db, t_plus in map(grid.node, range(grid.steps))])
    grid.finalise(values, tmp_path / "table.h5")
    reward_table = read_reward_table(tmp_path / "table.h5")
    np.testing.assert_allclose(reward_table.ssim[:, 1, 2], reward_table.t_d / 100)
    np.testing.assert_allclose(reward_table.adv[2, :, 1], reward_table.t_plus / 100)
    np.testing.assert_allclose(reward_table.err[0, 1, :], (reward_table.snr_db + 6) / 100)


def test_the_images_depend_on_the_seed_alone() -> None:
    grid = RewardTableMeasurement("samples", images=20)
    labels = grid.load_dataset().labels
    assert (labels == grid.load_dataset().labels).all()
    assert (labels != replace(grid, seed=2).load_dataset().labels).any()
    assert len(replace(grid, images=9_999).load_dataset().labels) == 400
