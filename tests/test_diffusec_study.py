"""Tests of the study of policies for a codec without SNR: its splits, its digests, and the comparison of DDPG with the others."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic_reward_table import synthetic_reward_table
from tiny_models import bare_card, use_models, write_model

from linksim.adapt.learning_curve import PolicyEvaluation
from linksim.adapt.observation import of_snr
from linksim.adapt.reward_table_file import write_reward_table
from linksim.nets.cards import write_card
from linksim.nets.weights import clear_model_cache, sha256_of
from linksim.papers.diffusec import study, study_policies
from linksim.papers.diffusec.experiments import SNRS_DB
from linksim.papers.diffusec.learning_curve import samples_of
from linksim.papers.diffusec.study_figures import study_figures
from linksim.reproduction.paper import Experiment
from linksim.reproduction.results import ExperimentResult, ResultStore, Samples
from linksim.training.ddpg import DdpgTask
from linksim.training.reward_table import RewardTableMeasurement
from linksim.training.tasks import TASKS


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Two synthetic reward tables that differ, an untrained actor, and a training of DDPG that takes a moment."""
    synthetic = synthetic_reward_table()
    for name, table in {study.CHOSEN_ON: synthetic, study.EVALUATED_ON: replace(synthetic, err=np.clip(synthetic.err * 1.1, 0, 1))}.items():
        write_reward_table(table, tmp_path / f"{name}.h5")
        card = bare_card(name, "reward-table", sha256_of(tmp_path / f"{name}.h5"))
        write_card(replace(card, training={"split": "train" if name == study.CHOSEN_ON else "test"}), tmp_path / f"{name}.yaml")
    write_model(tmp_path, study.ACTOR, "policy", {"reach": 25}, 1)
    task = TASKS[study.ACTOR]
    assert isinstance(task, DdpgTask)
    monkeypatch.setitem(TASKS, study.ACTOR, replace(task, steps=100, random_steps=90, minibatch=8))
    for name, value in {"CHANNELS": 3, "ROUNDS": 4}.items():
        monkeypatch.setattr(study, name, value)
    use_models(monkeypatch, tmp_path)
    clear_caches()
    yield tmp_path
    clear_caches()


def clear_caches() -> None:
    """Forget models, policies and outcomes of other tables."""
    clear_model_cache()
    for cached in (study.outcomes_of, study_policies.policy_named, study_policies.trained):
        cached.cache_clear()


def ignore(done: int) -> None:
    """Take note of nothing."""


def test_policies_are_chosen_on_training_images_and_evaluated_on_test_images() -> None:
    chosen, evaluated, actor = TASKS[study.CHOSEN_ON], TASKS[study.EVALUATED_ON], TASKS[study.ACTOR]
    assert isinstance(chosen, RewardTableMeasurement)
    assert isinstance(actor, DdpgTask)
    assert chosen.split == "train"
    assert actor.reward_table == study.CHOSEN_ON
    assert evaluated == replace(chosen, split="test")


def test_every_entry_of_the_tables_is_an_experiment_of_its_own() -> None:
    keys = [experiment.key for experiment in study.study_experiments(1)]
    assert len(keys) == len(set(keys))
    shown = {entry.key for table in study.study_tables() for entry in table.entries}
    assert shown <= set(keys)
    assert {study.steps_key("oracle", snr_db) for snr_db in SNRS_DB} <= shown


def test_a_digest_changes_with_each_table(tables: Path) -> None:
    experiment = study.StudyRegret("lookup", 1)
    digests = {experiment.digest()}
    for name in (study.CHOSEN_ON, study.EVALUATED_ON):
        write_card(replace(bare_card(name, "reward-table", "0" * 64), training={"split": "train"}), tables / f"{name}.yaml")
        clear_model_cache()
        digests.add(experiment.digest())
    assert len(digests) == 3


