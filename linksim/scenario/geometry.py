"""Options of the positions and velocities of a link's nodes, used by an SNR of kind `path-loss`."""

from typing import Annotated

from pydantic import Field

from linksim.scenario.base import Options

Metres = Annotated[float, Field(ge=-1e6, le=1e6)]
MetresPerSecond = Annotated[float, Field(ge=-1e4, le=1e4)]


class Motion(Options):
    """Position and constant velocity of a node in the plane."""

    position_m: list[Metres] = Field([0.0, 0.0], min_length=2, max_length=2, description="[x, y] at time 0, in m")
    velocity_mps: list[MetresPerSecond] = Field([0.0, 0.0], min_length=2, max_length=2, description="[x, y] in m/s")


class Geometry(Options):
    """Positions and velocities of the three nodes."""

    alice: Motion = Motion()
    bob: Motion = Motion(position_m=[100.0, 0.0])
    eve: Motion = Motion(position_m=[100.0, 50.0])
