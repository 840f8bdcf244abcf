"""Records of the radio channel: the state of the paths, symbols on their way, and jamming.

They describe single instants and intervals and are kept for figures; what a receiver experiences over a frame is in `Reception`.
"""

from dataclasses import dataclass

from linksim.records.codes import RECEIVERS
from linksim.records.record import Record, column


@dataclass(frozen=True, slots=True, kw_only=True)
class JammingInterval(Record):
    """An interval during which a jammer radiated; emitted when the interval ends.

    Energies add up to what the jammer has spent of its budget. An interval of a barrage is a slice of 100 ms, so that a run that is
    interrupted has recorded the jamming until then.
    """

    table = "jamming"
    title = "intervals of jamming"
    time_ns: int = column("ns", "start of the interval")
    end_ns: int = column("ns", "end of the interval")
    link: int = column("1", "number of the link", dtype="int32")
    jsr_bob_db: float = column("dB", "jamming-to-signal ratio at Bob", dtype="float32")
    jsr_eve_db: float = column("dB", "jamming-to-signal ratio at Eve; -inf if the jamming does not reach her", dtype="float32")
    energy: float = column("s", "energy of the interval: jamming power relative to the signal at Bob, times the length", dtype="float64")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSample(Record):
    """The state of a radio path at one instant, whether or not a frame is on the air; first link of every group, at regular instants.

    The SNR at the instant is `mean_snr_db + gain_db`, for unit power.
    """

    table = "channel"
    title = "radio paths at regular instants"
    time_ns: int = column("ns", "instant of the sample")
    link: int = column("1", "number of the link", dtype="int32")
    receiver: int = column("1", "receiver at the end of the path", RECEIVERS, "uint8")
    mean_snr_db: float = column("dB", "SNR of the path without fading", dtype="float32")
    gain_db: float = column("dB", "power of the gain, 0 dB on average; mean over the subcarriers if there are several", dtype="float32")
    phase: float = column("rad", "phase of the gain, -pi to pi; of the lowest subcarrier if there are several", dtype="float32")
    coherence_ns: int = column("ns", "length of the coherence blocks, the first of which begins at 0 ns; 0 if the gain has no blocks")
    delay_ns: int = column("ns", "propagation delay")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstellationPoint(Record):
    """One symbol of a data frame at one receiver, before and after equalisation; some symbols of the first few frames of every group.

    Up to 256 symbols of a frame are recorded, evenly spaced. Their mean power is that which the scheme radiates, about 1.
    """

    table = "constellation"
    title = "symbols of the first frames"
    time_ns: int = column("ns", "start of the frame's transmission")
    link: int = column("1", "number of the link", dtype="int32")
    frame: int = column("1", "number of the frame in its link")
    receiver: int = column("1", "receiver of the frame", RECEIVERS, "uint8")
    symbol: int = column("1", "number of the symbol in the frame, pilots not counted", dtype="int32")
    tx_re: float = column("1", "transmitted symbol, real part", dtype="float32")
    tx_im: float = column("1", "transmitted symbol, imaginary part", dtype="float32")
    rx_re: float = column("1", "received symbol with gain, noise and jamming, real part", dtype="float32")
    rx_im: float = column("1", "received symbol with gain, noise and jamming, imaginary part", dtype="float32")
    equalised_re: float = column("1", "symbol after equalisation with the receiver's gain estimate, real part", dtype="float32")
    equalised_im: float = column("1", "symbol after equalisation with the receiver's gain estimate, imaginary part", dtype="float32")
