"""Records of Eve's tests of data frames for hidden signals."""

from linksim.context import Simulation
from linksim.frames import ReceivedFrame
from linksim.records import Detection
from linksim.worker import Named, Promise


def emit_detections(simulation: Simulation, link: int, copy: ReceivedFrame, tests: Promise) -> None:
    """Emit one record per item of a frame as soon as its tests are computed.

    simulation  shared state of the run
    link        number of the link in the run
    copy        Eve's copy of the frame
    tests       promise of `statistic` and `threshold`, float [items] each
    """

    def emit(found: Named) -> None:
        values = zip(found["statistic"].tolist(), found["threshold"].tolist(), strict=True)
        for item, (statistic, threshold) in enumerate(values):
            simulation.emit(
                Detection(
                    time_ns=copy.start_ns,
                    link=link,
                    frame=copy.frame.number,
                    item=item,
                    statistic=statistic,
                    threshold=threshold,
                    detected=int(statistic > threshold),
                )
            )

    simulation.worker.then(tests, emit)
