"""What goes on the air, and what an ear gets of it. All frozen: a frame that was sent cannot be changed by anyone who holds it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linksim.worker import Promise


@dataclass(frozen=True, slots=True)
class DataFrame:
    """Header and promised symbols. It tells the epoch of its terms, never terms, keys, labels or sources.

    number   of the frame in its lane
    epoch    of the terms it was sent under
    items    rows of `symbols`; they follow each other on the air
    images   in the frame
    uses     complex channel uses of the payload
    symbols  promise of complex [items, uses / items]
    """

    number: int
    epoch: int
    items: int
    images: int
    uses: int
    symbols: Promise


@dataclass(frozen=True, slots=True)
class DataCopy:
    """What one ear received of a data frame.

    heard        promise of complex [items, uses / items]
    gain         complex64 [items, 1] or [items, uses / items], as the receiver believes it to be
    noise_power  float32 [items], as the receiver believes it to be
    snr_db       as the receiver believes it to be
    """

    frame: DataFrame
    start_ns: int
    heard: Promise
    gain: NDArray[np.complex64]
    noise_power: NDArray[np.float32]
    snr_db: float


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
class ControlCopy:
    """What the addressee received of a control frame: bytes that may be wrong, and the SNR measured on its pilots (NaN without)."""

    frame: ControlFrame
    raw: bytes
    start_ns: int
    airtime_ns: int
    uses: int
    snr_db: float
