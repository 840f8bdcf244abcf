"""Frames on the air and the copies that receivers get. None of them can be changed, so no holder can change a frame that was sent.

Data frames and their copies are named tuples, which are made several times faster than frozen dataclasses: every frame has some.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from linksim.enums import Origin
from linksim.scenario.channel import Equaliser
from linksim.worker import Promise

UNKNOWN_EPOCH = -1


class DataFrame(NamedTuple):
    """A data frame: header and promised symbols. It carries the epoch of its parameters, never parameters, keys, labels or images.

    A receiver knows of number, epoch and attempt only what it reads in the header that it receives.

    number        number of the frame on its link
    epoch         epoch of the parameters it is sent under; `UNKNOWN_EPOCH` in Eve's copy if she lost the header
    header        bytes of the header of this transmission, see `control_plane.data_header`
    items         number of rows of `symbols`; they follow each other on the air
    images        number of images in the frame
    channel_uses  complex channel uses of the payload
    symbols       promise of the result of `operations.send`: symbols complex [items, channel_uses / items], power [items]
    attempt       number of the transmission, 0 for the first
    """

    number: int
    epoch: int
    header: bytes
    items: int
    images: int
    channel_uses: int
    symbols: Promise
    attempt: int = 0

    @property
    def draw(self) -> int:
        """Index of the frame's first draw from a stream with one draw per item. No two transmissions share a draw."""
        return (self.attempt << 48) + self.number * self.items

    @property
    def transmission(self) -> int:
        """Index of the transmission in a stream with one draw per transmission."""
        return (self.attempt << 48) + self.number


class ReceivedFrame(NamedTuple):
    """One receiver's copy of a data frame.

    frame                the frame that was sent
    header               received bytes of the header, empty if it was lost
    start_ns             start of its transmission in ns
    airtime_ns           duration of the transmission in ns
    channel_uses         complex channel uses of pilots, header and payload
    header_channel_uses  complex channel uses of the header
    received             promise of the received symbols of the payload, complex [items, payload / items]
    gain                 the receiver's estimate of the gain, complex64 [items, 1] or [items, payload / items]
    noise_power          the receiver's estimate of the noise power, float32 [items]
    snr_db               the receiver's estimate of the SNR in dB
    equaliser            the receiver's equaliser
    """

    frame: DataFrame
    header: bytes
    start_ns: int
    airtime_ns: int
    channel_uses: int
    header_channel_uses: int
    received: Promise
    gain: NDArray[np.complex64]
    noise_power: NDArray[np.float32]
    snr_db: float
    equaliser: Equaliser


@dataclass(frozen=True, slots=True)
class ControlFrame:
    """A control message as bytes, with the fields that the trace records.

    raw                         bytes of the frame
    sender                      a value of `enums.Node`
    message, sequence, attempt  see `records.ControlSent`
    probe                       True if pilots precede the message, with which the receiver measures the channel
    """

    raw: bytes
    sender: int
    message: int
    sequence: int
    attempt: int
    probe: bool


@dataclass(frozen=True, slots=True)
class Transmission:
    """A frame's time on the air, as any node nearby can observe it.

    data        True for a data frame, False for a control frame
    start_ns    start of the transmission
    payload_ns  start of the payload, after the pilots and the header of a data frame
    end_ns      end of the transmission
    """

    data: bool
    start_ns: int
    payload_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """The addressee's copy of a control frame.

    frame         the frame that was sent
    raw           received bytes, which may differ from those that were sent; empty if the frame was lost
    start_ns      start of the transmission
    airtime_ns    duration of the transmission
    channel_uses  complex channel uses
    snr_db        SNR measured on the pilots of the frame, NaN without pilots
    true_snr_db   true SNR, including fading and interference
    origin        see `records.ControlSent`
    """

    frame: ControlFrame
    raw: bytes
    start_ns: int
    airtime_ns: int
    channel_uses: int
    snr_db: float
    true_snr_db: float
    origin: int = Origin.SENT


@dataclass(frozen=True, slots=True)
class OverheardMessage:
    """Eve's copy of a control frame. It holds the bytes that she received, which she cannot decrypt, and what she measured.

    raw           received bytes, which may differ from those that were sent
    start_ns      start of the transmission
    airtime_ns    duration of the transmission
    channel_uses  complex channel uses
    snr_db        SNR measured on the pilots of the frame, NaN without pilots
    """

    raw: bytes
    start_ns: int
    airtime_ns: int
    channel_uses: int
    snr_db: float
