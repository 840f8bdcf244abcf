"""The evaluator, the only object that sees both ends. It compares the images that were sent with every receiver's reconstruction.

    Alice   created --> transmitted (once per transmission) --> completed          or: suppressed, if there is no agreement
    Bob     received (once per transmission), and reconstructed or, with erased images and ARQ, partially_reconstructed
    Eve     grant, compare_keys, detected, reconstructed (once per transmission)

No node gets anything back from it, except for Eve's attack what the scenario grants. Scores are promises of the worker, so the records of a
frame may follow long after its transmission; their times are those of the transmission.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linksim.attacks.attack import Attack
from linksim.attacks.key_recovery import KeySets
from linksim.context import Simulation
from linksim.control_plane.frame_parameters import AgreedParameters
from linksim.enums import Node, Outcome
from linksim.frames import ReceivedFrame
from linksim.nodes.constellation import Constellation
from linksim.nodes.decision_rewards import RewardRecorder
from linksim.nodes.detections import emit_detections
from linksim.nodes.image_scores import ScoredFrame, ScoreRecorder
from linksim.nodes.kept_images import ImageKeeper
from linksim.records import FrameSent, KeyKnowledge
from linksim.schemes.layers import Layer
from linksim.schemes.permutation import PermutationKey
from linksim.secrecy import SessionKeys
from linksim.worker import Operation, Promise


@dataclass(slots=True)
class PendingFrame:
    """A frame that is not yet complete at all receivers.

    images       promise of Alice's images, float [items, k, c, h, w] in 0..1
    attacked     promise of the images that she encoded instead; the same promise without an attack on the source
    indices      indices of the images in the dataset, int64 [items, k]
    classes      promise of the classes of both, see `scoring.classify`; None if there is no attack or no classifier
    agreed       Alice's view of the agreement
    outstanding  outstanding receptions, plus one while a retransmission is possible; the frame is complete at 0
    start_ns     start of the last transmission that a receiver has processed, simulated time
    partial      Bob's newest copy and the promise of the images decoded so far, if some of them are erased
    scores       promise of the scores of Bob's images
    """

    images: Promise
    attacked: Promise
    indices: NDArray[np.int64]
    classes: Promise | None
    agreed: AgreedParameters
    outstanding: int = 1
    start_ns: int = 0
    partial: tuple[ReceivedFrame, Promise] | None = None
    scores: Promise | None = None


class Evaluator:
    """Scores the reconstructions of one link.

    simulation     shared state of the run; `outstanding` counts the pending frames of all links, for which the end of a run waits
    link           number of the link in the run
    score          operation `scoring.score`
    scores         records the scores of links with equal roles of images
    receivers      number of receivers of the link: 1, or 2 with Eve
    kept_images    records the images of the first frames
    constellation  records symbols of the first transmissions
    rewards        records the rewards of Bob's decisions, None if he takes none
    resolve_order  operation `scoring.resolve_order`, if Eve cannot know the order of the images of an item, else None
    classify       operation `scoring.classify`, if Alice's images are attacked, else None
    layer          outermost layer of the link's stack, whose keys an attack may be granted, None without layers
    """

    def __init__(
        self,
        simulation: Simulation,
        link: int,
        score: Operation,
        scores: ScoreRecorder,
        receivers: int,
        kept_images: ImageKeeper,
        constellation: Constellation,
        rewards: RewardRecorder | None,
        resolve_order: Operation | None = None,
        classify: Operation | None = None,
        layer: Layer | None = None,
    ) -> None:
        self._simulation, self._link, self._score, self._scores, self._receivers = simulation, link, score, scores, receivers
        self._kept_images, self._constellation, self._rewards = kept_images, constellation, rewards
        self._resolve_order, self._classify = resolve_order, classify
        self._layer = layer
        self._granted: SessionKeys | None = None  # session whose key sets Eve has
        self._pending: dict[int, PendingFrame] = {}

    def created(
        self,
        frame: int,
        images: Promise,
        attacked: Promise,
        indices: NDArray[np.int64],
        agreed: AgreedParameters,
    ) -> None:
        """Register a frame that Alice has encoded.

        frame     number of the frame on its link
        images    promise of the original images, float [items, k, c, h, w] in 0..1, to which reconstructions are compared
        attacked  promise of the images that she encoded; the same promise without an attack on the source
        indices   indices of the images in the dataset, int64 [items, k]
        agreed    Alice's view of the agreement
        """
        classes = None if self._classify is None else self._simulation.worker.promise(self._classify, images, attacked)
        self._pending[frame] = PendingFrame(images, attacked, indices, classes, agreed)
        self._simulation.outstanding += 1
        self._kept_images.created(frame, indices.size)
        if self._rewards is not None:
            self._rewards.created(self._link, frame)

    def transmitted(self, frame: int) -> None:
        """Register a transmission of a frame, the first or a later one: each receiver will process a copy of it."""
        self._pending[frame].outstanding += self._receivers

    def completed(self, frame: int) -> None:
        """Register that Alice will not transmit the frame again."""
        self._release(frame, self._pending[frame])

    def suppressed(self, frame: int, epoch: int, images: int) -> None:
        """Emit the record of a frame that Alice did not send, because there was no agreement with Bob.

        frame, epoch  number of the frame, and of the parameters in force at Alice
        images        number of its images
        """
        self._simulation.emit(
            FrameSent(
                time_ns=self._simulation.now,
                airtime_ns=0,
                link=self._link,
                frame=frame,
                attempt=0,
                epoch=epoch,
                images=images,
                channel_uses=0,
                header_channel_uses=0,
                assumed_snr_db=float("nan"),
                parameters={},
                outcome=Outcome.NOT_SENT,
            )
        )

    def received(
        self, copy: ReceivedFrame, agreed: AgreedParameters | None, erasable: Promise | None, without: Outcome = Outcome.NO_PARAMETERS
    ) -> None:
        """Emit the record of a transmission that Bob has received.

        Only here is it known whether Bob's parameters are those of Alice. The evaluator compares the state from which both ends derive
        them, as equal epochs do not imply equal keys and values, for example after a restart of one end.

        copy      his copy of the frame
        agreed    Bob's view of the agreement, None if he has no parameters for the frame or does not know which frame it is
        erasable  promise of his images of the frame so far, if some may be erased, else None
        without   outcome if there is no agreement: NO_PARAMETERS or HEADER_LOST
        """
        frame, sent = copy.frame, self._pending[copy.frame.number].agreed

        def emit(outcome: int) -> None:
            self._simulation.emit(
                FrameSent(
                    time_ns=copy.start_ns,
                    airtime_ns=copy.airtime_ns,
                    link=self._link,
                    frame=frame.number,
                    attempt=frame.attempt,
                    epoch=frame.epoch,
                    images=frame.images,
                    channel_uses=copy.channel_uses,
                    header_channel_uses=copy.header_channel_uses,
                    assumed_snr_db=sent.snr_db,
                    parameters=sent.values,
                    outcome=outcome,
                )
            )

        if agreed is None or agreed.context != sent.context:
            emit(without if agreed is None else Outcome.PARAMETER_MISMATCH)
        elif erasable is None:
            emit(Outcome.DECODED)
        else:
            self._simulation.worker.then(erasable, lambda found: emit(Outcome.DAMAGED if found["erased"].any() else Outcome.DECODED))

    def grant(self, number: int, attack: Attack) -> None:
        """Hand Eve's attack what the scenario grants it about a frame: the images that Alice encoded, and the key sets of a new session.

        number  number of the frame, of which Eve has received the first transmission
        attack  her attack, whose `num_plaintext_frames` and `knows_key_sets` state the grants
        """
        pending = self._pending[number]
        if number < attack.num_plaintext_frames:
            attack.observe_plaintext(number, pending.attacked)
        session = pending.agreed.context.keys
        if attack.knows_key_sets and self._layer is not None and session is not None and session != self._granted:
            self._granted = session
            sets = self._layer.for_session(session).key_sets()
            attack.observe_key_sets(KeySets(sets.order, sets.swapped))

    def compare_keys(self, copy: ReceivedFrame, known: KeySets | None) -> None:
        """Emit which permutation keys of a frame Eve knows before she has observed it.

        known  keys that her attack has found so far, None if it does not recover keys
        """
        frame = copy.frame.number
        keys = self._pending[frame].agreed.parameters
        if known is None or not isinstance(keys, PermutationKey):
            return
        for item, (order, subset) in enumerate(zip(np.asarray(keys.order), np.asarray(keys.swapped), strict=True)):
            self._simulation.emit(
                KeyKnowledge(
                    time_ns=copy.start_ns,
                    link=self._link,
                    frame=frame,
                    item=item,
                    order_known=int(known.has_order(order)),
                    subset_known=int(known.has_subset(subset)),
                    known_orders=len(known.orders),
                    known_subsets=len(known.subsets),
                )
            )

    def detected(self, copy: ReceivedFrame, tests: Promise | None) -> None:
        """Emit Eve's tests of a frame for a hidden signal (`Attack.detect`), None if her attack makes none."""
        if tests is not None:
            emit_detections(self._simulation, self._link, copy, tests)

    def reconstructed(self, receiver: int, copy: ReceivedFrame, reconstruction: Promise | None) -> None:
        """Register that a receiver has processed a copy, and score its reconstruction.

        receiver        Node.BOB or Node.EVE
        copy            the receiver's copy of the frame
        reconstruction  promise of a reconstruction (`Reconstruction.tensors`), None if the receiver has none
        """
        if not copy.frame.attempt:
            self._constellation.record(receiver, copy)
        number = copy.frame.number
        pending = self._pending[number]
        if reconstruction is not None and receiver == Node.EVE and self._resolve_order is not None:
            reconstruction = self._simulation.worker.promise(self._resolve_order, reconstruction, pending.images)
        if reconstruction is not None:
            self._score_and_keep(pending, receiver, copy, reconstruction)
            pending.partial = None if receiver == Node.BOB else pending.partial
        pending.start_ns = copy.start_ns
        self._release(number, pending)

    def partially_reconstructed(self, copy: ReceivedFrame, images: Promise) -> None:
        """Register that Bob has processed a copy with erased images and requested a retransmission.

        If no other copy arrives, for example because his NACKs are lost, `images` are his reconstruction of the frame.
        """
        self._pending[copy.frame.number].partial = copy, images
        self.reconstructed(Node.BOB, copy, None)

    def _score_and_keep(self, pending: PendingFrame, receiver: int, copy: ReceivedFrame, reconstruction: Promise) -> None:
        """Score a receiver's reconstruction of a frame, and keep its images for the trace."""
        number, worker = copy.frame.number, self._simulation.worker
        classes = () if pending.classes is None else (pending.classes,)
        scores = worker.promise(self._score, reconstruction, pending.images, *classes)
        worker.announce(scores, self._scores, ScoredFrame(copy.start_ns, self._link, number, receiver, pending.indices))
        pending.scores = scores if receiver == Node.BOB else pending.scores
        self._kept_images.reconstructed(receiver, copy.start_ns, number, reconstruction)

    def _release(self, number: int, pending: PendingFrame) -> None:
        """Count one awaited reception less, and forget the frame after the last one."""
        pending.outstanding -= 1
        if not pending.outstanding:
            if pending.partial is not None:
                self._score_and_keep(pending, Node.BOB, *pending.partial)
            self._kept_images.completed(pending.start_ns, number, pending.images, pending.attacked)
            del self._pending[number]
            self._simulation.outstanding -= 1
            if (rewards := self._rewards) is None:
                return
            if pending.scores is None:
                rewards.completed(self._link, number)
            else:
                self._simulation.worker.then(pending.scores, lambda _: rewards.completed(self._link, number))
