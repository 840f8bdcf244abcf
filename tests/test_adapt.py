"""Facts about diffusion steps, the reward of a choice, and policies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from synthetic_reward_table import made_up_reward_table

from linksim.adapt.mdp import MAX_ACTION, T_D, T_PLUS, Steps, apply_action, random_steps, state, step_toward
from linksim.adapt.policy import BestFixed, ConstantPolicy, LookupPolicy, Oracle, Policy, Random
from linksim.adapt.reward import adv_share, err_share, reward

REWARD_TABLE = made_up_reward_table()
PAIRS = st.tuples(st.integers(*T_D), st.integers(*T_PLUS))


def drawn(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def within(steps: Steps) -> bool:
    return bool((steps >= (T_D[0], T_PLUS[0])).all() and (steps <= (T_D[1], T_PLUS[1])).all())


@given(PAIRS, hnp.arrays(np.float64, 2, elements=st.floats(-1e3, 1e3)))
def test_steps_stay_in_range_and_move_no_further_than_the_reach(before: tuple[int, int], action: np.ndarray) -> None:
    steps = np.array([before])
    after = apply_action(steps, action[None])
    assert after.dtype == np.int64
    assert within(after)
    assert np.abs(after - steps).max() <= MAX_ACTION


def test_an_action_is_rounded_to_whole_steps_and_each_end_holds_for_itself() -> None:
    steps = np.array([[20, 20], [20, 20], [3, 48], [50, 0]])
    actions = np.array([[1.4, -1.6], [99.0, -99.0], [-9.0, 9.0], [0.4, -0.4]])
    assert apply_action(steps, actions).tolist() == [[21, 18], [45, 0], [1, 50], [50, 0]]


def test_the_sum_of_both_may_pass_what_equation_25_allows() -> None:
    assert apply_action(np.array([[40, 40]]), np.array([[10.0, 10.0]])).tolist() == [[50, 50]]


@given(PAIRS, PAIRS)
def test_any_goal_is_reached_in_two_rounds_and_kept(before: tuple[int, int], goal: tuple[int, int]) -> None:
    steps, wanted = np.array([before]), np.array(goal)
    first = step_toward(steps, wanted)
    assert np.abs(first - steps).max() <= MAX_ACTION
    assert (np.abs(wanted - first) <= np.abs(wanted - steps)).all()
    second = step_toward(first, wanted)
    assert second.tolist() == [list(goal)] == step_toward(second, wanted).tolist()


def test_random_steps_take_every_value_of_their_ranges_alike() -> None:
    steps = random_steps(drawn(), 50_000)
    for column, (least, most) in zip(steps.T, (T_D, T_PLUS), strict=True):
        counts = np.bincount(column - least)
        assert len(counts) == most - least + 1
        assert counts.min() > 0.85 * counts.mean()
        assert counts.max() < 1.15 * counts.mean()


def test_a_state_spans_minus_one_to_one() -> None:
    steps = np.array([[1, 0], [50, 50]])
    told = state(steps, np.array([-6.0, 18.0]))
    assert told.dtype == np.float32
    assert told.tolist() == [[-1, -1, -1], [1, 1, 1]]
    assert state(np.array([[1, 25]]), np.array([6.0])).tolist() == [[-1, 0, 0]]


def test_shares_of_a_case_worked_by_hand() -> None:
    """Ten images: 4 the attack leaves alone (one of them is lost on the way), 6 it changes: 2 come through, 3 are cured, 1 is damaged."""
    clean = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    attacked = np.array([0, 1, 2, 3, 0, 0, 0, 0, 0, 0])
    final = np.array([0, 1, 2, 9, 0, 0, 6, 7, 8, 1])
    assert adv_share(clean, attacked, final) == pytest.approx(0.2)
    assert err_share(clean, attacked, final) == pytest.approx(0.1)
    two = [np.stack([classes, classes]) for classes in (clean, attacked, final)]
    assert adv_share(*two).tolist() == [0.2, 0.2]


def test_a_cure_is_no_damage_though_the_printed_chain_says_so() -> None:
    clean, attacked = np.array([3]), np.array([5])
    assert (clean != attacked).all()
    assert (attacked != clean).all()  # the chain of Eq. (30), with the right class in the end
    assert err_share(clean, attacked, clean) == 0
    assert adv_share(clean, attacked, clean) == 0


@given(hnp.arrays(np.int64, (3, 40), elements=st.integers(0, 3)))
def test_no_image_counts_for_both_shares(classes: np.ndarray) -> None:
    adv, err = adv_share(*classes), err_share(*classes)
    assert adv + err <= np.mean(classes[0] != classes[1]) + 1e-12
    assert -1.7 < reward(1.0, float(adv), float(err)) <= 0


def test_the_reward_of_a_case_worked_by_hand() -> None:
    assert reward(1.0, 0.0, 0.0) == 0
    assert reward(0.91, 0.04, 0.09) == pytest.approx(-0.8 * 0.09 - 0.7 * 0.2 - 0.5 * 0.3)
    assert reward(0.0, 0.0, 0.0) == pytest.approx(-0.8)


POLICIES: dict[str, Policy] = {
    "keep": ConstantPolicy(),
    "best fixed": BestFixed((20, 20)),
    "table": LookupPolicy(REWARD_TABLE, 3.0),
    "oracle": Oracle(REWARD_TABLE),
    "random": Random(),
}


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_moves_each_link_by_itself_within_range_and_reach(name: str) -> None:
    steps, snr_db = random_steps(drawn(), 64), drawn(2).uniform(-30, 40, 64)
    chosen = POLICIES[name].choose(steps, snr_db, snr_db, drawn(3))
    assert chosen.shape == (64, 2)
    assert within(chosen)
    assert np.abs(chosen - steps).max() <= MAX_ACTION
    if name != "random":
        alone = [POLICIES[name].choose(steps[i : i + 1], snr_db[i : i + 1], snr_db[i : i + 1], drawn(3))[0] for i in range(64)]
        assert (chosen == alone).all()


def arrived(policy: Policy, reported_db: float, true_db: float) -> list[int]:
    steps = np.array([[50, 0]])
    for _ in range(2):
        steps = policy.choose(steps, np.array([reported_db]), np.array([true_db]), drawn())
    found: list[int] = steps[0].tolist()
    return found


def test_each_policy_looks_at_what_it_may() -> None:
    best_low, best_high = REWARD_TABLE.best(np.array([-6.0, 18.0])).tolist()
    assert arrived(Oracle(REWARD_TABLE), 18.0, -6.0) == best_low != best_high
    assert arrived(LookupPolicy(REWARD_TABLE, 1.0), 18.0, -6.0) == best_high
    assert arrived(BestFixed((20, 20)), 18.0, -6.0) == [20, 20]
    assert arrived(ConstantPolicy(), 18.0, -6.0) == [50, 0]


def test_a_table_has_the_best_pair_of_each_bin() -> None:
    table = LookupPolicy(REWARD_TABLE, 6.0)
    for low_db in (-6.0, 0.0, 6.0, 12.0):
        expected = list(REWARD_TABLE.best_fixed(np.linspace(low_db, low_db + 6.0, 500)))
        assert arrived(table, low_db + 0.01, 0.0) == arrived(table, low_db + 5.99, 0.0) == expected
    assert arrived(table, -40.0, 0.0) == arrived(table, -6.0, 0.0)
    assert arrived(table, 90.0, 0.0) == arrived(table, 17.9, 0.0)
    one = LookupPolicy(REWARD_TABLE, 100.0)
    assert arrived(one, 0.0, 0.0) == list(REWARD_TABLE.best_fixed(np.linspace(-6, 18, 500)))
