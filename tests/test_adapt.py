"""Tests of the decision process, the reward and the policies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from synthetic_reward_table import synthetic_reward_table

from linksim.adapt.mdp import MAX_ACTION, T_D, T_PLUS, StepPairs, apply_action, random_steps, state, step_toward
from linksim.adapt.observation import of_snr
from linksim.adapt.policy import BestFixed, ConstantPolicy, LookupPolicy, Oracle, Policy, Random
from linksim.adapt.reward import adv_share, err_share, reward

REWARD_TABLE = synthetic_reward_table()
PAIRS = st.tuples(st.integers(*T_D), st.integers(*T_PLUS))


def generator(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def in_range(steps: StepPairs) -> bool:
    return bool((steps >= (T_D[0], T_PLUS[0])).all() and (steps <= (T_D[1], T_PLUS[1])).all())


@given(PAIRS, hnp.arrays(np.float64, 2, elements=st.floats(-1e3, 1e3)))
def test_steps_stay_in_range_and_change_by_at_most_max_action(before: tuple[int, int], action: np.ndarray) -> None:
    steps = np.array([before])
    after = apply_action(steps, action[None])
    assert after.dtype == np.int64
    assert in_range(after)
    assert np.abs(after - steps).max() <= MAX_ACTION


def test_actions_are_rounded_and_each_component_is_clipped_separately() -> None:
    steps = np.array([[20, 20], [20, 20], [3, 48], [50, 0]])
    actions = np.array([[1.4, -1.6], [99.0, -99.0], [-9.0, 9.0], [0.4, -0.4]])
    assert apply_action(steps, actions).tolist() == [[21, 18], [45, 0], [1, 50], [50, 0]]


def test_the_sum_of_steps_may_exceed_the_limit_of_equation_25() -> None:
    assert apply_action(np.array([[40, 40]]), np.array([[10.0, 10.0]])).tolist() == [[50, 50]]


@given(PAIRS, PAIRS)
def test_any_target_is_reached_within_two_rounds_and_then_kept(before: tuple[int, int], target: tuple[int, int]) -> None:
    steps, goal = np.array([before]), np.array(target)
    first = step_toward(steps, goal)
    assert np.abs(first - steps).max() <= MAX_ACTION
    assert (np.abs(goal - first) <= np.abs(goal - steps)).all()
    second = step_toward(first, goal)
    assert second.tolist() == [list(target)] == step_toward(second, goal).tolist()


def test_random_steps_are_uniform_over_their_ranges() -> None:
    steps = random_steps(generator(), 50_000)
    for column, (low, high) in zip(steps.T, (T_D, T_PLUS), strict=True):
        counts = np.bincount(column - low)
        assert len(counts) == high - low + 1
        assert counts.min() > 0.85 * counts.mean()
        assert counts.max() < 1.15 * counts.mean()


def test_state_components_are_minus_one_to_one_over_their_ranges() -> None:
    steps = np.array([[1, 0], [50, 50]])
    scaled = state(steps, np.array([-6.0, 18.0]))
    assert scaled.dtype == np.float32
    assert scaled.tolist() == [[-1, -1, -1], [1, 1, 1]]
    assert state(np.array([[1, 25]]), np.array([6.0])).tolist() == [[-1, 0, 0]]


def test_shares_match_a_hand_computed_example() -> None:
    """Ten images. The attack changes 6: 2 attacks succeed, 3 are purified, 1 gets a third class. Bob misclassifies one of the other 4."""
    clean = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    attacked = np.array([0, 1, 2, 3, 0, 0, 0, 0, 0, 0])
    final = np.array([0, 1, 2, 9, 0, 0, 6, 7, 8, 1])
    assert adv_share(clean, attacked, final) == pytest.approx(0.2)
    assert err_share(clean, attacked, final) == pytest.approx(0.1)
    two = [np.stack([classes, classes]) for classes in (clean, attacked, final)]
    assert adv_share(*two).tolist() == [0.2, 0.2]


def test_a_purified_image_is_no_error_although_equation_30_read_literally_counts_it() -> None:
    clean, attacked = np.array([3]), np.array([5])
    assert (clean != attacked).all()
    assert (attacked != clean).all()  # the chain of Eq. (30), although the final class is correct
    assert err_share(clean, attacked, clean) == 0
    assert adv_share(clean, attacked, clean) == 0


@given(hnp.arrays(np.int64, (3, 40), elements=st.integers(0, 3)))
def test_no_image_counts_in_both_shares(classes: np.ndarray) -> None:
    adv, err = adv_share(*classes), err_share(*classes)
    assert adv + err <= np.mean(classes[0] != classes[1]) + 1e-12
    value = reward(1.0, float(adv), float(err))
    assert value >= -(0.74**0.5) - 1e-12  # minimum of -0.7 sqrt(adv) - 0.5 sqrt(err) for adv + err <= 1
    assert (value == 0) == (adv == err == 0)


def test_reward_matches_a_hand_computed_example() -> None:
    assert reward(1.0, 0.0, 0.0) == 0
    assert reward(0.91, 0.04, 0.09) == pytest.approx(-0.8 * 0.09 - 0.7 * 0.2 - 0.5 * 0.3)
    assert reward(0.0, 0.0, 0.0) == pytest.approx(-0.8)


POLICIES: dict[str, Policy] = {
    "constant": ConstantPolicy(),
    "best-fixed": BestFixed((20, 20)),
    "lookup": LookupPolicy(REWARD_TABLE, 3.0),
    "oracle": Oracle(REWARD_TABLE),
    "random": Random(),
}


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_moves_each_link_independently_in_range_and_by_at_most_max_action(name: str) -> None:
    steps, snr_db = random_steps(generator(), 64), generator(2).uniform(-30, 40, 64)
    chosen = POLICIES[name].choose(of_snr(steps, snr_db), generator(3))
    assert chosen.shape == (64, 2)
    assert in_range(chosen)
    assert np.abs(chosen - steps).max() <= MAX_ACTION
    if name != "random":
        alone = [POLICIES[name].choose(of_snr(steps[i : i + 1], snr_db[i : i + 1]), generator(3))[0] for i in range(64)]
        assert (chosen == alone).all()


def steps_after_two_rounds(policy: Policy, reported_db: float, true_db: float) -> list[int]:
    steps = np.array([[50, 0]])
    for _ in range(2):
        steps = policy.choose(of_snr(steps, np.array([reported_db]), np.array([true_db])), generator())
    found: list[int] = steps[0].tolist()
    return found


def test_only_the_oracle_uses_the_true_snr() -> None:
    best_low, best_high = REWARD_TABLE.best(np.array([-6.0, 18.0])).tolist()
    assert steps_after_two_rounds(Oracle(REWARD_TABLE), 18.0, -6.0) == best_low != best_high
    assert steps_after_two_rounds(LookupPolicy(REWARD_TABLE, 1.0), 18.0, -6.0) == best_high
    assert steps_after_two_rounds(BestFixed((20, 20)), 18.0, -6.0) == [20, 20]
    assert steps_after_two_rounds(ConstantPolicy(), 18.0, -6.0) == [50, 0]


def test_the_lookup_policy_uses_the_best_pair_of_each_bin() -> None:
    lookup = LookupPolicy(REWARD_TABLE, 6.0)
    for low_db in (-6.0, 0.0, 6.0, 12.0):
        expected = list(REWARD_TABLE.best_fixed(np.linspace(low_db, low_db + 6.0, 500)))
        assert steps_after_two_rounds(lookup, low_db + 0.01, 0.0) == steps_after_two_rounds(lookup, low_db + 5.99, 0.0) == expected
    assert steps_after_two_rounds(lookup, -40.0, 0.0) == steps_after_two_rounds(lookup, -6.0, 0.0)
    assert steps_after_two_rounds(lookup, 90.0, 0.0) == steps_after_two_rounds(lookup, 17.9, 0.0)
    one = LookupPolicy(REWARD_TABLE, 100.0)
    assert steps_after_two_rounds(one, 0.0, 0.0) == list(REWARD_TABLE.best_fixed(np.linspace(-6, 18, 500)))
