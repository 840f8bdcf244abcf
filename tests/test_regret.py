"""Facts about the regret study, the paths that it runs on, and the bootstrap."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic_reward_table import made_up_reward_table

from linksim.adapt import mdp
from linksim.adapt.bootstrap import bootstrapped
from linksim.adapt.evaluation_channels import EVALUATION_CHANNELS, evaluation_channels
from linksim.adapt.policy import BestFixed, ConstantPolicy, LookupPolicy, Oracle, Policy, Random
from linksim.adapt.regret import Condition, Outcome, difference, evaluate_policies
from linksim.adapt.reward_table import RewardTable

REWARD_TABLE = made_up_reward_table()
PATHS = {name: evaluation_channels(name, 12, 24, 100.0, 5) for name in EVALUATION_CHANNELS}
POLICIES: dict[str, Policy] = {
    "oracle": Oracle(REWARD_TABLE),
    "table": LookupPolicy(REWARD_TABLE, 1.0),
    "fixed": BestFixed(REWARD_TABLE.best_fixed(np.linspace(-6, 18, 97))),
    "keep": ConstantPolicy(),
    "random": Random(),
}


def by_name(outcomes: tuple[Outcome, ...]) -> dict[tuple[str, int, float, str], Outcome]:
    return {(o.condition.paths, o.condition.delay, o.condition.error_db, o.policy): o for o in outcomes}


@pytest.fixture(scope="module")
def outcomes() -> dict[tuple[str, int, float, str], Outcome]:
    return by_name(evaluate_policies(REWARD_TABLE, POLICIES, PATHS, (0, 3), (0.0, 4.0), 1))


def test_every_policy_meets_every_condition(outcomes: dict[tuple[str, int, float, str], Outcome]) -> None:
    assert len(outcomes) == len(PATHS) * 2 * 2 * len(POLICIES)
    one = outcomes["slow", 0, 0.0, "table"]
    assert one.rewards.shape == one.regrets.shape == (12,)
    assert one.by_round.shape == (24 - 3,)
    assert one.regret == pytest.approx(one.by_round.mean())
    assert 0.5 < one.robust < 1


def test_the_oracle_has_no_regret_whatever_is_reported(outcomes: dict[tuple[str, int, float, str], Outcome]) -> None:
    for key, outcome in outcomes.items():
        if key[-1] == "oracle":
            assert outcome.regret == 0 == outcome.share
            assert not outcome.by_round.any()


def test_no_policy_beats_an_oracle_of_unlimited_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """But by what a tenth of a decibel makes: so finely does the oracle tell SNRs apart."""
    monkeypatch.setattr(mdp, "REACH", 50)
    for outcome in evaluate_policies(REWARD_TABLE, POLICIES, PATHS, (0, 3), (0.0,), 1):
        assert outcome.by_round.min() > -5e-4
        assert outcome.regret > -1e-4


def test_what_is_known_better_is_decided_better(outcomes: dict[tuple[str, int, float, str], Outcome]) -> None:
    for kind in PATHS:
        prompt, late, wrong = (outcomes[kind, *how, "table"].regret for how in ((0, 0.0), (3, 0.0), (0, 4.0)))
        assert prompt <= late
        assert prompt < wrong < outcomes[kind, 0, 0.0, "random"].regret
        fixed = [outcomes[kind, delay, error_db, "fixed"].regret for delay in (0, 3) for error_db in (0.0, 4.0)]
        assert len(set(fixed)) == 1  # it does not listen
        assert prompt < fixed[0]
    assert outcomes["fast", 3, 0.0, "table"].regret > 2 * outcomes["fast", 0, 0.0, "table"].regret


def test_all_policies_start_from_the_same_random_steps_and_meet_the_same_errors() -> None:
    again = by_name(evaluate_policies(REWARD_TABLE, dict(reversed(POLICIES.items())), PATHS, (0, 3), (4.0,), 1))
    alone = by_name(evaluate_policies(REWARD_TABLE, {"table": POLICIES["table"]}, {"slow": PATHS["slow"]}, (0, 3), (4.0,), 1))
    assert (alone["slow", 3, 4.0, "table"].rewards == again["slow", 3, 4.0, "table"].rewards).all()
    other = by_name(evaluate_policies(REWARD_TABLE, {"table": POLICIES["table"]}, {"slow": PATHS["slow"]}, (0, 3), (4.0,), 2))
    assert (alone["slow", 3, 4.0, "table"].rewards != other["slow", 3, 4.0, "table"].rewards).all()


def valley() -> RewardTable:
    """Only SSIM counts, and falls by a thousandth per step from (20, 20): the reward of a pair is 0.8 times that away from the best."""
    t_d, t_plus, snr_db = np.array([1, 20, 50]), np.array([0, 20, 50]), np.array([0.0, 10.0])
    away = np.abs(t_d - 20)[:, None, None] + np.abs(t_plus - 20)[None, :, None] + np.zeros((1, 1, 2))
    none = np.zeros(away.shape)
    return RewardTable(t_d, t_plus, snr_db, 1.0 - 1e-3 * away, none, none, none + 0.5, none, 1)


def test_the_regret_of_a_fixed_pair_where_it_is_known() -> None:
    reward_table, rounds = valley(), 6
    assert reward_table.best(np.array([4.0])).tolist() == [[20, 20]]
    paths = {"still": np.full((50, rounds), 5.0)}
    pair = (30, 5)
    fixed, kept = evaluate_policies(reward_table, {"fixed": BestFixed(pair), "keep": ConstantPolicy()}, paths, (0,), (0.0,), 3)
    assert fixed.by_round[2:] == pytest.approx(np.full(rounds - 2, 0.8e-3 * (10 + 15)))  # two rounds lead anywhere
    assert fixed.share * reward_table.spread(5.0, 5.0) == pytest.approx(fixed.regret)
    assert reward_table.spread(5.0, 5.0) == pytest.approx(0.8e-3 * 60)
    first = mdp.random_steps(np.random.default_rng(1), 100_000)
    assert kept.by_round[2:] == pytest.approx(np.full(rounds - 2, 0.8e-3 * np.abs(first - 20).sum(axis=1).mean()), rel=0.2)
    assert fixed.robust == 0.5


def test_a_late_report_is_of_an_earlier_round() -> None:
    """A path that jumps once: with a delay of d, the table needs d rounds more to find the other pair."""
    snr_db = np.full((30, 40), -6.0)
    snr_db[:, 20:] = 18.0
    late = by_name(evaluate_policies(REWARD_TABLE, {"table": LookupPolicy(REWARD_TABLE, 1.0)}, {"jump": snr_db}, (0, 2, 5), (0.0,), 1))
    lost = {delay: late["jump", delay, 0.0, "table"].by_round for delay in (0, 2, 5)}
    jump = 20 - 5  # the first rounds are only told of
    for delay in (2, 5):
        assert lost[delay][jump : jump + delay].min() > lost[0][jump : jump + delay].max() + 0.01
        assert lost[delay][jump + delay + 2 :] == pytest.approx(lost[0][jump + delay + 2 :])
        assert lost[delay][:jump] == pytest.approx(lost[0][:jump])


def test_held_out_paths_are_functions_of_their_seed_and_each_its_own() -> None:
    for name, snr_db in PATHS.items():
        assert (evaluation_channels(name, 3, 24, 100.0, 5) == snr_db[:3]).all()
        assert (evaluation_channels(name, 3, 24, 100.0, 6) != snr_db[:3]).any()
        assert np.isfinite(snr_db).all()
        assert (evaluation_channels(name, 3, 12, 200.0, 5) == snr_db[:3, ::2]).all()  # the same paths, seen half as often
        assert len(np.unique(snr_db[:, 0])) > 1
    rough = {name: np.abs(np.diff(evaluation_channels(name, 40, 200, 100.0, 1))).mean() for name in ("slow", "fast")}
    assert rough["fast"] > 3 * rough["slow"]
    jammed = evaluation_channels("jammed_fraction", 200, 200, 100.0, 1)
    assert {len(np.unique(path)) for path in jammed} <= {1, 2}
    assert np.mean(jammed == jammed.max(axis=1, keepdims=True)) == pytest.approx(2.0 / 2.7, abs=0.04)


def test_the_bootstrap_covers_as_often_as_it_says() -> None:
    draw = np.random.default_rng(1)
    spans = np.array([bootstrapped(draw.normal(0.3, 1.0, 64), draw, 600) for _ in range(400)])
    assert np.mean((spans[:, 0] < 0.3) & (spans[:, 1] > 0.3)) == pytest.approx(0.94, abs=0.035)
    samples = draw.normal(0.0, 2.0, 400)
    low, high = bootstrapped(samples, draw)
    assert (high - low) / 2 == pytest.approx(1.96 * samples.std() / 20, rel=0.06)


def test_pairing_takes_out_what_paths_differ_by() -> None:
    draw = np.random.default_rng(1)
    of_path = draw.normal(0.0, 1.0, 100)

    def outcome(policy: str, more: float) -> Outcome:
        rewards = of_path + more + draw.normal(0.0, 0.01, 100)
        return Outcome(Condition("slow", 0, 0.0), policy, rewards, -rewards, np.zeros(1), 0.0, 0.0)

    better, worse = outcome("better", 0.02), outcome("worse", 0.0)
    found = difference(better, worse, np.random.default_rng(2))
    assert (found.first, found.second) == ("better", "worse")
    assert 0 < found.low < found.value < found.high < 0.04
    assert found.value == pytest.approx(better.reward - worse.reward)
    assert difference(better, worse, np.random.default_rng(2)) == found
    with pytest.raises(ValueError, match="cannot be paired"):
        difference(better, replace(worse, condition=Condition("fast", 0, 0.0)), draw)
