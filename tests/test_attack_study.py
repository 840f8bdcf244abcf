"""The study `attack`: its keys, its digests, what it measures on a synthetic table, and its figure."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from synthetic_attack_table import synthetic_attack_table, write_synthetic_attack_table
from tiny_models import use_models

from linksim.adapt.evaluation_channels import EVALUATION_CHANNELS
from linksim.adapt.mdp import random_steps
from linksim.nets.weights import clear_model_cache
from linksim.papers.diffusec import attack_study as study
from linksim.reproduction.results import ExperimentResult, ResultStore
from linksim.training.attack_table import AttackTableMeasurement
from linksim.training.ddpg import AttackDdpgTask
from linksim.training.tasks import TASKS


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The synthetic table for choice and evaluation, and few short channels."""
    for name in (study.CHOSEN_ON, study.EVALUATED_ON):
        write_synthetic_attack_table(tmp_path, name)
    for name, value in {"CHANNELS": 4, "ROUNDS": 30}.items():
        monkeypatch.setattr(study, name, value)
    use_models(monkeypatch, tmp_path)
    for cached in (clear_model_cache, study.policy_named.cache_clear):
        cached()
    yield tmp_path
    for cached in (clear_model_cache, study.policy_named.cache_clear):
        cached()


def test_policies_are_chosen_on_training_images_and_evaluated_on_test_images() -> None:
    chosen, evaluated, actor = TASKS[study.CHOSEN_ON], TASKS[study.EVALUATED_ON], TASKS[study.ATTACK_ACTOR]
    assert isinstance(chosen, AttackTableMeasurement)
    assert isinstance(evaluated, AttackTableMeasurement)
    assert isinstance(actor, AttackDdpgTask)
    assert (chosen.split, evaluated.split, actor.split) == ("train", "test", "train")
    assert actor.reward_table == study.CHOSEN_ON
    assert study.PAPERS_STRENGTH in chosen.strengths == evaluated.strengths


def test_every_entry_of_the_tables_is_an_experiment_of_its_own() -> None:
    keys = [experiment.key for experiment in study.attack_experiments(1)]
    assert len(keys) == len(set(keys))
    assert {entry.key for table in study.attack_tables() for entry in table.entries} <= set(keys)


def ignore(done: int) -> None:
    """Take note of nothing."""


@pytest.mark.usefixtures("tables")
def test_the_oracle_is_the_best_and_an_observer_is_next() -> None:
    policies = "oracle", "strength-lookup", "attack-lookup", "snr-lookup", "lookup", "best-fixed", "random"
    found = {policy: study.AttackRegret(policy, 1).measure(ignore).samples for policy in policies}
    regrets = {policy: samples["regret"].mean() for policy, samples in found.items()}
    assert np.abs(found["oracle"]["regret"]).max() < 1e-12
    assert all(len(samples["regret"]) == 4 * len(EVALUATION_CHANNELS) == study.AttackRegret("oracle", 1).size for samples in found.values())
    assert regrets["strength-lookup"] < regrets["attack-lookup"]
    assert 0 < regrets["attack-lookup"] < regrets["snr-lookup"] < regrets["random"]
    assert regrets["snr-lookup"] < regrets["best-fixed"]


@pytest.mark.usefixtures("tables")
def test_a_digest_changes_with_a_table_and_a_setting(tables: Path) -> None:
    experiment = study.AttackRegret("lookup", 1)
    digests = {experiment.digest(), study.AttackRegret("lookup", 1, images=4).digest()}
    (tables / f"{study.CHOSEN_ON}.yaml").unlink()
    clear_model_cache()
    assert len({*digests, experiment.digest()}) == 3


def test_the_best_fixed_pair_has_the_highest_mean_over_strengths_and_snr() -> None:
    table, draw = synthetic_attack_table(), np.random.default_rng(1)

    def mean(pair: tuple[int, int]) -> float:
        found = [table.rewards(np.array([pair]), np.array([snr_db])).mean() for snr_db in study.RANGE_DB]
        return float(np.mean(found))

    others = [(int(t_d), int(t_plus)) for t_d, t_plus in random_steps(draw, 40)]
    assert mean(study.best_fixed(table)) >= max(map(mean, others))


def results(folder: Path, gain: float) -> ResultStore:
    """Results in which policies that observe the attack have `gain` more reward."""
    channels = np.random.default_rng(1).normal(-0.3, 0.1, 200)
    waver = np.random.default_rng(2).normal(0.0, 0.01, 200)
    observers = set(chain.from_iterable(study.OBSERVERS.values()))
    return ResultStore(
        folder,
        [
            ExperimentResult(
                key=each.key,
                digest="x",
                seed=1,
                samples={"reward": channels + (gain + waver) * (each.policy in observers), "regret": np.abs(channels)},
            )
            for each in study.attack_experiments(1)
            if isinstance(each, study.AttackRegret)
        ],
    )


def test_the_gain_of_observing_is_paired_by_channel(tmp_path: Path) -> None:
    found = results(tmp_path, 0.02)
    for observer in study.OBSERVERS:
        for other in study.BLIND:
            sentence = study.gain(found, observer, other)
            value, interval = sentence.rpartition(": ")[2].split(" ", 1)
            assert float(value) == pytest.approx(0.02, abs=0.003)
            low, high = map(float, interval.strip("[]").split(", "))
            assert 0.015 < low < float(value) < high < 0.025
    assert study.gain(ResultStore(tmp_path, []), "DDPG that observes", "ddpg") == ""


def test_the_figure_needs_all_of_its_results(tmp_path: Path) -> None:
    (path,) = study.attack_figure(results(tmp_path, 0.02)).drawn
    assert path.name == "study-attack.png"
    assert path.stat().st_size > 10_000
    assert study.attack_figure(ResultStore(tmp_path, [])).drawn == ()
