"""Tests of the Gymnasium environment StepSelection."""

import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from synthetic_reward_table import synthetic_reward_table

import linksim.env  # registers the environments
from linksim.adapt.mdp import MAX_ACTION, state
from linksim.adapt.snr_process import SnrProcess
from linksim.env.step_selection import StepSelection
from linksim.errors import LinksimError

REWARD_TABLE = synthetic_reward_table()
STAY = np.zeros(2, np.float32)


def test_the_gymnasium_checker_reports_nothing() -> None:
    env = gymnasium.make(linksim.env.STEP_SELECTION, reward_table=REWARD_TABLE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)


def test_an_episode_is_truncated_after_its_rounds_and_never_terminated() -> None:
    for length, wanted in ((3, {}), (4, {"max_episode_steps": 4})):
        env = gymnasium.make(linksim.env.STEP_SELECTION, reward_table=REWARD_TABLE, **wanted)
        assert env.spec is not None
        assert env.spec.max_episode_steps == length
        for _ in range(2):
            env.reset(seed=1)
            ends = [env.step(env.action_space.sample())[2:4] for _ in range(length)]
            assert ends == [(False, False)] * (length - 1) + [(False, True)]
    envs = gymnasium.make_vec(linksim.env.STEP_SELECTION, 2, reward_table=REWARD_TABLE)
    envs.reset(seed=1)
    assert [envs.step(envs.action_space.sample())[3].tolist() for _ in range(3)] == [[False] * 2, [False] * 2, [True] * 2]


def test_a_step_before_the_first_reset_is_refused() -> None:
    with pytest.raises(gymnasium.error.ResetNeeded):
        StepSelection(REWARD_TABLE).step(STAY)


def test_an_episode_without_a_limit_goes_on_with_the_same_process() -> None:
    """The SNR of 4,000 rounds has the deviation and the correlation of the process, and reports are late by the delay."""
    env = StepSelection(REWARD_TABLE, fluctuation_db=2.0, correlation=0.7, delay=2)
    observed, info = env.reset(seed=1, options={"snr_db": 5.0})
    true_db, reported = [info["snr_db"]], [observed[2]]
    for _ in range(4_000):
        observed, _, terminated, truncated, info = env.step(STAY)
        assert not terminated
        assert not truncated
        true_db.append(info["snr_db"])
        reported.append(observed[2])
    np.testing.assert_array_equal(reported[2:], [state(np.array([[1, 0]]), np.array([value]))[0, 2] for value in true_db[1:-1]])
    assert np.std(true_db) == pytest.approx(2.0, abs=0.15)
    assert np.corrcoef(true_db[1:-1], true_db[2:])[0, 1] == pytest.approx(0.7, abs=0.05)


def test_an_action_of_one_moves_by_max_action_within_the_ranges() -> None:
    env = StepSelection(REWARD_TABLE)
    env.reset(seed=1, options={"steps": (10, 20)})
    for action, expected in (((1.0, -1.0), (10 + MAX_ACTION, 0)), ((9.0, 1.0), (50, MAX_ACTION)), ((-0.04, 0.04), (49, 26))):
        info = env.step(np.array(action, np.float32))[4]
        assert (info["t_d"], info["t_plus"]) == expected


def test_the_reward_is_that_of_the_reward_table_and_the_best_steps_have_no_regret() -> None:
    env = StepSelection(REWARD_TABLE, fluctuation_db=0.0)
    best = REWARD_TABLE.best(np.array([9.0]))
    expected = float(REWARD_TABLE.reward(best, np.array([9.0]))[0])
    observed, info = env.reset(seed=1, options={"snr_db": 9.0, "steps": tuple(best[0].tolist())})
    np.testing.assert_array_equal(observed, state(best, np.array([9.0]))[0])
    assert info["snr_db"] == 9.0
    assert env.reset(options={"snr_db": np.float32(9.0)})[1]["snr_db"] == 9.0  # a NumPy scalar
    env.reset(options={"snr_db": 9, "steps": tuple(best[0].tolist())})
    _, reward, _, _, info = env.step(STAY)
    assert reward == pytest.approx(expected)
    assert reward == pytest.approx(-0.8 * (1 - info["ssim"]) - 0.7 * info["adv"] - 0.5 * info["err"])  # Eq. (31)
    assert info["regret"] == pytest.approx(0.0)
    assert env.step(np.ones(2, np.float32))[4]["regret"] > 0.01