@pytest.mark.usefixtures("tables")
def test_the_oracle_is_the_best_and_every_kind_of_experiment_is_measured() -> None:
    found = {
        policy: study.StudyRegret(policy, 1).measure(ignore).samples for policy in ("oracle", "lookup", "best-fixed", "random", "ddpg-2")
    }
    assert np.abs(found["oracle"]["regret"]).max() < 1e-12
    assert all(len(samples["regret"]) == study.StudyRegret("lookup", 1).size for samples in found.values())
    assert found["random"]["regret"].mean() > found["lookup"]["regret"].mean() > 0
    steps = study.StudySteps("oracle", 1, snr_db=3).measure(ignore).samples
    assert np.ptp(steps["t_d"]) == np.ptp(steps["reward"]) == 0  # all starts end at the same steps
    curve = study.StudyCurve("ddpg-2", 1).measure(ignore).samples
    assert set(curve["step"]) == {100.0}


def store(folder: Path, gain: float) -> ResultStore:
    """Results in which all seeds of DDPG have `gain` more reward than the other policies, on channels that differ by far more."""
    channels: Samples = np.random.default_rng(1).normal(-0.3, 0.1, 200)
    waver = np.random.default_rng(2).normal(0.0, 0.01, 200)
    cells = {
        study.regret_key(policy): {"reward": channels + (gain + waver) * policy.startswith(("ddpg", "td3", "sac")), "regret": -channels}
        for policy in study.NAMES
    }
    results = [ExperimentResult(key=key, digest="x", seed=1, samples=samples) for key, samples in cells.items()]
    return ResultStore(folder, results)


@pytest.mark.parametrize(("gain", "sign"), [(0.02, "+0.0"), (-0.02, "-0.0")])
def test_ddpg_is_compared_over_seeds_with_an_interval_over_channels(tmp_path: Path, gain: float, sign: str) -> None:
    sentence = study.learnt_against(store(tmp_path, gain), "best-fixed")
    assert sentence.startswith("Reward beyond that of best fixed pair for -6..18 dB, reports 0 late, error 0 dB, mean over 5 seeds")
    for agent in ("DDPG", "TD3", "SAC"):
        found = sentence.split(f"{agent} ")[1].split()[0]
        assert found.startswith(sign)
        assert float(found) == pytest.approx(gain, abs=0.003)


@pytest.mark.parametrize("algorithm", ["TD3", "SAC"])
def test_an_outside_agent_is_a_policy_of_the_study(algorithm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("stable_baselines3", reason="Stable-Baselines3 is not installed")
    monkeypatch.setattr(study_policies, "OUTSIDE_STEPS", 20)
    monkeypatch.setitem(study_policies.OUTSIDE_SETTINGS, "learning_starts", 10)
    first, again = (study_policies.outside_agent(algorithm, synthetic_reward_table(), 1) for _ in range(2))
    steps, snr_db = np.array([[20, 20], [1, 0]]), np.array([3.0, 12.0])
    chosen = first.choose(of_snr(steps, snr_db), np.random.default_rng(1))
    assert (chosen == again.choose(of_snr(steps, snr_db), np.random.default_rng(2))).all()
    assert (np.abs(chosen - steps) <= 25).all()


def test_without_results_nothing_is_compared(tmp_path: Path) -> None:
    assert study.learnt_against(ResultStore(tmp_path, []), "lookup") == ""


def fabricated(experiment: Experiment) -> dict[str, Samples]:
    """Results of an experiment of the study that look like real ones."""
    draw = np.random.default_rng(len(experiment.key))
    if isinstance(experiment, study.StudyCurve):
        rows = [PolicyEvaluation(step, snr_db, -0.5, 0.9, 0.1, 0.2, 0.01, 20, 5, 0.0) for step in (100, 200) for snr_db in (-3.0, 9.0)]
        return samples_of(rows)
    names = ("t_d", "t_plus", "reward", "robust", "ssim") if isinstance(experiment, study.StudySteps) else ("reward", "regret")
    return {name: draw.uniform(0.0, 1.0, 20) for name in names}


def test_figures_are_drawn_when_their_results_are_complete(tmp_path: Path) -> None:
    experiments = study.study_experiments(1)
    results = [ExperimentResult(key=each.key, digest="x", seed=1, samples=fabricated(each)) for each in experiments]
    drawn = study_figures(ResultStore(tmp_path, results)).drawn
    assert {path.name for path in drawn} == {"study-steps.png", "study-regret.png", "study-curves.png"}
    assert all(path.stat().st_size > 10_000 for path in drawn)
    assert study_figures(ResultStore(tmp_path, results[1:-1])).drawn == tuple(path for path in drawn if path.name == "study-regret.png")
