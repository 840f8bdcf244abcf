"""Eve: hears every data frame over her own path and tries to see what it shows. She has what her scenario block grants, nothing else."""

from linksim.context import Simulation
from linksim.frames import ReceivedFrame, ReceivedMessage
from linksim.medium.air import Air
from linksim.nodes.evaluator import Evaluator
from linksim.records import EVE
from linksim.worker import Operation


class Eve:
    """The eavesdropper of one link.

    invert  the operation of `simulation.operations`

    Her attack works off the path of the radio: what she makes of a frame has no say in when anything happens, so it takes no simulated
    time.
    """

    def __init__(self, simulation: Simulation, air: Air, evaluator: Evaluator, invert: Operation) -> None:
        self._worker, self._evaluator, self._invert = simulation.worker, evaluator, invert
        air.hear(EVE, self.hear)

    def hear(self, copy: ReceivedFrame | ReceivedMessage) -> None:
        """Of a frame that is sent again she takes the first transmission."""
        if isinstance(copy, ReceivedFrame):
            first = not copy.frame.attempt
            picture = self._worker.promise(self._invert, copy.received, copy.gain, copy.noise_power) if first else None
            self._evaluator.estimate(EVE, copy, picture)
