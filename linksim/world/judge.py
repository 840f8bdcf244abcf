"""The judge: the only place that sees both ends. It holds what was sent against every ear's estimate."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from linksim.metrics import psnr
from linksim.records import ALICE, FrameSent, Picture, Quality
from linksim.worker import Operation, Promise
from linksim.world.clock import World
from linksim.world.frames import DataCopy

DECODED, NO_TERMS, NOT_SENT = range(3)  # outcomes of a frame, as `records.FrameSent` words them


@dataclass(slots=True)
class Expected:
    """A frame under way.

    images   promise of what Alice sent, [items, k, c, h, w]
    labels   int64 [images]
    ears     how many ears have yet to be heard of
    """

    images: Promise
    labels: NDArray[np.int64]
    snr_db: float
    ears: int


class Judge:
    """Scores the estimates of one lane.

    ears      how many listen to the lane
    pictures  how many images of the lane to keep for looking at
    """

    def __init__(self, world: World, lane: int, score: Operation, ears: int, pictures: int) -> None:
        self._world, self._lane, self._score, self._ears = world, lane, score, ears
        self._pictures = pictures
        self._expected: dict[int, Expected] = {}
        self._kept: dict[int, int] = {}

    def sent(self, frame: int, images: Promise, labels: NDArray[np.int64], snr_db: float) -> None:
        """Alice is about to send this."""
        self._expected[frame] = Expected(images, labels, snr_db, self._ears)
        self._world.outstanding += 1
        keep = min(self._pictures, len(labels))
        if keep:
            self._pictures -= keep
            self._kept[frame] = keep

    def held(self, frame: int, epoch: int, images: int) -> None:
        """Alice could not agree with Bob on terms and kept the frame."""
        self._world.announce(FrameSent(self._world.now, 0, self._lane, frame, epoch, images, 0, float("nan"), NOT_SENT))

    def received(self, copy: DataCopy, airtime_ns: int, uses: int, outcome: int) -> None:
        """Bob has the frame, for better or worse."""
        frame, snr_db = copy.frame, self._expected[copy.frame.number].snr_db
        self._world.announce(
            FrameSent(copy.start_ns, airtime_ns, self._lane, frame.number, frame.epoch, frame.images, uses, snr_db, outcome)
        )

    def estimate(self, ear: int, copy: DataCopy, estimate: Promise | None) -> None:
        """An ear's estimate of the frame, [items, k, c, h, w], or None where it has none."""
        number = copy.frame.number
        expected = self._expected[number]
        worker = self._world.worker
        if estimate is not None:
            listener = partial(self._scored, ear, copy.start_ns, number, expected.labels)
            worker.listen(worker.promise(self._score, estimate, expected.images), listener)
            if number in self._kept:
                worker.listen(estimate, partial(self._keep, ear, copy.start_ns, number, self._kept[number]))
        expected.ears -= 1
        if not expected.ears:
            if number in self._kept:
                worker.listen(expected.images, partial(self._keep, ALICE, copy.start_ns, number, self._kept.pop(number)))
            del self._expected[number]
            self._world.outstanding -= 1

    def _scored(self, ear: int, start_ns: int, frame: int, labels: NDArray[np.int64], scores: Tensor) -> None:
        rows = scores.flatten(0, 1)
        psnrs = psnr(rows[:, 0]).tolist()
        for item, ((mse, ssim, predicted), psnr_db, label) in enumerate(zip(rows.tolist(), psnrs, labels.tolist(), strict=True)):
            self._world.announce(Quality(start_ns, self._lane, frame, item, ear, label, int(predicted), mse, psnr_db, ssim))

    def _keep(self, node: int, start_ns: int, frame: int, count: int, images: Tensor) -> None:
        pixels = (images.flatten(0, 1)[:count] * 255.0).round().byte().cpu().numpy()
        for item, image in enumerate(pixels):
            self._world.announce(Picture(start_ns, self._lane, frame, item, node, image))
