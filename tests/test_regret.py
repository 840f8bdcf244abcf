"""Tests of the regret evaluation and its channels."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic_reward_table import synthetic_reward_table

from linksim.adapt import mdp
from linksim.adapt.evaluation_channels import EVALUATION_CHANNELS, evaluation_channels
from linksim.adapt.policy import BestFixed, ConstantPolicy, LookupPolicy, Oracle, Policy, Random
from linksim.adapt.regret import Condition, PolicyOutcome, difference, evaluate_policies
from linksim.adapt.reward_table import RewardTable

REWARD_TABLE = synthetic_reward_table()
CHANNELS = {name: evaluation_channels(name, 12, 24, 100.0, 5) for name in EVALUATION_CHANNELS}
POLICIES: dict[str, Policy] = {
    "oracle": Oracle(REWARD_TABLE),
    "lookup": LookupPolicy(REWARD_TABLE, 1.0),
    "fixed": BestFixed(REWARD_TABLE.best_fixed(np.linspace(-6, 18, 97))),
    "constant": ConstantPolicy(),
    "random": Random(),
}


def by_name(outcomes: tuple[PolicyOutcome, ...]) -> dict[tuple[str, int, float, str], PolicyOutcome]:
    return {(o.condition.channel, o.condition.delay, o.condition.error_db, o.policy): o for o in outcomes}


@pytest.fixture(scope="module")
def outcomes() -> dict[tuple[str, int, float, str], PolicyOutcome]:
    return by_name(evaluate_policies(REWARD_TABLE, POLICIES, CHANNELS, (0, 3), (0.0, 4.0), 1))


def test_every_policy_is_evaluated_under_every_condition(outcomes: dict[tuple[str, int, float, str], PolicyOutcome]) -> None:
    assert len(outcomes) == len(CHANNELS) * 2 * 2 * len(POLICIES)
    one = outcomes["slow", 0, 0.0, "lookup"]
    assert one.rewards.shape == one.regrets.shape == (12,)
    assert one.regret_by_round.shape == (24 - 3,)
    assert one.regret == pytest.approx(one.regret_by_round.mean())
    assert 0.5 < one.robust < 1


def test_the_oracle_has_no_regret_for_any_report(outcomes: dict[tuple[str, int, float, str], PolicyOutcome]) -> None:
    for key, outcome in outcomes.items():
        if key[-1] == "oracle":
            assert outcome.regret == 0 == outcome.normalised_regret
            assert not outcome.regret_by_round.any()


def test_no_policy_beats_an_oracle_with_unlimited_action(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tolerance allows for the oracle's SNR resolution of 0.1 dB."""
    monkeypatch.setattr(mdp, "MAX_ACTION", 50)
    for outcome in evaluate_policies(REWARD_TABLE, POLICIES, CHANNELS, (0, 3), (0.0,), 1):
        assert outcome.regret_by_round.min() > -5e-4
        assert outcome.regret > -1e-4


def test_regret_grows_with_delay_and_measurement_error(outcomes: dict[tuple[str, int, float, str], PolicyOutcome]) -> None:
    for kind in CHANNELS:
        prompt, late, noisy = (outcomes[kind, *report, "lookup"].regret for report in ((0, 0.0), (3, 0.0), (0, 4.0)))
        assert prompt <= late
        assert prompt < noisy < outcomes[kind, 0, 0.0, "random"].regret
        fixed = [outcomes[kind, delay, error_db, "fixed"].regret for delay in (0, 3) for error_db in (0.0, 4.0)]
        assert len(set(fixed)) == 1  # a fixed pair does not depend on the reports
        assert prompt < fixed[0]
    assert outcomes["fast", 3, 0.0, "lookup"].regret > 2 * outcomes["fast", 0, 0.0, "lookup"].regret


def test_outcomes_do_not_depend_on_the_other_policies_and_channels() -> None:
    again = by_name(evaluate_policies(REWARD_TABLE, dict(reversed(POLICIES.items())), CHANNELS, (0, 3), (4.0,), 1))
    alone = by_name(evaluate_policies(REWARD_TABLE, {"lookup": POLICIES["lookup"]}, {"slow": CHANNELS["slow"]}, (0, 3), (4.0,), 1))
    assert (alone["slow", 3, 4.0, "lookup"].rewards == again["slow", 3, 4.0, "lookup"].rewards).all()
    other = by_name(evaluate_policies(REWARD_TABLE, {"lookup": POLICIES["lookup"]}, {"slow": CHANNELS["slow"]}, (0, 3), (4.0,), 2))
    assert (alone["slow", 3, 4.0, "lookup"].rewards != other["slow", 3, 4.0, "lookup"].rewards).all()


