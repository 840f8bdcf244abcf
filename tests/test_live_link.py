"""Tests of the live environments: a simulation whose diffusion steps are chosen from outside."""

import warnings
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from conftest import RecordCollector
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from numpy.typing import NDArray
from scipy.stats import binom
from tiny_models import use_models, write_diffusec_models

import linksim
import linksim.env
from linksim.adapt.mdp import MAX_ACTION, MAX_STEPS, T_D, T_PLUS, StepPairs, random_steps, step_toward
from linksim.adapt.policy import BestFixed
from linksim.adapt.reward import ETA_ADV, adv_share, err_share, reward
from linksim.enums import ImageOwner, Outcome
from linksim.env.agent_policy import AgentPolicy
from linksim.env.live_link import LiveLink, LiveLinkVec
from linksim.env.rendering import NewestFrame
from linksim.errors import LinksimError
from linksim.nets.weights import clear_model_cache
from linksim.nodes.decision_rewards import round_reward
from linksim.records import ControlSent, DecisionReward, FrameSent, ImageScore, KeptImage, ParameterDecision, Reception
from linksim.rng import Streams
from linksim.scenario.load import scenario_from_text
from linksim.scenario.schema import Scenario
from linksim.simulate.run import negotiated_parameters, run
from linksim.trace.layout import RunMetadata
from linksim.trace.writer import TraceWriter

SCENARIO = """
name: live
scheme: {name: diffusec, num_denoiser_calls: 2, t_d: 20, t_plus: 5}
channel: {bob: {snr: {kind: gauss-markov, mean_db: 9, std_db: 3, coherence_ms: 60}}}
alice: {images_per_frame: 2, frame_interval_ms: 20, source_attack: fgsm}
session: {probe_interval_ms: 15}  # a probe before each frame
trace: {images: 0, channel_samples: 0, constellation_frames: 0}
"""


@pytest.fixture(autouse=True, scope="module")
def _tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("tiny")
    write_diffusec_models(folder)
    with pytest.MonkeyPatch.context() as patch:
        use_models(patch, folder)
        clear_model_cache()
        yield
    clear_model_cache()


def scenario(*overrides: str) -> Scenario:
    return scenario_from_text(SCENARIO, "live", overrides)


def actions(links: int, rounds: int, seed: int = 5) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(-1, 1, (links, rounds, 2)).astype(np.float32).swapaxes(0, 1)


def steps_of(info: dict[str, Any]) -> StepPairs:
    """The chosen steps, [links, 2]."""
    return np.stack([info["t_d"], info["t_plus"]], axis=1)


def rollout(env: LiveLinkVec, chosen: NDArray[np.float32], seed: int | None = 7) -> list[NDArray[Any]]:
    """Run an episode -> observations [rounds + 1, links, 3], rewards [rounds, links], steps [rounds, links, 2], requests."""
    observations, rewards, steps, requested = [env.reset(seed=seed)[0]], [], [], []
    for action in chosen:
        observation, reward_of_round, _, _, info = env.step(action)
        observations.append(observation)
        rewards.append(reward_of_round)
        steps.append(steps_of(info))
        requested.append(info["action_requested"])
    return [np.array(column) for column in (observations, rewards, steps, requested)]


def test_the_gymnasium_checker_reports_nothing() -> None:
    env = gymnasium.make(linksim.env.LIVE_LINK, scenario=scenario(), render_mode="rgb_array")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)


def test_it_is_made_without_an_argument() -> None:
    """One link of a shipped scenario, whose groups differ in Bob's policy only; episodes have the length that Gymnasium states."""
    env = gymnasium.make("linksim/LiveLink-v0")
    assert env.spec is not None
    assert env.spec.max_episode_steps == linksim.env.MAX_EPISODE_STEPS == 3
    env.reset(seed=1)
    ends = [env.step(np.zeros(2, np.float32))[3] for _ in range(3)]
    assert ends == [False, False, True]
    longer = gymnasium.make("linksim/LiveLink-v0", max_episode_steps=5)
    assert longer.spec is not None
    assert longer.spec.max_episode_steps == 5
    longer.reset(seed=1)
    assert not any(longer.step(np.zeros(2, np.float32))[3] for _ in range(4))
    assert gymnasium.make_vec("linksim/LiveLink-v0", 2).reset(seed=1)[0].shape == (2, 3)


