"""Tests of DDPG: the update, the replay buffer, the policy, and exact resumption of a killed training task."""

import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic_reward_table import synthetic_reward_table
from tiny_models import bare_card, use_models
from tiny_policies import SyntheticDdpg
from tiny_tasks import declare_tasks, ignore

from linksim.adapt.ddpg import Ddpg, DdpgAgent, DdpgConfig, select_actions, soft_update
from linksim.adapt.learning_curve import PolicyEvaluation, read_curve, write_curve
from linksim.adapt.mdp import MAX_ACTION, MAX_STEPS, MIN_STEPS, random_steps, state
from linksim.adapt.observation import of_snr
from linksim.adapt.replay import ReplayBuffer, Transitions
from linksim.adapt.reward_table_file import write_reward_table
from linksim.errors import LinksimError, ModelError
from linksim.nets.cards import TrainingData, write_card
from linksim.nets.policy import Actor, Critic, saturated_share
from linksim.nets.weights import clear_model_cache, load_model, sha256_of
from linksim.plots.learning_curve import draw_curve
from linksim.training import loop
from linksim.training.ddpg_trainer import DdpgTrainer
from linksim.training.loop import TrainingProgress, train
from linksim.training.pipeline import train_model
from linksim.training.step_world import RewardBaseline
from linksim.training.tune import tune


def networks(seed: int = 1) -> tuple[Actor, Critic]:
    actor, critic = Actor(MAX_ACTION, hidden=32), Critic(MAX_ACTION, hidden=32)
    generator = torch.Generator().manual_seed(seed)
    actor.draw(generator)
    critic.draw(generator)
    return actor, critic


def scale_output(actor: Actor, factor: float) -> None:
    """Multiply the actor's output before tanh by a factor."""
    for values in actor.layers[-1].parameters():
        values.data.mul_(factor)


def set_constant(critic: Critic, value: float) -> None:
    """Make the critic return the same value for all inputs."""
    weight, bias = critic.layers[-1].parameters()
    torch.nn.init.zeros_(weight)
    torch.nn.init.constant_(bias, value)


def transitions(n: int, seed: int = 1) -> Transitions:
    draw = np.random.default_rng(seed)
    states = draw.uniform(-1, 1, (2, n, 3)).astype(np.float32)
    return Transitions(states[0], draw.uniform(-25, 25, (n, 2)).astype(np.float32), -draw.random(n, np.float32), states[1])


def test_the_critic_target_is_the_reward_plus_the_discounted_next_value() -> None:
    """Eq. (36) and (37), where critic and target critic are constant."""
    agent, batch = DdpgAgent(*networks(), DdpgConfig(discount=0.9)), transitions(16)
    set_constant(agent.critic, -2.0)
    set_constant(agent.target_critic, -5.0)
    expected = np.mean((-2.0 - (batch.reward + 0.9 * -5.0)) ** 2)
    assert agent.update(batch).critic.item() == pytest.approx(expected, rel=1e-5)


def test_the_actor_update_raises_the_action_value_and_keeps_the_critic() -> None:
    """Eq. (38): with a constant critic, the value of the actor's actions increases."""
    agent, batch = DdpgAgent(*networks(), DdpgConfig(actor=1e-3, critic=0.0)), transitions(64)
    before = [parameter.clone() for parameter in agent.critic.parameters()]
    values_of_actions = [-agent.update(batch).actor.item() for _ in range(20)]
    assert np.all(np.diff(values_of_actions) > 0)
    assert all(torch.equal(*pair) for pair in zip(before, agent.critic.parameters(), strict=True))


def test_soft_updates_converge_geometrically() -> None:
    """After n soft updates towards a constant network, (1 - tau)^n of the distance remains."""
    (target, _), (network, _) = networks(1), networks(2)
    before = {name: value.clone() for name, value in target.state_dict().items()}
    for _ in range(30):
        soft_update(target, network, 0.05)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(target.state_dict()[name], value + 0.95**30 * (before[name] - value))


def test_the_agent_finds_the_optimal_actions_of_a_contextual_bandit() -> None:
    """The reward falls with the squared distance from actions that are linear in the state; the discount factor is 0."""
    draw = np.random.default_rng(3)
    states, actions = draw.uniform(-1, 1, (4096, 3)).astype(np.float32), draw.uniform(-25, 25, (4096, 2)).astype(np.float32)
    best = 15.0 * states[:, 1:] - 5.0
    replay, agent = ReplayBuffer(4096), DdpgAgent(*networks(), DdpgConfig(actor=1e-3, critic=3e-3, discount=0.0))
    torch.set_num_threads(1)
    replay.add(Transitions(states, actions, -np.square((actions - best) / MAX_ACTION).sum(axis=1), states))
    for _ in range(1_000):
        agent.update(replay.sample(draw, 64))
    assert np.sqrt(np.mean((select_actions(agent.actor, states) - best) ** 2)) < 4.0


