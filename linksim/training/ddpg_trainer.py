"""DDPG training of a policy (Ren et al., Algorithm 1), which resumes bit for bit after an interruption.

    reset --> state --> action of the actor, with noise --> steps --> reward of the table --> replay buffer --> update of the agent
                ^                                             |
                '---------------------------------------------'

All random values of a step are functions of the seed and the step. A checkpoint therefore holds the networks, target networks, optimisers,
replay buffer, current steps and learning curve, but no random generator. `adapt.ddpg` has the update, which knows neither episodes nor
tables; `loop.train` runs the trainer like that of any other model.
"""

from dataclasses import astuple
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from linksim.adapt.ddpg import DdpgAgent, select_actions
from linksim.adapt.learning_curve import PolicyEvaluation
from linksim.adapt.mdp import MAX_ACTION, StepPairs, apply_action, random_steps
from linksim.adapt.replay import Floats, ReplayBuffer, Transitions
from linksim.nets.policy import Actor, Critic
from linksim.rng import Streams
from linksim.training.checkpoint import (
    Checkpoint,
    optimiser_tensors,
    read_checkpoint,
    refuse_divergence,
    restore_optimiser,
    restoring,
    write_checkpoint,
)
from linksim.training.ddpg import DdpgTask
from linksim.training.loop import fingerprint

CURVE_DB = (-3.0, 3.0, 9.0, 15.0)  # SNRs of the learning curve in dB, Sec. VI-B
CURVE_EVERY = 100  # training steps between two points of the learning curve
CURVE_STARTS = 64  # random initial steps of a point of the learning curve
SELECTION_DB = tuple(np.arange(-5.5, 18.0, 2.0).tolist())  # disjoint from the SNRs of the curve and the card


