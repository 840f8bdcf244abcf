"""Eve: receives every data frame over her own path and attacks it. She has what the scenario grants her, nothing else."""

from typing import Protocol

from linksim.context import Simulation
from linksim.enums import Node
from linksim.frames import ReceivedFrame, ReceivedMessage
from linksim.medium.air import Air
from linksim.nodes.evaluator import Evaluator
from linksim.worker import Operation, Promise, Worker


class Attack(Protocol):
    """Eve's attack on one link: an object with memory. It sees what Eve receives and what its factory granted.

    ambiguous_order  True if the attack cannot tell which reconstruction belongs to which image of an item; the evaluator then scores the
                     order of least squared error
    """

    ambiguous_order: bool

    def observe(self, copy: ReceivedFrame) -> None:
        """Take note of a transmission, also of one that is not reconstructed."""

    def reconstruct(self, copy: ReceivedFrame) -> Promise | None:
        """Return a promise of the images of a frame, float [items, k, c, h, w] in 0..1, or None if the attack cannot give any."""


class OperationAttack:
    """An attack without memory: one operation of the worker per frame.

    operation  (received symbols, gain, noise power) -> images, see `operations.eve_decode`
    """

    def __init__(self, worker: Worker, operation: Operation, ambiguous_order: bool = False) -> None:
        self._worker, self._operation, self.ambiguous_order = worker, operation, ambiguous_order

    def observe(self, copy: ReceivedFrame) -> None:
        """Ignore the transmission."""

    def reconstruct(self, copy: ReceivedFrame) -> Promise:
        """Return the promise of the operation's result."""
        return self._worker.promise(self._operation, copy.received, copy.gain, copy.noise_power)


class Eve:
    """The eavesdropper of one link.

    The attack takes no simulated time, because its result influences no event.
    """

    def __init__(self, simulation: Simulation, air: Air, evaluator: Evaluator, attack: Attack) -> None:
        self._evaluator, self._attack = evaluator, attack
        air.add_receiver(Node.EVE, self._receive)

    def _receive(self, copy: ReceivedFrame | ReceivedMessage) -> None:
        """Attack the first transmission of a data frame; later transmissions of it are only observed."""
        if isinstance(copy, ReceivedFrame):
            self._attack.observe(copy)
            images = None if copy.frame.attempt else self._attack.reconstruct(copy)
            self._evaluator.reconstructed(Node.EVE, copy, images)
