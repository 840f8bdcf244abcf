"""What goes on the air, and what a receiver gets of it. All frozen: a frame that was sent cannot be changed by anyone who holds it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linksim.records import AS_SENT
from linksim.scenario.channel import Equaliser
from linksim.worker import Promise


@dataclass(frozen=True, slots=True)
class DataFrame:
    """Header and promised symbols. It tells the epoch of its terms, never terms, keys, labels or sources.

    number   of the frame in its link
    epoch    of the terms it was sent under
    attempt  0 for its first transmission
    items    rows of `symbols`; they follow each other on the air
    images   in the frame
    uses     complex channel uses of the payload
    symbols  promise of complex [items, uses / items]
    """

    number: int
    epoch: int
    items: int
    images: int
    channel_uses: int
    symbols: Promise
    attempt: int = 0

    @property
    def draw(self) -> int:
        """Number of the first of its draws from a stream that has one for each item: no two transmissions share any."""
        return (self.attempt << 48) + self.number * self.items


@dataclass(frozen=True, slots=True)
class ReceivedFrame:
    """What one receiver received of a data frame.

    received        promise of complex [items, uses / items]
    gain         complex64 [items, 1] or [items, uses / items], as the receiver believes it to be
    noise_power  float32 [items], as the receiver believes it to be
    snr_db       as the receiver believes it to be
    equaliser    how the receiver undoes the gain
    """

    frame: DataFrame
    start_ns: int
    received: Promise
    gain: NDArray[np.complex64]
    noise_power: NDArray[np.float32]
    snr_db: float
    equaliser: Equaliser


@dataclass(frozen=True, slots=True)
class ControlFrame:
    """A control message as bytes, with what the trace tells of it.

    message, sequence, attempt  see `records.ControlSent`
    probe                       True where pilots go in front, so that the hearer can measure the channel
    """

    raw: bytes
    sender: int
    message: int
    sequence: int
    attempt: int
    probe: bool


@dataclass(frozen=True, slots=True)
class Transmission:
    """A frame's time on the air, as anybody near by can tell.

    data        True for a data frame, False for a control frame
    payload_ns  when the symbols begin, after pilots in front of a data frame
    """

    data: bool
    start_ns: int
    payload_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """What the addressee received of a control frame: bytes that may be wrong, and the SNR measured on its pilots (NaN without).

    true_snr_db  SNR as it was, fading and interference included
    origin  see `records.ControlSent`
    """

    frame: ControlFrame
    raw: bytes
    start_ns: int
    airtime_ns: int
    channel_uses: int
    snr_db: float
    true_snr_db: float
    origin: int = AS_SENT
