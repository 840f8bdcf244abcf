"""Verdicts, remarks and figures of DiffuSeC on fabricated results: each rule with values that meet its claim and values that do not."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from linksim.adapt.learning_curve import COLUMNS, PolicyEvaluation
from linksim.adapt.reward_table_file import load_reward_table
from linksim.errors import LinksimError
from linksim.nets.weights import has_model
from linksim.papers.diffusec import adaptive_attack, policies, solver, study
from linksim.papers.diffusec.claim_checks import CLASSIFIER_KEY, RULES
from linksim.papers.diffusec.experiments import (
    ACTOR,
    CLEAN,
    METHODS,
    PER_LINK,
    REWARD_TABLE,
    ROBUST,
    SNRS_DB,
    TABLE_II,
    TABLE_II_SNRS_DB,
    Setup,
    key,
)
from linksim.papers.diffusec.paper import DiffuSec
from linksim.papers.diffusec.policy_rollout import PolicyRollout
from linksim.papers.diffusec.trend_checks import NEAR_BEST, adapts_in_three, converges, falls
from linksim.plots.papers import save_images
from linksim.reproduction.claims import read_claims
from linksim.reproduction.results import DRAWS, DifferentDrawsError, ExperimentResult, ResultStore, Samples
from linksim.reproduction.verdicts import HELD

IMAGES, STARTS = 4800, 250

Values = dict[str, dict[str, Samples]]


def hits(share: float, images: int = IMAGES) -> Samples:
    """A share of correct images; the first ones are correct in every experiment."""
    return (np.arange(images) < round(share * images)).astype(np.float64)


def robust(method: str, snr_db: int) -> float:
    """Accuracies like those of the paper, from its tables, text or figures."""
    proposal = dict(zip(SNRS_DB, (0.739, 0.833, 0.865, 0.876, 0.88, 0.88, 0.88, 0.88, 0.88), strict=True))[snr_db]
    vqvae = dict(zip(TABLE_II_SNRS_DB, TABLE_II["vqvae"], strict=True)).get(snr_db, 0.847)
    return {
        "proposal": proposal + 0.02, "symmetric": proposal - 0.1, "vqvae": vqvae + 0.005, "vqvae-coded": 0.5, "vit": 0.05, "jpeg": 0.02,
        "jpeg-adaptive": 0.02, "jpeg-adaptive-at": 0.3,
        "jpeg-at": 0.1 if snr_db < 3 else 0.5,
    }[method]  # fmt: skip


def fabricated() -> Values:
    """Values that meet every claim, in dictionaries of their own."""
    return {name: dict(samples) for name, samples in _fabricated().items()}


@cache
def _fabricated() -> Values:
    values: Values = {CLASSIFIER_KEY: {"correct": hits(0.96, 10_000)}}
    for method in METHODS:
        for snr_db in SNRS_DB:
            similarity = 0.8 if snr_db < 3 else 0.93
            attacked = {"correct": hits(robust(method, snr_db)), "ssim": np.full(IMAGES, similarity), "attacked_correct": hits(0.0)}
            clean = 0.1 if method.startswith("jpeg") and snr_db < 3 else 0.92
            values[key(ROBUST, method, snr_db)], values[key(CLEAN, method, snr_db)] = attacked, {"correct": hits(clean)}
    draw = np.random.default_rng(1)
    for place, snr_db in enumerate(SNRS_DB):
        start = {"start": draw.uniform(-1.0, -0.6, STARTS), "best": np.full(STARTS, -0.39)}
        learnt_steps = {"t_d": np.full(STARTS, 20.0), "t_plus": np.full(STARTS, 40.0 - 4 * place)}
        values[f"policy/snr{snr_db}"] = start | rewards(-0.6, -0.5, -0.405, -0.4) | learnt_steps
        chance = {f"reward{number}": draw.uniform(-1.0, -0.6, STARTS) for number in (1, 2, 3)}
        values[f"policy/random/snr{snr_db}"] = start | chance | {name: draw.uniform(1, 50, STARTS) for name in ("final", "t_d", "t_plus")}
        fixed = {"t_d": np.full(STARTS, 1.0), "t_plus": np.full(STARTS, 20.0)}
        values[f"policy/constant/snr{snr_db}"] = start | rewards(-0.5, -0.45, *(2 * [-0.45 if place else -0.4])) | fixed
        values[f"policy/shuffled/snr{snr_db}"] = start | rewards(-0.6, -0.5, -0.45, -0.45) | {n: draw.uniform(1, 50, STARTS) for n in fixed}
    return values | {"curve/ddpg": learnt(lambda step: -0.8 if step <= 2500 else -0.4 if step >= 4900 else -0.6)}


def rewards(*values: float) -> dict[str, Samples]:
    """The rewards after three rounds and in the end, the same for all starts."""
    return {name: np.full(STARTS, value) for name, value in zip(("reward1", "reward2", "reward3", "final"), values, strict=True)}


def learnt(reward: Callable[[int], float]) -> dict[str, Samples]:
    """A curve of the best pair's reward, -0.39, less the regret."""
    rows = [
        PolicyEvaluation(step, snr_db, reward(step), 0.9, 0.1, 0.2, -0.39 - reward(step), 20, 5, 0.0)
        for step in range(100, 10_001, 100)
        for snr_db in (-3.0, 3.0, 9.0, 15.0)
    ]
    return {name: np.array([getattr(row, name) for row in rows], np.float64) for name in COLUMNS}


