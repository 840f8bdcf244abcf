"""DDPG (Lillicrap et al. 2015) as DiffuSeC uses it (Ren et al., Sec. V-C): the update, and the policy that acts by what was learnt."""

from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from linksim.adapt.mdp import Steps, apply_action, state
from linksim.adapt.policy import Decibels
from linksim.adapt.replay import Floats, Transitions
from linksim.nets.policy import Actor, Critic


@dataclass(frozen=True)
class DdpgConfig:
    """How fast is learnt. Defaults are the paper's (Sec. VI-A).

    actor, critic  learning rates of Adam
    discount       of what follows, 0..1
    tau            share of the networks that goes into their targets at each update
    """

    actor: float = 1e-5
    critic: float = 1e-4
    discount: float = 0.99
    tau: float = 5e-3


@dataclass(frozen=True)
class Losses:
    """What one update saw. Tensors, so that reading them is left to who wants to.

    critic  Eq. (37)
    actor   mean worth of the actions that the actor takes, with its sign turned
    """

    critic: Tensor
    actor: Tensor


class DdpgAgent:
    """Actor, critic, their targets and optimisers. Knows neither where transitions come from nor when to stop."""

    def __init__(self, actor: Actor, critic: Critic, rates: DdpgConfig) -> None:
        self.actor, self.critic, self.rates = actor, critic, rates
        self.target_actor, self.target_critic = deepcopy(actor).requires_grad_(False), deepcopy(critic).requires_grad_(False)
        self.actor_optimiser = torch.optim.Adam(actor.parameters(), rates.actor, fused=True)
        self.critic_optimiser = torch.optim.Adam(critic.parameters(), rates.critic, fused=True)

    def update(self, batch: Transitions) -> Losses:
        """Lines 14 to 17 of Algorithm 1."""
        states, actions, rewards, next_states = map(torch.from_numpy, batch)
        worth = rewards + self.rates.discount * self.target_critic(next_states, self.target_actor(next_states))  # Eq. (36)
        critic_loss = (self.critic(states, actions) - worth).square().mean()  # Eq. (37)
        gradient_step(critic_loss, self.critic_optimiser)
        actor_loss = -self.critic(states, self.actor(states)).mean()  # downhill along it is Eq. (38)
        gradient_step(actor_loss, self.actor_optimiser)
        soft_update(self.target_critic, self.critic, self.rates.tau)
        soft_update(self.target_actor, self.actor, self.rates.tau)
        return Losses(critic_loss.detach(), actor_loss.detach())


def gradient_step(loss: Tensor, optimiser: torch.optim.Optimizer) -> None:
    """One step of the optimiser's own parameters; others that the loss passes through get no gradient."""
    optimiser.zero_grad()
    loss.backward(inputs=[values for group in optimiser.param_groups for values in group["params"]])  # type: ignore[no-untyped-call]
    optimiser.step()


@torch.no_grad()
def soft_update(target: nn.Module, network: nn.Module, tau: float) -> None:
    """Soft update: target = tau network + (1 - tau) target, in place."""
    torch._foreach_lerp_(list(target.parameters()), list(network.parameters()), tau)


@torch.inference_mode()
def select_actions(actor: Actor, states: Floats) -> Floats:
    """Actions [n, 2], in steps, in states [n, 3]."""
    actions: Floats = actor(torch.from_numpy(states)).numpy()
    return actions


class Ddpg:
    """The policy of a trained actor: it goes by the SNR as reported, and explores no more."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor

    def choose(self, steps: Steps, reported_db: Decibels, true_db: Decibels, draw: np.random.Generator) -> Steps:
        return apply_action(steps, select_actions(self._actor, state(steps, reported_db)))
