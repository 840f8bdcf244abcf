"""The judge: the only place that sees both ends. It holds what was sent against every ear's estimate."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from linksim.metrics import psnr
from linksim.records import ALICE, BOB, EVE, SOURCE, FrameSent, Picture, Quality
from linksim.schemes.base import lacking, shown
from linksim.worker import Operation, Promise
from linksim.world.agreement import Agreed
from linksim.world.clock import World
from linksim.world.constellation import Constellation
from linksim.world.frames import DataCopy

DECODED, NO_TERMS, NOT_SENT, OTHER_TERMS, DAMAGED = range(5)  # outcomes of a frame, as `records.FrameSent` words them


@dataclass(slots=True)
class Expected:
    """A frame under way.

    images   promise of Alice's images, [items, k, c, h, w]
    source   promise of what she sent in their place; the same promise where nobody attacked them
    labels   int64 [items, k]
    classes  of both, int64 [items, k, 2]; -1 where they are not known
    agreed   what Alice sent it under
    left     copies that have yet to be heard of, and one more as long as Alice may send it again
    start_ns  of its last transmission that was heard of
    unfinished  Bob's newest copy, if it left images lacking, and all that he then had of the frame
    """

    images: Promise
    source: Promise
    labels: NDArray[np.int64]
    classes: Promise | NDArray[np.int64]
    agreed: Agreed
    left: int = 1
    start_ns: int = 0
    unfinished: tuple[DataCopy, Promise] | None = None


class Judge:
    """Scores the estimates of one lane.

    ears      how many listen to the lane
    pictures  how many images of the lane to keep for looking at
    constellation  keeps symbols
    match     where Eve cannot tell which of her pictures of an item is which: puts them in the order that fits the images best
    classes   where Alice's images are attacked: what the classifier takes them for, before and after
    """

    def __init__(
        self,
        world: World,
        lane: int,
        score: Operation,
        ears: int,
        pictures: int,
        constellation: Constellation,
        match: Operation | None = None,
        classes: Operation | None = None,
    ) -> None:
        self._world, self._lane, self._score, self._ears = world, lane, score, ears
        self._pictures, self._constellation, self._match, self._classes = pictures, constellation, match, classes
        self._expected: dict[int, Expected] = {}
        self._kept: dict[int, int] = {}

    def sent(self, frame: int, images: Promise, source: Promise, labels: NDArray[np.int64], agreed: Agreed) -> None:
        """Alice has made this frame."""
        classes: Promise | NDArray[np.int64] = np.full((*labels.shape, 2), -1)
        if self._classes is not None:
            classes = self._world.worker.promise(self._classes, images, source)
        self._expected[frame] = Expected(images, source, labels, classes, agreed)
        self._world.outstanding += 1
        keep = min(self._pictures, labels.size)
        if keep:
            self._pictures -= keep
            self._kept[frame] = keep

    def on_air(self, frame: int) -> None:
        """Alice transmits the frame, for the first time or again."""
        self._expected[frame].left += self._ears

    def over(self, frame: int) -> None:
        """Alice will not transmit the frame again."""
        self._settled(frame)

    def held(self, frame: int, epoch: int, images: int) -> None:
        """Alice could not agree with Bob on terms and kept the frame."""
        self._world.announce(FrameSent(self._world.now, 0, self._lane, frame, 0, epoch, images, 0, float("nan"), 0, 0, NOT_SENT))

    def received(self, copy: DataCopy, airtime_ns: int, uses: int, agreed: Agreed | None, checked: Promise | None) -> None:
        """Bob has a transmission, and takes `agreed` for what it was sent under; None where he has no terms for it.

        checked  his images of the frame so far, where he can tell which he has not got; else None
        """
        frame, sent = copy.frame, self._expected[copy.frame.number].agreed

        def announce(outcome: int) -> None:
            about = (frame.number, frame.attempt, frame.epoch, frame.images, uses, sent.snr_db, *sent.ground.steps, outcome)
            self._world.announce(FrameSent(copy.start_ns, airtime_ns, self._lane, *about))

        if agreed is None or agreed.ground != sent.ground:
            announce(NO_TERMS if agreed is None else OTHER_TERMS)
        elif checked is None:
            announce(DECODED)
        else:
            self._world.worker.listen(checked, lambda images: announce(DAMAGED if lacking(images).any() else DECODED))

    def estimate(self, ear: int, copy: DataCopy, estimate: Promise | None) -> None:
        """An ear has done with a copy: its estimate of the frame, [items, k, c, h, w], or None where it has none."""
        if not copy.frame.attempt:
            self._constellation.hear(ear, copy)
        number = copy.frame.number
        expected = self._expected[number]
        if estimate is not None and ear == EVE and self._match is not None:
            estimate = self._world.worker.promise(self._match, estimate, expected.images)
        if estimate is not None:
            self._show(ear, copy, estimate)
            expected.unfinished = None if ear == BOB else expected.unfinished
        expected.start_ns = copy.start_ns
        self._settled(number)

    def unfinished(self, copy: DataCopy, images: Promise) -> None:
        """Bob has done with a copy, lacks images, and has asked for another. If none comes, what he has is his estimate of the frame."""
        self._expected[copy.frame.number].unfinished = copy, images
        self.estimate(BOB, copy, None)

    def _show(self, ear: int, copy: DataCopy, estimate: Promise) -> None:
        """Score an ear's estimate of the frame, and keep its pictures."""
        number, worker = copy.frame.number, self._world.worker
        expected = self._expected[number]
        listener = partial(self._scored, ear, copy.start_ns, number, expected.labels)
        worker.listen(worker.promise(self._score, estimate, expected.images, expected.classes), listener)
        if number in self._kept:
            worker.listen(estimate, partial(self._keep, ear, copy.start_ns, number, self._kept[number]))

    def _settled(self, number: int) -> None:
        expected = self._expected[number]
        expected.left -= 1
        if not expected.left:
            if expected.unfinished is not None:
                self._show(BOB, *expected.unfinished)
            if number in self._kept:
                self._keep_sources(number, expected, self._kept.pop(number))
            del self._expected[number]
            self._world.outstanding -= 1

    def _keep_sources(self, number: int, expected: Expected, count: int) -> None:
        attacked = [(SOURCE, expected.source)] if expected.source is not expected.images else []
        for owner, images in [(ALICE, expected.images), *attacked]:
            self._world.worker.listen(images, partial(self._keep, owner, expected.start_ns, number, count))

    def _scored(self, ear: int, start_ns: int, frame: int, labels: NDArray[np.int64], scores: Tensor) -> None:
        rows = scores.flatten(0, 1)
        psnrs = psnr(rows[:, 0]).tolist()
        for item, (row, psnr_db, label) in enumerate(zip(rows.tolist(), psnrs, labels.ravel().tolist(), strict=True)):
            mse, ssim, predicted, clean, source, grey = row
            seen = label, int(predicted), int(clean), int(source)
            self._world.announce(Quality(start_ns, self._lane, frame, item, ear, *seen, mse, psnr_db, ssim, int(grey)))

    def _keep(self, node: int, start_ns: int, frame: int, count: int, images: Tensor) -> None:
        pixels = (shown(images.flatten(0, 1)[:count]) * 255.0).round().byte().cpu().numpy()
        for item, image in enumerate(pixels):
            self._world.announce(Picture(start_ns, self._lane, frame, item, node, image))
