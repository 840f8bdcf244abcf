"""Eve: receives data frames, and control frames if her attack observes them, over her own path, and hands them to the attack."""

from dataclasses import replace

from linksim.attacks.attack import Attack
from linksim.enums import Node
from linksim.frames import OverheardMessage, ReceivedFrame, ReceivedMessage
from linksim.medium.air import Air
from linksim.nodes.evaluator import Evaluator


class Eve:
    """The eavesdropper of one link.

    The attack takes no simulated time, because its result influences no event.
    """

    def __init__(self, air: Air, evaluator: Evaluator, attack: Attack) -> None:
        self._evaluator, self._attack = evaluator, attack
        air.add_receiver(Node.EVE, self._receive)
        if attack.observes_control:
            air.add_eavesdropper(self._overhear)

    def _receive(self, copy: ReceivedFrame | ReceivedMessage) -> None:
        """Attack the first transmission of a data frame; later transmissions of it are only observed."""
        assert isinstance(copy, ReceivedFrame)
        seen, first, reconstruction = without_sent_symbols(copy), copy.frame.attempt == 0, None
        if first:
            self._evaluator.grant(copy.frame.number, self._attack)
            self._evaluator.compare_keys(copy, self._attack.keys())
        self._attack.observe(seen)
        if first:
            reconstruction = self._attack.reconstruct(seen)
        self._evaluator.reconstructed(Node.EVE, copy, reconstruction)

    def _overhear(self, copy: OverheardMessage) -> None:
        self._attack.observe(copy)


def without_sent_symbols(copy: ReceivedFrame) -> ReceivedFrame:
    """Return a copy whose frame holds the received symbols in the place of those that were sent; the header is in clear."""
    return replace(copy, frame=replace(copy.frame, symbols=copy.received))
