"""Verdicts follow from intervals: less evidence never makes one easier, and what chance gives passes no order or shape."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linksim.reproduction.claims import Claim, read_claims
from linksim.reproduction.controls import cell_controls
from linksim.reproduction.library import paper_names
from linksim.reproduction.results import ExperimentResult, ResultStore
from linksim.reproduction.rules import Rule, verdict_of
from linksim.reproduction.statements import above, at_most, difference, equal, judged, rises
from linksim.reproduction.verdicts import HELD, Finding, combined, compare, compare_values
from linksim.statistics import Interval, mean_interval


def interval(value: float, half: float) -> Interval:
    return Interval(value, value - half, value + half, 100)


@pytest.mark.parametrize(
    ("ours", "direction", "tolerance", "found"),
    [
        (interval(11, 0.5), "higher", 0.0, "beaten"),
        (interval(10.2, 0.5), "higher", 0.0, "undecided"),
        (interval(10.2, 0.5), "higher", 0.5, "reproduced"),
        (interval(10.0, 0.5), "higher", 0.4, "undecided"),
        (interval(9, 0.5), "higher", 0.0, "not reproduced"),
        (interval(9, 0.5), "higher", 0.4, "not reproduced"),
        (interval(9, 0.5), "higher", 0.6, "undecided"),
        (interval(9, 0.5), "lower", 0.0, "beaten"),
        (interval(11, 0.5), "lower", 0.0, "not reproduced"),
        (interval(11, 0.5), None, 0.0, "not reproduced"),
        (interval(11, 0.5), None, 0.6, "undecided"),
        (interval(11, 0.5), None, 1.6, "reproduced"),
        (interval(10, 0.5), None, 0.4, "undecided"),  # an interval that contains the value is no evidence of equality
        (Interval(10.0, np.nan, np.nan, 1), None, 5.0, "undecided"),
        (Interval(20.0, np.nan, np.nan, 1), "higher", 0.0, "undecided"),
    ],
)
def test_a_value_is_compared_with_the_papers_by_its_whole_interval(
    ours: Interval, direction: str | None, tolerance: float, found: str
) -> None:
    assert compare(ours, 10.0, direction, tolerance) == found


@given(st.floats(-50, 50), st.floats(0.01, 5), st.floats(-50, 50), st.floats(0, 5))
def test_lower_is_the_mirror_image_of_higher(value: float, half: float, paper: float, tolerance: float) -> None:
    assert compare(interval(value, half), paper, "lower", tolerance) == compare(interval(-value, half), -paper, "higher", tolerance)


@given(st.floats(-5, 5), st.floats(0.01, 5), st.floats(0, 5), st.sampled_from(["higher", "lower", None]), st.floats(0, 3))
def test_a_wider_interval_only_turns_a_verdict_into_undecided_or_beaten_into_reproduced(
    value: float, half: float, more: float, direction: str | None, tolerance: float
) -> None:
    narrow, wide = (compare(interval(value, h), 0.0, direction, tolerance) for h in (half, half + more))
    assert wide in {narrow, "undecided"} or (narrow, wide) == ("beaten", "reproduced")


@given(st.integers(0, 2**32), st.integers(2, 400), st.sampled_from(["higher", "lower", None]))
def test_the_same_mean_and_spread_from_fewer_samples_never_holds_where_more_do_not(seed: int, n: int, direction: str | None) -> None:
    samples = np.random.default_rng(seed).normal(0.0, 1.0, n)
    few, many = (compare(mean_interval(np.tile(samples, times)), 0.0, direction, 0.05) for times in (1, 4))
    assert few not in HELD or many in HELD


@pytest.mark.parametrize("n", [24, 96, 384])
def test_a_value_just_at_the_limit_is_rarely_called_reproduced_at_any_sample_size(n: int) -> None:
    """The level of the test: at the limit itself, at most 2.5 % of measurements are called reproduced, with few images as with many."""
    draw = np.random.default_rng(n)
    found = [compare(mean_interval(draw.normal(-0.02, 0.3, n)), 0.0, "higher", 0.02) for _ in range(2000)]
    assert sum(word in HELD for word in found) / len(found) < 0.04


def claim(**options: Any) -> Claim:
    return Claim(**{"id": "x", "where": "Table I", "kind": "value", "quantity": "a value", "value": 1.0, "tolerance": 0.5} | options)


@pytest.mark.parametrize(
    ("ours", "options", "word"),
    [
        ((12.0, 13.0), {"direction": "higher"}, "beaten"),
        ((12.0, 10.4), {"direction": "higher"}, "reproduced"),
        ((12.0, 9.9), {"direction": "higher"}, "undecided"),
        ((12.0, 8.0), {"direction": "higher"}, "not reproduced"),
        ((12.0, 8.0), {"direction": "higher", "data": "other"}, "not comparable"),
        ((12.0, 13.0), {"direction": "higher", "data": "other"}, "not comparable"),  # a win on other images counts as little as a loss
        ((12.0, 13.0), {"direction": "context"}, "not comparable"),
        ((10.0, 10.0), {}, "reproduced"),
        ((10.0, 10.1), {}, "undecided"),
        ((10.1, 12.0), {}, "not reproduced"),
    ],
)
def test_a_value_claim_depends_on_all_its_values(ours: tuple[float, ...], options: dict[str, Any], word: str) -> None:
    found, reason = compare_values(claim(**options), [interval(value, 0.5) for value in ours], np.full(2, 10.0), np.full(2, 0.5))
    assert found == word
    assert reason


def test_the_worst_word_decides() -> None:
    assert combined(["beaten", "reproduced", "undecided", "not reproduced"]) == "not reproduced"
    assert combined(["beaten", "beaten"]) == "beaten"


# Statements


def test_an_order_holds_if_every_paired_difference_does() -> None:
    draw = np.random.default_rng(1)
    face, small = draw.normal(20, 4, 100), draw.normal(0, 0.1, 100)
    significant = difference(face + 0.2 + small, face)  # far below the spread of faces, far above that of the differences
    assert judged([above("a > b", significant)])[0] == "reproduced"
    tie = above("a > a", difference(face, face))
    assert judged([above("a > b", significant), tie])[0] == "undecided"
    word, reason, score = judged([above("a > b", significant), above("b > a", difference(face, face + 0.2 + small)), tie])
    assert (word, score) == ("not reproduced", pytest.approx(1 / 3))
    assert reason.startswith("1 of 3 hold")
    assert "1 contradicted: b > a (-0.193)" in reason
    assert "1 undecided: a > a (+0)" in reason
    assert judged([])[0] == "undecided"


def test_a_bound_and_an_equality_need_the_whole_interval() -> None:
    assert [at_most("", interval(value, 0.1), 1.0).word for value in (0.8, 0.95, 1.2)] == ["reproduced", "undecided", "not reproduced"]
    assert [equal("", interval(value, 0.1), 0.5).word for value in (0.3, -0.45, 0.7)] == ["reproduced", "undecided", "not reproduced"]


def test_a_sweep_rises_if_its_rise_is_significant_and_no_fall_is() -> None:
    face = np.random.default_rng(2).normal(20, 4, 50)
    waver = np.random.default_rng(3).normal(0, 0.1, 50)
    assert rises("", [face, face + 1 + waver, face + 1.01]).word == "reproduced"
    assert rises("", [face, face + 2 + waver, face + 1]).word == "not reproduced"  # falls at the end
    assert rises("", [face, face + waver, face]).word == "undecided"  # stays
    assert rises("", [face + 1 + waver, face, face]).word == "not reproduced"


# Rules


def store(folder: Path, **cells: np.ndarray[Any, Any]) -> ResultStore:
    return ResultStore(
        folder, [ExperimentResult(key=key, digest="d", seed=1, samples={"ssim": np.asarray(x, float)}) for key, x in cells.items()]
    )


def a_above_b(_: Claim, results: ResultStore) -> Finding:
    word, reason, score = judged([above("a > b", difference(*results.aligned(("a", "b"), "ssim")))])
    return Finding(word, "", len(results["a"].samples["ssim"]), reason, score)


ORDER = Rule(how="a - b", keys=("a", "b"), check=a_above_b)


def test_fewer_samples_than_planned_decide_nothing(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    b, planned = draw.normal(size=50), claim(kind="order", value=None, min_n=50)
    results = store(tmp_path, a=b + 1 + draw.normal(0, 0.1, 50), b=b)
    assert verdict_of(planned, ORDER, results).finding.word == "reproduced"
    fewer = store(tmp_path, **{key: results[key].samples["ssim"][:49] for key in "ab"})
    found = verdict_of(planned, ORDER, fewer).finding
    assert found.word == "undecided"
    assert found.reason.startswith("49 samples, at least 50 are needed")
    one_cut = results.replaced(store(tmp_path, b=b[:10]).results())
    always = Rule(how="", keys=("a", "b"), check=lambda *_: Finding("reproduced", "", 50, ""))
    assert verdict_of(planned, always, one_cut).finding.word == "undecided"


def test_a_claim_that_a_control_passes_is_undecided(tmp_path: Path) -> None:
    results = store(tmp_path, a=np.arange(50.0), b=np.arange(50.0))
    always = Rule(how="", keys=("a", "b"), check=lambda *_: Finding("reproduced", "", 50, "always", 1.0))
    found = verdict_of(claim(kind="shape", value=None), always, results)
    assert found.finding.word == "undecided"
    assert found.finding.reason.startswith("passed by the control random and constant and shuffled as well")
    assert {name: control.word for name, control in found.controls.items()} == dict.fromkeys(found.controls, "reproduced")
    assert not verdict_of(claim(), always, results).controls  # a value has no controls


def test_a_claim_that_cannot_be_compared_says_why(tmp_path: Path) -> None:
    rule = replace(ORDER, comparable=lambda results: "the rival misses its own published values")
    found = verdict_of(claim(kind="order", value=None), rule, store(tmp_path, a=np.arange(9.0) + 1, b=np.arange(9.0))).finding
    assert found.word == "not comparable"
    assert found.reason.startswith("the rival misses its own published values; 1 of 1 hold")


def test_controls_keep_the_scale_of_the_values_and_destroy_the_relation_of_the_cells(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    results = store(tmp_path, a=draw.normal(5, 1, 200), b=draw.normal(0, 1, 200), other=np.arange(3.0))
    made = cell_controls(("a", "b"), results)
    pool = np.concatenate([results[key].samples["ssim"] for key in "ab"])
    assert set(made["random"]["a"].samples["ssim"]) <= set(pool)
    assert set(made["constant"]["a"].samples["ssim"]) == set(made["constant"]["b"].samples["ssim"]) == {float(pool.mean())}
    shuffled = np.stack([made["shuffled"][key].samples["ssim"] for key in "ab"])
    np.testing.assert_array_equal(np.sort(shuffled, axis=0), np.sort(np.stack([pool[:200], pool[200:]]), axis=0))
    assert np.ptp(shuffled.mean(axis=1)) < 1
    assert all(np.array_equal(store_["other"].samples["ssim"], np.arange(3.0)) for store_ in made.values())


def test_receivers_of_one_experiment_are_exchanged_as_well(tmp_path: Path) -> None:
    samples = {"bob:ssim": np.full(100, 1.0), "ssim": np.zeros(100), "loss": np.full(100, 7.0)}
    results = ResultStore(tmp_path, [ExperimentResult(key="a", digest="d", seed=1, samples=samples)])
    made = cell_controls(("a",), results)
    assert made["constant"]["a"].samples["bob:ssim"][0] == made["constant"]["a"].samples["ssim"][0] == 0.5
    assert 0.3 < made["shuffled"]["a"].samples["ssim"].mean() < 0.7
    assert all(set(control["a"].samples["loss"]) == {7.0} for control in made.values())


# The kept results of the papers

KEPT = Path(__file__).resolve().parents[1] / "results" / "papers"
MEASURED = [name for name in paper_names() if (KEPT / name / "results.sqlite").exists()]


def papers_rules(name: str) -> dict[str, Rule]:
    rules: dict[str, Rule] = import_module(f"linksim.papers.{name}.claim_checks").RULES
    return rules


def is_measured(name: str, rule: Rule) -> bool:
    """Whether all results that the rule needs are kept."""
    known = {result.key for result in ResultStore(KEPT / name).results()}
    return bool(rule.keys) and {*rule.keys, *rule.support} <= known


CASES = [(name, claim_) for name in MEASURED for claim_ in read_claims()[name].claims if is_measured(name, papers_rules(name)[claim_.id])]
ORDERS = [(name, claim_) for name, claim_ in CASES if claim_.kind != "value"]


def each_of(cases: list[tuple[str, Claim]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("name", "kept"), cases, ids=[claim_.id for _, claim_ in cases])


def cut(results: ResultStore, rule: Rule, share: float, seed: int) -> ResultStore:
    """The results with the same random share of the samples in every experiment that decides."""
    cells = []
    for key in rule.keys:
        result = results[key]
        n = min(len(samples) for samples in result.samples.values())
        kept = np.sort(np.random.default_rng(seed).permutation(n)[: max(2, min(n - 1, round(share * n)))])
        cells.append(replace(result, samples={metric: samples[kept] for metric, samples in result.samples.items()}))
    return results.replaced(cells)


@pytest.fixture(scope="module")
def stores() -> dict[str, ResultStore]:
    return {name: ResultStore(KEPT / name) for name in MEASURED}


@each_of(CASES)
def test_cutting_a_claims_cells_to_fewer_images_never_turns_it_into_reproduced(
    name: str, kept: Claim, stores: dict[str, ResultStore]
) -> None:
    rule, results = papers_rules(name)[kept.id], stores[name]
    before, unplanned = verdict_of(kept, rule, results).finding.word, kept.model_copy(update={"min_n": None})
    for seed, share in enumerate((0.06, 0.25, 0.5, 0.9)):
        fewer = cut(results, rule, share, seed)
        assert verdict_of(kept, rule, fewer).finding.word in {"undecided", "not comparable"}
        after = verdict_of(unplanned, rule, fewer).finding.word  # the intervals alone
        assert before in HELD or after not in HELD, f"{before} with all samples, {after} with a share of {share:g}"


@each_of(ORDERS)
def test_chance_fails_every_order_and_shape_of_the_papers(name: str, kept: Claim, stores: dict[str, ResultStore]) -> None:
    rule, results = papers_rules(name)[kept.id], stores[name]
    verdict = verdict_of(kept, rule, results)
    assert set(verdict.controls) == {"random", "constant", "shuffled"}
    assert not [control for control, found in verdict.controls.items() if found.word in HELD]


@pytest.mark.parametrize("name", MEASURED)
def test_every_measured_claim_states_how_many_samples_it_needs(name: str) -> None:
    planned = {claim_.id: claim_.min_n for claim_ in read_claims()[name].claims}
    assert {claim_id for claim_id, rule in papers_rules(name).items() if is_measured(name, rule) and not planned[claim_id]} == set()
