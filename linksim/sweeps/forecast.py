"""What a sweep is expected to come to, before its first point runs: images, and time from the estimates of some of its scenarios."""

from collections.abc import Sequence

from linksim.cost import USUAL_MACHINE, MachineSpeed
from linksim.progress import duration
from linksim.scenario.estimate import estimate
from linksim.scenario.load import scenario_from_text
from linksim.scenario.resources import START_S
from linksim.sweeps.points import Point

LOOKED_AT = 24  # points whose scenarios are estimated; the others are taken to be like them
POINT_S = 0.5  # time in which a worker that has loaded libraries and models builds a run and reads its results


def forecast(missing: Sequence[Point], workers: int, speed: MachineSpeed = USUAL_MACHINE) -> str:
    """Return number of images and time in words, for the points that are missing.

    workers  number of processes
    speed    how fast the machine runs networks, as `nets.speed` measures it; else that of a usual machine

    "6,000 images, about 3 min in 2 processes"
    """
    looked_at = missing[:: -(-len(missing) // LOOKED_AT)]
    found = [estimate(scenario_from_text(point.scenario), speed) for point in looked_at]
    images, cpu_s = (len(missing) / len(found) * sum(values) for values in ([e.images for e in found], [e.cpu_s for e in found]))
    running_s = cpu_s + len(missing) * (POINT_S - START_S)  # a process loads its libraries once
    used = min(workers, len(missing))
    return f"{images:,.0f} images, about {duration(START_S + running_s / used)} in {used} process{'es' * (used > 1)}"
