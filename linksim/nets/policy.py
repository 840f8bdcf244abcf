"""Actor and critic of DiffuSeC, which choose diffusion steps (Ren et al., Sec. VI-A): three fully connected layers each.

    actor    state            -> 256, ReLU -> 256, ReLU -> 2, tanh, times reach
    critic   state and action -> 256, ReLU -> 256, ReLU -> 1

Differs from the paper, which does not specify the initialisation: the last layer of the actor is drawn from -0.003..0.003 as by Lillicrap
et al. (2015), so that the first actions are close to 0, where tanh is not saturated.

The networks only map numbers; the update is in `adapt.ddpg`, the meaning of states and actions in `adapt.mdp`.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from linksim.nets.layers import draw_weights

INITIAL_BOUND = 3e-3  # bound of the uniform initialisation of the last layer of the actor
SATURATED = 0.99  # share of the reach from which an action counts as saturated; the slope of tanh is 2 % there


class Actor(nn.Module):
    """The actor mu: state float32 [n, 3] (`adapt.mdp.state`) -> action float32 [n, 2], the changes of t_D and t_plus in steps.

    reach   largest magnitude of an action; `adapt.mdp.MAX_ACTION`
    hidden  width of both hidden layers
    inputs  number of values of a state; 4 with the disagreement

    >>> actor = Actor(reach=25.0)
    >>> actor.draw(torch.Generator().manual_seed(1))
    >>> bool(actor(torch.rand(100, 3)).abs().max() < 0.5)  # the first actions are small
    True
    """

    def __init__(self, reach: float, hidden: int = 256, inputs: int = 3) -> None:
        super().__init__()
        self.reach, self.inputs = reach, inputs
        self.layers = _three_layers(inputs, hidden, 2)

    def forward(self, state: Tensor) -> Tensor:
        action: Tensor = self.reach * torch.tanh(self.layers(state))
        return action

    def draw(self, generator: torch.Generator) -> None:
        """Draw all weights from `generator`, those of the last layer from -`INITIAL_BOUND`..`INITIAL_BOUND`."""
        draw_weights(self, generator)
        for values in self.layers[-1].parameters():
            nn.init.uniform_(values, -INITIAL_BOUND, INITIAL_BOUND, generator=generator)


class Critic(nn.Module):
    """The critic Q: state float32 [n, 3] and action float32 [n, 2] in steps -> estimated discounted return float32 [n].

    reach   divides the actions, so that all inputs are about -1..1
    hidden  width of both hidden layers
    inputs  number of values of a state
    """

    def __init__(self, reach: float, hidden: int = 256, inputs: int = 3) -> None:
        super().__init__()
        self.reach = reach
        self.layers = _three_layers(inputs + 2, hidden, 1)

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        value: Tensor = self.layers(torch.cat([state, action / self.reach], dim=1))[:, 0]
        return value

    def draw(self, generator: torch.Generator) -> None:
        """Draw all weights from `generator`."""
        draw_weights(self, generator)


def _three_layers(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


def saturated_share(actions: NDArray[np.float32], reach: float) -> float:
    """Return the share, 0..1, of the entries of `actions` [n, 2] at which tanh is saturated, where the actor receives little gradient.

    >>> saturated_share(np.array([[24.9, -24.9], [24.7, 0.0]], np.float32), 25.0)
    0.5
    """
    return float(np.mean(np.abs(actions) > SATURATED * reach))
