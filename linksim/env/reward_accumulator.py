"""The reward of each link per round of a live simulation: Eq. (31) of the images that Bob decoded under the steps he chose.

The accumulator is a listener: it sees the same records as the trace, and needs no access to the nodes. Adv and Err are square roots of
shares, so they are computed from all images of a round together and not image by image.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from linksim.adapt.reward import adv_share, err_share
from linksim.enums import Node, Outcome
from linksim.records import FILL, FrameSent, ImageScore, Record


class RoundReward(NamedTuple):
    """The components of a link's reward in one round.

    ssim      mean structural similarity of the images, -1..1
    adv, err  shares of Eq. (28) and (30), 0..1, before the square roots
    images    number of images with an SSIM; if it is 0, the other fields are those of the previous round
    """

    ssim: float
    adv: float
    err: float
    images: int


NO_IMAGES = RoundReward(ssim=0.0, adv=0.0, err=0.0, images=0)  # before the first image


class RewardAccumulator:
    """A listener that collects the image scores of the current round.

    A frame belongs to the round in which Bob decodes it. It counts only if it was sent with the parameters that Bob chose last: a frame
    that was encoded before his REPORT arrived says nothing about his choice.

    links  number of links, whose numbers in the run are 0..links-1
    """

    def __init__(self, links: int) -> None:
        self._parameters: list[Mapping[str, int] | None] = [None] * links
        self._rewards = [NO_IMAGES] * links
        self._frames: set[tuple[int, int]] = set()  # (link, frame) of the frames that count in this round
        self._scores: list[list[ImageScore]] = [[] for _ in range(links)]

    def __call__(self, record: Record) -> None:
        """Process one record of the simulation."""
        if isinstance(record, FrameSent):
            if record.outcome == Outcome.DECODED and record.parameters == self._parameters[record.link]:
                self._frames.add((record.link, record.frame))
        elif isinstance(record, ImageScore) and record.receiver == Node.BOB and (record.link, record.frame) in self._frames:
            self._scores[record.link].append(record)

    def set_parameters(self, link: int, parameters: Mapping[str, int]) -> None:
        """Set the negotiated parameters with which the link's frames must be sent to count."""
        self._parameters[link] = parameters

    def finish_round(self) -> list[RoundReward]:
        """End the round and return its reward components, one item per link.

        The worker must have been flushed before, because scores that are still promises would count in the next round.
        """
        self._rewards = [
            round_reward(scores) or previous._replace(images=0) for scores, previous in zip(self._scores, self._rewards, strict=True)
        ]
        self._frames.clear()
        self._scores = [[] for _ in self._scores]
        return self._rewards


def round_reward(scores: list[ImageScore]) -> RoundReward | None:
    """The reward components of the images that have an SSIM, or None if there are none.

    scores  scores of Bob's images in one round; images without classes (no attack on the source) count for neither share
    """
    kept = [row for row in scores if row.ssim is not None]
    if not kept:
        return None
    classes = [(row.class_clean, row.class_attacked, row.class_received) for row in kept]
    clean, attacked, final = np.array([(FILL,) * 3 if None in row else row for row in classes], np.int64).T
    adv, err = adv_share(clean, attacked, final), err_share(clean, attacked, final)
    ssim = float(np.mean([row.ssim for row in kept if row.ssim is not None]))
    return RoundReward(ssim=ssim, adv=float(adv), err=float(err), images=len(kept))
