"""What a round of a live world was worth to each lane: Eq. (31) of the images that Bob decoded under the steps he chose."""

from typing import NamedTuple

import numpy as np

from linksim.adapt.reward import adv_share, err_share
from linksim.records import BOB, FrameSent, Quality, Record
from linksim.world.agreement import Steps
from linksim.world.judge import DECODED


class Worth(NamedTuple):
    """What a lane's reward is made of.

    ssim      mean structural similarity of the images
    adv, err  shares of Eq. (28) and (30)
    images    behind these; 0 where none came, and the rest is as it was in the round before
    """

    ssim: float
    adv: float
    err: float
    images: int


NOTHING = Worth(0.0, 0.0, 0.0, 0)  # before the first image


class Tally:
    """A listener to a world's records.

    A frame counts for the round in which Bob has decoded it, if it was sent under the steps that he chose last.
    """

    def __init__(self, lanes: int) -> None:
        self._steps: list[Steps | None] = [None] * lanes
        self._worth = [NOTHING] * lanes
        self._frames: set[tuple[int, int]] = set()  # lane and number, of those that count for this round
        self._rows: list[list[Quality]] = [[] for _ in range(lanes)]

    def __call__(self, record: Record) -> None:
        if isinstance(record, FrameSent):
            if record.outcome == DECODED and (record.t_d, record.t_plus) == self._steps[record.lane]:
                self._frames.add((record.lane, record.frame))
        elif isinstance(record, Quality) and record.ear == BOB and (record.lane, record.frame) in self._frames:
            self._rows[record.lane].append(record)

    def chose(self, lane: int, steps: Steps) -> None:
        """From now on the lane's frames count if they were sent under these."""
        self._steps[lane] = steps

    def close(self) -> list[Worth]:
        """End the round -> what it was worth, lane by lane. All promises of the worker must have been kept."""
        self._worth = [weighed(rows) or before._replace(images=0) for rows, before in zip(self._rows, self._worth, strict=True)]
        self._frames.clear()
        self._rows = [[] for _ in self._rows]
        return self._worth


def weighed(rows: list[Quality]) -> Worth | None:
    """The worth of these images, None where there are none."""
    if not rows:
        return None
    clean, attacked, final = np.array([(row.clean_class, row.source_class, row.predicted) for row in rows], np.int64).T
    adv, err = adv_share(clean, attacked, final), err_share(clean, attacked, final)
    return Worth(float(np.mean([row.ssim for row in rows])), float(adv), float(err), len(rows))
