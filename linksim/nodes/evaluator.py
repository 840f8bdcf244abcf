"""The evaluator, the only object that sees both ends. It compares the images that were sent with every receiver's reconstruction."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from linksim.attacks.attack import Attack
from linksim.attacks.key_recovery import KeySets
from linksim.context import Simulation
from linksim.control_plane.frame_parameters import AgreedParameters
from linksim.enums import ImageOwner, Node, Outcome
from linksim.frames import ReceivedFrame
from linksim.negotiation import names, values
from linksim.nodes.constellation import Constellation
from linksim.reconstruction import Reconstruction
from linksim.records import FrameSent, ImageScore, KeptImage, KeyKnowledge
from linksim.schemes.layers import Layer
from linksim.schemes.permutation import PermutationKey
from linksim.secrecy import SessionKeys
from linksim.worker import Named, Operation, Promise


@dataclass(slots=True)
class PendingFrame:
    """A frame that is not yet complete at all receivers.

    images       promise of Alice's images, float [items, k, c, h, w] in 0..1
    attacked     promise of the images that she encoded instead; the same promise without an attack on the source
    labels       int64 [items, k]
    classes      promise of the classes of both, see `operations.classify`; None if there is no attack or no classifier
    agreed       Alice's view of the agreement
    outstanding  outstanding receptions, plus one while a retransmission is possible
    start_ns     start of the last transmission that a receiver has processed
    partial      Bob's newest copy and the images decoded so far, if some of them are erased
    """

    images: Promise
    attacked: Promise
    labels: NDArray[np.int64]
    classes: Promise | None
    agreed: AgreedParameters
    outstanding: int = 1
    start_ns: int = 0
    partial: tuple[ReceivedFrame, Promise] | None = None


class Evaluator:
    """Scores the reconstructions of one link.

    score          operation `operations.score`
    receivers      number of receivers of the link
    kept_images    number of images of the link that the trace keeps
    constellation  records symbols
    resolve_order  operation `operations.resolve_order`, if Eve cannot know the order of the images of an item, else None
    classify       operation `operations.classify`, if Alice's images are attacked, else None
    layer          outermost layer of the link's stack, whose keys an attack may be granted, None without layers
    """

    def __init__(
        self,
        simulation: Simulation,
        link: int,
        score: Operation,
        receivers: int,
        kept_images: int,
        constellation: Constellation,
        resolve_order: Operation | None = None,
        classify: Operation | None = None,
        layer: Layer | None = None,
    ) -> None:
        self._simulation, self._link, self._score, self._receivers = simulation, link, score, receivers
        self._kept_images, self._constellation = kept_images, constellation
        self._resolve_order, self._classify = resolve_order, classify
        self._layer = layer
        self._granted: SessionKeys | None = None  # session whose key sets Eve has
        self._pending: dict[int, PendingFrame] = {}
        self._kept: dict[int, int] = {}

    def created(self, frame: int, images: Promise, attacked: Promise, labels: NDArray[np.int64], agreed: AgreedParameters) -> None:
        """Register a frame that Alice has encoded. `attacked` are the images that she encoded, `images` the originals."""
        classes = None if self._classify is None else self._simulation.worker.promise(self._classify, images, attacked)
        self._pending[frame] = PendingFrame(images, attacked, labels, classes, agreed)
        self._simulation.outstanding += 1
        keep = min(self._kept_images, labels.size)
        if keep:
            self._kept_images -= keep
            self._kept[frame] = keep

    def transmitted(self, frame: int) -> None:
        """Register a transmission of a frame, the first or a later one."""
        self._pending[frame].outstanding += self._receivers

    def completed(self, frame: int) -> None:
        """Register that Alice will not transmit the frame again."""
        self._release(frame)

    def suppressed(self, frame: int, epoch: int, images: int) -> None:
        """Emit the record of a frame that Alice did not send, because there was no agreement with Bob."""
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
                assumed_snr_db=float("nan"),
                parameters={},
                outcome=Outcome.NOT_SENT,
            )
        )

    def received(
        self, copy: ReceivedFrame, airtime_ns: int, channel_uses: int, agreed: AgreedParameters | None, erasable: Promise | None
    ) -> None:
        """Emit the record of a transmission that Bob has received.

        agreed    Bob's view of the agreement, None if he has no parameters for the frame
        erasable  his images of the frame so far, if some may be erased, else None
        """
        frame, sent = copy.frame, self._pending[copy.frame.number].agreed

        def emit(outcome: int) -> None:
            negotiated = sent.context.negotiated
            self._simulation.emit(
                FrameSent(
                    time_ns=copy.start_ns,
                    airtime_ns=airtime_ns,
                    link=self._link,
                    frame=frame.number,
                    attempt=frame.attempt,
                    epoch=frame.epoch,
                    images=frame.images,
                    channel_uses=channel_uses,
                    assumed_snr_db=sent.snr_db,
                    parameters=dict(zip(names(type(negotiated)), values(negotiated), strict=True)),
                    outcome=outcome,
                )
            )

        if agreed is None or agreed.context != sent.context:
            emit(Outcome.NO_PARAMETERS if agreed is None else Outcome.PARAMETER_MISMATCH)
        elif erasable is None:
            emit(Outcome.DECODED)
        else:
            self._simulation.worker.then(erasable, lambda found: emit(Outcome.DAMAGED if found["erased"].any() else Outcome.DECODED))

    def grant(self, number: int, attack: Attack) -> None:
        """Hand Eve's attack what the scenario grants it about a frame: the images that Alice encoded, and the key sets of a new session."""
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

    def reconstructed(self, receiver: int, copy: ReceivedFrame, reconstruction: Promise | None) -> None:
        """Register that a receiver has processed a copy.

        reconstruction  promise of a reconstruction, None if the receiver has none
        """
        if not copy.frame.attempt:
            self._constellation.record(receiver, copy)
        number = copy.frame.number
        pending = self._pending[number]
        if reconstruction is not None and receiver == Node.EVE and self._resolve_order is not None:
            reconstruction = self._simulation.worker.promise(self._resolve_order, reconstruction, pending.images)
        if reconstruction is not None:
            self._score_and_keep(receiver, copy, reconstruction)
            pending.partial = None if receiver == Node.BOB else pending.partial
        pending.start_ns = copy.start_ns
        self._release(number)

    def partially_reconstructed(self, copy: ReceivedFrame, images: Promise) -> None:
        """Register that Bob has processed a copy with erased images and requested a retransmission.

        If no other copy arrives, `images` are his reconstruction of the frame.
        """
        self._pending[copy.frame.number].partial = copy, images
        self.reconstructed(Node.BOB, copy, None)

    def _score_and_keep(self, receiver: int, copy: ReceivedFrame, reconstruction: Promise) -> None:
        """Score a receiver's reconstruction of a frame, and keep its images for the trace."""
        number, worker = copy.frame.number, self._simulation.worker
        pending = self._pending[number]
        listener = partial(self._emit_scores, receiver, copy.start_ns, number, pending.labels)
        classes = () if pending.classes is None else (pending.classes,)
        worker.then(worker.promise(self._score, reconstruction, pending.images, *classes), listener)
        if number in self._kept:
            worker.then(reconstruction, partial(self._keep_shown, receiver, copy.start_ns, number, self._kept[number]))

    def _release(self, number: int) -> None:
        pending = self._pending[number]
        pending.outstanding -= 1
        if not pending.outstanding:
            if pending.partial is not None:
                self._score_and_keep(Node.BOB, *pending.partial)
            if number in self._kept:
                self._keep_sources(number, pending, self._kept.pop(number))
            del self._pending[number]
            self._simulation.outstanding -= 1

    def _keep_sources(self, number: int, pending: PendingFrame, count: int) -> None:
        attacked_images = [(ImageOwner.SOURCE, pending.attacked)] if pending.attacked is not pending.images else []
        for owner, images in [(Node.ALICE, pending.images), *attacked_images]:
            self._simulation.worker.then(images, partial(self._keep, owner, pending.start_ns, number, count))

    def _emit_scores(self, receiver: int, start_ns: int, frame: int, labels: NDArray[np.int64], scores: Named) -> None:
        columns = {name: part.flatten().tolist() for name, part in scores.items()}
        for image, label in enumerate(labels.ravel().tolist()):
            found = {name: column[image] for name, column in columns.items()}
            self._simulation.emit(
                ImageScore(time_ns=start_ns, link=self._link, frame=frame, image=image, receiver=receiver, label=label, **found)
            )

    def _keep_shown(self, node: int, start_ns: int, frame: int, count: int, reconstruction: Named) -> None:
        """Keep the images of a reconstruction, if it has any."""
        if "images" in reconstruction:
            self._keep(node, start_ns, frame, count, Reconstruction.of(reconstruction).shown())

    def _keep(self, node: int, start_ns: int, frame: int, count: int, images: Tensor) -> None:
        pixels = (images.flatten(0, 1)[:count] * 255.0).round().byte().cpu().numpy()
        for image, array in enumerate(pixels):
            self._simulation.emit(KeptImage(time_ns=start_ns, link=self._link, frame=frame, image=image, node=node, pixels=array))
