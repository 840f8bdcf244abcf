"""Papers: the claims are those that were written down, cells are kept and measured once, and verdicts follow from intervals."""

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linksim.errors import LinksimError
from linksim.plots.intervals import Interval
from linksim.plots.papers import keep_pictures, kept_pictures
from linksim.reproduction.claims import CLAIMS, Claim, read_claims
from linksim.reproduction.measurement import Progress, measure
from linksim.reproduction.paper import Measurement
from linksim.reproduction.results import ExperimentResult, ResultStore
from linksim.reproduction.verdicts import Order, compare_values, difference, ordered, rises, spread, standing
from linksim.scenario.strict_yaml import read_yaml

GIVEN = Path(__file__).resolve().parents[2] / "shared" / "claims.yaml"  # the list that the claims were written down from


# The claims


@pytest.mark.skipif(not GIVEN.exists(), reason="the given list is not beside this checkout")
def test_every_given_claim_is_there_with_its_figures() -> None:
    papers = read_claims()
    given = {name: {claim["id"]: claim for claim in claims} for name, claims in read_yaml(GIVEN).data.items()}
    assert {name: [claim.id for claim in paper.claims] for name, paper in papers.items()} == {n: list(c) for n, c in given.items()}
    for claim in (claim for paper in papers.values() for claim in paper.claims):
        wanted = given[next(name for name in given if claim.id in given[name])][claim.id]
        assert all(getattr(claim, name) == value for name, value in wanted.items() if name != "quantity"), claim.id


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("kind: value", "kind: figure", r"diffsem\.claims\.0\.kind: got 'figure', allowed: value, order, shape"),
        ("where: Fig. 3, Eq. (13)", "were: Fig. 3", r"diffsem\.claims\.0\.were: unknown key"),
        ("direction: higher", "direction: up", "direction: got 'up'"),
        ("id: diffsem-esnr-67", "id: diffsem-esnr-184", "'diffsem-esnr-184' stands twice"),
    ],
)
def test_a_slip_in_the_claims_is_told_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    (tmp_path / "claims.yaml").write_text(CLAIMS.read_text().replace(old, new, 1))
    with pytest.raises(LinksimError, match=rf"claims\.yaml:\d+:\d+: .*{said}"):
        read_claims(tmp_path / "claims.yaml")


# Verdicts


def interval(value: float, half: float) -> Interval:
    return Interval(value, value - half, value + half, 100)


@pytest.mark.parametrize(
    ("ours", "direction", "tolerance", "found"),
    [
        (interval(11, 0.5), "higher", 0.0, "better"),
        (interval(10.2, 0.5), "higher", 0.0, "met"),
        (interval(9.8, 0.5), "higher", 0.0, "met"),
        (interval(9, 0.5), "higher", 0.0, "missed"),
        (interval(9, 0.5), "higher", 0.6, "met"),
        (interval(9, 0.5), "lower", 0.0, "better"),
        (interval(11, 0.5), "lower", 0.0, "missed"),
        (interval(11, 0.5), None, 0.0, "missed"),
        (interval(11, 0.5), None, 0.6, "met"),
        (Interval(10.0, np.nan, np.nan, 1), None, 0.0, "met"),
    ],
)
def test_a_figure_stands_to_the_papers_by_its_interval(ours: Interval, direction: str | None, tolerance: float, found: str) -> None:
    assert standing(ours, 10.0, direction, tolerance) == found


@given(st.floats(-50, 50), st.floats(0.01, 5), st.floats(-50, 50), st.floats(0, 5))
def test_lower_is_higher_in_the_mirror(value: float, half: float, paper: float, tolerance: float) -> None:
    assert standing(interval(value, half), paper, "lower", tolerance) == standing(interval(-value, half), -paper, "higher", tolerance)


def claim(**more: Any) -> Claim:
    return Claim("x", "Table I", "value", "a figure", **more)


