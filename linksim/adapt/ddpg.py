"""DDPG (Lillicrap et al. 2015) as DiffuSeC uses it (Ren et al., Sec. V-C): the update of actor and critic, and the trained policy.

    actor   state -> action                        maximises the critic's value of its actions
    critic  state, action -> discounted reward     approximates reward + discount * value of the next state

The target of the critic comes from slowly following copies of both networks, because a critic that chases its own estimate diverges.
`training.ddpg_trainer` collects the transitions and calls `DdpgAgent.update`; the networks are in `nets.policy`, states and actions in
`adapt.mdp`.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from linksim.adapt.mdp import STATE_SIZE, StepPairs, apply_action, state
from linksim.adapt.observation import Observation
from linksim.adapt.replay import Floats, Transitions
from linksim.nets.policy import Actor, Critic


@dataclass(frozen=True)
class DdpgConfig:
    """Hyperparameters of the update. Defaults are the paper's (Sec. VI-A).

    actor     learning rate of the actor's Adam optimiser
    critic    learning rate of the critic's Adam optimiser
    discount  discount factor of future rewards, 0..1
    tau       weight of the trained networks in each soft update of their targets, 0..1
    """

    actor: float = 1e-5
    critic: float = 1e-4
    discount: float = 0.99
    tau: float = 5e-3


@dataclass(frozen=True)
class Losses:
    """The losses of one update, as tensors so that the update need not wait for the device.

    critic  mean squared error of the action value, Eq. (37), a scalar
    actor   negative mean action value of the actor's actions, a scalar
    """

    critic: Tensor
    actor: Tensor


class DdpgAgent:
    """Actor and critic with their targets and optimisers. It neither collects transitions nor decides when training ends.

    actor   network that is trained, states [n, 3] -> actions [n, 2] in steps
    critic  network that is trained, states [n, 3], actions [n, 2] -> action values [n]
    config  hyperparameters
    """

    def __init__(self, actor: Actor, critic: Critic, config: DdpgConfig) -> None:
        self.actor, self.critic, self.config = actor, critic, config
        self.target_actor, self.target_critic = deepcopy(actor).requires_grad_(False), deepcopy(critic).requires_grad_(False)
        self.actor_optimiser = torch.optim.Adam(actor.parameters(), config.actor, fused=True)
        self.critic_optimiser = torch.optim.Adam(critic.parameters(), config.critic, fused=True)

    def update(self, batch: Transitions) -> Losses:
        """One training step on a batch: lines 14 to 17 of Algorithm 1. Returns the losses before the step."""
        states, actions, rewards, next_states = map(torch.from_numpy, batch)
        target = rewards + self.config.discount * self.target_critic(next_states, self.target_actor(next_states))  # Eq. (36)
        critic_loss = (self.critic(states, actions) - target).square().mean()  # Eq. (37)
        gradient_step(critic_loss, self.critic_optimiser)
        actor_loss = -self.critic(states, self.actor(states)).mean()  # its negative gradient is Eq. (38)
        gradient_step(actor_loss, self.actor_optimiser)
        soft_update(self.target_critic, self.critic, self.config.tau)
        soft_update(self.target_actor, self.actor, self.config.tau)
        return Losses(critic_loss.detach(), actor_loss.detach())


def gradient_step(loss: Tensor, optimiser: torch.optim.Optimizer) -> None:
    """Update the optimiser's parameters by one step. Other parameters that the loss depends on receive no gradient."""
    optimiser.zero_grad()
    loss.backward(inputs=[values for group in optimiser.param_groups for values in group["params"]])  # type: ignore[no-untyped-call]
    optimiser.step()


@torch.no_grad()
def soft_update(target: nn.Module, network: nn.Module, tau: float) -> None:
    """Set target = tau network + (1 - tau) target, in place; both have the same parameters.

    >>> target, network = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    >>> _ = target.weight.data.fill_(0.0), network.weight.data.fill_(8.0)
    >>> soft_update(target, network, tau=0.25)
    >>> target.weight.item()
    2.0
    """
    torch._foreach_lerp_(list(target.parameters()), list(network.parameters()), tau)


@torch.inference_mode()
def select_actions(actor: Actor, states: Floats) -> Floats:
    """Actions of the actor, in steps: states float32 [n, 3] -> float32 [n, 2]."""
    actions: Floats = actor(torch.from_numpy(states)).numpy()
    return actions


class Ddpg:
    """The policy of a trained actor, without exploration noise. It uses the reported SNR, and the disagreement if the actor has the input.

    actor  network, for example that of a model of kind "policy"
    """

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self.observes: Sequence[str] = ("disagreement",) if actor.inputs > STATE_SIZE else ()

    def choose(self, seen: Observation, draw: np.random.Generator) -> StepPairs:
        """See `adapt.policy.Policy.choose`."""
        states = state(seen.current, seen.reported_db, seen.disagreement if self.observes else None)
        return apply_action(seen.current, select_actions(self._actor, states))
