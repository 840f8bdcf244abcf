"""MIEA held against its tables: figures like the paper's reproduce it, others do not, and the whole of it runs with small parts."""

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from tiny_models import write_model

from linksim.cli import main
from linksim.data.sources import ImageDataset
from linksim.errors import LinksimError
from linksim.nets.weights import clear_model_cache
from linksim.papers.library import MODULES
from linksim.papers.miea import adaptive_eve, experiments, key_learning
from linksim.papers.miea.claim_checks import RULES, same_noise_comes_home
from linksim.papers.miea.experiments import BOTH, OPEN, Setup, bobs, key
from linksim.papers.miea.paper import Miea
from linksim.plots.intervals import mean_interval
from linksim.reproduction import tables
from linksim.reproduction.claims import read_claims
from linksim.reproduction.measurement import chosen
from linksim.reproduction.results import ExperimentResult, ResultStore
from linksim.reproduction.simulated import Simulated
from linksim.simulate.eve_factory import row_model

TABLES = ("table1", "table2", "table3", "table4")


def results_of(folder: Path, samples: Mapping[str, tuple[float, float]], images: int = 20) -> ResultStore:
    """A shelf of made-up cells: PSNR and SSIM by key, with a spread that every cell has alike."""
    waver = np.linspace(-1, 1, images)
    metrics = {name: {"psnr_db": psnr + waver, "ssim": ssim + waver / 100} for name, (psnr, ssim) in samples.items()}
    return ResultStore(folder, (ExperimentResult(name, "d", 1, figures) for name, figures in metrics.items()))


def test_every_claim_of_a_measured_paper_has_a_rule_and_every_rule_finds_its_cells() -> None:
    claims = read_claims()["miea"].claims
    assert [claim.id for claim in claims] == list(RULES)
    wanted = {experiment.key for experiment in Miea(Setup()).experiments()}
    assert all(set(rule.keys) <= wanted for rule in RULES.values())
    drawn = {experiment.key for experiment in Miea(Setup()).experiments() if experiment.kind == "descent"}
    assert {entry.key for table in Miea(Setup()).tables() for entry in table.entries} == wanted - drawn


def test_cells_are_chosen_by_words() -> None:
    experiments = Miea(Setup()).experiments()
    assert {experiment.key for experiment in chosen(experiments, ["bob"])} == {
        name for table in (*TABLES, "adaptive") for name in bobs(table)
    }
    assert len(chosen(experiments, ["table[34]/white/*"])) == 18
    assert len(chosen(experiments, ["white", "black"])) == 72
    with pytest.raises(LinksimError, match="no cell is named by 'withe'"):
        chosen(experiments, ["withe"])


def made_up(white: float = 18.0, black: float = 23.0) -> dict[str, tuple[float, float]]:
    """Figures such as the paper has: Bob above black above white, rising with EC, low under the defence."""
    cells = {name: (31.5 + place, 0.8 + place / 100) for table in TABLES for place, name in enumerate(bobs(table))}
    lost = {"table1": 0.0, "table2": 1.0, "table3": 0.8, "table4": 0.5}
    for table, share in lost.items():
        for mc in experiments.SNRS_DB:
            for ec in experiments.SNRS_DB:
                for attack, level in (("white", white), ("black", black)):
                    rise = (1 - share) * ec / 10
                    cells[key(table, attack, mc, ec)] = (level + rise - 10 * share, level / 40 + rise / 100 - share / 3)
    return cells


def words_of(results: ResultStore) -> dict[str, str]:
    return {verdicts.claim.id: verdicts.finding.word for verdicts in Miea(Setup()).evaluator(results)}


