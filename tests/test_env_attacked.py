"""Tests of the Gymnasium environment AttackedSelection."""

import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from synthetic_attack_table import synthetic_attack_table

import linksim.env  # registers the environments
from linksim.adapt.mdp import state
from linksim.adapt.observation import of_snr
from linksim.env.agent_policy import AgentPolicy
from linksim.env.attacked_selection import AttackedSelection
from linksim.errors import LinksimError

TABLE = synthetic_attack_table()
STAY = np.zeros(2, np.float32)


def test_the_gymnasium_checker_reports_nothing() -> None:
    env = gymnasium.make(linksim.env.ATTACKED_SELECTION, attack_table=TABLE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)


def test_the_strength_is_uniform_over_episodes_and_constant_within_one() -> None:
    env, found = AttackedSelection(TABLE), list[float]()
    env.reset(seed=1)
    for _ in range(600):
        _, info = env.reset()
        assert {env.step(STAY)[4]["strength"] for _ in range(3)} == {info["strength"]}
        found.append(info["strength"])
    counts = [found.count(strength) for strength in TABLE.strengths]
    expected = 600 / len(counts)
    assert sum(counts) == 600
    assert all(abs(count - expected) < 5 * expected**0.5 for count in counts)


def test_reward_regret_and_disagreement_are_those_of_the_table() -> None:
    env, steps, snr_db = AttackedSelection(TABLE, images=400, fluctuation_db=0.0), np.array([[20, 10]]), np.array([6.0])
    for number, strength in enumerate(TABLE.strengths):
        _, first = env.reset(seed=2, options={"steps": (20, 10), "snr_db": 6.0, "strength": strength})
        observed, reward, _, _, info = env.step(STAY)
        assert reward == pytest.approx(TABLE.rewards(steps, snr_db)[number, 0])
        best = TABLE.tables[number].best(snr_db)
        assert info["regret"] == pytest.approx(TABLE.rewards(best, snr_db)[number, 0] - reward)
        expected = TABLE.disagreements(steps, snr_db)[number, 0]
        for shown in (first, info):
            assert shown["disagreement"] == pytest.approx(expected, abs=5 * (expected * (1 - expected) / 400) ** 0.5)
        np.testing.assert_array_equal(observed, state(steps, snr_db, np.array([info["disagreement"]]))[0])


def test_an_agent_observes_in_a_run_what_it_observed_in_training() -> None:
    seen, given = of_snr(np.array([[40, 10], [3, 2]]), np.array([6.0, -2.0])), list[Any]()

    def stay(observations: Any) -> Any:
        given.append(observations)
        return np.zeros((2, 2))

    policy = AgentPolicy(stay, observing=True)
    assert policy.observes == ("disagreement",)
    assert policy.choose(seen, np.random.default_rng(1)).tolist() == seen.current.tolist()
    np.testing.assert_array_equal(given[0], state(seen.current, seen.reported_db, seen.disagreement))
    assert not AgentPolicy(stay).observes


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"images": 0}, "images must be a whole number of at least 1, got 0"),
        ({"images": 2.5}, "images must be a whole number of at least 1, got 2.5"),
        ({"attack_table": "nowhere"}, "nowhere"),
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(LinksimError, match=message):
        AttackedSelection(**({"attack_table": TABLE} | wrong))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strength": 0.3}, "option strength must be one of .*, got 0.3"),
        ({"strenght": 1.0}, "no option 'strenght' of an episode"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(LinksimError, match=message):
        AttackedSelection(TABLE).reset(options=options)
