"""A jammer from outside: it is on in every n-th slot of a fixed grid, so its duty cycle is 1 / n.

linksim run my-scenario.yaml --plugin examples/comb_jammer.py        # with jammer: {kind: comb, slot_ms: 5, every: 4}
"""

from pydantic import Field

import linksim
from linksim.cost import Cost, Traffic
from linksim.jammers.factory import JammerContext
from linksim.jammers.jammer import Jammer, follow_schedule
from linksim.scenario.jammers import Jamming, intervals
from linksim.units import ms_to_ns


class CombOptions(Jamming):
    """Gaussian noise in every n-th slot."""

    slot_ms: float = Field(5.0, gt=0, le=1e6, description="length of a slot in ms")
    every: int = Field(4, ge=1, le=1000, description="number of slots from one jammed slot to the next")

    def cost(self, traffic: Traffic) -> Cost:
        return intervals(self.on_s(traffic.seconds) * 1e3 / (self.every * self.slot_ms))


@linksim.register("jammer", "comb", CombOptions)
def make(options: CombOptions, context: JammerContext) -> list[Jammer]:
    slot_ns, made = ms_to_ns(options.slot_ms), []
    for link in context.links:
        jammer = Jammer(context.simulation, link, options, context.factory.gaussian)
        period_ns = options.every * slot_ns
        intervals = ((start, start + slot_ns) for start in range(ms_to_ns(options.start_ms), 2**62, period_ns))
        context.simulation.env.process(follow_schedule(context.simulation, [jammer], intervals))
        made.append(jammer)
    return made