def test_a_full_buffer_drops_the_oldest_and_samples_the_rest_uniformly() -> None:
    replay, draw = ReplayBuffer(5), np.random.default_rng(1)
    for number in range(4):
        one = np.full((2, 3), 2 * number) + np.arange(2)[:, None]
        replay.add(Transitions(one.astype(np.float32), np.zeros((2, 2), np.float32), one[:, 0].astype(np.float32), one.astype(np.float32)))
        assert len(replay) == min(2 * (number + 1), 5)
    found = replay.sample(draw, 10_000)
    numbers, counts = np.unique(found.reward, return_counts=True)
    assert numbers.tolist() == [3, 4, 5, 6, 7]
    assert counts == pytest.approx(2_000, abs=200)
    np.testing.assert_array_equal(found.state, found.next_state)
    np.testing.assert_array_equal(found.state[:, 0], found.reward)


def test_a_restored_buffer_samples_and_drops_as_the_original() -> None:
    first, second = ReplayBuffer(7), ReplayBuffer(7)
    first.add(transitions(7))
    first.add(transitions(3, seed=2))
    second.restore(first.rows().copy(), first.added)
    for replay in (first, second):
        replay.add(transitions(2, seed=3))
    pair = (replay.sample(np.random.default_rng(4), 50) for replay in (first, second))
    for one, other in zip(*pair, strict=True):
        np.testing.assert_array_equal(one, other)


def test_initial_actions_are_small_and_all_actions_are_bounded() -> None:
    actor, states = networks()[0], transitions(500).state
    assert np.abs(select_actions(actor, states)).max() < 0.05 * MAX_ACTION
    scale_output(actor, 1e5)
    assert 0.9 * MAX_ACTION < np.abs(select_actions(actor, states)).max() <= MAX_ACTION
    assert saturated_share(select_actions(actor, states), MAX_ACTION) > 0.5
    assert saturated_share(np.array([[24.9, -24.9], [24.7, 0.0]], np.float32), MAX_ACTION) == 0.5


def test_the_policy_uses_the_reported_snr_only_and_stays_in_range() -> None:
    actor, draw = networks()[0], np.random.default_rng(1)
    scale_output(actor, 1e3)
    steps, reported_db = random_steps(draw, 200), draw.uniform(-6, 18, 200)
    chosen = Ddpg(actor).choose(of_snr(steps, reported_db, np.full(200, np.nan)), draw)
    assert ((chosen >= MIN_STEPS) & (chosen <= MAX_STEPS)).all()
    expected = np.clip(steps + np.rint(select_actions(actor, state(steps, reported_db))), MIN_STEPS, MAX_STEPS)
    np.testing.assert_array_equal(chosen, expected)


SHORT = SyntheticDdpg("synthetic", steps=140, random_steps=60, minibatch=8)


def train_until_killed(checkpoint: Path) -> None:
    """The target of the child process; it writes a checkpoint after every step, so that a kill can come at any step."""
    loop.CHECKPOINT_EVERY_S = 0.0
    train(DdpgTrainer(SHORT), checkpoint, wait_at_step_80)


def wait_at_step_80(progress: TrainingProgress) -> None:
    """Wait at step 80, so that the kill comes before the end and in the middle of an episode."""
    if progress.step >= 80:
        time.sleep(600)


