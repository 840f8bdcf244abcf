"""Eve: hears every data frame over her own path and tries to see what it shows. She has what her scenario block grants, nothing else."""

from linksim.records import EVE
from linksim.worker import Operation
from linksim.world.air import Air
from linksim.world.clock import World
from linksim.world.frames import ControlCopy, DataCopy
from linksim.world.judge import Judge


class Eve:
    """The eavesdropper of one lane.

    invert  the operation of `world.operations`

    Her attack works off the path of the radio: what she makes of a frame has no say in when anything happens, so it takes no simulated
    time.
    """

    def __init__(self, world: World, air: Air, judge: Judge, invert: Operation) -> None:
        self._worker, self._judge, self._invert = world.worker, judge, invert
        air.hear(EVE, self.hear)

    def hear(self, copy: DataCopy | ControlCopy) -> None:
        """Of a frame that is sent again she takes the first transmission."""
        if isinstance(copy, DataCopy):
            first = not copy.frame.attempt
            picture = self._worker.promise(self._invert, copy.heard, copy.gain, copy.noise_power) if first else None
            self._judge.estimate(EVE, copy, picture)