def peaked_table() -> RewardTable:
    """A table in which only SSIM varies: it falls by 0.001 per step of distance from (20, 20), so the reward falls by 0.0008 per step."""
    t_d, t_plus, snr_db = np.array([1, 20, 50]), np.array([0, 20, 50]), np.array([0.0, 10.0])
    distance = np.abs(t_d - 20)[:, None, None] + np.abs(t_plus - 20)[None, :, None] + np.zeros((1, 1, 2))
    zero = np.zeros(distance.shape)
    return RewardTable(t_d, t_plus, snr_db, 1.0 - 1e-3 * distance, zero, zero, zero + 0.5, zero, 1)


def test_the_regret_of_a_fixed_pair_matches_its_closed_form() -> None:
    reward_table, rounds = peaked_table(), 6
    assert reward_table.best(np.array([4.0])).tolist() == [[20, 20]]
    channels = {"still": np.full((50, rounds), 5.0)}
    pair = (30, 5)
    fixed, constant = evaluate_policies(reward_table, {"fixed": BestFixed(pair), "constant": ConstantPolicy()}, channels, (0,), (0.0,), 3)
    assert fixed.regret_by_round[2:] == pytest.approx(np.full(rounds - 2, 0.8e-3 * (10 + 15)))  # two rounds reach any pair
    assert fixed.normalised_regret * reward_table.reward_range(5.0, 5.0) == pytest.approx(fixed.regret)
    assert reward_table.reward_range(5.0, 5.0) == pytest.approx(0.8e-3 * 60)
    first = mdp.random_steps(np.random.default_rng(1), 100_000)
    assert constant.regret_by_round[2:] == pytest.approx(np.full(rounds - 2, 0.8e-3 * np.abs(first - 20).sum(axis=1).mean()), rel=0.2)
    assert fixed.robust == 0.5


def test_a_delayed_report_is_that_of_an_earlier_round() -> None:
    """The SNR jumps once: with a delay of d rounds, the lookup policy needs d rounds more to change its pair."""
    snr_db = np.full((30, 40), -6.0)
    snr_db[:, 20:] = 18.0
    delayed = by_name(evaluate_policies(REWARD_TABLE, {"lookup": LookupPolicy(REWARD_TABLE, 1.0)}, {"jump": snr_db}, (0, 2, 5), (0.0,), 1))
    regret = {delay: delayed["jump", delay, 0.0, "lookup"].regret_by_round for delay in (0, 2, 5)}
    jump = 20 - 5  # the first 5 rounds only supply reports
    for delay in (2, 5):
        assert regret[delay][jump : jump + delay].min() > regret[0][jump : jump + delay].max() + 0.01
        assert regret[delay][jump + delay + 2 :] == pytest.approx(regret[0][jump + delay + 2 :])
        assert regret[delay][:jump] == pytest.approx(regret[0][:jump])


def test_evaluation_channels_are_independent_and_determined_by_their_seed() -> None:
    for name, snr_db in CHANNELS.items():
        assert (evaluation_channels(name, 3, 24, 100.0, 5) == snr_db[:3]).all()
        assert (evaluation_channels(name, 3, 24, 100.0, 6) != snr_db[:3]).any()
        assert np.isfinite(snr_db).all()
        assert (evaluation_channels(name, 3, 12, 200.0, 5) == snr_db[:3, ::2]).all()  # the same channels, sampled half as often
        assert len(np.unique(snr_db[:, 0])) > 1
    rough = {name: np.abs(np.diff(evaluation_channels(name, 40, 200, 100.0, 1))).mean() for name in ("slow", "fast")}
    assert rough["fast"] > 3 * rough["slow"]
    jammed = evaluation_channels("jammed", 200, 200, 100.0, 1)
    assert {len(np.unique(snr_db)) for snr_db in jammed} <= {1, 2}
    assert np.mean(jammed == jammed.max(axis=1, keepdims=True)) == pytest.approx(2.0 / 2.7, abs=0.04)


def test_pairing_removes_the_differences_between_channels() -> None:
    draw = np.random.default_rng(1)
    by_channel = draw.normal(0.0, 1.0, 100)

    def outcome(policy: str, more: float) -> PolicyOutcome:
        rewards = by_channel + more + draw.normal(0.0, 0.01, 100)
        return PolicyOutcome(Condition("slow", 0, 0.0), policy, rewards, -rewards, np.zeros(1), 0.0, 0.0)

    better, worse = outcome("better", 0.02), outcome("worse", 0.0)
    found = difference(better, worse, np.random.default_rng(2))
    assert (found.first, found.second) == ("better", "worse")
    assert 0 < found.interval.low < found.interval.value < found.interval.high < 0.04
    assert found.interval.value == pytest.approx(better.reward - worse.reward)
    assert difference(better, worse, np.random.default_rng(2)) == found
    with pytest.raises(ValueError, match="cannot be paired"):
        difference(better, replace(worse, condition=Condition("fast", 0, 0.0)), draw)
