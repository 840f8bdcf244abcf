"""Options of the positions and velocities of a link's nodes, used by an SNR of kind `path-loss`.

They belong to the channel, not to the blocks of the nodes: a group that replaces the whole block `eve` keeps her position.
"""

import math
from typing import Annotated

from pydantic import Field

from linksim.scenario.base import Options

Metres = Annotated[float, Field(ge=-1e6, le=1e6)]
MetresPerSecond = Annotated[float, Field(ge=-1e4, le=1e4)]


class Motion(Options):
    """Position and constant velocity of a node in the plane: at time t it is at position_m + t velocity_mps."""

    position_m: list[Metres] = Field([0.0, 0.0], min_length=2, max_length=2, description="[x, y] at time 0, in m")
    velocity_mps: list[MetresPerSecond] = Field([0.0, 0.0], min_length=2, max_length=2, description="[x, y] in m/s")


class Geometry(Options):
    """Positions and velocities of the three nodes. By default Bob is 100 m from Alice, and Eve 112 m."""

    alice: Motion = Motion()
    bob: Motion = Motion(position_m=[100.0, 0.0])
    eve: Motion = Motion(position_m=[100.0, 50.0])

    def speed_mps(self, receiver: str) -> float:
        """Sum of the speeds of Alice and a receiver, "bob" or "eve", in m/s.

        >>> Geometry(eve=Motion(velocity_mps=[3.0, 4.0])).speed_mps("eve")
        5.0
        """
        ends = (self.alice, self.bob if receiver == "bob" else self.eve)
        return sum(math.hypot(*end.velocity_mps) for end in ends)
