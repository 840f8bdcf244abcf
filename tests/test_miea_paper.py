"""The whole paper MIEA, measured with small untrained models and fabricated faces, and the command `linksim papers`."""

import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from tiny_models import use_models, write_model

from linksim.cli import main
from linksim.data.sources import ImageDataset
from linksim.nets.weights import clear_model_cache
from linksim.papers import PAPERS
from linksim.papers.miea import adaptive_eve, experiments, white_box_losses
from linksim.papers.miea.experiments import BOTH, OPEN, Setup, bobs
from linksim.papers.miea.paper import Miea
from linksim.reproduction.claims import read_claims
from linksim.reproduction.results import ResultStore
from linksim.reproduction.simulated import Simulated
from linksim.simulate.eve_factory import row_model

NETWORK = {"layout": "miea", "side": 128, "channels": 32, "width": 4}


@pytest.fixture(scope="session")
def miea_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All models that the experiments use, small and untrained."""
    folder = tmp_path_factory.mktemp("miea-models")
    for name in {name for experiment in Miea(Setup()).experiments() if isinstance(experiment, Simulated) for name in experiment.models}:
        write_model(folder, name, "inverter" if "inverse" in name else "codec", NETWORK)
    return folder


@pytest.fixture
def miea(miea_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the paper's results, with small models and six faces."""
    draw = np.random.default_rng(5)
    faces = ImageDataset(draw.integers(0, 256, (6, 128, 128, 3), np.uint8), np.zeros(6, np.int64), ("person",))
    for module in (
        "simulate.assembly",
        "simulate.eve_factory",
        "papers.miea.supplementary",
        "papers.miea.white_box_convergence",
        "papers.miea.white_box_choice",
        "papers.miea.magnitude_attack",
    ):
        monkeypatch.setattr(f"linksim.{module}.load", lambda dataset, split: faces)
    monkeypatch.setattr("linksim.simulate.execution.gc_frozen", nullcontext)  # a small simulation is built faster than garbage is collected
    monkeypatch.setitem(experiments.WHITE_BOX, "iterations", 2)
    monkeypatch.setattr("linksim.papers.miea.white_box_convergence.ITERATIONS", {1e-3: 50, 3e-2: 50})
    monkeypatch.setattr("linksim.papers.miea.white_box_convergence.FACES", 2)
    for name, value in {"FACES": 2, "ITERATIONS": 50}.items():
        monkeypatch.setattr(f"linksim.papers.miea.white_box_choice.{name}", value)
    for name in white_box_losses.NUM_FACES:
        monkeypatch.setitem(white_box_losses.NUM_FACES, name, 2)
    for attack, frames in (("known-plaintext", (1, 3)), ("ciphertext-only", (0, 3))):
        monkeypatch.setitem(adaptive_eve.EARLIER_FRAMES, attack, frames)  # type: ignore[arg-type]  # a dict, typed as read-only
    row_model.cache_clear()
    use_models(monkeypatch, miea_models)
    monkeypatch.chdir(tmp_path)
    clear_model_cache()
    yield tmp_path / "results/papers/miea"
    clear_model_cache()


def linksim(*words: str) -> Result:
    return CliRunner().invoke(main, ["papers", *words], catch_exceptions=False)


FIGURES = {"fig3.png", "fig4.png", "fig5.png", "fig6.png", "white-box-convergence.png", "adaptive-eve.png", "adaptive-eve-images.png"}


def test_the_whole_paper_is_measured_once_printed_and_written(miea: Path) -> None:
    first = linksim("miea", "--images", "2")
    assert first.exit_code == 0, first.output
    assert "warning" not in first.stderr, first.stderr
    pages = {"results.sqlite", "results.csv", "tables.md", "claims.md", "claims.csv"}
    assert {path.name for path in miea.iterdir()} == {*pages, *FIGURES, "images"}
    assert "not measured yet" not in first.stdout
    assert "2 samples, at least 100 are needed" in first.stdout
    assert all(f"Table {number}." in first.stdout for number in ("I", "II", "III", "IV"))
    assert all(claim.id in first.stdout for claim in read_claims()["miea"].claims)
    kept = {path.name: path.read_bytes() for path in miea.iterdir() if path.is_file()}
    again = linksim("miea")  # with as many images as the kept results have
    assert again.stdout == first.stdout
    assert again.stderr == ""
    assert {path.name: path.read_bytes() for path in miea.iterdir() if path.is_file()} == kept

    shutil.rmtree(miea / "images")  # as in a clone: git ignores the folder
    (miea / "results.csv").unlink()
    clone = linksim("miea", "--no-measure")
    assert clone.stderr == ""
    skipped = {line.split()[1].strip(",") for line in clone.stdout.splitlines() if line.startswith("kept ")}
    assert {Path(path).name for path in skipped} == FIGURES - {"white-box-convergence.png", "adaptive-eve.png"}
    assert "fig3.png, not drawn again: its images are not in results/papers/miea/images" in clone.stdout
    assert {path.name: path.read_bytes() for path in miea.iterdir() if path.is_file()} == kept


