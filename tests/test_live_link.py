"""Facts about the live environment: a world whose steps are chosen from outside."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from conftest import Kept
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from numpy.typing import NDArray
from tiny_models import write_diffusec_models

import linksim.env
from linksim.adapt.mdp import MAX_ACTION, MOST, T_D, T_PLUS, Steps, random_steps, step_toward
from linksim.adapt.policy import BestFixed
from linksim.adapt.reward import adv_share, err_share, reward
from linksim.env.live_link import LiveLink, LiveLinkVec
from linksim.errors import LinksimError
from linksim.nets.weights import clear_model_cache
from linksim.records import ControlSent, FrameSent, ImageScore, Reception, StepDecision
from linksim.rng import Streams
from linksim.scenario.load import scenario_from_text
from linksim.scenario.schema import Scenario
from linksim.simulate.run import run

LINK = """
name: live
scheme: {name: diffusec, calls: 2, t_d: 20, t_plus: 5}
channel: {bob: {snr: {kind: gauss-markov, mean_db: 9, std_db: 3, coherence_ms: 60}}}
alice: {images_per_frame: 2, frame_interval_ms: 20, source_attack: fgsm}
session: {probe_interval_ms: 15}  # before each frame
trace: {images: 0, channel: 0, constellation_frames: 0}
"""


@pytest.fixture(autouse=True, scope="module")
def _tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("tiny")
    write_diffusec_models(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LINKSIM_MODELS", str(folder))
        clear_model_cache()
        yield
    clear_model_cache()


def options(*overrides: str) -> Scenario:
    return scenario_from_text(LINK, "live", overrides)


def actions(links: int, rounds: int, seed: int = 5) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(-1, 1, (links, rounds, 2)).astype(np.float32).swapaxes(0, 1)


def rollout(made: LiveLinkVec, chosen: NDArray[np.float32], seed: int | None = 7) -> list[NDArray[Any]]:
    """An episode -> observations [rounds + 1, links, 3], rewards [rounds, links], steps [rounds, links, 2], who asked [rounds, links]."""
    seen, rewards, steps, asked = [made.reset(seed=seed)[0]], [], [], []
    for now in chosen:
        observed, rewards_of, _, _, info = made.step(now)
        seen.append(observed)
        rewards.append(rewards_of)
        steps.append(np.stack([info["t_d"], info["t_plus"]], axis=1))
        asked.append(info["asked"])
    return [np.array(column) for column in (seen, rewards, steps, asked)]


def test_gymnasium_finds_nothing_to_complain_about() -> None:
    made = gymnasium.make(linksim.env.LIVE_LINK, scenario=options())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(made.unwrapped)


def test_a_vector_of_links_is_made_by_name_from_a_file_and_begins_the_next_episode_by_itself(tmp_path: Path) -> None:
    (tmp_path / "live.yaml").write_text(LINK)
    told: dict[str, Any] = {"scenario": str(tmp_path / "live.yaml"), "reset_interval": 2, "overrides": ["channel.bob.snr.mean_db=3"]}
    made = gymnasium.make_vec(linksim.env.LIVE_LINK, 2, **told)
    assert isinstance(made.unwrapped, LiveLinkVec)
    first = made.reset(seed=1)[0]
    still = np.zeros((2, 2), np.float32)
    assert not made.step(still)[3].any()
    assert made.step(still)[3].all()
    seen, rewards, terminated, truncated, info = made.step(still)
    assert not rewards.any()
    assert not (terminated | truncated).any()
    assert "ssim" not in info
    made.reset(seed=1)
    np.testing.assert_array_equal(seen, made.reset()[0])
    assert (seen != first).any()
    assert seen in made.observation_space


def test_an_episode_follows_from_its_seed_and_the_actions() -> None:
    made, chosen = LiveLinkVec(2, options(), rounds=3), actions(2, 3)
    first, again, other = rollout(made, chosen), rollout(made, chosen), rollout(made, chosen, seed=8)
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert (first[0] != other[0]).any()
    assert (first[1] != other[1]).any()


def test_links_know_nothing_of_each_other() -> None:
    chosen = actions(3, 3)
    two, three = rollout(LiveLinkVec(2, options(), rounds=3), chosen[:, :2]), rollout(LiveLinkVec(3, options(), rounds=3), chosen)
    for few, more in zip(two, three, strict=True):
        np.testing.assert_allclose(few, more[:, :2], atol=1e-5)  # networks round otherwise in other batches
    single = LiveLink(options(), rounds=3)
    seen = [single.reset(seed=7)[0], *(single.step(now)[0] for now in chosen[:, 0])]
    np.testing.assert_array_equal(two[0][:, 0], seen)


def until(kept: Kept, end_ns: int) -> list[str]:
    """What had begun on the air by then, and what was chosen, in an order of its own."""
    return sorted(
        repr(r) for r in kept.records if isinstance(r, FrameSent | Reception | ControlSent | StepDecision) and r.time_ns <= end_ns
    )


def test_a_policy_from_outside_does_to_the_world_what_it_does_from_inside() -> None:
    """The same frames, steps, messages and SNRs at the same instants: waiting takes no time where all are in step."""
    inside, outside, pair, rounds = Kept(), Kept(), (33, 12), 4
    policy = {"name": "random", "reset_interval": 1_000_000}
    run(options("links=2", f"bob.policy={policy}", "frames=6"), (inside,), policies={"options": BestFixed(pair)})
    made = LiveLinkVec(2, options(), rounds=rounds, listeners=(outside,))
    _, info = made.reset(seed=1)
    steps: Steps = np.stack([info["t_d"], info["t_plus"]], axis=1)
    assert steps.tolist() == [random_steps(Streams(1)(f"bob/link-{link}/policy"), 1)[0].tolist() for link in range(2)]
    for _ in range(rounds):
        wanted = step_toward(steps, np.array(pair))
        info = made.step(((wanted - steps) / MAX_ACTION).astype(np.float32))[4]
        np.testing.assert_array_equal(steps := np.stack([info["t_d"], info["t_plus"]], axis=1), wanted)
    end_ns = max(record.time_ns for record in outside.of(FrameSent))
    assert len(outside.of(FrameSent)) == len(outside.of(StepDecision)) == 2 * rounds
    assert until(outside, end_ns) == until(inside, end_ns)
    assert {(sent.t_d, sent.t_plus) for sent in outside.of(FrameSent) if sent.frame >= 2} == {pair}


def test_reward_is_equation_31_of_the_images_of_the_round() -> None:
    kept = Kept()
    made = LiveLinkVec(2, options("alice.images_per_frame=6"), rounds=3, listeners=(kept,))
    made.reset(seed=2)
    for now in actions(2, 3):
        before = len(kept.records)
        _, rewards, _, _, info = made.step(now)
        rows = [record for record in kept.records[before:] if isinstance(record, ImageScore)]
        for link in range(2):
            own = [row for row in rows if row.link == link]
            clean, attacked, final = np.array([(row.class_clean, row.class_attacked, row.predicted) for row in own]).T
            adv, err, ssim = float(adv_share(clean, attacked, final)), float(err_share(clean, attacked, final)), [row.ssim for row in own]
            assert info["images"][link] == len(own) == 6
            assert rewards[link] == pytest.approx(reward(float(np.mean(ssim)), adv, err))
            assert (info["adv"][link], info["err"][link]) == pytest.approx((adv**0.5, err**0.5))


def test_steps_stay_in_their_ranges_and_whole_actions_go_to_the_ends() -> None:
    made = LiveLinkVec(4, options("alice.source_attack=none"), rounds=3)
    _, _, steps, _ = rollout(made, np.full((3, 4, 2), 9.0, np.float32))
    assert (steps[-1] == MOST).all()
    assert ((steps >= (T_D[0], T_PLUS[0])) & (steps <= MOST)).all()
    assert (np.abs(np.diff(steps, axis=0)) <= MAX_ACTION).all()


def test_eight_links_need_hardly_more_calls_of_the_networks_than_one() -> None:
    calls = {}
    for links in (1, 8):
        made = LiveLinkVec(links, options(), rounds=3)
        rollout(made, actions(links, 3))
        assert made.episodes.simulation is not None
        calls[links], items = made.episodes.simulation.worker.calls, made.episodes.simulation.worker.items
        assert items["receive"] == 2 * links * 3
    assert calls[8] == calls[1]


@pytest.mark.parametrize(
    "overrides",
    [
        ("session.faults={loss: 0.3, duplicate: 0.2, reorder: 0.2, replay: 0.2, forge: 0.2}",),
        ("session.faults={loss: 0.1, bob_restart_ms: 31, alice_restart_ms: 47}",),
        ("session.max_transmissions=1", "session.faults={loss: 0.4}"),
        ("channel.bob.snr={kind: constant, mean_db: -2.5}",),
    ],
)
def test_whatever_goes_wrong_a_round_ends_and_a_link_that_did_not_ask_is_left_as_it_was(overrides: tuple[str, ...]) -> None:
    made, rounds = LiveLinkVec(3, options("alice.source_attack=none", *overrides), rounds=8), 8
    _, info = made.reset(seed=3)
    seen, received, rewards = [], [info["asked"]], []
    steps = [np.stack([info["t_d"], info["t_plus"]], axis=1)]
    for now in actions(3, rounds):
        observed, rewards_of, _, truncated, info = made.step(now)
        steps.append(np.stack([info["t_d"], info["t_plus"]], axis=1))
        seen.append(observed)
        received.append(info["asked"])
        rewards.append(rewards_of)
    assert truncated.all()
    assert np.isfinite(rewards).all()
    silent = ~np.array(received)
    assert silent.any()
    assert not silent.all()
    np.testing.assert_array_equal(np.array(seen)[1:][silent[2:]], np.array(seen)[:-1][silent[2:]])
    np.testing.assert_array_equal(np.array(steps)[1:][silent[:-1]], np.array(steps)[:-1][silent[:-1]])


def test_a_link_that_hears_nothing_is_told_of_and_its_world_ends_at_its_limit() -> None:
    made = LiveLink(options("channel.bob.snr={kind: constant, mean_db: -30}", "max_time_s=0.5"), rounds=100)
    _, info = made.reset(seed=1)
    assert not info["asked"]
    ends: list[bool] = []
    while not (ends and ends[-1]):
        _, rewards_of, terminated, truncated, info = made.step(np.ones(2, np.float32))
        ends.append(truncated)
        assert not terminated
        assert (info["images"], info["asked"]) == (0, False)
        assert rewards_of == pytest.approx(-0.8)
    assert len(ends) <= 3
    with pytest.raises(ResetNeeded):
        made.step(np.ones(2, np.float32))


def test_what_cannot_be_learnt_on_is_refused_in_one_line() -> None:
    two = scenario_from_text("name: two\ngroups: {one: {}, other: {}}\n")
    for scenario, more, said in (
        (options("scheme=plain"), {}, "'plain' has no diffusion steps to choose"),
        (options("session.probe_interval_ms=0"), {}, "Bob is never asked"),
        (two, {}, "name one: one, other"),
        (two, {"group": "on"}, "did you mean 'one'"),
        (options(), {"reset_interval": 0}, "rounds must be at least 1, got 0"),
    ):
        with pytest.raises(LinksimError, match=said) as caught:
            LiveLink(scenario, **more)
        assert "\n" not in str(caught.value)
    with pytest.raises(LinksimError, match="no options, got 'steps'"):
        LiveLink(options()).reset(options={"steps": (1, 2)})
    with pytest.raises(ResetNeeded):
        LiveLink(options()).step(np.zeros(2, np.float32))


def test_a_library_of_learners_learns_on_it() -> None:
    learners = pytest.importorskip("stable_baselines3")
    made = gymnasium.make(linksim.env.LIVE_LINK, scenario=options("alice.images_per_frame=1", "alice.source_attack=none"))
    agent = learners.DDPG("MlpPolicy", made, learning_starts=8, batch_size=4, policy_kwargs={"net_arch": [8]}, seed=1, device="cpu")
    agent.learn(16)
    assert agent.num_timesteps == 16
    assert agent.replay_buffer.size() == 16
