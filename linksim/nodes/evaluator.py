"""The evaluator: the only place that sees both ends. It holds what was sent against every receiver's estimate."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from linksim.context import Simulation
from linksim.control_plane.frame_parameters import AgreedParameters
from linksim.frames import ReceivedFrame
from linksim.metrics import psnr
from linksim.nodes.constellation import Constellation
from linksim.records import ALICE, BOB, EVE, SOURCE, FrameSent, ImageScore, KeptImage
from linksim.schemes.base import fill_erasures, is_erased
from linksim.worker import Operation, Promise

DECODED, NO_PARAMETERS, NOT_SENT, PARAMETER_MISMATCH, DAMAGED = range(5)  # outcomes of a frame, as `records.FrameSent` words them


@dataclass(slots=True)
class PendingFrame:
    """A frame under way.

    images   promise of Alice's images, [items, k, c, h, w]
    source   promise of what she sent in their place; the same promise where nobody attacked them
    labels   int64 [items, k]
    classes  of both, int64 [items, k, 2]; -1 where they are not known
    agreed   what Alice sent it under
    left     copies that have yet to be received of, and one more as long as Alice may send it again
    start_ns  of its last transmission that was received of
    unfinished  Bob's newest copy, if it left images lacking, and all that he then had of the frame
    """

    images: Promise
    source: Promise
    labels: NDArray[np.int64]
    classes: Promise | NDArray[np.int64]
    agreed: AgreedParameters
    left: int = 1
    start_ns: int = 0
    unfinished: tuple[ReceivedFrame, Promise] | None = None


class Evaluator:
    """Scores the estimates of one link.

    receivers      how many listen to the link
    images  how many images of the link to keep for looking at
    constellation  keeps symbols
    match     where Eve cannot tell which of her images of an item is which: puts them in the order that fits the images best
    classes   where Alice's images are attacked: what the classifier takes them for, before and after
    """

    def __init__(
        self,
        simulation: Simulation,
        link: int,
        score: Operation,
        receivers: int,
        pictures: int,
        constellation: Constellation,
        match: Operation | None = None,
        classes: Operation | None = None,
    ) -> None:
        self._simulation, self._link, self._score, self._receivers = simulation, link, score, receivers
        self._pictures, self._constellation, self._match, self._classes = pictures, constellation, match, classes
        self._expected: dict[int, PendingFrame] = {}
        self._kept: dict[int, int] = {}

    def sent(self, frame: int, images: Promise, source: Promise, labels: NDArray[np.int64], agreed: AgreedParameters) -> None:
        """Alice has made this frame."""
        classes: Promise | NDArray[np.int64] = np.full((*labels.shape, 2), -1)
        if self._classes is not None:
            classes = self._simulation.worker.promise(self._classes, images, source)
        self._expected[frame] = PendingFrame(images, source, labels, classes, agreed)
        self._simulation.outstanding += 1
        keep = min(self._pictures, labels.size)
        if keep:
            self._pictures -= keep
            self._kept[frame] = keep

    def on_air(self, frame: int) -> None:
        """Alice transmits the frame, for the first time or again."""
        self._expected[frame].left += self._receivers

    def over(self, frame: int) -> None:
        """Alice will not transmit the frame again."""
        self._settled(frame)

    def held(self, frame: int, epoch: int, images: int) -> None:
        """Alice could not agree with Bob on terms and kept the frame."""
        self._simulation.emit(FrameSent(self._simulation.now, 0, self._link, frame, 0, epoch, images, 0, float("nan"), 0, 0, NOT_SENT))

    def received(
        self, copy: ReceivedFrame, airtime_ns: int, channel_uses: int, agreed: AgreedParameters | None, checked: Promise | None
    ) -> None:
        """Bob has a transmission, and takes `agreed` for what it was sent under; None where he has no terms for it.

        checked  his images of the frame so far, where he can tell which he has not got; else None
        """
        frame, sent = copy.frame, self._expected[copy.frame.number].agreed

        def emit(outcome: int) -> None:
            about = (frame.number, frame.attempt, frame.epoch, frame.images, channel_uses, sent.snr_db, *sent.context.steps, outcome)
            self._simulation.emit(FrameSent(copy.start_ns, airtime_ns, self._link, *about))

        if agreed is None or agreed.context != sent.context:
            emit(NO_PARAMETERS if agreed is None else PARAMETER_MISMATCH)
        elif checked is None:
            emit(DECODED)
        else:
            self._simulation.worker.then(checked, lambda images: emit(DAMAGED if is_erased(images).any() else DECODED))

    def estimate(self, receiver: int, copy: ReceivedFrame, estimate: Promise | None) -> None:
        """An receiver has done with a copy: its estimate of the frame, [items, k, c, h, w], or None where it has none."""
        if not copy.frame.attempt:
            self._constellation.hear(receiver, copy)
        number = copy.frame.number
        expected = self._expected[number]
        if estimate is not None and receiver == EVE and self._match is not None:
            estimate = self._simulation.worker.promise(self._match, estimate, expected.images)
        if estimate is not None:
            self._show(receiver, copy, estimate)
            expected.unfinished = None if receiver == BOB else expected.unfinished
        expected.start_ns = copy.start_ns
        self._settled(number)

    def unfinished(self, copy: ReceivedFrame, images: Promise) -> None:
        """Bob has done with a copy, lacks images, and has asked for another. If none comes, what he has is his estimate of the frame."""
        self._expected[copy.frame.number].unfinished = copy, images
        self.estimate(BOB, copy, None)

    def _show(self, receiver: int, copy: ReceivedFrame, estimate: Promise) -> None:
        """Score a receiver's estimate of the frame, and keep its images."""
        number, worker = copy.frame.number, self._simulation.worker
        expected = self._expected[number]
        listener = partial(self._scored, receiver, copy.start_ns, number, expected.labels)
        worker.then(worker.promise(self._score, estimate, expected.images, expected.classes), listener)
        if number in self._kept:
            worker.then(estimate, partial(self._keep, receiver, copy.start_ns, number, self._kept[number]))

    def _settled(self, number: int) -> None:
        expected = self._expected[number]
        expected.left -= 1
        if not expected.left:
            if expected.unfinished is not None:
                self._show(BOB, *expected.unfinished)
            if number in self._kept:
                self._keep_sources(number, expected, self._kept.pop(number))
            del self._expected[number]
            self._simulation.outstanding -= 1

    def _keep_sources(self, number: int, expected: PendingFrame, count: int) -> None:
        attacked = [(SOURCE, expected.source)] if expected.source is not expected.images else []
        for owner, images in [(ALICE, expected.images), *attacked]:
            self._simulation.worker.then(images, partial(self._keep, owner, expected.start_ns, number, count))

    def _scored(self, receiver: int, start_ns: int, frame: int, labels: NDArray[np.int64], scores: Tensor) -> None:
        rows = scores.flatten(0, 1)
        psnrs = psnr(rows[:, 0]).tolist()
        for item, (row, psnr_db, label) in enumerate(zip(rows.tolist(), psnrs, labels.ravel().tolist(), strict=True)):
            mse, ssim, predicted, clean, source, grey = row
            seen = label, int(predicted), int(clean), int(source)
            self._simulation.emit(ImageScore(start_ns, self._link, frame, item, receiver, *seen, mse, psnr_db, ssim, int(grey)))

    def _keep(self, node: int, start_ns: int, frame: int, count: int, images: Tensor) -> None:
        pixels = (fill_erasures(images.flatten(0, 1)[:count]) * 255.0).round().byte().cpu().numpy()
        for item, image in enumerate(pixels):
            self._simulation.emit(KeptImage(start_ns, self._link, frame, item, node, image))