def test_a_round_is_rendered_as_a_line_of_text() -> None:
    env = gymnasium.make(linksim.env.LIVE_LINK, scenario=scenario(), render_mode="ansi")
    _, info = env.reset(seed=2)
    assert env.render() == f"round 0: t_D = {info['t_d']}, t_plus = {info['t_plus']}, SNR {info['snr_db']:.1f} dB"
    _, reward_of_round, _, _, info = env.step(np.ones(2, np.float32))
    text = env.render()
    assert isinstance(text, str)
    assert text.startswith(f"round 1: t_D = {info['t_d']}, t_plus = {info['t_plus']}, SNR ")
    assert text.endswith(f"images 2, SSIM {info['ssim']:.3f}, Adv {info['adv']:.3f}, Err {info['err']:.3f}, reward {reward_of_round:.3f}")


def test_the_sent_image_is_rendered_beside_the_received_one() -> None:
    """Every frame is rendered, not only those that the scenario keeps; it is black before the first one."""
    kept = RecordCollector()
    env = gymnasium.make(linksim.env.LIVE_LINK, scenario=scenario(), listeners=(kept,), render_mode="rgb_array")
    for seed in (2, 3):
        env.reset(seed=seed)
        black = env.render()
        assert isinstance(black, np.ndarray)
        assert (black.dtype, black.shape, black.any()) == (np.uint8, (32, 64, 3), False)
        for _ in range(3):
            env.step(np.zeros(2, np.float32))
            first = {(record.frame, record.node): record.pixels for record in kept.of(KeptImage) if record.image == 0}
            frame = max(frame for frame, _ in first)
            shown = env.render()
            assert isinstance(shown, np.ndarray)
            np.testing.assert_array_equal(shown[:, :32].transpose(2, 0, 1), first[frame, ImageOwner.SOURCE])
            np.testing.assert_array_equal(shown[:, 32:].transpose(2, 0, 1), first[frame, ImageOwner.BOB])
            assert (first[frame, ImageOwner.SOURCE] != first[frame, ImageOwner.ALICE]).any()
        assert frame >= 2
        kept.records.clear()


def test_bobs_half_is_black_if_the_newest_frame_is_lost_and_grey_images_have_three_channels() -> None:
    newest = NewestFrame()

    def show(frame: int, node: int, value: int, image: int = 0) -> None:
        newest(KeptImage(time_ns=0, link=0, frame=frame, image=image, node=node, pixels=np.full((1, 2, 3), value, np.uint8)))

    def halves() -> list[list[int]]:
        shown = newest.beside((1, 2, 3))
        assert (shown.shape, shown.dtype) == ((2, 6, 3), np.uint8)
        return [np.unique(half).tolist() for half in (shown[:, :3], shown[:, 3:])]

    show(0, ImageOwner.BOB, 8)
    assert halves() == [[0], [0]]
    show(0, ImageOwner.ALICE, 9)
    show(0, ImageOwner.EVE, 7)
    show(0, ImageOwner.BOB, 5, image=1)
    assert halves() == [[9], [8]]
    show(1, ImageOwner.ALICE, 6)
    assert halves() == [[6], [0]]
    newest.clear()
    assert halves() == [[0], [0]]


def test_the_policy_of_an_agent_acts_as_the_agent_does_in_the_environment() -> None:
    weights = np.random.default_rng(4).normal(size=(3, 2))

    def predict(observations: NDArray[np.float32]) -> NDArray[np.float64]:
        return 2.0 * np.tanh(observations @ weights)

    outside, inside = RecordCollector(), RecordCollector()
    env = LiveLinkVec(2, scenario(), listeners=(outside,))
    observations = env.reset(seed=1)[0]
    for _ in range(3):
        observations = env.step(predict(observations).astype(np.float32))[0]
    policy = {"name": "random", "reset_interval": 1_000_000}  # random steps before the first action
    run(scenario("links=2", f"bob.policy={policy}", "frames=4"), (inside,), policies={"link": AgentPolicy(predict)})
    chosen = [[(r.link, *r.parameters.values()) for r in kept.of(ParameterDecision)] for kept in (inside, outside)]
    assert len(chosen[1]) == 6
    assert chosen[0][:6] == chosen[1]
    assert len({steps for _, *steps in map(tuple, chosen[1]) for steps in [tuple(steps)]}) > 2


