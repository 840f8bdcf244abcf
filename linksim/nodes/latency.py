"""How long a node's networks take: a model stated in the scenario, never the wall clock."""

from linksim.scenario.nodes import Processing
from linksim.units import seconds_to_ns


def latency_ns(processing: Processing, images: int) -> int:
    """Time for a frame of `images` images."""
    return seconds_to_ns((processing.fixed_us + images * processing.per_image_us) / 1e6)