def test_figures_as_the_papers_reproduce_its_orders_and_shapes(tmp_path: Path) -> None:
    words = words_of(results_of(tmp_path, made_up()))
    assert words == {
        "miea-bob": "reproduced", "miea-white": "not comparable", "miea-black": "not comparable", "miea-order-snr": "reproduced",
        "miea-order-box": "reproduced", "miea-defended-white": "not comparable", "miea-defended-black": "not comparable",
        "miea-perm-only": "not comparable", "miea-subst-only": "not comparable", "miea-ablation": "reproduced",
        "miea-bob-unharmed": "reproduced", "miea-flat-defended": "reproduced", "miea-worked-example": "reproduced",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("broken", "change"),
    [
        ("miea-bob", dict.fromkeys(bobs("table1"), (29.0, 0.6))),
        ("miea-order-snr", {key("table1", "white", 10, 20): (10.0, 0.3)}),
        ("miea-order-snr", {key("table1", "black", 10, ec): (27.0 + ec / 10, 0.7) for ec in (0, 10, 20)}),  # not flat in MC
        ("miea-order-box", {key("table1", "white", 0, 0): (24.0, 0.7)}),
        ("miea-ablation", {key("table3", "black", mc, 0): (20.0, 0.9) for mc in (0, 10, 20)}),
        ("miea-bob-unharmed", {key("table2", "bob", 0): (31.4, 0.8)}),
        ("miea-flat-defended", {key("table2", "black", mc, 20): (14.0, 0.2) for mc in (0, 10, 20)}),
    ],
)
def test_a_figure_that_does_not_fit_breaks_its_claim(tmp_path: Path, broken: str, change: dict[str, tuple[float, float]]) -> None:
    assert words_of(results_of(tmp_path, made_up() | change))[broken] == "not reproduced"


def test_a_claim_without_all_its_cells_is_undecided(tmp_path: Path) -> None:
    cells = made_up()
    del cells[key("table1", "white", 10, 20)]
    words = words_of(results_of(tmp_path, cells))
    assert [name for name, word in words.items() if word == "not measured yet"] == ["miea-white", "miea-order-snr", "miea-order-box"]


def test_noise_on_shuffled_symbols_comes_home_as_it_was() -> None:
    assert same_noise_comes_home()


def test_an_odd_number_of_images_is_refused() -> None:
    with pytest.raises(LinksimError, match="got 5 images, allowed: an even number"):
        Setup(images=5)


def test_a_table_shows_ours_beside_the_papers(tmp_path: Path) -> None:
    cells = made_up()
    del cells[key("table1", "black", 20, 20)]
    table = next(table for table in Miea(Setup()).tables() if table.name == "table1")
    lines = tables.text(table, results_of(tmp_path, cells)).splitlines()
    assert lines[0] == "Table I. Mean PSNR / SSIM, undefended: ours (the paper's)"
    assert lines[1].split() == ["MC", "0", "dB", "MC", "10", "dB", "MC", "20", "dB"]
    assert lines[2].startswith("Bob              31.50 dB / 0.80  (30.02 dB / 0.70)  32.50 dB / 0.81  (32.28 dB / 0.79)")
    assert lines[3].startswith("EC 0 dB  white   18.00 dB / 0.45  (17.44 dB / 0.31)")
    assert lines[8].endswith("-  (24.41 dB / 0.61)")
    half = mean_interval(np.linspace(-1, 1, 20))
    assert lines[9] == f"95 % intervals are within +- {half.high:.2g} dB and +- {half.high / 100:.2g}; 20 images a cell"
    page = tables.markdown(table, results_of(tmp_path, cells)).splitlines()
    assert page[2] == "|  | MC 0 dB | MC 10 dB | MC 20 dB |"
    assert page[5].startswith(f"| EC 0 dB  white | 18.00 ± {half.high:.2g} dB / 0.45 ± {half.high / 100:.2g} (17.44 dB / 0.31) |")


# The whole of it, with small untrained parts and made-up faces


NETWORK = {"layout": "miea", "side": 128, "channels": 32, "width": 4}


