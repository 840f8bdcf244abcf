"""What the world announces: one frozen dataclass per table of the trace, one instance per row, the unit beside each field.

Listeners (the trace writer, the summary, the progress bar, anybody's own) take records; no node knows who listens. A record holds plain
numbers, but for `Image`, whose image is a small array.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, get_type_hints

import numpy as np
from numpy.typing import NDArray

BOB, EVE, ALICE = 0, 1, 2
NODES = ("bob", "eve", "alice")  # by the numbers above; an "receiver" is bob or eve
SOURCE = len(NODES)  # among the owners of an image: alice's image as an attacker has left it, and as it was sent


@dataclass(frozen=True)
class Column:
    """How a field stands in the trace.

    name      of the field and its dataset
    unit      "" for pure numbers and names
    about     the long name
    dtype     numpy type of one value
    meanings  for a code: the word of each value 0, 1, ...; else empty
    """

    name: str
    unit: str
    about: str
    dtype: np.dtype[Any]
    meanings: tuple[str, ...]


def column(unit: str, about: str, meanings: tuple[str, ...] = (), dtype: str = "") -> Any:
    """Field of a record; `dtype` where the default for its type (int64, float64) is not meant."""
    return field(metadata={"unit": unit, "description": about, "meanings": meanings, "dtype": dtype})


def columns(record: type["Record"]) -> tuple[Column, ...]:
    """The columns of a table, in the order of the record's fields."""
    hints = get_type_hints(record)
    return tuple(
        Column(
            f.name,
            f.metadata["unit"],
            f.metadata["description"],
            np.dtype(f.metadata["dtype"] or ("int64" if hints[f.name] is int else "float64")),
            f.metadata["meanings"],
        )
        for f in fields(record)
    )


@dataclass(frozen=True, slots=True)
class Record:
    """Base of all rows. `table` names the trace's group."""

    table: ClassVar[str]
    about: ClassVar[str]


MESSAGES = ("probe", "report", "confirm", "key", "ack", "hello", "accept", "nack")


AS_SENT, DUPLICATE, REPLAY, FORGERY = range(4)
ORIGINS = ("sent", "duplicate", "replay", "forgery")  # by the numbers above; all but the first are the work of faults


@dataclass(frozen=True, slots=True)
class LinkCreated(Record):
    """Announced once per link at the start. The words of `group` are the scenario's group names."""

    table = "links"
    about = "the links of the run"
    link: int = column("", "number of the link", dtype="int32")
    group: int = column("", "group of links it belongs to", dtype="int16")


OUTCOMES = ("decoded", "no parameters", "not sent", "parameter mismatch", "damaged")  # damaged: the checksum of an image failed


@dataclass(frozen=True, slots=True)
class FrameSent(Record):
    """A transmission of a data frame, announced when Bob has made what he can of it, or when it was given up."""

    table = "frames"
    about = "data frames"
    time_ns: int = column("ns", "start of transmission")
    airtime_ns: int = column("ns", "duration on the air")
    link: int = column("", "number of the link", dtype="int32")
    frame: int = column("", "number of the frame in its link")
    attempt: int = column("", "0 for the first transmission", dtype="int16")
    epoch: int = column("", "epoch of the terms it was sent under", dtype="int32")
    images: int = column("", "images in the frame", dtype="int16")
    channel_uses: int = column("", "complex channel uses, pilots included", dtype="int32")
    assumed_snr_db: float = column("dB", "SNR that Alice encoded for", dtype="float32")
    t_d: int = column("", "diffusion steps of alice; 0 where the scheme has none", dtype="int16")
    t_plus: int = column("", "denoising steps that bob adds to them", dtype="int16")
    outcome: int = column("", "what became of it", OUTCOMES, "uint8")


@dataclass(frozen=True, slots=True)
class Reception(Record):
    """What one receiver got of a data frame."""

    table = "receptions"
    about = "data frames as each receiver received them"
    time_ns: int = column("ns", "start of transmission")
    link: int = column("", "number of the link", dtype="int32")
    frame: int = column("", "number of the frame in its link")
    receiver: int = column("", "who received it", NODES[:2], "uint8")
    mean_snr_db: float = column("dB", "SNR of the path, fading averaged out", dtype="float32")
    snr_db: float = column("dB", "SNR during the frame, fading included, jamming not", dtype="float32")
    estimated_snr_db: float = column("dB", "SNR as the receiver believes it", dtype="float32")
    jammed: float = column("", "share of the frame during which a jammer was on", dtype="float32")
    mean_jsr: float = column("", "mean jamming power over the frame, relative to the mean received signal power", dtype="float32")


@dataclass(frozen=True, slots=True)
class ImageScore(Record):
    """How good one receiver's estimate of one image is. Announced when the worker has computed it, at the latest when the run ends."""

    table = "scores"
    about = "estimates against the images that were sent"
    time_ns: int = column("ns", "start of the frame's transmission")
    link: int = column("", "number of the link", dtype="int32")
    frame: int = column("", "number of the frame in its link")
    item: int = column("", "place of the image in the frame", dtype="int16")
    receiver: int = column("", "whose estimate it is", NODES[:2], "uint8")
    label: int = column("", "class of the image", dtype="int16")
    class_received: int = column("", "class that the evaluation classifier sees in the estimate", dtype="int16")
    class_clean: int = column("", "class that it sees in the image, where its source was attacked; else -1", dtype="int16")
    class_attacked: int = column("", "class that it sees in what the attack made of the image; -1 where there was none", dtype="int16")
    mse: float = column("", "mean squared error, pixels in 0..1", dtype="float32")
    psnr_db: float = column("dB", "peak signal-to-noise ratio of this image", dtype="float32")
    ssim: float = column("", "structural similarity", dtype="float32")
    shown: int = column("", "what was scored: grey where the image's checksum failed", ("estimate", "grey"), "uint8")