def test_the_reward_of_few_images_is_too_high_by_its_roots() -> None:
    """The figures of docs/adaptation.md: the mean root of a share of 4 % among n images, by the binomial distribution."""
    means = {n: sum(binom.pmf(k, n, 0.04) * (k / n) ** 0.5 for k in range(n + 1)) for n in (1, 16, 256)}
    assert list(means.values()) == pytest.approx([0.04, 0.136, 0.198], abs=5e-4)
    assert ETA_ADV * (means[1] - 0.2) == pytest.approx(0.112)
    page = (Path(__file__).parents[1] / "docs" / "adaptation.md").read_text(encoding="utf-8")
    assert "0.04, 0.136 and 0.198 on average, not 0.2" in " ".join(page.split())


def test_make_vec_takes_a_file_and_the_environment_resets_itself(tmp_path: Path) -> None:
    (tmp_path / "live.yaml").write_text(SCENARIO)
    arguments: dict[str, Any] = {"scenario": str(tmp_path / "live.yaml"), "overrides": ["channel.bob.snr.mean_db=3"]}
    env = gymnasium.make_vec(linksim.env.LIVE_LINK, 2, max_episode_steps=2, **arguments)
    assert isinstance(env.unwrapped, LiveLinkVec)
    first = env.reset(seed=1)[0]
    no_change = np.zeros((2, 2), np.float32)
    assert not env.step(no_change)[3].any()
    assert env.step(no_change)[3].all()
    observations, rewards, terminated, truncated, info = env.step(no_change)
    assert not rewards.any()
    assert not (terminated | truncated).any()
    assert "ssim" not in info
    env.reset(seed=1)
    np.testing.assert_array_equal(observations, env.reset()[0])
    assert (observations != first).any()
    assert observations in env.observation_space


def test_the_seed_and_the_actions_determine_an_episode() -> None:
    env, chosen = LiveLinkVec(2, scenario(), max_episode_steps=3), actions(2, 3)
    first, again, other = rollout(env, chosen), rollout(env, chosen), rollout(env, chosen, seed=8)
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert (first[0] != other[0]).any()
    assert (first[1] != other[1]).any()


def test_links_are_independent_and_a_single_environment_is_the_first_link() -> None:
    chosen = actions(3, 3)
    two, three = rollout(LiveLinkVec(2, scenario()), chosen[:, :2]), rollout(LiveLinkVec(3, scenario()), chosen)
    for few, more in zip(two, three, strict=True):
        np.testing.assert_allclose(few, more[:, :2], atol=1e-5)  # batches of other sizes are rounded differently
    single = LiveLink(scenario())
    observations = [single.reset(seed=7)[0], *(single.step(action)[0] for action in chosen[:, 0])]
    np.testing.assert_array_equal(two[0][:, 0], observations)


def events_until(kept: RecordCollector, end_ns: int) -> tuple[list[str], list[float]]:
    """The transmissions, receptions and decisions that started by `end_ns`, in a canonical order, and all of their floats."""
    found = [r for r in kept.records if isinstance(r, FrameSent | Reception | ControlSent | ParameterDecision) and r.time_ns <= end_ns]
    events = []
    for record in found:
        row = [(f.name, getattr(record, f.name)) for f in fields(record)]
        exact = [(name, value) for name, value in row if not isinstance(value, float)]
        events.append((f"{type(record).__name__} {exact}", [value for _, value in row if isinstance(value, float)]))
    events.sort()
    return [text for text, _ in events], [value for _, floats in events for value in floats]


def test_a_policy_outside_the_simulation_has_the_same_effect_as_inside() -> None:
    """Frames, steps, messages and SNRs are equal at equal times: simultaneous requests take no simulated time."""
    inside, outside, pair, rounds = RecordCollector(), RecordCollector(), (33, 12), 4
    policy = {"name": "random", "reset_interval": 1_000_000}
    run(scenario("links=2", f"bob.policy={policy}", "frames=6"), (inside,), policies={"link": BestFixed(pair)})
    env = LiveLinkVec(2, scenario(), max_episode_steps=rounds, listeners=(outside,))
    _, info = env.reset(seed=1)
    steps: StepPairs = steps_of(info)
    assert steps.tolist() == [random_steps(Streams(1)(f"bob/link-{link}/policy"), 1)[0].tolist() for link in range(2)]
    for _ in range(rounds):
        target = step_toward(steps, np.array(pair))
        info = env.step(((target - steps) / MAX_ACTION).astype(np.float32))[4]
        np.testing.assert_array_equal(steps := steps_of(info), target)
    end_ns = max(record.time_ns for record in outside.of(FrameSent))
    assert len(outside.of(FrameSent)) == len(outside.of(ParameterDecision)) == 2 * rounds
    (events, floats), (expected, expected_floats) = (events_until(kept, end_ns) for kept in (outside, inside))
    assert events == expected
    assert floats == pytest.approx(expected_floats, rel=1e-6)  # batches of other sizes are rounded differently
    assert {tuple(sent.parameters.values()) for sent in outside.of(FrameSent) if sent.frame >= 2} == {pair}


