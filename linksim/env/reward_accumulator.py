"""What a round of a live world was worth to each link: Eq. (31) of the images that Bob decoded under the steps he chose."""

from typing import NamedTuple

import numpy as np

from linksim.adapt.reward import adv_share, err_share
from linksim.control_plane.frame_parameters import Steps
from linksim.nodes.evaluator import DECODED
from linksim.records import BOB, FrameSent, ImageScore, Record


class RoundReward(NamedTuple):
    """What a link's reward is made of.

    ssim      mean structural similarity of the images
    adv, err  shares of Eq. (28) and (30)
    images    behind these; 0 where none came, and the rest is as it was in the round before
    """

    ssim: float
    adv: float
    err: float
    images: int


NOTHING = RoundReward(0.0, 0.0, 0.0, 0)  # before the first image


class RewardAccumulator:
    """A listener to a world's records.

    A frame counts for the round in which Bob has decoded it, if it was sent under the steps that he chose last.
    """

    def __init__(self, links: int) -> None:
        self._steps: list[Steps | None] = [None] * links
        self._worth = [NOTHING] * links
        self._frames: set[tuple[int, int]] = set()  # link and number, of those that count for this round
        self._rows: list[list[ImageScore]] = [[] for _ in range(links)]

    def __call__(self, record: Record) -> None:
        if isinstance(record, FrameSent):
            if record.outcome == DECODED and (record.t_d, record.t_plus) == self._steps[record.link]:
                self._frames.add((record.link, record.frame))
        elif isinstance(record, ImageScore) and record.receiver == BOB and (record.link, record.frame) in self._frames:
            self._rows[record.link].append(record)

    def chose(self, link: int, steps: Steps) -> None:
        """From now on the link's frames count if they were sent under these."""
        self._steps[link] = steps

    def close(self) -> list[RoundReward]:
        """End the round -> what it was worth, link by link. All promises of the worker must have been kept."""
        self._worth = [weighed(rows) or before._replace(images=0) for rows, before in zip(self._rows, self._worth, strict=True)]
        self._frames.clear()
        self._rows = [[] for _ in self._rows]
        return self._worth


def weighed(rows: list[ImageScore]) -> RoundReward | None:
    """The worth of these images, None where there are none."""
    if not rows:
        return None
    clean, attacked, final = np.array([(row.class_clean, row.class_attacked, row.class_received) for row in rows], np.int64).T
    adv, err = adv_share(clean, attacked, final), err_share(clean, attacked, final)
    return RoundReward(float(np.mean([row.ssim for row in rows])), float(adv), float(err), len(rows))
