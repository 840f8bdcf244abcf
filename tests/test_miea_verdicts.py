"""Verdicts of MIEA on fabricated results: orders and shapes are judged on white-box searches that reached the loss at the truth."""

from pathlib import Path

import numpy as np
import pytest

from linksim.papers.miea.experiments import BOTH, DEFENCES, OPEN, SNRS_DB, Setup, bobs, key
from linksim.papers.miea.paper import Miea, table_of
from linksim.papers.miea.white_box_losses import BEST_START, NUM_FACES, PAPER_START, conditions, failures, worked
from linksim.reproduction.claims import read_claims
from linksim.reproduction.results import DRAWS, ExperimentResult, ResultStore, Samples
from linksim.reproduction.tables import markdown, text

FACES, FEW = 100, NUM_FACES["open"]
CLAIMS = {claim.id: claim for claim in read_claims()["miea"].claims}
ORDERS = [claim_id for claim_id, claim in CLAIMS.items() if claim.kind != "value"]

Cells = dict[str, dict[str, Samples]]


def quality(psnr_db: float, n: int, seed: int) -> dict[str, Samples]:
    """PSNR in dB and SSIM of n faces; faces differ by far more than the noise of one measurement."""
    face, noise = np.random.default_rng(0).normal(0, 3, n), np.random.default_rng(seed).normal(0, 0.05, n)
    return {"psnr_db": psnr_db + face + noise, "ssim": (psnr_db + noise) / 50}


def fabricated() -> Cells:
    """Results that meet every order and shape of the paper."""
    cells: Cells = {}
    for place, defence in enumerate(DEFENCES):
        for seed, (mc, bob) in enumerate(zip(SNRS_DB, bobs(defence.table), strict=True)):
            cells[bob] = quality(36.0, FACES, 10 * place + seed)
            for ec in SNRS_DB:
                for attack, level in (("white", 20.0), ("black", 25.0)):
                    shown = {0: level + ec / 5, 1: 10.0, 2: 14.0, 3: 18.0}[place]
                    cells[key(defence.table, attack, mc, ec)] = quality(shown, FACES, 100 + 17 * place + mc + ec)
    for start in (PAPER_START, BEST_START):
        for seed, ((_, ec), name) in enumerate(conditions(OPEN, start).items()):
            who = {"": 20.0 + ec / 5, "black:": 25.0 + ec / 5, "bob:": 36.0}
            found = {f"{prefix}{m}": v for prefix, level in who.items() for m, v in quality(level, FEW, seed).items()}
            cells[name] = found | {"loss": np.full(FEW, 90.0), "true_loss": np.full(FEW, 100.0), "reached": np.ones(FEW)}
    return cells


def store(folder: Path, cells: Cells) -> ResultStore:
    return ResultStore(folder, [ExperimentResult(key=name, digest="d", seed=1, samples=x, draws=DRAWS) for name, x in cells.items()])


def verdicts(folder: Path, cells: Cells) -> dict[str, tuple[str, str]]:
    return {v.claim.id: (v.finding.word, v.finding.reason) for v in Miea(Setup()).verdicts(store(folder, cells))}


def failed_at_0_db(cells: Cells, start: str) -> Cells:
    """The same results, with searches from a start that stop above the loss at the truth at MC 0 dB, with images that look good or bad."""
    stuck = {"reached": np.zeros(FEW), "loss": np.full(FEW, 900.0)} | quality(45.0, FEW, 7)
    return cells | {name: cells[name] | stuck for (mc, _), name in conditions(OPEN, start).items() if mc == 0}


def test_results_like_the_papers_meet_every_order_and_no_value_is_comparable(tmp_path: Path) -> None:
    found = verdicts(tmp_path, fabricated())
    assert {claim_id: found[claim_id][0] for claim_id in ORDERS} == dict.fromkeys(ORDERS, "reproduced")
    values = {claim_id: word for claim_id, (word, _) in found.items() if claim_id not in ORDERS and claim_id != "miea-worked-example"}
    assert set(values.values()) == {"not comparable"}
    assert found["miea-worked-example"][0] == "reproduced"


def test_a_failed_attack_is_left_out_of_the_orders(tmp_path: Path) -> None:
    """Its images, here better than Bob's, do not count against the order."""
    found = verdicts(tmp_path, failed_at_0_db(fabricated(), BEST_START))
    for claim_id in ("miea-order-box", "miea-order-snr"):
        word, reason = found[claim_id]
        assert (word, "3 conditions in which the white box failed are left out" in reason) == ("reproduced", True)
    everywhere = {name: x | {"reached": np.zeros(FEW)} for name, x in fabricated().items() if "reached" in x}
    assert verdicts(tmp_path, fabricated() | everywhere)["miea-order-box"][0] == "undecided"


def test_an_attack_that_works_and_contradicts_the_order_breaks_it(tmp_path: Path) -> None:
    name = conditions(OPEN, BEST_START)[10, 0]
    better = {name: fabricated()[name] | quality(30.0, FEW, 3)}
    word, reason = verdicts(tmp_path, fabricated() | better)["miea-order-box"]
    assert word == "not reproduced"
    assert "PSNR, MC 10 dB, EC 0 dB: black > white" in reason


