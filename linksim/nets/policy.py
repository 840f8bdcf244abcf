"""The networks that choose diffusion steps: actor and critic of DiffuSeC (Ren et al., Sec. VI-A), three fully connected layers each.

    actor    state            -> 256, ReLU -> 256, ReLU -> 2, tanh, times reach
    critic   state and action -> 256, ReLU -> 256, ReLU -> 1

Differs from the paper, which does not say how its networks begin: the actor's last layer is drawn from -0.003..0.003 as by Lillicrap et al.
(2015), so that its first actions are near 0 and tanh has a slope there.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from linksim.nets.layers import draw_weights

FIRST_ACTIONS = 3e-3  # bound of the actor's last layer as it is drawn
SATURATED = 0.99  # from this share of its reach on, an action counts as saturated: tanh has 2 % of its slope left


class Actor(nn.Module):
    """mu: state float [n, 3] (`adapt.mdp.state`) -> action float [n, 2] in steps, each within -reach..reach."""

    def __init__(self, reach: float, hidden: int = 256) -> None:
        super().__init__()
        self.reach = reach
        self.layers = _three_layers(3, hidden, 2)

    def forward(self, state: Tensor) -> Tensor:
        action: Tensor = self.reach * torch.tanh(self.layers(state))
        return action

    def draw(self, generator: torch.Generator) -> None:
        """Draw all weights anew."""
        draw_weights(self, generator)
        for values in self.layers[-1].parameters():
            nn.init.uniform_(values, -FIRST_ACTIONS, FIRST_ACTIONS, generator=generator)


class Critic(nn.Module):
    """Q: what an action [n, 2], in steps, is worth in a state [n, 3] -> [n]."""

    def __init__(self, reach: float, hidden: int = 256) -> None:
        super().__init__()
        self.reach = reach
        self.layers = _three_layers(5, hidden, 1)

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        worth: Tensor = self.layers(torch.cat([state, action / self.reach], dim=1))[:, 0]
        return worth

    def draw(self, generator: torch.Generator) -> None:
        """Draw all weights anew."""
        draw_weights(self, generator)


def _three_layers(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


def saturated(actions: NDArray[np.float32], reach: float) -> float:
    """Share, 0..1, of what an actor did that lies where tanh is flat: from there it hardly learns. [n, 2] -> one figure"""
    return float(np.mean(np.abs(actions) > SATURATED * reach))