def test_the_reward_is_equation_31_of_the_images_of_the_round() -> None:
    kept = RecordCollector()
    env = LiveLinkVec(2, scenario("alice.images_per_frame=6"), max_episode_steps=3, listeners=(kept,))
    env.reset(seed=2)
    for action in actions(2, 3):
        before = len(kept.records)
        _, rewards, _, _, info = env.step(action)
        rows = [record for record in kept.records[before:] if isinstance(record, ImageScore)]
        for link in range(2):
            own = [row for row in rows if row.link == link]
            clean, attacked, final = np.array([(row.class_clean, row.class_attacked, row.class_received) for row in own]).T
            adv, err, ssim = float(adv_share(clean, attacked, final)), float(err_share(clean, attacked, final)), [row.ssim for row in own]
            assert info["images"][link] == len(own) == 6
            assert rewards[link] == pytest.approx(reward(float(np.mean(ssim)), adv, err))
            assert (info["adv"][link], info["err"][link]) == pytest.approx((adv**0.5, err**0.5))


def test_the_reward_is_that_of_the_decision_in_the_trace(tmp_path: Path) -> None:
    chosen = scenario("alice.images_per_frame=3")
    metadata = RunMetadata("", 1, {}, {}, {}, negotiated_parameters(chosen))
    with TraceWriter(tmp_path / "live.h5", metadata, {("images", "pixels"): (3, 32, 32)}, {("links", "group"): ("link",)}) as writer:
        env = LiveLinkVec(2, chosen, max_episode_steps=3, listeners=(writer,))
        _, rewards, steps, _ = rollout(env, actions(2, 3))
        writer.close("f00d")
    with linksim.open_trace(tmp_path / "live.h5") as run:
        found = run.table("decision_rewards")
    assert set(found["images"]) == {3}
    for link in range(2):
        own = found["link"] == link
        assert found["reward"][own].tolist() == rewards[:, link].tolist()
        assert np.stack([found["t_d"][own], found["t_plus"][own]], axis=1).tolist() == steps[:, link].tolist()


@pytest.mark.parametrize("more", [(), ("compute.evaluation=eager",), ("session.faults={loss: 0.3, bob_restart_ms: 90}",)])
def test_a_run_emits_the_reward_of_every_decision(more: tuple[str, ...]) -> None:
    """Each is that of a loop over the records; those of a link are in the order of its decisions."""
    kept = RecordCollector()
    run(scenario("links=2", "frames=8", "bob.policy=random", *more), (kept,))
    for link in range(2):
        decisions, rewards = ([r for r in kept.of(kind) if r.link == link] for kind in (ParameterDecision, DecisionReward))
        assert [(r.time_ns, r.sequence) for r in rewards] == [(d.time_ns, d.sequence) for d in decisions] != []
        for decision, found, end_ns in zip(decisions, rewards, [*(d.time_ns for d in decisions[1:]), 2**63], strict=True):
            sent = {
                (r.frame, r.time_ns)
                for r in kept.of(FrameSent)
                if r.link == link and decision.time_ns < r.time_ns < end_ns
                and r.outcome == Outcome.DECODED and r.parameters == decision.parameters
            }  # fmt: skip
            parts = round_reward([r for r in kept.of(ImageScore) if r.link == link and (r.frame, r.time_ns) in sent])
            expected = (0, None, None, None, None) if parts is None else (parts.images, parts.ssim, parts.adv, parts.err, parts.reward)
            assert (found.images, found.ssim, found.adv_share, found.err_share, found.reward) == expected
    assert sum(r.images for r in kept.of(DecisionReward)) >= (2 * 8 * 2 if not more or "faults" not in more[0] else 4)


