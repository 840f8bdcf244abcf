"""Facts about DDPG: its update, its memory, its policy, and that a killed training task goes on bit for bit."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic_reward_table import made_up_reward_table
from tiny_policies import MadeUpDdpg
from tiny_tasks import ignore

from linksim.adapt.ddpg import Ddpg, DdpgAgent, DdpgConfig, follow, select_actions
from linksim.adapt.learning_curve import PolicyEvaluation, read_curve, write_curve
from linksim.adapt.mdp import LEAST, MAX_ACTION, MOST, random_steps, state
from linksim.adapt.replay import ReplayBuffer, Transitions
from linksim.errors import LinksimError, ModelError
from linksim.nets.policy import Actor, Critic, saturated
from linksim.nets.weights import clear_model_cache, load_model
from linksim.plots.learning_curve import draw_curve
from linksim.training import loop, pipeline
from linksim.training.ddpg_trainer import DdpgTrainer, RewardBaseline
from linksim.training.loop import Progress, train
from linksim.training.pipeline import train_model
from linksim.training.tune import tune


def drawn(seed: int = 1) -> tuple[Actor, Critic]:
    actor, critic = Actor(MAX_ACTION, hidden=32), Critic(MAX_ACTION, hidden=32)
    generator = torch.Generator().manual_seed(seed)
    actor.draw(generator)
    critic.draw(generator)
    return actor, critic


def louder(actor: Actor, factor: float) -> None:
    """Make its actions so much larger, before tanh."""
    for values in actor.layers[-1].parameters():
        values.data.mul_(factor)


def always(critic: Critic, worth: float) -> None:
    """Make it say the same of everything."""
    weight, bias = critic.layers[-1].parameters()
    torch.nn.init.zeros_(weight)
    torch.nn.init.constant_(bias, worth)


def happened(n: int, seed: int = 1) -> Transitions:
    draw = np.random.default_rng(seed)
    states = draw.uniform(-1, 1, (2, n, 3)).astype(np.float32)
    return Transitions(states[0], draw.uniform(-25, 25, (n, 2)).astype(np.float32), -draw.random(n, np.float32), states[1])


def test_the_target_is_reward_and_discounted_worth_of_what_follows() -> None:
    """Eq. (36) and (37), where online and target critic each say one thing of everything."""
    learner, batch = DdpgAgent(*drawn(), DdpgConfig(discount=0.9)), happened(16)
    always(learner.critic, -2.0)
    always(learner.target_critic, -5.0)
    expected = np.mean((-2.0 - (batch.reward + 0.9 * -5.0)) ** 2)
    assert learner.update(batch).critic.item() == pytest.approx(expected, rel=1e-5)


def test_the_actor_climbs_what_the_critic_says_and_leaves_the_critic_alone() -> None:
    """Eq. (38): with the critic held still, the worth of the actor's actions rises."""
    learner, batch = DdpgAgent(*drawn(), DdpgConfig(actor=1e-3, critic=0.0)), happened(64)
    before = [values.clone() for values in learner.critic.parameters()]
    worths = [-learner.update(batch).actor.item() for _ in range(20)]
    assert np.all(np.diff(worths) > 0)
    assert all(torch.equal(*pair) for pair in zip(before, learner.critic.parameters(), strict=True))


def test_targets_follow_geometrically() -> None:
    """n soft updates towards a network at rest leave (1 - tau)^n of the distance."""
    (target, _), (network, _) = drawn(1), drawn(2)
    before = {name: value.clone() for name, value in target.state_dict().items()}
    for _ in range(30):
        follow(target, network, 0.05)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(target.state_dict()[name], value + 0.95**30 * (before[name] - value))


def test_the_known_best_actions_of_a_bandit_are_found() -> None:
    """Reward falls with the squared distance from actions that are linear in the state, 10 steps from the mean one; nothing follows."""
    draw = np.random.default_rng(3)
    states, actions = draw.uniform(-1, 1, (4096, 3)).astype(np.float32), draw.uniform(-25, 25, (4096, 2)).astype(np.float32)
    best = 15.0 * states[:, 1:] - 5.0
    replay, learner = ReplayBuffer(4096), DdpgAgent(*drawn(), DdpgConfig(actor=1e-3, critic=3e-3, discount=0.0))
    torch.set_num_threads(1)
    replay.add(Transitions(states, actions, -np.square((actions - best) / MAX_ACTION).sum(axis=1), states))
    for _ in range(1_000):
        learner.update(replay.sample(draw, 64))
    assert np.sqrt(np.mean((select_actions(learner.actor, states) - best) ** 2)) < 4.0


def test_a_full_buffer_forgets_the_oldest_and_draws_the_rest_uniformly() -> None:
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


