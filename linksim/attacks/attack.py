"""The contract of Eve's attack on one link: an object with memory, which observes what Eve receives and returns what it can recover.

    air        data frame    --> observe(frame), then reconstruct(frame) --> evaluator: scores of the images
               control frame --> observe(message), only if observes_control
    scenario   grants        --> observe_plaintext(frame, images), observe_key_sets(sets), only if the attack asks for them
    evaluator  keys()        <-- keys that the attack has found; compared with those of every frame
               detect(frame) <-- whether a frame hides a signal

An attack sees the copies that Eve receives, without the symbols and bytes that were sent, and what its options grant; nothing else.
"""

from linksim.attacks.key_recovery import KeySets
from linksim.frames import OverheardMessage, ReceivedFrame
from linksim.worker import Operation, Promise, Worker


class Attack:
    """Eve's attack on one link; this base class observes everything and recovers nothing.

    A subclass overrides what it needs. All methods are called in the order of simulated time, from one thread.

    ambiguous_order       True if the attack cannot tell which reconstruction belongs to which image of an item; the evaluator then scores
                          the order of least squared error
    observes_control      True if Eve also receives control frames; without it no copy of them is computed
    num_plaintext_frames  number of first frames of the link whose images the scenario grants her
    knows_key_sets        True if the scenario grants her the permutation key sets of every session
    """

    ambiguous_order = False
    observes_control = False
    num_plaintext_frames = 0
    knows_key_sets = False

    def observe(self, copy: ReceivedFrame | OverheardMessage) -> None:
        """Observe a transmission: every copy of a data frame, also a retransmission, and every control frame if `observes_control`."""

    def observe_plaintext(self, frame: int, images: Promise) -> None:
        """Take the images that Alice encoded in a frame, float [items, k, c, h, w] in 0..1, before the frame is observed."""

    def observe_key_sets(self, sets: KeySets) -> None:
        """Take the key sets of a session, before its first frame is observed."""

    def reconstruct(self, copy: ReceivedFrame) -> Promise | None:
        """Return a promise of the reconstruction of a frame, or None if the attack has none.

        The promise is of named tensors (`Reconstruction.tensors`): images float [items, k, c, h, w] in 0..1, or logits, or both. The method
        is called for the first transmission of every data frame, after `observe`.
        """
        return None

    def detect(self, copy: ReceivedFrame) -> Promise | None:
        """Return a promise of the tests of a frame's items for a hidden signal, or None if the attack makes none.

        The promise is of named tensors, float [items] each: `statistic`, which is large if a hidden signal is likely, and `threshold`. The
        method is called for the first transmission of every data frame, after `observe`.
        """
        return None

    def keys(self) -> KeySets | None:
        """Return the permutation keys that the attack knows now, None if it does not recover keys."""
        return None


class OperationAttack(Attack):
    """An attack without memory: one operation of the worker per frame.

    worker           worker that runs the operation
    operation        (received symbols, gain, noise power) -> reconstruction, see `operations.eve_decode`
    ambiguous_order  see `Attack`
    """

    def __init__(self, worker: Worker, operation: Operation, ambiguous_order: bool = False) -> None:
        self._worker, self._operation, self.ambiguous_order = worker, operation, ambiguous_order

    def reconstruct(self, copy: ReceivedFrame) -> Promise:
        """Return the promise of the operation's result."""
        return self._worker.promise(self._operation, copy.received, copy.gain, copy.noise_power)
