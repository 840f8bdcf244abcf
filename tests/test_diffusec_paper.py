"""DiffuSeC held against its claims, on made-up cells: each rule both ways, what is said of attackers and policies, and the figures."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from linksim.adapt.learning_curve import COLUMNS, PolicyEvaluation
from linksim.errors import LinksimError
from linksim.papers.diffusec import adaptive_attack, policies, solver
from linksim.papers.diffusec.claim_checks import EVALUATOR_KEY, RULES
from linksim.papers.diffusec.experiments import CLEAN, METHODS, PER_LINK, ROBUST, SNRS_DB, Setup, key
from linksim.papers.diffusec.paper import DiffuSec
from linksim.papers.diffusec.trend_checks import rank_correlation
from linksim.plots.papers import keep_pictures
from linksim.reproduction.claims import read_claims
from linksim.reproduction.results import ExperimentResult, ResultStore, Samples

IMAGES = 480

Cells = dict[str, dict[str, Samples]]


def hits(share: float, images: int = IMAGES) -> Samples:
    """So many of the images right, the same ones first in every cell."""
    return (np.arange(images) < round(share * images)).astype(np.float64)


def robust(method: str, snr_db: int) -> float:
    """Accuracies as the paper has them, or as its words and figures suggest."""
    proposal = dict(zip(SNRS_DB, (0.739, 0.833, 0.865, 0.876, 0.88, 0.88, 0.88, 0.88, 0.88), strict=True))[snr_db]
    return {
        "proposal": proposal + 0.02, "deepjscc": proposal - 0.1, "vqvae": proposal - 0.05, "vit": 0.05, "jpeg": 0.02,
        "jpeg-at": 0.1 if snr_db < 3 else 0.5,
    }[method]  # fmt: skip


def made_up() -> Cells:
    """Cells that bear out every claim."""
    cells: Cells = {EVALUATOR_KEY: {"correct": hits(0.96)}}
    for method in METHODS:
        for snr_db in SNRS_DB:
            likeness = 0.8 if snr_db < 3 else 0.93
            about = {"correct": hits(robust(method, snr_db)), "ssim": np.full(IMAGES, likeness), "source_correct": hits(0.0)}
            clean = 0.1 if method.startswith("jpeg") and snr_db < 3 else 0.92
            cells[key(ROBUST, method, snr_db)], cells[key(CLEAN, method, snr_db)] = about, {"correct": hits(clean)}
    for place, snr_db in enumerate(SNRS_DB):
        rewards = {"start": -0.8, "reward1": -0.6, "reward2": -0.5, "reward3": -0.405, "final": -0.4, "runtime": -0.39}
        about = {name: np.full(9, value) for name, value in rewards.items()}
        cells[f"policy/snr{snr_db}"] = about | {"t_d": np.full(9, 20.0), "t_plus": np.full(9, 40.0 - 4 * place)}
    return cells | {"curve/ddpg": learnt(lambda step: -0.8 if step <= 2500 else -0.4 if step >= 4900 else -0.6)}


def learnt(reward: Callable[[int], float]) -> dict[str, Samples]:
    rows = [
        PolicyEvaluation(step, snr_db, reward(step), 0.9, 0.1, 0.2, 0.0, 20, 5, 0.0)
        for step in range(100, 10_001, 100)
        for snr_db in (-3.0, 9.0)
    ]
    return {name: np.array([getattr(row, name) for row in rows], np.float64) for name in COLUMNS}


def results_of(folder: Path, cells: Cells) -> ResultStore:
    return ResultStore(folder, (ExperimentResult(name, "d", 1, samples) for name, samples in cells.items()))


def words_of(folder: Path, cells: Cells) -> dict[str, str]:
    return {verdicts.claim.id: verdicts.finding.word for verdicts in DiffuSec(Setup()).evaluator(results_of(folder, cells))}


def test_every_claim_has_a_rule_and_every_rule_and_table_finds_its_cells() -> None:
    paper = DiffuSec(Setup())
    wanted = [experiment.key for experiment in paper.experiments()]
    assert [claim.id for claim in read_claims()["diffusec"].claims] == list(RULES)
    assert len(set(wanted)) == len(wanted)
    assert all(set(rule.keys) <= set(wanted) for rule in RULES.values())
    assert {entry.key for table in paper.tables() for entry in table.entries} == set(wanted) - {"curve/ddpg"}


def test_figures_as_the_paper_has_them_bear_out_every_claim(tmp_path: Path) -> None:
    words = words_of(tmp_path, made_up())
    assert set(words.values()) <= {"reproduced", "beaten"}, words
    assert words["diffusec-ssim-high"] == "beaten"  # no spread at all, and above


def changed(table: str, method: str, share: float, *snrs_db: int) -> Cells:
    """Another accuracy of a method at some SNRs."""
    return {key(table, method, snr_db): made_up()[key(table, method, snr_db)] | {"correct": hits(share)} for snr_db in snrs_db}


def at_every_snr(change: Callable[[dict[str, Samples], int], dict[str, Samples]]) -> Cells:
    cells = made_up()
    return {name: cells[name] | change(cells[name], place) for place, name in enumerate(f"policy/snr{snr_db}" for snr_db in SNRS_DB)}


@pytest.mark.parametrize(
    ("broken", "change"),
    [
        ("diffusec-wrn-clean", {EVALUATOR_KEY: {"correct": hits(0.9)}}),
        ("diffusec-wrn-pgd", {key(ROBUST, "vit", 18): made_up()[key(ROBUST, "vit", 18)] | {"source_correct": hits(0.1)}}),
        ("diffusec-robust--6", changed(ROBUST, "proposal", 0.6, -6)),
        ("diffusec-robust-15", changed(ROBUST, "proposal", 0.8, 12)),  # one of three
        ("diffusec-clean-top", changed(CLEAN, "proposal", 0.8, *SNRS_DB)),
        ("diffusec-ssim-high", {key(ROBUST, "proposal", 9): made_up()[key(ROBUST, "proposal", 9)] | {"ssim": np.full(IMAGES, 0.9)}}),
        ("diffusec-vs-vqvae", changed(ROBUST, "vqvae", 0.95, 9)),
        ("diffusec-vs-plain", changed(ROBUST, "deepjscc", 0.95, 0)),
        ("diffusec-vs-plain", changed(CLEAN, "deepjscc", 0.7, 12)),  # clean accuracies do not meet
        ("diffusec-vs-jpeg", changed(ROBUST, "jpeg-at", 0.95, 18)),
        (
            "diffusec-vs-jpeg",
            {name: value for s in SNRS_DB for name, value in changed(CLEAN, "jpeg", 0.5 + s / 100, s).items()},
        ),  # no cliff
        ("diffusec-converge", {"curve/ddpg": learnt(lambda step: -0.8 + step / 25_000)}),  # still rising
        ("diffusec-converge", {"curve/ddpg": learnt(lambda step: -0.4 if step < 4000 else -0.5)}),  # flat, and worse than chance
        ("diffusec-adapt-3", at_every_snr(lambda _, place: {"reward3": np.full(9, -0.405 if place else -0.45)})),
        ("diffusec-adapt-3", at_every_snr(lambda about, _: dict.fromkeys(("reward3", "final"), about["start"]))),  # never moves
        ("diffusec-policy-trend", at_every_snr(lambda _, place: {"t_plus": np.full(9, float(place))})),
        ("diffusec-policy-trend", at_every_snr(lambda _, place: {"t_plus": np.full(9, 7.0)})),
    ],
)
def test_a_figure_that_does_not_fit_breaks_its_claim(tmp_path: Path, broken: str, change: Cells) -> None:
    words = words_of(tmp_path, made_up() | change)
    assert words[broken] == "not reproduced"
    assert sum(word == "not reproduced" for word in words.values()) <= 2


def test_ranks_correlate_as_spearman_says() -> None:
    x = np.arange(5.0)
    assert rank_correlation(x, np.exp(x)) == pytest.approx(1.0)
    assert rank_correlation(x, -(x**3)) == pytest.approx(-1.0)
    assert rank_correlation(x, np.array([1.0, 2.0, 2.0, 4.0, 3.0])) == pytest.approx(8.5 / 95**0.5)  # by hand: the tie has 1.5
    assert rank_correlation(x, np.ones(5)) == 0.0


def test_a_number_of_images_that_fills_no_links_is_refused() -> None:
    with pytest.raises(LinksimError, match=f"got 100 images, allowed: multiples of {PER_LINK}"):
        Setup(images=100)


# What is said beyond the paper


def test_what_knowing_the_defence_is_worth_is_said_by_rule(tmp_path: Path) -> None:
    shares = {"none": 0.9, "grey": 0.8, "expected": 0.3, "known": 0.1}
    cells = {
        adaptive_attack.key(eve, snr_db): {"correct": hits(share, 100)}
        for eve, share in shares.items()
        for snr_db in adaptive_attack.SNRS_DB
    }
    said = adaptive_attack.worth(results_of(tmp_path, cells))
    assert "from 80 %, 80 %, 80 % to 30 %, 30 %, 30 %, surely at 3 of 3 SNRs" in said
    del cells[adaptive_attack.key("known", 6)]
    assert adaptive_attack.worth(results_of(tmp_path, cells)) == ""


@pytest.mark.parametrize(("less", "word"), [(0.02, "superior"), (0.0, "equal"), (-0.02, "inferior")])
def test_a_table_is_held_against_ddpg_by_the_paired_bootstrap(tmp_path: Path, less: float, word: str) -> None:
    regret = np.random.default_rng(1).uniform(0.0, 0.5, 200)  # paths differ by far more than policies do
    waver = np.random.default_rng(2).normal(0.0, 0.01, 200)
    cells = {
        policies.key(name, delay, error_db): {"regret": regret + (waver - less) * (name == "table")}
        for name in policies.NAMES for delay in policies.DELAYS for error_db in policies.ERRORS_DB
    }  # fmt: skip
    assert f": {word} to DDPG" in policies.versus(results_of(tmp_path, cells), "table")


def test_strides_are_held_against_ddpm_image_by_image(tmp_path: Path) -> None:
    likeness = np.random.default_rng(1).uniform(0.5, 1.0, 96)
    ddpm = {"ssim": likeness, "correct": hits(0.9, 96)}
    cells = {solver.key("ddpm"): ddpm, solver.key("strided"): ddpm | {"ssim": likeness - 0.001}}
    assert "ssim -0.001" in (said := solver.equality(results_of(tmp_path, cells)))
    assert "; within 0.02 in ssim" in said
    cells[solver.key("strided")] = ddpm | {"ssim": likeness - 0.1}
    assert "not surely within" in solver.equality(results_of(tmp_path, cells))


def test_figures_are_drawn_from_what_is_kept(tmp_path: Path) -> None:
    """Also where no image at all was right, or every one."""
    results = results_of(
        tmp_path,
        made_up()
        | {name: about | {"psnr_db": np.full(IMAGES, 20.0)} for name, about in made_up().items() if name.startswith(ROBUST)}
        | {key(CLEAN, "jpeg", snr_db): {"correct": hits(float(snr_db > 0), 384)} for snr_db in SNRS_DB},
    )
    assert [path.name for path in DiffuSec(Setup()).figures(results)] == ["fig4.png", "fig5.png"]
    strip = np.zeros((6, 3, 32, 32), np.uint8)
    for name in ("original", "attacked-classifier-cifar10", *(key(ROBUST, m, s) for m in ("vit", "proposal") for s in (-3, 3, 9, 15))):
        keep_pictures(tmp_path, name, strip)
    assert [path.name for path in DiffuSec(Setup()).figures(results)] == ["fig4.png", "fig5.png", "fig6.png"]