@pytest.mark.parametrize(("rise_db", "word"), [(0.2, "reproduced"), (2.0, "not reproduced")])
def test_quality_under_the_defence_may_rise_by_the_bound(tmp_path: Path, rise_db: float, word: str) -> None:
    cells = fabricated()
    risen = {key(BOTH.table, "black", mc, 20): quality(10.0 + rise_db, FACES, 5 + mc) for mc in SNRS_DB}
    assert verdicts(tmp_path, cells | risen)["miea-flat-defended"][0] == word


@pytest.mark.parametrize(("lost_db", "half", "word"), [(0.03, 0.05, "reproduced"), (0.03, 1.0, "undecided"), (0.3, 0.05, "not reproduced")])
def test_bob_is_unharmed_within_a_bound_and_not_by_a_wide_interval(tmp_path: Path, lost_db: float, half: float, word: str) -> None:
    cells = fabricated()
    noise = np.random.default_rng(9).normal(0, half, FACES)
    for defended, undefended in zip(bobs(BOTH.table), bobs(OPEN.table), strict=True):
        cells[defended] = {"psnr_db": cells[undefended]["psnr_db"] - lost_db + noise - noise.mean(), "ssim": cells[undefended]["ssim"]}
    assert verdicts(tmp_path, cells)["miea-bob-unharmed"][0] == word


def test_stuck_searches_are_called_failed_in_the_tables(tmp_path: Path) -> None:
    results = store(tmp_path, failed_at_0_db(fabricated(), PAPER_START))
    assert [worked(results, OPEN, PAPER_START, mc, 10) for mc in SNRS_DB] == [False, True, True]
    assert worked(store(tmp_path, {}), OPEN, PAPER_START, 0, 10) is None
    assert failures(results, PAPER_START).endswith("failed at MC 0 EC 0 dB, MC 0 EC 10 dB, MC 0 EC 20 dB")
    assert failures(results, BEST_START).endswith("worked in all conditions")
    table = table_of(OPEN)
    assert text(table, results).count(" failed") == markdown(table, results).count(" **failed**") == len(SNRS_DB)


@pytest.mark.parametrize(
    ("broken", "change"),
    [
        ("miea-order-snr", {conditions(OPEN, BEST_START)[10, 20]: quality(10.0, FEW, 1)}),  # falls over EC
        ("miea-order-snr", {conditions(OPEN, BEST_START)[10, ec]: quality(27.0 + ec / 5, FEW, 1) for ec in SNRS_DB}),  # not flat in MC
        ("miea-order-box", {conditions(OPEN, BEST_START)[0, 0]: quality(40.0, FEW, 1)}),
        ("miea-ablation", {key("table3", "black", mc, 0): quality(45.0, FACES, 1) for mc in SNRS_DB}),
        ("miea-bob-unharmed", {key(BOTH.table, "black", 0, 0): quality(40.0, FACES, 1)}),  # all that Eve lacks are the keys, to no avail
        ("miea-flat-defended", {key(OPEN.table, "black", mc, 20): quality(20.0, FACES, 1) for mc in SNRS_DB}),  # an attack that never rises
    ],
)
def test_a_contradicting_value_breaks_its_claim(tmp_path: Path, broken: str, change: Cells) -> None:
    cells = fabricated()
    found = verdicts(tmp_path, cells | {name: cells[name] | samples for name, samples in change.items()})
    assert found[broken][0] == "not reproduced"


@pytest.mark.parametrize(
    ("earlier", "incomparable"),
    [
        (key("table1", "white", 10, 20), {"miea-flat-defended"}),
        (key("table1", "black", 0, 0), {"miea-ablation", "miea-flat-defended"}),
        (bobs("table1")[0], {"miea-bob-unharmed"}),
        (bobs("table2")[1], {"miea-bob-unharmed"}),
        (key("table2", "white", 20, 20), {"miea-flat-defended"}),
        (key("table2", "black", 20, 0), {"miea-ablation", "miea-flat-defended"}),
        (key("table3", "black", 0, 10), {"miea-ablation"}),
        (key("table3", "white", 0, 10), set()),
        (conditions(OPEN, BEST_START)[0, 10], {"miea-order-snr"}),  # the order of the boxes is judged within each experiment
    ],
)
def test_results_of_different_draws_are_not_compared_image_by_image(tmp_path: Path, earlier: str, incomparable: set[str]) -> None:
    usual, cells = verdicts(tmp_path, fabricated()), fabricated()
    kept = [
        ExperimentResult(key=name, digest="d", seed=1, samples=samples, draws=DRAWS - (name == earlier)) for name, samples in cells.items()
    ]
    for verdict in Miea(Setup()).verdicts(ResultStore(tmp_path, kept)):
        if verdict.claim.id in incomparable:
            assert (verdict.finding.word, verdict.finding.reason) == ("not comparable", "different random draws, remeasure")
        else:
            assert (verdict.finding.word, verdict.finding.reason) == usual[verdict.claim.id]


def test_a_claim_with_missing_results_is_not_measured_yet(tmp_path: Path) -> None:
    cells = fabricated()
    del cells[key("table1", "white", 10, 20)]
    words = {claim_id: word for claim_id, (word, _) in verdicts(tmp_path, cells).items()}
    assert [claim_id for claim_id, word in words.items() if word == "not measured yet"] == ["miea-white", "miea-flat-defended"]