def test_a_killed_task_resumes_bit_for_bit(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    checkpoint = tmp_path / "policy.safetensors"
    child = multiprocessing.get_context("spawn").Process(target=train_until_killed, args=(checkpoint,))
    child.start()
    stopped = DdpgTrainer(SHORT)
    while stopped.step < 70 and child.is_alive():
        time.sleep(0.05)
        if checkpoint.exists():
            stopped.load(checkpoint)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    resumed, whole = DdpgTrainer(SHORT), DdpgTrainer(SHORT)
    resumed.load(checkpoint)
    assert 70 <= resumed.step < 140
    train(resumed, tmp_path / "resumed.safetensors", ignore)
    train(whole, tmp_path / "whole.safetensors", ignore)
    assert checkpoint_bytes(resumed, tmp_path / "one") == checkpoint_bytes(whole, tmp_path / "two")


def checkpoint_bytes(trainer: DdpgTrainer, path: Path) -> bytes:
    """The bytes of the trainer's checkpoint, with its wall-clock time set to 0."""
    trainer.seconds = 0.0
    trainer.save(path)
    return path.read_bytes()


def test_normalised_rewards_have_zero_mean_at_each_snr_and_the_same_best_steps() -> None:
    reward_table = synthetic_reward_table()
    baseline, pairs = RewardBaseline(reward_table), np.array([(t_d, t_plus) for t_d in reward_table.t_d for t_plus in reward_table.t_plus])
    nodes = []
    for snr_db in reward_table.snr_db:
        rewards = reward_table.reward(pairs, np.full(len(pairs), snr_db))
        nodes.append(baseline.normalise(rewards, np.full(len(pairs), snr_db)))
        assert nodes[-1].argmax() == rewards.argmax()
        assert abs(nodes[-1].mean()) < 1e-5
    assert np.std(nodes) == pytest.approx(1.0, abs=1e-5)


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    DdpgTrainer(SHORT).save(tmp_path / "c.safetensors")
    with pytest.raises(ModelError, match="another recipe"):
        DdpgTrainer(SyntheticDdpg("synthetic", steps=140, noise=0.2)).load(tmp_path / "c.safetensors")


def test_trained_steps_approach_the_best_and_t_plus_falls_with_the_snr() -> None:
    """On the synthetic reward table, 1,200 updates reduce the regret at every SNR to less than a quarter of that of random steps."""
    torch.set_num_threads(1)
    config = DdpgConfig(actor=1e-4, critic=1e-3)
    trainer = DdpgTrainer(SyntheticDdpg("synthetic", steps=2_200, random_steps=1_000, minibatch=64, ddpg=config))
    initial = trainer.task.scores(trainer.agent.actor)
    while not trainer.finished:
        trainer.train_step()
    trained = trainer.task.scores(trainer.agent.actor)
    assert all(after.value < before.value / 4 for before, after in zip(initial, trained, strict=True))
    t_plus = [row.t_plus for row in trainer.curve[-4:]]
    assert t_plus == sorted(t_plus, reverse=True)
    assert t_plus[0] > t_plus[-1] + 15


def test_training_a_policy_writes_a_model_card_and_curve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = tmp_path / "models"
    use_models(monkeypatch, models)
    models.mkdir()
    write_reward_table(synthetic_reward_table(), models / "synthetic.h5")
    described = replace(
        bare_card("synthetic", "reward-table", sha256_of(models / "synthetic.h5")), data=(TrainingData("photographs", "CC0"),)
    )
    write_card(described, models / "synthetic.yaml")
    declare_tasks(monkeypatch, {"policy": SHORT})
    clear_model_cache()
    card = train_model("policy", "cpu", tmp_path / "work", tmp_path / "models", ignore)
    model = load_model("policy", "policy")
    assert isinstance(model.network, Actor)
    assert model.card.data == described.data
    assert SHORT.scores(model.network) == card.scores == model.card.scores
    assert {score.condition for score in card.scores} == set(SHORT.conditions)
    curve = read_curve(tmp_path / "work" / "policy.csv")
    assert [(row.step, row.snr_db) for row in curve] == [(100, snr_db) for snr_db in (-3.0, 3.0, 9.0, 15.0)]
    assert draw_curve(tmp_path / "work" / "policy.csv").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ModelError, match="nothing to tune"):
        tune("policy", "cpu")


def test_a_curve_is_read_as_written(tmp_path: Path) -> None:
    row = PolicyEvaluation(100, -3.0, -0.5, 0.75, 0.25, 0.125, 0.0625, 20.5, 10.0, 0.0)
    write_curve([row], tmp_path / "c.csv")
    assert read_curve(tmp_path / "c.csv") == (row,)
    (tmp_path / "c.csv").write_text((tmp_path / "c.csv").read_text().replace("0.75", "many"))
    with pytest.raises(LinksimError, match=r"c\.csv:2: damaged"):
        read_curve(tmp_path / "c.csv")


def test_the_synthetic_reward_table_needs_adaptation() -> None:
    """The assumption of the training test: the best steps depend on the SNR, and rewards differ widely."""
    reward_table = synthetic_reward_table()
    levels_db = np.array([-3.0, 15.0])
    best = reward_table.best(levels_db)
    assert best[0, 1] > best[1, 1] + 15
    assert reward_table.reward_range(-3.0, 15.0) > 0.3
