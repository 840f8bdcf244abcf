"""Facts about the Gymnasium environment of step selection."""

import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from synthetic_reward_table import made_up_reward_table

import linksim.env  # registers what is tested
from linksim.adapt.mdp import MAX_ACTION, state
from linksim.adapt.snr_process import SnrProcess
from linksim.env.step_selection import StepSelection
from linksim.errors import LinksimError

REWARD_TABLE = made_up_reward_table()
STAY = np.zeros(2, np.float32)


def test_gymnasium_finds_nothing_to_complain_about() -> None:
    made = gymnasium.make(linksim.env.STEP_SELECTION, reward_table=REWARD_TABLE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(made.unwrapped)


def test_an_episode_is_cut_off_after_its_rounds_and_never_ended() -> None:
    made = StepSelection(REWARD_TABLE, rounds=4)
    made.reset(seed=1)
    ends = [made.step(made.action_space.sample())[2:4] for _ in range(4)]
    assert ends == [(False, False)] * 3 + [(False, True)]
    with pytest.raises(gymnasium.error.ResetNeeded):
        made.step(STAY)


def test_a_whole_action_moves_by_the_reach_and_no_further_than_the_ranges() -> None:
    made = StepSelection(REWARD_TABLE)
    made.reset(seed=1, options={"steps": (10, 20)})
    for action, expected in (((1.0, -1.0), (10 + MAX_ACTION, 0)), ((9.0, 1.0), (50, MAX_ACTION)), ((-0.04, 0.04), (49, 26))):
        told = made.step(np.array(action, np.float32))[4]
        assert (told["t_d"], told["t_plus"]) == expected


def test_reward_is_the_reward_table_own_and_regret_is_none_at_the_best_steps() -> None:
    made = StepSelection(REWARD_TABLE, fluctuation_db=0.0)
    best = REWARD_TABLE.best(np.array([9.0]))
    worth = float(REWARD_TABLE.reward(best, np.array([9.0]))[0])
    observed, told = made.reset(seed=1, options={"snr_db": 9.0, "steps": tuple(best[0].tolist())})
    np.testing.assert_array_equal(observed, state(best, np.array([9.0]))[0])
    assert told["snr_db"] == 9.0
    assert made.reset(options={"snr_db": np.float32(9.0)})[1]["snr_db"] == 9.0  # as an array hands it out
    made.reset(options={"snr_db": 9, "steps": tuple(best[0].tolist())})
    _, reward, _, _, told = made.step(STAY)
    assert reward == pytest.approx(worth)
    assert reward == pytest.approx(-0.8 * (1 - told["ssim"]) - 0.7 * told["adv"] - 0.5 * told["err"])  # Eq. (31)
    assert told["regret"] == pytest.approx(0.0)
    assert made.step(np.ones(2, np.float32))[4]["regret"] > 0.01


def test_a_seed_decides_all_of_an_episode() -> None:
    def lived(seed: int) -> list[tuple[list[float], float]]:
        made = StepSelection(REWARD_TABLE, delay=1, error_db=0.5)
        seen = [(made.reset(seed=seed)[0].tolist(), 0.0)]
        for _ in range(3):
            observed, reward, *_ = made.step(np.full(2, 0.3, np.float32))
            seen.append((observed.tolist(), reward))
        return seen

    assert lived(5) == lived(5) != lived(6)


def test_a_late_report_tells_what_the_snr_was() -> None:
    late = SnrProcess(std_db=3.0, delay=2).episode(np.random.default_rng(1), 10, 4)
    np.testing.assert_array_equal(late.reported_db[2:], late.true_db[:-2])
    prompt = SnrProcess(std_db=3.0).episode(np.random.default_rng(1), 10, 4)
    np.testing.assert_array_equal(prompt.reported_db, prompt.true_db)


def test_snr_fluctuates_as_it_is_told_to() -> None:
    """Means uniform over the range, deviation and correlation of a stationary AR(1), and reports that err by their own deviation."""
    n = 40_000
    snr = SnrProcess(-3.0, 12.0, std_db=2.0, correlation=0.7, error_db=0.5).episode(np.random.default_rng(2), 3, n, mean_db=5.0)
    assert snr.true_db.mean(axis=1) == pytest.approx(5.0, abs=0.05)
    assert snr.true_db.std(axis=1) == pytest.approx(2.0, abs=0.03)
    assert np.asarray(np.corrcoef(snr.true_db))[0, 1:] == pytest.approx([0.7, 0.49], abs=0.02)
    assert (snr.reported_db - snr.true_db).std() == pytest.approx(0.5, abs=0.01)
    means = SnrProcess(-3.0, 12.0, std_db=0.0).episode(np.random.default_rng(3), 2, n).true_db
    assert np.quantile(means[0], [0.0, 0.5, 1.0]) == pytest.approx([-3.0, 4.5, 12.0], abs=0.2)
    np.testing.assert_array_equal(means[0], means[1])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"snr": 3.0}, "did you mean 'snr_db'"),
        ({"steps": (0, 10)}, "1..50 and 0..50"),
        ({"steps": (10, 51)}, "1..50 and 0..50"),
        ({"steps": (1.5, 2.0)}, "whole numbers"),
        ({"steps": 7}, "two whole numbers"),
        ({"snr_db": "high"}, "finite number"),
    ],
)
def test_an_episode_that_cannot_be_is_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(LinksimError, match=said):
        StepSelection(REWARD_TABLE).reset(options=options)


ENDLESS: list[dict[str, object]] = [{"snr_db": (0.0, np.inf)}, {"snr_db": (-np.inf, 0.0)}, {"fluctuation_db": np.inf}]


@pytest.mark.parametrize(
    "wrong", [{"reset_interval": 0}, {"snr_db": (3.0, 2.0)}, {"delay": -1}, {"correlation": 1.1}, {"error_db": float("nan")}, *ENDLESS]
)
def test_figures_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(LinksimError, match=r"must be (at least|0\.\.1)"):
        StepSelection(REWARD_TABLE, **wrong)  # type: ignore[arg-type]  # some are wrong on purpose


def test_a_delay_is_a_whole_number_of_rounds() -> None:
    with pytest.raises(LinksimError, match=r"delay must be a whole number of rounds, got 1\.5"):
        StepSelection(REWARD_TABLE, delay=1.5)  # type: ignore[arg-type]  # wrong on purpose


def test_without_gymnasium_one_line_says_what_to_install() -> None:
    code = "import sys; sys.modules['gymnasium'] = None; import linksim.env"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "ImportError: linksim.env needs gymnasium: pip install 'linksim[rl]'"
