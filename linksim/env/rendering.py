"""What a live environment shows of the last round: a line of text, or the image that was sent beside the received one."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.enums import ImageOwner
from linksim.records import KeptImage, Record

Pixels = NDArray[np.uint8]  # [height, width, 3], red, green and blue


class NewestFrame:
    """A listener that keeps the first image of the newest frame of one link: as Alice sent it, and as Bob received it."""

    def __init__(self) -> None:
        self._newest: dict[int, KeptImage] = {}  # by `ImageOwner`

    def __call__(self, record: Record) -> None:
        """Process one record of the simulation."""
        if isinstance(record, KeptImage) and record.image == 0:
            self._newest[record.node] = record

    def clear(self) -> None:
        """Forget all images, at the begin of an episode."""
        self._newest.clear()

    def beside(self, shape: tuple[int, int, int]) -> Pixels:
        """Return the image that Alice sent, on the left, beside Bob's, uint8 [height, 2 width, 3].

        shape  (colours, height, width) of the images in pixels, with 1 or 3 colours

        An attacked image is shown as it was sent. A half is black where there is no image: before the first frame, and at Bob where he did
        not receive the newest frame.
        """
        sent = self._newest.get(ImageOwner.SOURCE) or self._newest.get(ImageOwner.ALICE)
        received = self._newest.get(ImageOwner.BOB)
        if sent is None or received is None or received.frame != sent.frame:
            received = None
        black = np.zeros(shape, np.uint8)
        halves = [np.asarray(black if kept is None else kept.pixels) for kept in (sent, received)]
        both = np.concatenate(halves, axis=2).transpose(1, 2, 0)
        return np.ascontiguousarray(np.broadcast_to(both, (*both.shape[:2], 3)))


def line(number: int, info: Mapping[str, Any], reward: float | None) -> str:
    """Return a round as one line of text.

    number  number of the round in the episode, 0 after `reset`
    info    info of the link, see `live_link.LiveLink`
    reward  reward of the round, None after `reset`

    >>> line(0, {"t_d": 20, "t_plus": 5, "snr_db": 6.04}, None)
    'round 0: t_D = 20, t_plus = 5, SNR 6.0 dB'
    """
    chosen = f"round {number}: t_D = {info['t_d']}, t_plus = {info['t_plus']}, SNR {info['snr_db']:.1f} dB"
    if reward is None:
        return chosen
    parts = f"SSIM {info['ssim']:.3f}, Adv {info['adv']:.3f}, Err {info['err']:.3f}"
    return f"{chosen}; images {info['images']}, {parts}, reward {reward:.3f}"