class DdpgTrainer:
    """Trainer of a policy, run by `loop.train`.

    task           the training task
    world          what it is trained on
    agent          actor, critic, their targets and optimisers
    replay         replay buffer
    current_steps  current diffusion steps of the training link, [1, 2]
    curve          evaluations every `CURVE_EVERY` steps at each of `CURVE_DB`
    best_weights   weights of the actor with the lowest mean regret over `SELECTION_DB` at any point of the curve
    best_regret    regret of that actor, in units of the reward
    step           completed steps
    seconds        wall-clock training time in seconds, including earlier runs

    Raises ModelError if the reward table is missing or damaged, or was measured on images of another split than that of the task.
    """

    def __init__(self, task: DdpgTask) -> None:
        task.require_split()
        self.task, self.world, self._streams = task, task.world(), Streams(task.seed)
        inputs = self.world.inputs
        actor, critic = task.actor(), Critic(MAX_ACTION, inputs=inputs)  # line 2
        generator = torch.Generator().manual_seed(task.seed)
        actor.draw(generator)
        critic.draw(generator)
        self.agent, self.replay = DdpgAgent(actor, critic, task.ddpg), ReplayBuffer(inputs=inputs)  # lines 3 and 1
        self.current_steps: StepPairs = random_steps(self._streams("episode/steps", 0), 1)
        self.curve: list[PolicyEvaluation] = []
        self.best_weights, self.best_regret = actor.state_dict(), float("inf")
        self.step, self.seconds = 0, 0.0
        self._starts = random_steps(self._streams("curve"), CURVE_STARTS)

    @property
    def finished(self) -> bool:
        """Whether all steps of the task are completed."""
        return self.step >= self.task.steps

    def train_step(self) -> Tensor:
        """Run lines 5 to 17 for one step and return the loss of the critic, which is 0 while actions are random."""
        self.replay.add(self._transition())
        loss = torch.zeros(())
        if self.step >= self.task.random_steps:
            loss = self.agent.update(self.replay.sample(self._streams("minibatch", self.step), self.task.minibatch)).critic
        self.step += 1
        if self.step % CURVE_EVERY == 0:
            settings = (self._starts, self.task.episode_length, self.step)
            self.curve += [self.world.evaluate(self.agent.actor, snr_db, *settings) for snr_db in CURVE_DB]
            self._select_best()
        return loss

    def _select_best(self) -> None:
        """Store the weights of the actor if its mean regret is the lowest so far.

        DDPG does not improve monotonically, so the last actor may be worse than an earlier one. The regret is that on the images of the
        reward table, which are of the split of the task.
        """
        regrets = [self.world.evaluate(self.agent.actor, snr_db, self._starts, self.task.episode_length).regret for snr_db in SELECTION_DB]
        if (regret := float(np.mean(regrets))) < self.best_regret:
            self.best_regret, self.best_weights = regret, {name: value.clone() for name, value in self.agent.actor.state_dict().items()}

    def _transition(self) -> Transitions:
        """Run one round of an episode and return the transition, one row.

        The actor observes what is reported; the reward is that of the true state of nature. The next state contains the report of the next
        round.
        """
        number, turn = divmod(self.step, self.task.episode_length)
        if turn == 0:  # line 5
            self.current_steps = random_steps(self._streams("episode/steps", number), 1)
        episode = self.world.begin(self._streams, number, self.task.episode_length)
        before = episode.state(self.current_steps, turn)
        action = self._exploration_action(before)  # line 7
        self.current_steps = apply_action(self.current_steps, action)  # line 8
        return Transitions(before, action, episode.reward(self.current_steps, turn), episode.state(self.current_steps, turn + 1))

    def _exploration_action(self, before: Floats) -> Floats:
        """Return an action [1, 2] in steps: uniform at first, then that of the actor with noise, clipped to `MAX_ACTION`."""
        draw = self._streams("explore", self.step)
        if self.step < self.task.random_steps:
            return draw.uniform(-MAX_ACTION, MAX_ACTION, (1, 2)).astype(np.float32)
        noise = self.task.noise * MAX_ACTION * draw.standard_normal((1, 2), np.float32)
        return np.clip(select_actions(self.agent.actor, before) + noise, -MAX_ACTION, MAX_ACTION)

    def result(self) -> dict[str, Tensor]:
        """Return the final weights: those of the actor with the lowest regret."""
        return {name: value.clone() for name, value in self.best_weights.items()}

    def save(self, path: Path) -> None:
        """Write a checkpoint. The file is replaced atomically. Raises ModelError, and leaves it, if weights are not finite."""
        for network in self._networks().values():
            refuse_divergence(network.state_dict())
        tensors = {f"{name}/{k}": v for name, network in self._networks().items() for k, v in network.state_dict().items()}
        for name, optimiser in self._optimisers().items():
            tensors |= {f"{name}/{k}": v for k, v in optimiser_tensors(optimiser).items()}
        tensors["replay/rows"], tensors["replay/added"] = torch.from_numpy(self.replay.rows()), torch.tensor(self.replay.added)
        tensors |= {f"best/{name}": value for name, value in self.best_weights.items()}
        tensors["best_regret"] = torch.tensor(self.best_regret, dtype=torch.float64)
        tensors["current_steps"] = torch.from_numpy(self.current_steps)
        tensors["curve"] = torch.tensor([astuple(row) for row in self.curve], dtype=torch.float64)
        write_checkpoint(Checkpoint(fingerprint(self.task), self.step, self.seconds, tensors), path)

    def load(self, path: Path) -> None:
        """Resume from a checkpoint of the same training task. Raises ModelError if it is damaged or belongs to another task."""
        checkpoint = read_checkpoint(path, fingerprint(self.task))
        with restoring(path):
            for name, network in self._networks().items():
                network.load_state_dict(checkpoint.with_prefix(f"{name}/"))
            for name, optimiser in self._optimisers().items():
                restore_optimiser(optimiser, checkpoint.with_prefix(f"{name}/"))
            self.replay.restore(checkpoint.tensors["replay/rows"].numpy(), int(checkpoint.tensors["replay/added"]))
            self.best_weights, self.best_regret = checkpoint.with_prefix("best/"), float(checkpoint.tensors["best_regret"])
            self.current_steps = checkpoint.tensors["current_steps"].numpy()
            self.curve = [PolicyEvaluation(int(step), *rest) for step, *rest in checkpoint.tensors["curve"].tolist()]
        self.step, self.seconds = checkpoint.step, checkpoint.seconds

    def _networks(self) -> dict[str, Actor | Critic]:
        names = ("actor", "critic", "target_actor", "target_critic")
        return {name: getattr(self.agent, name) for name in names}

    def _optimisers(self) -> dict[str, torch.optim.Optimizer]:
        return {"actor_optimiser": self.agent.actor_optimiser, "critic_optimiser": self.agent.critic_optimiser}
