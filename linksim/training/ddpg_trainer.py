"""A policy in training (Ren et al., Algorithm 1): acts, remembers, learns, and goes on bit for bit after a kill.

Everything random in a step is a function of the seed and the step. So a checkpoint is networks, targets, optimisers, replay buffer, the
steps in force and the curve so far; there is no generator to keep.
"""

from dataclasses import astuple
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from linksim.adapt.ddpg import DdpgAgent, select_actions
from linksim.adapt.learning_curve import PolicyEvaluation
from linksim.adapt.mdp import MAX_ACTION, Steps, apply_action, random_steps, state
from linksim.adapt.replay import Floats, ReplayBuffer, Transitions
from linksim.adapt.reward import reward
from linksim.adapt.reward_table import RewardTable
from linksim.nets.policy import Actor, Critic
from linksim.rng import Streams
from linksim.training.checkpoint import Checkpoint, optimiser_tensors, read_checkpoint, restore_optimiser, write_checkpoint
from linksim.training.ddpg import DdpgTask, standing
from linksim.training.loop import fingerprint

CURVE_DB = (-3.0, 3.0, 9.0, 15.0)  # Sec. VI-B
CURVE_EVERY = 100  # steps
CURVE_STARTS = 64
WEIGHED_DB = tuple(np.arange(-5.5, 18.0, 2.0).tolist())  # none of those that the curve or the card tells of


