"""The reproduction engine: claims are read strictly, and results are kept and measured once. The verdicts are in test_verdicts.py."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from linksim.cli import main
from linksim.errors import LinksimError
from linksim.plots.papers import load_saved_images, save_images
from linksim.reproduction import reproduction
from linksim.reproduction.claims import CLAIMS, Claim, PaperClaims, read_claims
from linksim.reproduction.measurement import MeasurementProgress, measure
from linksim.reproduction.paper import Figures, Measurement
from linksim.reproduction.results import DRAWS, ExperimentResult, ResultStore
from linksim.reproduction.rules import Rule, verdict_of
from linksim.reproduction.statements import difference
from linksim.reproduction.tables import Entry, Row, Table
from linksim.reproduction.verdicts import ClaimVerdict, Finding
from linksim.scenario.strict_yaml import read_yaml

FURTHER = {"diffusec-below-vqvae"}  # claims of the papers' tables that are not in that list
GIVEN = Path(__file__).resolve().parents[2] / "shared" / "claims.yaml"  # the list from which the claims were transcribed


# The claims


@pytest.mark.skipif(not GIVEN.exists(), reason="the given list is not beside this checkout")
def test_every_given_claim_is_present_with_its_values() -> None:
    papers = read_claims()
    given_claims = {name: {claim["id"]: claim for claim in entries} for name, entries in read_yaml(GIVEN).data.items()}
    ours = {name: [claim.id for claim in paper.claims if claim.id not in FURTHER] for name, paper in papers.items()}
    assert ours == {name: list(claims) for name, claims in given_claims.items()}
    for claim in (claim for paper in papers.values() for claim in paper.claims if claim.id not in FURTHER):
        wanted = given_claims[next(name for name in given_claims if claim.id in given_claims[name])][claim.id]
        assert all(getattr(claim, name) == value for name, value in wanted.items() if name != "quantity"), claim.id


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: value", "kind: figure", r"diffsem\.claims\.0\.kind: .*'value', 'order' or 'shape', got 'figure'"),
        ("where: Fig. 3, Eq. (13)", "were: Fig. 3", r"diffsem\.claims\.0\.where: Field required"),
        ("kind: value", "kind: value\n      speed: 3", r"diffsem\.claims\.0\.speed: Extra inputs are not permitted"),
        ("direction: higher", "direction: up", r"direction: .*got 'up'"),
        ("value: 0.01", "value: [[1, 2], [3]]", r"diffsem\.claims\.0\.value: allowed: a number, a word, a rectangular table"),
        ("value: 0.01", "value: true", r"diffsem\.claims\.0\.value: allowed: a number"),
        ("direction: higher\n      tolerance: 0.02 # read off", "direction: higher", r"a number that is compared needs a tolerance"),
        ("kind: value", "kind: value\n      min_n: 1", r"diffsem\.claims\.0\.min_n: .*greater than or equal to 2, got 1"),
        ("tolerance: 0.02", "tolerance: some", r"diffsem\.claims\.0\.tolerance"),
        ("id: diffsem-esnr-67", "id: diffsem-esnr-184", "two claims have the id 'diffsem-esnr-184'"),
    ],
)
def test_an_invalid_claim_is_reported_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    (tmp_path / "claims.yaml").write_text(CLAIMS.read_text().replace(old, new, 1))
    with pytest.raises(LinksimError, match=rf"claims\.yaml:\d+:\d+: .*{message}") as raised:
        read_claims(tmp_path / "claims.yaml")
    assert "\n" not in str(raised.value)


def test_a_claims_file_that_is_no_block_is_reported(tmp_path: Path) -> None:
    (tmp_path / "claims.yaml").write_text("- diffsem\n")
    with pytest.raises(LinksimError, match=r"claims\.yaml:1:1: .*dictionary"):
        read_claims(tmp_path / "claims.yaml")


# Measurement


def result(key: str, digest: str = "d") -> ExperimentResult:
    samples = {"psnr_db": np.array([20.1234567, 21.0, 19.5]), "ssim": np.array([0.5, 0.61, -0.001])}
    return ExperimentResult(key=key, digest=digest, seed=7, samples=samples)


class CountedExperiment:
    """An experiment that counts its measurements."""

    kind, seed, size = "counted", 1, 3

    def __init__(self, key: str, measured: list[str], error: BaseException | None = None) -> None:
        self.key, self._measured, self._error = key, measured, error

    def digest(self) -> str:
        return "d"

    def measure(self, on_progress: Callable[[int], None]) -> Measurement:
        self._measured.append(self.key)
        if self._error:
            raise self._error
        on_progress(3)
        return Measurement(result(self.key).samples, {})


def fill(
    folder: Path, experiments: list[CountedExperiment], digest: str = "d", remeasure: bool = False
) -> tuple[dict[str, list[str]], list[str]]:
    lines: list[str] = []
    progress = MeasurementProgress(lines.append, lambda line: None)
    return measure(experiments, {experiment.key: digest for experiment in experiments}, ResultStore(folder), progress, remeasure), lines


def test_a_killed_run_loses_only_the_experiment_in_progress(tmp_path: Path) -> None:
    measured: list[str] = []
    experiments = [CountedExperiment(key, measured, KeyboardInterrupt() if key == "c" else None) for key in "abcd"]
    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path, experiments)
    measured.clear()
    experiments[2] = CountedExperiment("c", measured)
    fill(tmp_path, experiments)
    assert measured == ["c", "d"]


def test_only_another_digest_is_measured_again(tmp_path: Path) -> None:
    measured: list[str] = []
    experiments = [CountedExperiment("a", measured), CountedExperiment("b", measured)]
    fill(tmp_path, experiments)
    fill(tmp_path, experiments)
    assert measured == ["a", "b"]
    fill(tmp_path, experiments, digest="e")
    assert measured == ["a", "b", "a", "b"]
    assert [kept.key for kept in ResultStore(tmp_path).only({"a": "e", "b": "d"}).results()] == ["a"]


def test_results_of_earlier_draws_are_replaced_on_request(tmp_path: Path) -> None:
    measured: list[str] = []
    experiments = [CountedExperiment("a", measured), CountedExperiment("b", measured)]
    fill(tmp_path, experiments[:1])
    store = ResultStore(tmp_path)
    store.put(replace(store["a"], draws=DRAWS - 1))
    measured.clear()
    fill(tmp_path, experiments)
    assert measured == ["b"]
    fill(tmp_path, experiments, remeasure=True)
    fill(tmp_path, experiments, remeasure=True)
    assert measured == ["b", "a"]
    assert {kept.draws for kept in ResultStore(tmp_path).results()} == {DRAWS}


class CountedPaper:
    """A paper with two experiments, a claim on their difference, and a remark on it."""

    claims = PaperClaims(title="A paper", claims=[Claim(id="a-above-b", where="Fig. 1", kind="value", quantity="a above b")])

    def __init__(self, measured: list[str]) -> None:
        self._measured = measured

    def notes(self) -> list[str]:
        return []

    def experiments(self) -> list[CountedExperiment]:
        return [CountedExperiment(key, self._measured) for key in ("a", "b")]

    def tables(self) -> list[Table]:
        rows = (Row("both", (Entry("a"), Entry("b"))),)
        return [Table("t", "A table", ("a", "b"), rows, remarks=(lambda results: f"{difference(*results.aligned('ab', 'ssim')).value}",))]

    def verdicts(self, results: ResultStore) -> list[ClaimVerdict]:
        def check(_: Claim, results: ResultStore) -> Finding:
            return Finding("reproduced", str(difference(*results.aligned("ab", "ssim")).value), 3, "a pair")

        return [verdict_of(claim, Rule(how="a - b", keys=("a", "b"), check=check), results) for claim in self.claims.claims]

    def figures(self, results: ResultStore) -> Figures:
        return Figures()


def test_the_command_names_results_of_other_draws_and_remeasures_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[str] = []
    monkeypatch.setattr(reproduction, "open_paper", lambda name, kept, images: CountedPaper(measured))

    def papers(*options: str) -> Result:
        return CliRunner().invoke(main, ["papers", "miea", "--out", str(tmp_path), *options], catch_exceptions=False)

    assert papers().stderr.count("warning") == 0
    store = ResultStore(tmp_path / "miea")
    store.put(replace(store["b"], draws=DRAWS - 1))
    mixed = papers()
    assert "a-above-b  not comparable  different random draws, remeasure" in mixed.stdout
    assert "not comparable: different random draws, remeasure" in mixed.stdout  # the table's remark
    assert "warning: 1 kept results have other random draws than new ones" in mixed.stderr
    assert "the first is b; --remeasure replaces them" in mixed.stderr
    assert "warning" not in papers("--no-measure").stderr
    assert measured == ["a", "b"]
    again = papers("--remeasure")
    assert measured == ["a", "b", "b"]
    assert "a-above-b  reproduced" in again.stdout
    assert "warning" not in again.stderr
    assert papers("--remeasure", "--no-measure").exit_code == 2


def test_a_failure_is_reported_once_and_the_other_experiments_are_measured(tmp_path: Path) -> None:
    measured: list[str] = []
    missing = LinksimError("no trained model 'x'")
    experiments = [CountedExperiment("a", measured, missing), CountedExperiment("b", measured, missing), CountedExperiment("c", measured)]
    failures, lines = fill(tmp_path, experiments)
    assert failures == {"no trained model 'x'": ["a", "b"]}
    assert len(lines) == 1
    assert re.fullmatch(r"\[3/3\] c +0\.\d s  psnr_db 20\.21, ssim 0\.3697", lines[0])


def test_progress_states_the_remaining_time(tmp_path: Path) -> None:
    measured: list[str] = []
    other = CountedExperiment("c", measured)
    other.kind = "slow"
    _, lines = fill(tmp_path, [CountedExperiment("a", measured), CountedExperiment("b", measured), other])
    assert lines[0].endswith("; more than 0 s left")  # the duration of the slow kind is not known yet


def test_saved_images_are_read_pixel_for_pixel(tmp_path: Path) -> None:
    images = np.random.default_rng(1).integers(0, 256, (2, 3, 16, 16), np.uint8)
    save_images(tmp_path, "table1/bob/mc0", images)
    back = load_saved_images(tmp_path, "table1/bob/mc0")
    assert np.array_equal(np.stack(back), images.transpose(0, 2, 3, 1))
    assert load_saved_images(tmp_path, "table1/bob/mc10") == ()
    assert [path.parent.name for path in tmp_path.rglob("*.png")] == ["images"]  # the folder that git ignores
