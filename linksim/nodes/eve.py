"""Eve: receives data frames, and control frames if her attack observes them, over her own path, and hands them to the attack.

    air --> copy of a frame --> Attack.observe, Attack.reconstruct --> promise of a reconstruction --> evaluator

Whatever Eve may know, her attack gets through `linksim.attacks.attack.Attack`: the copies that she receives, and what the scenario grants
her. This module enforces it: it replaces sent symbols and headers in the copies by what she received.
"""

from linksim.attacks.attack import Attack
from linksim.control_plane import data_header
from linksim.control_plane.data_header import DataHeader
from linksim.control_plane.wire import MalformedFrame
from linksim.enums import HeaderOutcome, Node
from linksim.frames import UNKNOWN_EPOCH, DataFrame, OverheardMessage, ReceivedFrame, ReceivedMessage
from linksim.medium.air import Air
from linksim.nodes.evaluator import Evaluator


class Eve:
    """The eavesdropper of one link. The air calls her for every copy; she has no process of her own.

    The attack takes no simulated time, because its result influences no event.

    air        air of the link, at which she registers as a receiver
    evaluator  evaluator of the link, which grants the attack its knowledge and scores its reconstructions
    attack     her attack; only if its `observes_control` is set does the air compute her copies of control frames
    """

    def __init__(self, air: Air, evaluator: Evaluator, attack: Attack) -> None:
        self._evaluator, self._attack = evaluator, attack
        air.add_receiver(Node.EVE, self._receive)
        if attack.observes_control:
            air.add_eavesdropper(self._overhear)

    def _receive(self, copy: ReceivedFrame | ReceivedMessage) -> HeaderOutcome:
        """Attack the first transmission of a data frame; later transmissions of it are only observed.

        The keys that she knows are compared with those of the frame before she observes it, so a key that she finds in a frame counts from
        the next frame on.
        """
        assert isinstance(copy, ReceivedFrame)
        header = readable(copy.header)
        seen, first, reconstruction = as_received(copy, header), copy.frame.attempt == 0, None
        if first:
            self._evaluator.grant(copy.frame.number, self._attack)
            self._evaluator.compare_keys(copy, self._attack.keys())
        self._attack.observe(seen)
        if first:
            self._evaluator.detected(copy, self._attack.detect(seen))
            reconstruction = self._attack.reconstruct(seen)
        self._evaluator.reconstructed(Node.EVE, copy, reconstruction)
        return HeaderOutcome.LOST if header is None else HeaderOutcome.DECODED

    def _overhear(self, copy: OverheardMessage) -> None:
        self._attack.observe(copy)


def readable(raw: bytes) -> DataHeader | None:
    """Return the header that a receiver without keys reads in received bytes, None if its checksum is wrong."""
    try:
        return data_header.parse(raw)
    except MalformedFrame:
        return None


def as_received(copy: ReceivedFrame, header: DataHeader | None) -> ReceivedFrame:
    """Return a copy whose frame holds what was received in the place of what was sent: symbols, header and epoch.

    The numbers of the frame and of the transmission stay, because Eve can count them without a header: she observes the times of all
    frames, and every NACK.

    header  what Eve has read in the header, None if she lost it
    """
    epoch = UNKNOWN_EPOCH if header is None else header.epoch
    sent = copy.frame
    frame = DataFrame(sent.number, epoch, copy.header, sent.items, sent.images, sent.channel_uses, copy.received, sent.attempt)
    return ReceivedFrame(frame, *copy[1:])