@pytest.mark.parametrize(
    ("ours", "description", "word"),
    [
        ((12.0, 13.0), {"direction": "higher"}, "beaten"),
        ((12.0, 10.1), {"direction": "higher"}, "reproduced"),
        ((12.0, 8.0), {"direction": "higher"}, "not reproduced"),
        ((12.0, 8.0), {"direction": "higher", "data": "other"}, "not comparable"),
        ((12.0, 13.0), {"direction": "higher", "data": "other"}, "beaten"),
        ((12.0, 13.0), {"direction": "context"}, "not comparable"),
        ((10.1, 9.9), {}, "reproduced"),
        ((10.1, 12.0), {}, "not reproduced"),
    ],
)
def test_a_value_claim_is_judged_by_all_its_figures(ours: tuple[float, ...], about: dict[str, Any], word: str) -> None:
    found, reason = compare_values(claim(**about), [interval(value, 0.5) for value in ours], np.full(2, 10.0), np.zeros(2))
    assert found == word
    assert reason


def test_an_order_holds_where_every_paired_difference_does() -> None:
    draw = np.random.default_rng(1)
    face, small = draw.normal(20, 4, 100), draw.normal(0, 0.1, 100)
    surely = difference(face + 0.2 + small, face)  # far below the spread of faces, far above that of the differences
    assert ordered([Order("a > b", surely)])[0] == "reproduced"
    reversed_ = Order("b > a", difference(face, face + 0.2 + small))
    word, reason = ordered([Order("a > b", surely), reversed_, Order("a > a", difference(face, face))])
    assert word == "not reproduced"
    assert reason.startswith("1 of 3 hold")
    assert "1 reversed: b > a (-0.193)" in reason
    assert "1 undecided: a > a (+0)" in reason


def test_a_sweep_rises_if_it_surely_does_and_never_surely_falls() -> None:
    face = np.random.default_rng(2).normal(20, 4, 50)
    waver = np.random.default_rng(3).normal(0, 0.1, 50)
    assert rises([face, face + 1 + waver, face + 1.01])
    assert not rises([face, face + 2 + waver, face + 1])  # falls at the end
    assert not rises([face, face + waver, face - waver])  # stays
    assert spread([face, face + 2, face + 1]) == pytest.approx(2.0)


# Kept cells


def cell(name: str, digest: str = "d") -> ExperimentResult:
    return ExperimentResult(name, digest, 7, {"psnr_db": np.array([20.1234567, 21.0, 19.5]), "ssim": np.array([0.5, 0.61, -0.001])})


def test_a_kept_cell_is_read_as_it_was_put(tmp_path: Path) -> None:
    results = ResultStore(tmp_path)
    results.put(cell("table1/bob/mc10"))
    results.put(cell("table1/bob/mc0"))
    again = ResultStore(tmp_path)
    assert [kept.key for kept in again.cells()] == ["table1/bob/mc0", "table1/bob/mc10"]
    for one, other in zip(results.cells(), again.cells(), strict=True):
        assert (one.key, one.digest, one.seed) == (other.key, other.digest, other.seed)
        assert all(np.array_equal(one.samples[metric], other.samples[metric]) for metric in ("psnr_db", "ssim"))
    with (tmp_path / "cells.csv").open() as file:
        row = next(csv.DictReader(file))
    about = again["table1/bob/mc0"].interval("psnr_db")
    assert [float(row[name]) for name in ("mean", "low", "high")] == pytest.approx([about.value, about.low, about.high], rel=1e-5)
    assert (row["n"], row["seed"], row["digest"]) == ("3", "7", "d")