@pytest.fixture(scope="session")
def miea_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All parts that the cells name, small and untrained."""
    folder = tmp_path_factory.mktemp("miea-parts")
    for name in {name for experiment in Miea(Setup()).experiments() if isinstance(experiment, Simulated) for name in experiment.parts}:
        write_model(folder, name, "inverter" if "inverse" in name else "codec", NETWORK)
    return folder


@pytest.fixture
def miea(miea_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    draw = np.random.default_rng(5)
    faces = ImageDataset(draw.integers(0, 256, (6, 128, 128, 3), np.uint8), np.zeros(6, np.int64), ("somebody",))
    for module in (
        "simulation.build",
        "simulation.eavesdropping",
        "papers.miea.beyond",
        "papers.miea.descent",
        "papers.miea.intercepts",
        "papers.miea.rotate",
    ):
        monkeypatch.setattr(f"linksim.{module}.load", lambda source, split: faces)
    monkeypatch.setattr("linksim.simulate.run.gc_frozen", nullcontext)  # worlds this small are built faster than garbage is looked for
    monkeypatch.setitem(experiments.WHITE_BOX, "iterations", 2)
    monkeypatch.setattr("linksim.papers.miea.white_box_convergence.RATES", {1e-3: 50, 3e-2: 50})
    monkeypatch.setattr("linksim.papers.miea.white_box_convergence.FACES", 2)
    for eve, frames in (("known", (1, 3)), ("collects", (0, 3))):
        monkeypatch.setitem(adaptive_eve.EARLIER, eve, frames)  # type: ignore[arg-type]  # a dict, if one that nobody is to change
    key_learning.shared_setup.cache_clear()
    key_learning.solved.cache_clear()
    row_model.cache_clear()
    monkeypatch.setenv("LINKSIM_MODELS", str(miea_models))
    monkeypatch.chdir(tmp_path)
    clear_model_cache()
    yield tmp_path / "results/papers/miea"
    clear_model_cache()


def linksim(*words: str) -> Result:
    return CliRunner().invoke(main, ["papers", *words], catch_exceptions=False)


def test_the_whole_paper_is_measured_once_printed_and_written(miea: Path) -> None:
    first = linksim("miea", "--images", "2")
    assert first.exit_code == 0, first.output
    assert "warning" not in first.stderr, first.stderr
    assert {path.name for path in miea.iterdir()} == {
        "cells.csv", "tables.md", "claims.md", "claims.csv", "images", "fig3.png", "fig4.png", "fig5.png", "fig6.png", "descent.png",
        "fights.png", "fights-images.png",
    }  # fmt: skip
    assert "not measured yet" not in first.stdout
    assert all(f"Table {number}." in first.stdout for number in ("I", "II", "III", "IV"))
    assert all(claim.id in first.stdout for claim in read_claims()["miea"].claims)
    kept = {path.name: path.read_bytes() for path in miea.iterdir() if path.is_file()}
    again = linksim("miea")  # as many images as are kept
    assert again.stdout == first.stdout
    assert again.stderr == ""
    assert {path.name: path.read_bytes() for path in miea.iterdir() if path.is_file()} == kept


def test_cells_meet_the_same_faces_and_the_same_noise(miea: Path) -> None:
    """Two links differ in nothing but what the defence does to symbols, so a defended Bob sees what an undefended one does."""
    assert linksim("miea", "--images", "4", "--only", "bob").exit_code == 0
    results = ResultStore(miea)
    for defended, open_ in zip(bobs(BOTH.table), bobs(OPEN.table), strict=True):
        np.testing.assert_allclose(results[defended].samples["psnr_db"], results[open_].samples["psnr_db"], atol=0.2)


def test_a_missing_part_is_told_once_and_the_rest_goes_on(miea: Path, miea_models: Path, tmp_path: Path, monkeypatch: Any) -> None:
    fewer = tmp_path / "fewer"
    fewer.mkdir()
    for path in miea_models.iterdir():
        if not path.name.startswith("miea-10db"):
            (fewer / path.name).symlink_to(path)
    monkeypatch.setenv("LINKSIM_MODELS", str(fewer))
    result = linksim("miea", "--images", "4", "--only", "bob")
    assert result.exit_code == 0
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("warning")]
    assert "no trained model 'miea-10db'" in line
    assert line.endswith("4 cells not measured, the first table1/bob/mc10")
    assert len(ResultStore(miea).cells()) == 11
    assert "not measured yet" in result.stdout


def test_other_weights_make_kept_cells_stale(miea: Path, miea_models: Path, tmp_path: Path, monkeypatch: Any) -> None:
    assert linksim("miea", "--images", "4", "--only", "table1/bob/*").exit_code == 0
    other = tmp_path / "other"
    other.mkdir()
    for path in miea_models.iterdir():
        (other / path.name).symlink_to(path)
    for ending in ("yaml", "safetensors"):
        (other / f"miea-0db.{ending}").unlink()
    write_model(other, "miea-0db", "codec", NETWORK | {"width": 6})
    monkeypatch.setenv("LINKSIM_MODELS", str(other))
    result = linksim("miea", "--no-measure")
    assert "1 kept cells are of other weights, words or images and are left out, the first table1/bob/mc0" in result.stderr
    assert "EC 0 dB  white" in result.stdout
    again = linksim("miea", "--only", "table1/bob/*")
    assert [line.split()[1] for line in again.stderr.splitlines()] == ["table1/bob/mc0"]


def test_papers_are_listed_with_what_is_decided(miea: Path) -> None:
    listed = linksim()
    assert listed.exit_code == 0
    assert "21 claims, 0 decided" in listed.stdout  # diffsem
    assert "13 claims, 1 decided: 1 reproduced" in listed.stdout  # the worked example needs no measurement
    assert set(MODULES) <= set(read_claims())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("meia",), "did you mean 'miea'?"),
        (("miea", "--images", "5"), "got 5 images, allowed: an even number"),
        (("miea", "--only", "table9"), "no cell is named by 'table9'"),
    ],
)
def test_a_mistake_gets_one_message(miea: Path, words: tuple[str, ...], said: str) -> None:
    result = linksim(*words)
    assert result.exit_code == 1
    assert said in result.stderr


# Beyond the paper


def fought(tmp_path: Path, ssim: float) -> list[str]:
    """What is said of the jigsaw where Eve's SSIM under the defence is `ssim`, the mean face's 0.3 and an open link's 0.9."""
    names = [entry.key for row in adaptive_eve.fights(Setup()).table.rows for entry in row.entries]
    cells = dict.fromkeys(names, (10.0, ssim)) | dict.fromkeys((key(OPEN.table, "black", 10, ec) for ec in (0, 10, 20)), (30.0, 0.9))
    results = results_of(tmp_path, cells | {"blind/mean-face": (10.0, 0.3)})
    return [said for remark in adaptive_eve.fights(Setup()).table.remarks if "jigsaw, table" in (said := remark(results))]