def results_of(folder: Path, values: Values, earlier: tuple[str, ...] = ()) -> ResultStore:
    """A store of these values; the results of `earlier` have earlier random draws."""
    return ResultStore(
        folder,
        (
            ExperimentResult(key=name, digest="d", seed=1, samples=samples, draws=DRAWS - (name in earlier))
            for name, samples in values.items()
        ),
    )


def words_of(folder: Path, values: Values) -> dict[str, str]:
    return {verdict.claim.id: verdict.finding.word for verdict in DiffuSec(Setup()).verdicts(results_of(folder, values))}


def test_every_claim_has_a_rule_and_every_rule_and_table_has_its_experiments() -> None:
    paper = DiffuSec(Setup())
    found = [experiment.key for experiment in paper.experiments()]
    assert [claim.id for claim in read_claims()["diffusec"].claims] == list(RULES)
    assert len(set(found)) == len(found)
    assert all({*rule.keys, *rule.support} <= set(found) for rule in RULES.values())
    curves = {"curve/ddpg", *map(study.curve_key, study.LEARNT)}
    assert {entry.key for table in paper.tables() for entry in table.entries} - {""} == set(found) - curves


def test_values_like_the_papers_meet_every_claim(tmp_path: Path) -> None:
    words = words_of(tmp_path, fabricated())
    assert set(words.values()) <= {"reproduced", "beaten"}, words
    assert words["diffusec-ssim-high"] == "beaten"  # without spread, and above the paper


@pytest.mark.parametrize(
    ("earlier", "incomparable"),
    [
        (key(ROBUST, "proposal", -3), {"diffusec-vs-vqvae", "diffusec-below-vqvae", "diffusec-vs-plain", "diffusec-vs-jpeg"}),
        (key(ROBUST, "proposal", 18), {"diffusec-vs-jpeg"}),
        (key(ROBUST, "vqvae", -6), {"diffusec-below-vqvae"}),
        (key(ROBUST, "vqvae", 6), {"diffusec-vs-vqvae"}),
        (key(CLEAN, "symmetric", 9), {"diffusec-vs-plain"}),
        (key(ROBUST, "vit", 0), {"diffusec-vs-jpeg"}),
        (key(CLEAN, "jpeg", 0), set()),  # its accuracies over SNR are compared as means
        ("curve/ddpg", set()),
    ],
)
def test_results_of_different_draws_are_not_compared_image_by_image(tmp_path: Path, earlier: str, incomparable: set[str]) -> None:
    usual = {verdict.claim.id: verdict for verdict in DiffuSec(Setup()).verdicts(results_of(tmp_path, fabricated()))}
    for verdict in DiffuSec(Setup()).verdicts(results_of(tmp_path, fabricated(), (earlier,))):
        if verdict.claim.id in incomparable:
            assert (verdict.finding.word, verdict.finding.reason) == ("not comparable", "different random draws, remeasure")
        else:
            assert verdict == usual[verdict.claim.id]