def test_the_seed_determines_the_episode() -> None:
    def episode(seed: int) -> list[tuple[list[float], float]]:
        env = StepSelection(REWARD_TABLE, delay=1, error_db=0.5)
        seen = [(env.reset(seed=seed)[0].tolist(), 0.0)]
        for _ in range(3):
            observed, reward, *_ = env.step(np.full(2, 0.3, np.float32))
            seen.append((observed.tolist(), reward))
        return seen

    assert episode(5) == episode(5) != episode(6)


def test_a_delayed_report_is_the_snr_of_an_earlier_round() -> None:
    late = SnrProcess(std_db=3.0, delay=2).sample(np.random.default_rng(1), 10, 4)
    np.testing.assert_array_equal(late.reported_db[2:], late.true_db[:-2])
    prompt = SnrProcess(std_db=3.0).sample(np.random.default_rng(1), 10, 4)
    np.testing.assert_array_equal(prompt.reported_db, prompt.true_db)


def test_the_snr_process_has_its_mean_deviation_and_correlation() -> None:
    """The means are uniform, the fluctuation is a stationary AR(1) process, and the errors of reports have their own standard deviation."""
    n = 40_000
    snr = SnrProcess(-3.0, 12.0, std_db=2.0, correlation=0.7, error_db=0.5).sample(np.random.default_rng(2), 3, n, mean_db=5.0)
    assert snr.true_db.mean(axis=1) == pytest.approx(5.0, abs=0.05)
    assert snr.true_db.std(axis=1) == pytest.approx(2.0, abs=0.03)
    assert np.asarray(np.corrcoef(snr.true_db))[0, 1:] == pytest.approx([0.7, 0.49], abs=0.02)
    assert (snr.reported_db - snr.true_db).std() == pytest.approx(0.5, abs=0.01)
    means = SnrProcess(-3.0, 12.0, std_db=0.0).sample(np.random.default_rng(3), 2, n).true_db
    assert np.quantile(means[0], [0.0, 0.5, 1.0]) == pytest.approx([-3.0, 4.5, 12.0], abs=0.2)
    np.testing.assert_array_equal(means[0], means[1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"snr": 3.0}, "did you mean 'snr_db'"),
        ({"steps": (0, 10)}, "1..50 and 0..50"),
        ({"steps": (10, 51)}, "1..50 and 0..50"),
        ({"steps": (1.5, 2.0)}, "whole numbers"),
        ({"steps": 7}, "two whole numbers"),
        ({"snr_db": "high"}, "finite number"),
    ],
)
def test_invalid_reset_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(LinksimError, match=message):
        StepSelection(REWARD_TABLE).reset(options=options)


NOT_FINITE: list[dict[str, object]] = [{"snr_db": (0.0, np.inf)}, {"snr_db": (-np.inf, 0.0)}, {"fluctuation_db": np.inf}]


@pytest.mark.parametrize("wrong", [{"snr_db": (3.0, 2.0)}, {"delay": -1}, {"correlation": 1.1}, {"error_db": float("nan")}, *NOT_FINITE])
def test_arguments_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(LinksimError, match=r"must be (at least|0\.\.1)"):
        StepSelection(REWARD_TABLE, **wrong)  # type: ignore[arg-type]  # some have the wrong type on purpose


def test_a_fractional_delay_is_refused() -> None:
    with pytest.raises(LinksimError, match=r"delay must be a whole number of rounds, got 1\.5"):
        StepSelection(REWARD_TABLE, delay=1.5)  # type: ignore[arg-type]  # the wrong type on purpose


def test_without_gymnasium_the_import_error_names_the_package() -> None:
    code = "import sys; sys.modules['gymnasium'] = None; import linksim.env"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (
        done.stderr.splitlines()[-1]
        == "ImportError: linksim.env needs gymnasium: pip install gymnasium, or pip install -e '.[rl]' in a clone of linksim"
    )