def test_steps_stay_in_their_ranges_and_large_actions_reach_the_ends() -> None:
    env = LiveLinkVec(4, scenario("alice.source_attack=none"), max_episode_steps=3)
    _, _, steps, _ = rollout(env, np.full((3, 4, 2), 9.0, np.float32))
    assert (steps[-1] == MAX_STEPS).all()
    assert ((steps >= (T_D[0], T_PLUS[0])) & (steps <= MAX_STEPS)).all()
    assert (np.abs(np.diff(steps, axis=0)) <= MAX_ACTION).all()


def test_eight_links_need_as_many_network_calls_as_one() -> None:
    calls = {}
    for links in (1, 8):
        env = LiveLinkVec(links, scenario(), max_episode_steps=3)
        rollout(env, actions(links, 3))
        assert env.simulation is not None
        calls[links], items = env.simulation.worker.calls, env.simulation.worker.items
        assert items["receive"] == 2 * links * 3
    for found in calls.values():  # control messages, which are no work of a network, need the decoder by chance
        del found["decode_control"]
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
def test_every_round_ends_under_faults_and_a_link_without_a_request_is_unchanged(overrides: tuple[str, ...]) -> None:
    env, rounds = LiveLinkVec(3, scenario("alice.source_attack=none", *overrides), max_episode_steps=8), 8
    _, info = env.reset(seed=3)
    observations, requested, rewards = [], [info["action_requested"]], []
    steps = [steps_of(info)]
    for action in actions(3, rounds):
        observation, reward_of_round, _, truncated, info = env.step(action)
        steps.append(steps_of(info))
        observations.append(observation)
        requested.append(info["action_requested"])
        rewards.append(reward_of_round)
    assert truncated.all()
    assert np.isfinite(rewards).all()
    silent = ~np.array(requested)
    assert silent.any()
    assert not silent.all()
    np.testing.assert_array_equal(np.array(observations)[1:][silent[2:]], np.array(observations)[:-1][silent[2:]])
    np.testing.assert_array_equal(np.array(steps)[1:][silent[:-1]], np.array(steps)[:-1][silent[:-1]])


def test_a_link_without_reception_makes_no_request_and_its_episode_ends_at_max_time_s() -> None:
    env = LiveLink(scenario("channel.bob.snr={kind: constant, mean_db: -30}", "max_time_s=0.5"))
    _, info = env.reset(seed=1)
    assert not info["action_requested"]
    ends: list[bool] = []
    while not (ends and ends[-1]):
        _, reward_of_round, terminated, truncated, info = env.step(np.ones(2, np.float32))
        ends.append(truncated)
        assert not terminated
        assert (info["images"], info["action_requested"]) == (0, False)
        assert reward_of_round == pytest.approx(-0.8)
    assert len(ends) <= 3
    with pytest.raises(ResetNeeded):
        env.step(np.ones(2, np.float32))


def test_unsuitable_scenarios_and_arguments_are_refused_in_one_line() -> None:
    two = scenario_from_text("name: two\ngroups: {one: {}, other: {eve: inverse-network}}\n")
    for unsuitable, arguments, message in (
        (scenario("scheme=deepjscc"), {}, "'deepjscc' has no diffusion steps to choose"),
        (scenario("session.probe_interval_ms=0"), {}, "Bob never requests an action"),
        (two, {}, "name one: one, other"),
        (two, {"group": "on"}, "did you mean 'one'"),
        (scenario(), {"render_mode": "rgb-array"}, "no render mode 'rgb-array'; did you mean 'rgb_array'"),
    ):
        with pytest.raises(LinksimError, match=message) as caught:
            LiveLink(unsuitable, **arguments)
        assert "\n" not in str(caught.value)
    with pytest.raises(LinksimError, match="max_episode_steps must be at least 1, got 0"):
        LiveLinkVec(1, scenario(), max_episode_steps=0)
    with pytest.raises(LinksimError, match="takes no options, got 'steps'"):
        LiveLink(scenario()).reset(options={"steps": (1, 2)})
    with pytest.raises(ResetNeeded):
        LiveLink(scenario()).step(np.zeros(2, np.float32))


def test_a_stable_baselines_agent_trains_on_it() -> None:
    baselines = pytest.importorskip("stable_baselines3")
    env = gymnasium.make(linksim.env.LIVE_LINK, scenario=scenario("alice.images_per_frame=1", "alice.source_attack=none"))
    agent = baselines.DDPG("MlpPolicy", env, learning_starts=8, batch_size=4, policy_kwargs={"net_arch": [8]}, seed=1, device="cpu")
    agent.learn(16)
    assert agent.num_timesteps == 16
    assert agent.replay_buffer.size() == 16