def test_a_restored_buffer_draws_and_forgets_as_the_first_would() -> None:
    first, second = ReplayBuffer(7), ReplayBuffer(7)
    first.add(happened(7))
    first.add(happened(3, seed=2))
    second.restore(first.rows().copy(), first.added)
    for replay in (first, second):
        replay.add(happened(2, seed=3))
    pair = (replay.sample(np.random.default_rng(4), 50) for replay in (first, second))
    for one, other in zip(*pair, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_actor_begins_in_the_middle_and_never_leaves_its_reach() -> None:
    actor, states = drawn()[0], happened(500).state
    assert np.abs(select_actions(actor, states)).max() < 0.05 * MAX_ACTION
    louder(actor, 1e5)
    assert 0.9 * MAX_ACTION < np.abs(select_actions(actor, states)).max() <= MAX_ACTION
    assert saturated(select_actions(actor, states), MAX_ACTION) > 0.5
    assert saturated(np.array([[24.9, -24.9], [24.7, 0.0]], np.float32), MAX_ACTION) == 0.5


def test_the_policy_goes_by_the_report_alone_and_stays_in_range() -> None:
    actor, draw = drawn()[0], np.random.default_rng(1)
    louder(actor, 1e3)
    steps, reported_db = random_steps(draw, 200), draw.uniform(-6, 18, 200)
    chosen = Ddpg(actor).choose(steps, reported_db, np.full(200, np.nan), draw)
    assert ((chosen >= LEAST) & (chosen <= MOST)).all()
    told = np.clip(steps + np.rint(select_actions(actor, state(steps, reported_db))), LEAST, MOST)
    np.testing.assert_array_equal(chosen, told)


SHORT = MadeUpDdpg("made up", steps=140, random_steps=60, minibatch=8)


def train_until_killed(checkpoint: Path) -> None:
    """Runs in a process of its own, and checkpoints after every step so that it can be killed anywhere."""
    loop.CHECKPOINT_EVERY_S = 0.0
    train(DdpgTrainer(SHORT), checkpoint, wait_late)


def wait_late(progress: Progress) -> None:
    """However late the kill comes, it comes before the end, and in the middle of an episode."""
    if progress.step >= 80:
        time.sleep(600)


def test_a_task_killed_in_the_middle_ends_bit_for_bit_as_if_it_had_not_been(tmp_path: Path) -> None:
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
    assert held(resumed, tmp_path / "one") == held(whole, tmp_path / "two")


def held(trainer: DdpgTrainer, path: Path) -> bytes:
    """All that it holds, as bytes."""
    trainer.seconds = 0.0
    trainer.save(path)
    return path.read_bytes()


def test_what_the_learner_is_told_has_no_snr_in_it_and_the_same_best_steps() -> None:
    reward_table = made_up_reward_table()
    usual, pairs = RewardBaseline(reward_table), np.array([(t_d, t_plus) for t_d in reward_table.t_d for t_plus in reward_table.t_plus])
    nodes = []
    for snr_db in reward_table.snr_db:
        rewards = reward_table.reward(pairs, np.full(len(pairs), snr_db))
        nodes.append(usual.normalise(rewards, np.full(len(pairs), snr_db)))
        assert nodes[-1].argmax() == rewards.argmax()
        assert abs(nodes[-1].mean()) < 1e-5
    assert np.std(nodes) == pytest.approx(1.0, abs=1e-5)


def test_another_recipe_s_checkpoint_is_refused(tmp_path: Path) -> None:
    DdpgTrainer(SHORT).save(tmp_path / "c.safetensors")
    with pytest.raises(ModelError, match="another recipe"):
        DdpgTrainer(MadeUpDdpg("made up", steps=140, noise=0.2)).load(tmp_path / "c.safetensors")


def test_steps_come_near_the_best_and_t_plus_falls_as_the_snr_rises() -> None:
    """On the made-up reward table, within 1,200 updates: a quarter of the regret of staying at random steps, at every SNR."""
    torch.set_num_threads(1)
    trainer = DdpgTrainer(MadeUpDdpg("made up", steps=2_200, random_steps=1_000, minibatch=64, ddpg=DdpgConfig(actor=1e-4, critic=1e-3)))
    idle = trainer.task.scores(trainer.learner.actor)
    while not trainer.finished:
        trainer.learn()
    learnt = trainer.task.scores(trainer.learner.actor)
    assert all(after.value < before.value / 4 for before, after in zip(idle, learnt, strict=True))
    t_plus = [stand.t_plus for stand in trainer.curve[-4:]]
    assert t_plus == sorted(t_plus, reverse=True)
    assert t_plus[0] > t_plus[-1] + 15


def test_a_policy_becomes_a_part_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINKSIM_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(pipeline, "LESSONS", {"policy": SHORT})
    clear_model_cache()
    card = train_model("policy", "cpu", tmp_path / "work", tmp_path / "models", ignore)
    part = load_model("policy", "policy")
    assert isinstance(part.network, Actor)
    assert SHORT.scores(part.network) == card.scores == part.card.scores
    assert {score.condition for score in card.scores} == set(SHORT.conditions)
    curve = read_curve(tmp_path / "work" / "policy.csv")
    assert [(row.step, row.snr_db) for row in curve] == [(100, snr_db) for snr_db in (-3.0, 3.0, 9.0, 15.0)]
    assert draw_curve(tmp_path / "work" / "policy.csv").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ModelError, match="nothing to tune"):
        tune("policy", "cpu")


def test_a_curve_is_read_as_it_was_written(tmp_path: Path) -> None:
    row = PolicyEvaluation(100, -3.0, -0.5, 0.75, 0.25, 0.125, 0.0625, 20.5, 10.0, 0.0)
    write_curve([row], tmp_path / "c.csv")
    assert read_curve(tmp_path / "c.csv") == (row,)
    (tmp_path / "c.csv").write_text((tmp_path / "c.csv").read_text().replace("0.75", "many"))
    with pytest.raises(LinksimError, match=r"c\.csv:2: damaged"):
        read_curve(tmp_path / "c.csv")


def test_the_made_up_reward_table_is_worth_learning() -> None:
    """What the learning test rests on: the best steps differ with the SNR, and random ones are far from them."""
    reward_table = made_up_reward_table()
    levels_db = np.array([-3.0, 15.0])
    best = reward_table.best(levels_db)
    assert best[0, 1] > best[1, 1] + 15
    assert reward_table.spread(-3.0, 15.0) > 0.3