class DdpgTrainer:
    """What `loop.train` trains, where the part is a policy.

    in_force  steps [1, 2] of the link that it learns on
    curve     how it stood every `CURVE_EVERY` steps, at each of `CURVE_DB`
    best      weights of the actor that lost least so far, at steps of the curve, on average over `WEIGHED_DB`
    least     what it lost
    """

    def __init__(self, task: DdpgTask) -> None:
        self.task, self.reward_table, self._streams = task, task.rewards, Streams(task.seed)
        self._usual = RewardBaseline(self.reward_table)
        actor, critic = Actor(MAX_ACTION), Critic(MAX_ACTION)  # line 2
        generator = torch.Generator().manual_seed(task.seed)
        actor.draw(generator)
        critic.draw(generator)
        self.learner, self.replay = DdpgAgent(actor, critic, task.ddpg), ReplayBuffer()  # lines 3 and 1
        self.in_force: Steps = random_steps(self._streams("episode/steps", 0), 1)
        self.curve: list[PolicyEvaluation] = []
        self.best, self.least = actor.state_dict(), float("inf")
        self.step, self.seconds = 0, 0.0
        self._starts = random_steps(self._streams("curve"), CURVE_STARTS)

    @property
    def finished(self) -> bool:
        return self.step >= self.task.steps

    def learn(self) -> Tensor:
        """Lines 5 to 17, for one step -> the critic's loss; 0 as long as actions are random."""
        self.replay.add(self._experience())
        loss = torch.zeros(())
        if self.step >= self.task.random_steps:
            loss = self.learner.update(self.replay.sample(self._streams("minibatch", self.step), self.task.minibatch)).critic
        self.step += 1
        if self.step % CURVE_EVERY == 0:
            about = (self._starts, self.task.reset_interval, self.step)
            self.curve += [standing(self.learner.actor, self.reward_table, snr_db, *about) for snr_db in CURVE_DB]
            self._select_best()
        return loss

    def _select_best(self) -> None:
        """Keep the actor as it is, if none before it lost less over all SNRs."""
        lost = [
            standing(self.learner.actor, self.reward_table, snr_db, self._starts, self.task.reset_interval).regret for snr_db in WEIGHED_DB
        ]
        if (regret := float(np.mean(lost))) < self.least:
            self.least, self.best = regret, {name: value.clone() for name, value in self.learner.actor.state_dict().items()}

    def _experience(self) -> Transitions:
        """One round of an episode: act, see what it is worth, and where it leads."""
        episode, turn = divmod(self.step, self.task.reset_interval)
        if turn == 0:  # line 5
            self.in_force = random_steps(self._streams("episode/steps", episode), 1)
        snr = self.task.snr_process.episode(self._streams("episode/snr", episode), self.task.reset_interval + 1, 1)
        here = state(self.in_force, snr.reported_db[turn])
        action = self._explored(here)  # line 7
        self.in_force = apply_action(self.in_force, action)  # line 8
        told = self._usual.normalise(self.reward_table.reward(self.in_force, snr.true_db[turn]), snr.true_db[turn])
        return Transitions(here, action, told, state(self.in_force, snr.reported_db[turn + 1]))

    def _explored(self, here: Floats) -> Floats:
        """An action [1, 2] in steps: drawn uniformly at first, then the actor's with noise, within its reach."""
        draw = self._streams("explore", self.step)
        if self.step < self.task.random_steps:
            return draw.uniform(-MAX_ACTION, MAX_ACTION, (1, 2)).astype(np.float32)
        noise = self.task.noise * MAX_ACTION * draw.standard_normal((1, 2), np.float32)
        return np.clip(select_actions(self.learner.actor, here) + noise, -MAX_ACTION, MAX_ACTION)

    def result(self) -> dict[str, Tensor]:
        """The weights to keep: those of the actor that lost least."""
        return {name: value.clone() for name, value in self.best.items()}

    def save(self, path: Path) -> None:
        """Write the checkpoint. It replaces the old one only once it is whole."""
        tensors = {f"{name}/{k}": v for name, network in self._networks().items() for k, v in network.state_dict().items()}
        for name, optimiser in self._optimisers().items():
            tensors |= {f"{name}/{k}": v for k, v in optimiser_tensors(optimiser).items()}
        tensors["replay/rows"], tensors["replay/added"] = torch.from_numpy(self.replay.rows()), torch.tensor(self.replay.added)
        tensors |= {f"best/{name}": value for name, value in self.best.items()}
        tensors["least"] = torch.tensor(self.least, dtype=torch.float64)
        tensors["in_force"] = torch.from_numpy(self.in_force)
        tensors["curve"] = torch.tensor([astuple(row) for row in self.curve], dtype=torch.float64)
        write_checkpoint(Checkpoint(fingerprint(self.task), self.step, self.seconds, tensors), path)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint of the same training task. Raises ModelError for another's, or a damaged one."""
        kept = read_checkpoint(path, fingerprint(self.task))
        self.step, self.seconds = kept.step, kept.seconds
        for name, network in self._networks().items():
            network.load_state_dict(kept.under(f"{name}/"))
        for name, optimiser in self._optimisers().items():
            restore_optimiser(optimiser, kept.under(f"{name}/"))
        self.replay.restore(kept.tensors["replay/rows"].numpy(), int(kept.tensors["replay/added"]))
        self.best, self.least = kept.under("best/"), float(kept.tensors["least"])
        self.in_force = kept.tensors["in_force"].numpy()
        self.curve = [PolicyEvaluation(int(step), *rest) for step, *rest in kept.tensors["curve"].tolist()]

    def _networks(self) -> dict[str, Actor | Critic]:
        names = ("actor", "critic", "target_actor", "target_critic")
        return {name: getattr(self.learner, name) for name in names}

    def _optimisers(self) -> dict[str, torch.optim.Optimizer]:
        return {"actor_optimiser": self.learner.actor_optimiser, "critic_optimiser": self.learner.critic_optimiser}


class RewardBaseline:
    """What the steps of a reward table earn at each SNR on average.

    The SNR comes as it comes, whatever a policy does. So a learner that is told rewards less what is usual at the SNR, over their spread
    about it, has the same best steps to find, and its critic learns only what the steps have a say in: most of a reward is the SNR's.
    """

    def __init__(self, reward_table: RewardTable) -> None:
        rewards = reward(reward_table.ssim, reward_table.adv, reward_table.err)
        self._snr_db, self._mean = reward_table.snr_db, rewards.mean(axis=(0, 1))
        self._spread = float((rewards - self._mean).std()) or 1.0

    def normalise(self, rewards: NDArray[np.float64], snr_db: NDArray[np.float64]) -> Floats:
        """Rewards [n] at these SNRs [n] as the learner is told them, float32 [n]."""
        normalise: Floats = ((rewards - np.interp(snr_db, self._snr_db, self._mean)) / self._spread).astype(np.float32)
        return normalise