@dataclass(frozen=True, slots=True)
class ControlSent(Record):
    """A control message on the air, announced when it has reached its addressee or was lost."""

    table = "control"
    about = "control messages"
    time_ns: int = column("ns", "start of transmission")
    airtime_ns: int = column("ns", "duration on the air")
    link: int = column("", "number of the link", dtype="int32")
    sender: int = column("", "who sent it", NODES, "uint8")
    message: int = column("", "kind of message", MESSAGES, "uint8")
    sequence: int = column("", "number of the exchange it belongs to")
    attempt: int = column("", "0 for the first transmission", dtype="int16")
    size: int = column("byte", "length with header and checksum", dtype="int32")
    channel_uses: int = column("", "complex channel uses", dtype="int32")
    outcome: int = column("", "what became of it", ("accepted", "lost", "refused"), "uint8")
    origin: int = column("", "how it came there", ORIGINS, "uint8")


@dataclass(frozen=True, slots=True)
class JammingInterval(Record):
    """An interval during which a jammer radiated, announced when it ends."""

    table = "jamming"
    about = "intervals of jamming"
    time_ns: int = column("ns", "start of the interval")
    end_ns: int = column("ns", "end of the interval")
    link: int = column("", "number of the link", dtype="int32")
    jsr_bob_db: float = column("dB", "jamming to signal power at Bob", dtype="float32")
    jsr_eve_db: float = column("dB", "jamming to signal power at Eve, -inf where she does not hear it", dtype="float32")
    energy: float = column("s", "energy spent in the interval: power relative to the signal at Bob, times its length", dtype="float64")


@dataclass(frozen=True, slots=True)
class ChannelSample(Record):
    """What a radio path was at one instant, whether or not anybody sent. Only the first link of every group, at regular instants."""

    table = "channel"
    about = "radio paths at regular instants"
    time_ns: int = column("ns", "the instant")
    link: int = column("", "number of the link", dtype="int32")
    receiver: int = column("", "at whose end of the path", NODES[:2], "uint8")
    mean_snr_db: float = column("dB", "SNR of the path, fading averaged out", dtype="float32")
    gain_db: float = column("dB", "power of the gain, of mean 0 dB; over all subcarriers where there are several", dtype="float32")
    phase: float = column("rad", "phase of the gain, -pi to pi; of the lowest subcarrier where there are several", dtype="float32")
    coherence_ns: int = column("ns", "length of the coherence blocks, the first of which begins at 0 ns; 0 where the gain has none")
    delay_ns: int = column("ns", "propagation delay")


@dataclass(frozen=True, slots=True)
class ConstellationPoint(Record):
    """One channel use of a data frame at one receiver, before and after equalisation. Only some uses of the first few frames of every group."""

    table = "constellation"
    about = "channel uses of the first frames"
    time_ns: int = column("ns", "start of the frame's transmission")
    link: int = column("", "number of the link", dtype="int32")
    frame: int = column("", "number of the frame in its link")
    receiver: int = column("", "who received it", NODES[:2], "uint8")
    use: int = column("", "place of the channel use in the frame, pilots not counted", dtype="int32")
    tx_re: float = column("", "symbol as radiated, real part", dtype="float32")
    tx_im: float = column("", "symbol as radiated, imaginary part", dtype="float32")
    rx_re: float = column("", "as received, with gain, noise and jamming, real part", dtype="float32")
    rx_im: float = column("", "as received, with gain, noise and jamming, imaginary part", dtype="float32")
    equalised_re: float = column("", "after equalisation with the gain that the receiver believes in, real part", dtype="float32")
    equalised_im: float = column("", "after equalisation with the gain that the receiver believes in, imaginary part", dtype="float32")


@dataclass(frozen=True, slots=True)
class KeptImage(Record):
    """An image kept to be looked at: Alice's, what an attack left of it, or a receiver's estimate. Only the first few of every group."""

    table = "images"
    about = "images of the first frames"
    time_ns: int = column("ns", "start of the frame's transmission")
    link: int = column("", "number of the link", dtype="int32")
    frame: int = column("", "number of the frame in its link")
    item: int = column("", "place of the image in the frame", dtype="int16")
    node: int = column("", "whose image it is; alice's is the original, source what an attack left of it", (*NODES, "dataset"), "uint8")
    image: NDArray[np.uint8] = column("", "pixels, colour first", dtype="uint8")  # noqa: RUF009  # a dataclass field as all the others


@dataclass(frozen=True, slots=True)
class StepDecision(Record):
    """Bob's choice of diffusion steps in one probe round. What he offers is in force once Alice takes it up (`frames.t_d`)."""

    table = "decisions"
    about = "diffusion steps that bob chose"
    time_ns: int = column("ns", "when bob chose")
    link: int = column("", "number of the link", dtype="int32")
    sequence: int = column("", "number of the probe round's exchange")
    measured_snr_db: float = column("dB", "SNR as bob measured it", dtype="float32")
    snr_db: float = column("dB", "SNR as it was, fading and interference included", dtype="float32")
    t_d_before: int = column("", "steps that he started from: of diffusion", dtype="int16")
    t_plus_before: int = column("", "steps that he started from: added by bob", dtype="int16")
    t_d: int = column("", "steps that he asked for: of diffusion", dtype="int16")
    t_plus: int = column("", "steps that he asked for: added by bob", dtype="int16")


TABLES: tuple[type[Record], ...] = (
    LinkCreated,
    FrameSent,
    Reception,
    ImageScore,
    ControlSent,
    JammingInterval,
    KeptImage,
    ChannelSample,
    ConstellationPoint,
    StepDecision,
)

Listener = Callable[[Record], None]