def test_two_processes_do_not_lose_each_others_cells(tmp_path: Path) -> None:
    one, other = ResultStore(tmp_path), ResultStore(tmp_path)
    one.put(cell("a"))
    other.put(cell("b"))
    assert [kept.key for kept in ResultStore(tmp_path).cells()] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cell,metric\n", r"cells\.csv:1: damaged \(columns must be"),
        ("{head}a,ssim,1,1,1,3,1,d,1 2\n", r"cells\.csv:2: damaged \(n is 3, but there are 2 samples"),
        ("{head}a,ssim,1,1,1,2,1,d,1 x\n", r"cells\.csv:2: damaged"),
        ("{head}a,ssim,1\n", r"cells\.csv:2: damaged"),
    ],
)
def test_a_damaged_file_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "cells.csv").write_text(text.format(head="cell,metric,mean,low,high,n,seed,digest,samples\n"))
    with pytest.raises(LinksimError, match=said):
        ResultStore(tmp_path)


class Fake:
    """A cell that counts how often it was measured."""

    kind, seed, size = "fake", 1, 3

    def __init__(self, name: str, measured: list[str], fault: BaseException | None = None) -> None:
        self.key, self._measured, self._fault = name, measured, fault

    def digest(self) -> str:
        return "d"

    def measure(self, tell: Callable[[int], None]) -> Measurement:
        self._measured.append(self.key)
        if self._fault:
            raise self._fault
        tell(3)
        return Measurement(cell(self.key).samples, {})


def fill(folder: Path, experiments: list[Fake], digest: str = "d") -> tuple[dict[str, list[str]], list[str]]:
    lines: list[str] = []
    progress = Progress(lines.append, lambda line: None)
    return measure(experiments, {experiment.key: digest for experiment in experiments}, ResultStore(folder), progress), lines


def test_a_killed_run_loses_only_the_cell_under_way(tmp_path: Path) -> None:
    measured: list[str] = []
    experiments = [Fake("a", measured), Fake("b", measured), Fake("c", measured, KeyboardInterrupt()), Fake("d", measured)]
    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path, experiments)
    measured.clear()
    experiments[2] = Fake("c", measured)
    fill(tmp_path, experiments)
    assert measured == ["c", "d"]


def test_another_digest_is_measured_anew_and_the_same_is_not(tmp_path: Path) -> None:
    measured: list[str] = []
    experiments = [Fake("a", measured), Fake("b", measured)]
    fill(tmp_path, experiments)
    fill(tmp_path, experiments)
    assert measured == ["a", "b"]
    fill(tmp_path, experiments, digest="e")
    assert measured == ["a", "b", "a", "b"]
    assert [kept.key for kept in ResultStore(tmp_path).only({"a": "e", "b": "d"}).cells()] == ["a"]


def test_what_stands_in_the_way_is_told_once_and_the_others_go_on(tmp_path: Path) -> None:
    measured: list[str] = []
    missing = LinksimError("no trained model 'x'")
    faults, lines = fill(tmp_path, [Fake("a", measured, missing), Fake("b", measured, missing), Fake("c", measured)])
    assert faults == {"no trained model 'x'": ["a", "b"]}
    assert len(lines) == 1
    assert re.fullmatch(r"\[3/3\] c +0\.0 s  psnr_db 20\.21, ssim 0\.3697", lines[0])


def test_progress_says_how_much_is_left(tmp_path: Path) -> None:
    measured: list[str] = []
    other = Fake("c", measured)
    other.kind = "slow"
    _, lines = fill(tmp_path, [Fake("a", measured), Fake("b", measured), other])
    assert lines[0].endswith("; more than 0 s left")  # nobody knows yet how long the slow kind takes


def test_kept_pictures_come_back_pixel_for_pixel(tmp_path: Path) -> None:
    pictures = np.random.default_rng(1).integers(0, 256, (2, 3, 16, 16), np.uint8)
    keep_pictures(tmp_path, "table1/bob/mc0", pictures)
    back = kept_pictures(tmp_path, "table1/bob/mc0")
    assert np.array_equal(np.stack(back), pictures.transpose(0, 2, 3, 1))
    assert kept_pictures(tmp_path, "table1/bob/mc10") == ()