def test_experiments_share_faces_and_noise(miea: Path) -> None:
    """Two links differ only in what the defence does to symbols, so Bob receives equal images with and without the defence."""
    assert linksim("miea", "--images", "4", "--only", "bob").exit_code == 0
    results = ResultStore(miea)
    for defended, open_ in zip(bobs(BOTH.table), bobs(OPEN.table), strict=True):
        np.testing.assert_allclose(results[defended].samples["psnr_db"], results[open_].samples["psnr_db"], atol=0.2)


def test_a_missing_model_is_reported_once_and_the_rest_is_measured(
    miea: Path, miea_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fewer = tmp_path / "fewer"
    fewer.mkdir()
    for path in miea_models.iterdir():
        if not path.name.startswith("miea-10db"):
            (fewer / path.name).symlink_to(path)
    use_models(monkeypatch, fewer)
    result = linksim("miea", "--images", "4", "--only", "bob")
    assert result.exit_code == 0
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("warning")]
    assert "no trained model 'miea-10db'" in line
    assert line.endswith("4 experiments not measured, the first is table1/bob/mc10")
    assert len(ResultStore(miea).results()) == 11
    assert "not measured yet" in result.stdout


def test_other_weights_make_kept_results_stale(miea: Path, miea_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert linksim("miea", "--images", "4", "--only", "table1/bob/*").exit_code == 0
    other = tmp_path / "other"
    other.mkdir()
    for path in miea_models.iterdir():
        (other / path.name).symlink_to(path)
    for ending in ("yaml", "safetensors"):
        (other / f"miea-0db.{ending}").unlink()
    write_model(other, "miea-0db", "codec", NETWORK | {"width": 6})
    use_models(monkeypatch, other)
    result = linksim("miea", "--no-measure")
    assert "1 kept results belong to other weights, options or images and are ignored, the first is table1/bob/mc0" in result.stderr
    assert "EC 0 dB  white" in result.stdout
    again = linksim("miea", "--only", "table1/bob/*")
    assert [line.split()[1] for line in again.stderr.splitlines()] == ["table1/bob/mc0"]


def test_papers_are_listed_with_counts_of_their_verdicts(miea: Path) -> None:
    listed = linksim()
    assert listed.exit_code == 0
    assert "21 claims, 6 measured: 6 reproduced" in listed.stdout  # schedule and rates of diffsem need no measurement either
    assert "13 claims, 1 measured: 1 reproduced" in listed.stdout  # the worked example needs no measurement
    assert set(PAPERS) <= set(read_claims())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("meia",), "did you mean 'miea'?"),
        (("miea", "--images", "5"), "got 5 images, allowed: an even number"),
        (("miea", "--only", "table9"), "no experiment matches 'table9'"),
    ],
)
def test_a_mistake_gives_one_message(miea: Path, words: tuple[str, ...], message: str) -> None:
    result = linksim(*words)
    assert result.exit_code == 1
    assert message in result.stderr


def test_a_damaged_database_gives_one_message(miea: Path) -> None:
    miea.mkdir(parents=True)
    (miea / "results.sqlite").write_text("damaged " * 100)
    result = linksim("miea", "--no-measure")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert "results.sqlite: damaged (file is not a database); delete it, or restore it from version control" in line


@pytest.mark.usefixtures("miea")
@pytest.mark.parametrize(("keys", "share"), [("transmitted", 1.0), ("derived", 0.0)])
def test_known_frames_reveal_the_keys_of_later_ones_only_if_key_sets_are_finite(
    monkeypatch: pytest.MonkeyPatch, keys: str, share: float
) -> None:
    """Of key sets of size two, 21 known frames reveal all; of keys derived per frame, none. The last two frames carry each face once."""
    monkeypatch.setitem(adaptive_eve.ROW_LAYERS, keys, {"name": "permutation", "keys": keys, "key_set_size": 2})
    experiment = adaptive_eve.learning(Setup(4), "test", "known-plaintext", keys, ec=20, frames=21)
    assert (experiment.options["frames"], experiment.unscored, experiment.size) == (24, 22, 4)
    measured = experiment.measure(lambda _: None)
    assert {name: len(values) for name, values in measured.samples.items()} == dict.fromkeys(("psnr_db", "ssim", "mse"), 4) | {
        "orders": 2,
        "subsets": 2,
    }
    assert measured.samples["orders"].mean() == measured.samples["subsets"].mean() == share
    assert not measured.images