def changed(table: str, method: str, share: float, *snrs_db: int) -> Values:
    """A changed accuracy of a method at some SNRs."""
    return {key(table, method, snr_db): fabricated()[key(table, method, snr_db)] | {"correct": hits(share)} for snr_db in snrs_db}


def at_every_snr(change: Callable[[dict[str, Samples], int], dict[str, Samples]]) -> Values:
    values = fabricated()
    return {name: values[name] | change(values[name], place) for place, name in enumerate(f"policy/snr{snr_db}" for snr_db in SNRS_DB)}


@pytest.mark.parametrize(
    ("broken", "change"),
    [
        ("diffusec-wrn-clean", {CLASSIFIER_KEY: {"correct": hits(0.9, 10_000)}}),
        ("diffusec-wrn-pgd", {key(ROBUST, "vit", 18): fabricated()[key(ROBUST, "vit", 18)] | {"attacked_correct": hits(0.1)}}),
        ("diffusec-robust--6", changed(ROBUST, "proposal", 0.6, -6)),
        ("diffusec-robust-15", changed(ROBUST, "proposal", 0.8, 12)),  # one of three
        ("diffusec-clean-top", changed(CLEAN, "proposal", 0.8, *SNRS_DB)),
        ("diffusec-ssim-high", {key(ROBUST, "proposal", 9): fabricated()[key(ROBUST, "proposal", 9)] | {"ssim": np.full(IMAGES, 0.88)}}),
        ("diffusec-vs-vqvae", changed(ROBUST, "vqvae", 0.95, 9)),
        ("diffusec-below-vqvae", changed(ROBUST, "proposal", 0.95, -6)),
        ("diffusec-vs-plain", changed(ROBUST, "symmetric", 0.95, 0)),
        ("diffusec-vs-plain", changed(CLEAN, "symmetric", 0.7, 12)),  # clean accuracies differ
        ("diffusec-vs-jpeg", changed(ROBUST, "jpeg-at", 0.95, 18)),
        (
            "diffusec-vs-jpeg",
            {name: value for s in SNRS_DB for name, value in changed(CLEAN, "jpeg", 0.5 + s / 100, s).items()},
        ),  # no cliff
        ("diffusec-converge", {"curve/ddpg": learnt(lambda step: -0.8 + step / 25_000)}),  # still rising
        ("diffusec-converge", {"curve/ddpg": learnt(lambda step: -0.4 if step < 4000 else -0.5)}),  # flat, and worse than random steps
        ("diffusec-converge", {"curve/ddpg": learnt(lambda step: -0.8)}),  # never learns
        ("diffusec-adapt-3", at_every_snr(lambda _, place: {"reward3": np.full(STARTS, -0.405 if place else -0.45)})),
        ("diffusec-adapt-3", at_every_snr(lambda samples, _: dict.fromkeys(("reward3", "final"), samples["start"]))),  # never moves
        ("diffusec-policy-trend", at_every_snr(lambda _, place: {"t_plus": np.full(STARTS, float(place))})),
        ("diffusec-policy-trend", at_every_snr(lambda _, place: {"t_plus": np.full(STARTS, 7.0)})),
    ],
)
def test_a_contradicting_value_breaks_its_claim(tmp_path: Path, broken: str, change: Values) -> None:
    words = words_of(tmp_path, fabricated() | change)
    assert words[broken] == "not reproduced"
    assert sum(word == "not reproduced" for word in words.values()) <= 2


