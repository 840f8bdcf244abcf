"""The training tasks of the Eve who suspects a hidden signal: detectors, and networks that reveal it (docs/covert.md)."""

from typing import Any

from linksim.training.covert_eve_tasks import INVERTER
from linksim.training.detector import DetectorTask
from linksim.training.revealer import RevealerTask
from linksim.training.task import TrainingTask

HIDERS = {"paper": "covert-hider-paper", "swap": "covert-swap"}  # part of a task's name -> its hider
DETECTOR_STEPS = {100: 300, 1_000: 600, 10_000: 4_000}  # labelled frames -> steps
CHOSEN_PAIRS = (100, 1_000, 4_000)


def detector(hider: str, frames: int) -> DetectorTask:
    """Return the task of a detector of a hider's containers, trained on a number of labelled frames."""
    return DetectorTask("faces", {}, DETECTOR_STEPS[frames], codec="covert-codec", hider=hider, num_frames=frames)


def revealer(hider: str, pairs: int, **settings: Any) -> RevealerTask:
    """Return the task of a network that reveals a hider's private images, trained on a number of chosen pairs.

    settings  further fields of `RevealerTask`
    """
    return RevealerTask(
        "faces", INVERTER, steps=1_500, codec="covert-codec", hider=hider, num_captured_frames=pairs, batch=16, part=64, peak_rate=2e-3,
        average=0.998, **settings,
    )  # fmt: skip


COVERT_DETECTION: dict[str, TrainingTask] = {
    **{f"covert-detector-{name}-m{frames}": detector(hider, frames) for name, hider in HIDERS.items() for frames in DETECTOR_STEPS},
    **{f"covert-revealer-{name}-m{pairs}": revealer(hider, pairs) for name, hider in HIDERS.items() for pairs in CHOSEN_PAIRS},
}