@pytest.mark.parametrize(("ssim", "said"), [(0.85, "broken"), (0.5, "leaks"), (0.3, "holds"), (0.2, "holds")])
def test_what_holds_is_said_by_rule(tmp_path: Path, ssim: float, said: str) -> None:
    (finding,) = fought(tmp_path, ssim)
    assert f"jigsaw, table keys: {said} (EC 0 dB" in finding
    assert f"{100 * (ssim - 0.3) / 0.6:.0f} %" in finding


@pytest.mark.usefixtures("miea")
def test_an_eve_who_knew_frames_has_their_keys_again_only_where_sets_are_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of sets of two schemes each she has all after twenty frames; of keys derived for each frame none. A frame laid under her own keys
    is laid as it was sent."""
    monkeypatch.setattr(key_learning, "SIZE", 2)
    for kind, share in (("table", 1.0), ("derived", 0.0)):
        session = key_learning.Session(Setup(4), kind, 20)
        cell = key_learning.Intercepts("known", session, "known", 20, 6)
        measured = cell.measure(lambda _: None)
        assert measured.samples["orders"].mean() == measured.samples["subsets"].mean() == share
    layer_keys = session.layer_keys
    scheme = session.scheme(layer_keys, 7)
    sent, received = key_learning.shared_setup(Setup(4)).sent, session.received(scheme, 7)
    beam_search = received.reshape(-1, received.shape[-1])[scheme.line(0, 0)]
    assert np.square(beam_search - sent[7 % len(sent)]).mean() == pytest.approx(session.noise, rel=0.05)