def test_an_order_against_a_rival_that_misses_its_published_values_is_not_comparable(tmp_path: Path) -> None:
    weak = {key(ROBUST, "vqvae", 9): fabricated()[key(ROBUST, "vqvae", 9)] | {"correct": hits(0.6)}}
    verdicts = DiffuSec(Setup()).verdicts(results_of(tmp_path, fabricated() | weak))
    (found,) = (verdict.finding for verdict in verdicts if verdict.claim.id == "diffusec-vs-vqvae")
    assert found.word == "not comparable"
    assert found.reason.startswith("the rival misses its own published values: 0.60 instead of 0.847 at 9 dB; 7 of 7 hold")


shipped_reward_table = cache(load_reward_table)
CLAIMS = {claim.id: claim for claim in read_claims()["diffusec"].claims}


@pytest.mark.parametrize("seed", range(20))
def test_no_policy_that_ignores_the_snr_adapts_in_three_rounds(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random pairs, the best fixed pair, and the trained policy under shuffled reports, on the shipped reward table."""
    if not (has_model(ACTOR) and has_model(REWARD_TABLE)):
        pytest.skip("the shipped models are missing")
    monkeypatch.setattr("linksim.papers.diffusec.policy_rollout.load_reward_table", shipped_reward_table)
    names = ("random", "constant", "shuffled") if seed < 3 else ("random",)
    for name in names:
        kept = (
            ExperimentResult(key=PolicyRollout(s, 0).key, digest="d", seed=seed, samples=PolicyRollout(s, seed, name).measure(int).samples)
            for s in SNRS_DB
        )
        store = ResultStore(tmp_path, kept)
        assert adapts_in_three(CLAIMS["diffusec-adapt-3"], store).word == "not reproduced", name
        assert falls(CLAIMS["diffusec-policy-trend"], store).word not in HELD, name


def test_no_fixed_pair_scores_0_95_at_every_snr() -> None:
    if not has_model(REWARD_TABLE):
        pytest.skip("the shipped reward table is missing")
    table, scores = load_reward_table(REWARD_TABLE), []
    pairs = np.stack(np.meshgrid(np.arange(1, 51), np.arange(51), indexing="ij"), axis=-1).reshape(-1, 2)
    for snr_db in SNRS_DB:
        rewards_ = table.reward(pairs, np.full(len(pairs), float(snr_db)))
        scores.append((rewards_ - rewards_.mean()) / (rewards_.max() - rewards_.mean()))
    assert np.min(scores, axis=0).max() < NEAR_BEST


@pytest.mark.parametrize("seed", range(40))
def test_a_curve_of_random_pairs_does_not_converge(tmp_path: Path, seed: int) -> None:
    values, draw = fabricated(), np.random.default_rng(seed)
    curve = learnt(lambda step: float(draw.uniform(-1.0, -0.6, STARTS).mean()))
    assert converges(CLAIMS["diffusec-converge"], results_of(tmp_path, values | {"curve/ddpg": curve})).word == "not reproduced"


def test_a_number_of_images_that_does_not_fill_its_links_is_refused() -> None:
    with pytest.raises(LinksimError, match=f"got 100 images, allowed: multiples of {PER_LINK}"):
        Setup(images=100)


# Remarks on the supplementary tables


def test_the_remark_states_the_effect_of_knowing_the_defence(tmp_path: Path) -> None:
    shares = {"none": 0.9, "grey": 0.8, "expected": 0.3, "known": 0.1}
    values = {
        adaptive_attack.key(attacker, snr_db): {"correct": hits(share, 100)}
        for attacker, share in shares.items()
        for snr_db in adaptive_attack.SNRS_DB
    }
    remark = adaptive_attack.knowledge_effect(results_of(tmp_path, values))
    assert "from 80 %, 80 %, 80 % to 30 %, 30 %, 30 %, significantly at 3 of 3 SNRs" in remark
    with pytest.raises(DifferentDrawsError):
        adaptive_attack.knowledge_effect(results_of(tmp_path, values, (adaptive_attack.key("grey", 6),)))
    del values[adaptive_attack.key("known", 6)]
    assert adaptive_attack.knowledge_effect(results_of(tmp_path, values)) == ""


@pytest.mark.parametrize(("less", "word"), [(0.02, "superior"), (0.0, "equal"), (-0.02, "inferior")])
def test_a_lookup_policy_is_compared_with_ddpg_by_the_paired_bootstrap(tmp_path: Path, less: float, word: str) -> None:
    regret = np.random.default_rng(1).uniform(0.0, 0.5, 200)  # channels differ by far more than policies do
    waver = np.random.default_rng(2).normal(0.0, 0.01, 200)
    values = {
        policies.key(name, delay, error_db): {"regret": regret + (waver - less) * (name == "lookup")}
        for name in policies.NAMES for delay in policies.DELAYS for error_db in policies.ERRORS_DB
    }  # fmt: skip
    assert f": {word} to DDPG" in policies.compared_with_ddpg(results_of(tmp_path, values), "lookup")
    with pytest.raises(DifferentDrawsError):
        policies.compared_with_ddpg(results_of(tmp_path, values, (policies.key("ddpg", 1, 3.0),)), "lookup")


def test_the_strided_solver_is_compared_with_ddpm_image_by_image(tmp_path: Path) -> None:
    similarity = np.random.default_rng(1).uniform(0.5, 1.0, 96)
    ddpm = {"ssim": similarity, "correct": hits(0.9, 96)}
    values = {solver.key("ddpm"): ddpm, solver.key("strided"): ddpm | {"ssim": similarity - 0.001}}
    assert "ssim -0.001" in (remark := solver.equality(results_of(tmp_path, values)))
    assert "the intervals are within 0.02 in ssim" in remark
    with pytest.raises(DifferentDrawsError):
        solver.equality(results_of(tmp_path, values, (solver.key("ddpm"),)))
    values[solver.key("strided")] = ddpm | {"ssim": similarity - 0.1}
    assert "the intervals are not within" in solver.equality(results_of(tmp_path, values))


def test_figures_are_drawn_from_kept_results_and_images(tmp_path: Path) -> None:
    """Also where no image is correct, or all are. A figure whose images are missing is skipped."""
    results = results_of(
        tmp_path,
        fabricated()
        | {name: samples | {"psnr_db": np.full(IMAGES, 20.0)} for name, samples in fabricated().items() if name.startswith(ROBUST)}
        | {key(CLEAN, "jpeg", snr_db): {"correct": hits(float(snr_db > 0), 384)} for snr_db in SNRS_DB},
    )
    figures = DiffuSec(Setup()).figures(results)
    assert [path.name for path in figures.drawn] == ["fig4.png", "fig5.png"]
    assert [path.name for path in figures.skipped] == ["fig6.png"]
    strip = np.zeros((6, 3, 32, 32), np.uint8)
    for name in ("original", "attacked-classifier-cifar10", *(key(ROBUST, m, s) for m in ("vit", "proposal") for s in (-3, 3, 9, 15))):
        save_images(tmp_path, name, strip)
    figures = DiffuSec(Setup()).figures(results)
    assert [path.name for path in figures.drawn] == ["fig4.png", "fig5.png", "fig6.png"]
    assert figures.skipped == ()
    mixed = ResultStore(tmp_path, [replace(kept, draws=DRAWS - (kept.key == CLASSIFIER_KEY)) for kept in results.results()])
    assert [path.name for path in DiffuSec(Setup()).figures(mixed).skipped] == ["fig6.png"]
