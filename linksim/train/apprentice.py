"""A policy in training (Ren et al., Algorithm 1): acts, remembers, learns, and goes on bit for bit after a kill.

Everything random in a step is a function of the seed and the step. So a checkpoint is networks, targets, optimisers, replay buffer, the
steps in force and the curve so far; there is no generator to keep.
"""

from dataclasses import astuple
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from linksim.adapt.curve import Standing
from linksim.adapt.ddpg import Learner, act
from linksim.adapt.mdp import REACH, Steps, moved, random_steps, state
from linksim.adapt.replay import Floats, Replay, Transitions
from linksim.nets.policy import Actor, Critic
from linksim.rng import Streams
from linksim.train.checkpoint import Checkpoint, optimiser_tensors, read_checkpoint, restore_optimiser, write_checkpoint
from linksim.train.ddpg import DdpgLesson, standing
from linksim.train.loop import fingerprint

CURVE_DB = (-3.0, 3.0, 9.0, 15.0)  # Sec. VI-B
CURVE_EVERY = 100  # steps
CURVE_STARTS = 64


class Apprentice:
    """What `loop.train` trains, where the part is a policy.

    in_force  steps [1, 2] of the link that it learns on
    curve     how it stood every `CURVE_EVERY` steps, at each of `CURVE_DB`
    """

    def __init__(self, lesson: DdpgLesson) -> None:
        self.lesson, self.atlas, self._streams = lesson, lesson.rewards, Streams(lesson.seed)
        actor, critic = Actor(REACH), Critic(REACH)  # line 2
        generator = torch.Generator().manual_seed(lesson.seed)
        actor.draw(generator)
        critic.draw(generator)
        self.learner, self.replay = Learner(actor, critic, lesson.rates), Replay()  # lines 3 and 1
        self.in_force: Steps = random_steps(self._streams("episode/steps", 0), 1)
        self.curve: list[Standing] = []
        self.step, self.seconds = 0, 0.0
        self._starts = random_steps(self._streams("curve"), CURVE_STARTS)

    @property
    def finished(self) -> bool:
        return self.step >= self.lesson.steps

    def learn(self) -> Tensor:
        """Lines 5 to 17, for one step -> the critic's loss; 0 as long as actions are random."""
        self.replay.add(self._experience())
        loss = torch.zeros(())
        if self.step >= self.lesson.random_steps:
            loss = self.learner.update(self.replay.sample(self._streams("minibatch", self.step), self.lesson.minibatch)).critic
        self.step += 1
        if self.step % CURVE_EVERY == 0:
            about = (self._starts, self.lesson.rounds, self.step)
            self.curve += [standing(self.learner.actor, self.atlas, snr_db, *about) for snr_db in CURVE_DB]
        return loss

    def _experience(self) -> Transitions:
        """One round of an episode: act, see what it is worth, and where it leads."""
        episode, now = divmod(self.step, self.lesson.rounds)
        if now == 0:  # line 5
            self.in_force = random_steps(self._streams("episode/steps", episode), 1)
        snr = self.lesson.fluctuation.episode(self._streams("episode/snr", episode), self.lesson.rounds + 1, 1)
        here = state(self.in_force, snr.reported_db[now])
        action = self._explored(here)  # line 7
        self.in_force = moved(self.in_force, action)  # line 8
        reward = self.atlas.reward(self.in_force, snr.true_db[now]).astype(np.float32)
        return Transitions(here, action, reward, state(self.in_force, snr.reported_db[now + 1]))

    def _explored(self, here: Floats) -> Floats:
        """An action [1, 2] in steps: drawn uniformly at first, then the actor's with noise, within its reach."""
        draw = self._streams("explore", self.step)
        if self.step < self.lesson.random_steps:
            return draw.uniform(-REACH, REACH, (1, 2)).astype(np.float32)
        noise = self.lesson.noise * REACH * draw.standard_normal((1, 2), np.float32)
        return np.clip(act(self.learner.actor, here) + noise, -REACH, REACH)

    def result(self) -> dict[str, Tensor]:
        """The weights to keep."""
        return {name: value.detach().clone() for name, value in self.learner.actor.state_dict().items()}

    def save(self, path: Path) -> None:
        """Write the checkpoint. It replaces the old one only once it is whole."""
        tensors = {f"{name}/{k}": v for name, network in self._networks().items() for k, v in network.state_dict().items()}
        for name, optimiser in self._optimisers().items():
            tensors |= {f"{name}/{k}": v for k, v in optimiser_tensors(optimiser).items()}
        tensors["replay/rows"], tensors["replay/added"] = torch.from_numpy(self.replay.rows()), torch.tensor(self.replay.added)
        tensors["in_force"] = torch.from_numpy(self.in_force)
        tensors["curve"] = torch.tensor([astuple(row) for row in self.curve], dtype=torch.float64)
        write_checkpoint(Checkpoint(fingerprint(self.lesson), self.step, self.seconds, tensors), path)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint of the same lesson. Raises ModelError for another's, or a damaged one."""
        kept = read_checkpoint(path, fingerprint(self.lesson))
        self.step, self.seconds = kept.step, kept.seconds
        for name, network in self._networks().items():
            network.load_state_dict(kept.under(f"{name}/"))
        for name, optimiser in self._optimisers().items():
            restore_optimiser(optimiser, kept.under(f"{name}/"))
        self.replay.restore(kept.tensors["replay/rows"].numpy(), int(kept.tensors["replay/added"]))
        self.in_force = kept.tensors["in_force"].numpy()
        self.curve = [Standing(int(step), *rest) for step, *rest in kept.tensors["curve"].tolist()]

    def _networks(self) -> dict[str, Actor | Critic]:
        names = ("actor", "critic", "target_actor", "target_critic")
        return {name: getattr(self.learner, name) for name in names}

    def _optimisers(self) -> dict[str, torch.optim.Optimizer]:
        return {"actor_optimiser": self.learner.actor_optimiser, "critic_optimiser": self.learner.critic_optimiser}
