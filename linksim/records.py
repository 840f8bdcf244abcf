"""The records of a simulation: one frozen dataclass per table of the trace, one instance per row, with unit and description of each field.

Listeners (the trace writer, the summary, the progress bar, user code) receive the records that the simulation emits; the nodes do not know
the listeners. A record holds plain numbers, except `KeptImage`, whose `pixels` is a small array. Records are built by keyword.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, get_type_hints

import numpy as np
from numpy.typing import NDArray

from linksim.enums import ControlOutcome, ImageOwner, MessageKind, Node, Origin, Outcome
from linksim.negotiation import Bound

NODES = Node.words()
RECEIVERS = NODES[:2]  # the nodes that receive data frames
MESSAGES = MessageKind.words()
FILL = -1  # stored where an integer does not exist


@dataclass(frozen=True)
class Column:
    """A column of a table of the trace.

    name         name of the dataset
    unit         unit of the values, "1" if they are dimensionless
    description  one line for people; the trace stores it as `long_name`
    dtype        numpy type of one value
    meanings     the words of a code's values 0, 1, ...; empty if the column is not a code
    optional     True if a value may be absent: it is stored as NaN, or as `FILL` for an integer, which `_FillValue` declares
    field        field of the record that holds the value
    key          key of the value where the field is a mapping by negotiated parameter, else ""
    """

    name: str
    unit: str
    description: str
    dtype: np.dtype[Any]
    meanings: tuple[str, ...]
    optional: bool = False
    field: str = ""
    key: str = ""

    @property
    def fill(self) -> float | int | None:
        """What is stored for an absent value, None if no value may be absent."""
        absent = FILL if self.dtype.kind == "i" else math.nan
        return absent if self.optional else None


def column(unit: str, description: str, meanings: tuple[str, ...] = (), dtype: str = "", optional: bool = False) -> Any:
    """Define a field of a record. Without `dtype`, an int is stored as int64 and a float as float64. An optional one may be None."""
    metadata = {"unit": unit, "description": description, "meanings": meanings, "dtype": dtype, "optional": optional}
    return field(metadata=metadata, default=None) if optional else field(metadata=metadata)


def negotiated(suffix: str, description: str) -> Any:
    """Define a field that maps the name of each negotiated parameter to its value; the table has one column for each."""
    return field(metadata={"suffix": suffix, "description": description})


def columns(record: type["Record"], declared: Sequence[Bound] = ()) -> tuple[Column, ...]:
    """Return the columns of a table, in the order of the record's fields.

    declared  the negotiated parameters of the run's schemes

    >>> [(column.name, column.dtype.name) for column in columns(LinkCreated)]
    [('link', 'int32'), ('group', 'int16')]
    """
    hints = get_type_hints(record)
    found = list[Column]()
    for f in fields(record):
        about = f.metadata
        if "suffix" in about:
            for bound in declared:
                described = f"{bound.description}{about['description']}"
                found.append(Column(bound.name + about["suffix"], bound.unit, described, np.dtype("int32"), (), True, f.name, bound.name))
            continue
        dtype = np.dtype(about["dtype"] or ("int64" if hints[f.name] is int else "float64"))
        found.append(Column(f.name, about["unit"], about["description"], dtype, about["meanings"], about["optional"], f.name))
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Base of all records.

    table  name of the table that holds the records of this type
    title  one line that describes the table
    """

    table: ClassVar[str]
    title: ClassVar[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCreated(Record):
    """A link of the run; emitted once per link at the start. The meanings of `group` are the names of the scenario's groups."""

    table = "links"
    title = "links of the run"
    link: int = column("1", "number of the link", dtype="int32")
    group: int = column("1", "group of links that the link belongs to", dtype="int16")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSent(Record):
    """A transmission of a data frame; emitted when Bob has processed it or when Alice has given the frame up."""

    table = "frames"
    title = "data frames"
    time_ns: int = column("ns", "start of transmission")
    airtime_ns: int = column("ns", "duration of the transmission")
    link: int = column("1", "number of the link", dtype="int32")
    frame: int = column("1", "number of the frame in its link")
    attempt: int = column("1", "0 for the first transmission, 1 for the first retransmission", dtype="int16")
    epoch: int = column("1", "epoch of the frame parameters in force", dtype="int32")
    images: int = column("1", "images in the frame", dtype="int16")
    channel_uses: int = column("1", "complex channel uses, pilots included", dtype="int32")
    assumed_snr_db: float = column("dB", "SNR that Alice assumed when she encoded the frame", dtype="float32")
    parameters: Mapping[str, int] = negotiated("", "")
    outcome: int = column("1", "outcome of the transmission", Outcome.words(), "uint8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception(Record):
    """A data frame at one receiver."""

    table = "receptions"
    title = "data frames at each receiver"
    time_ns: int = column("ns", "start of transmission")
    link: int = column("1", "number of the link", dtype="int32")
    frame: int = column("1", "number of the frame in its link")
    receiver: int = column("1", "receiver of the frame", RECEIVERS, "uint8")
    power: float = column("1", "mean radiated power per complex symbol of the frame", dtype="float32")
    mean_snr_db: float = column("dB", "SNR of the path at unit power without fading", dtype="float32")
    snr_db: float = column("dB", "SNR during the frame, with its power and fading and without jamming", dtype="float32")
    estimated_snr_db: float = column("dB", "SNR during the frame as the receiver estimates it", dtype="float32")
    jammed_fraction: float = column("1", "fraction of the frame during which a jammer was on, 0 to 1", dtype="float32")
    mean_jsr: float = column("1", "mean jamming power over the frame divided by the mean received signal power", dtype="float32")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageScore(Record):
    """The scores of one receiver's reconstruction of one image; emitted when the worker has computed them, at the latest when the run ends.

    What does not exist is absent: PSNR and SSIM of a receiver without images, a class without a classifier or without an attack on the
    source, erasures where the receiver cannot detect them. An erased image is scored as a grey one.
    """

    table = "scores"
    title = "reconstructions compared with the images that were sent"
    time_ns: int = column("ns", "start of the frame's transmission")
    link: int = column("1", "number of the link", dtype="int32")
    frame: int = column("1", "number of the frame in its link")
    image: int = column("1", "number of the image in the frame", dtype="int16")
    receiver: int = column("1", "receiver of the reconstruction", RECEIVERS, "uint8")
    label: int = column("1", "true class of the image", dtype="int16")
    class_received: int | None = column("1", "class according to the receiver or the classifier", dtype="int16", optional=True)
    class_clean: int | None = column("1", "class of the original image of an attacked one", dtype="int16", optional=True)
    class_attacked: int | None = column("1", "class of the attacked image", dtype="int16", optional=True)
    mse: float | None = column("1", "mean squared error of pixels in 0..1", dtype="float32", optional=True)
    psnr_db: float | None = column("dB", "peak signal-to-noise ratio", dtype="float32", optional=True)
    ssim: float | None = column("1", "structural similarity", dtype="float32", optional=True)
    erased: int | None = column("1", "whether the receiver erased the image: 0 no, 1 yes", dtype="int16", optional=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyKnowledge(Record):
    """Eve's knowledge of the key of one item of a data frame before she receives its first transmission, if her attack recovers keys."""

    table = "keys"
    title = "Eve's knowledge of the permutation keys of data frames"
    time_ns: int = column("ns", "start of the frame's transmission")
    link: int = column("1", "number of the link", dtype="int32")
    frame: int = column("1", "number of the frame in its link")
    item: int = column("1", "number of the item in the frame, a pair of images that share a key", dtype="int16")
    order_known: int = column(
        "1", "whether Eve knows the permutation of the item, in either order of the images: 0 no, 1 yes", dtype="uint8"
    )
    subset_known: int = column("1", "whether Eve knows the substitution of the item: 0 no, 1 yes", dtype="uint8")
    known_orders: int = column("1", "permutations that Eve tries", dtype="int32")
    known_subsets: int = column("1", "substitutions that Eve tries", dtype="int32")


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSent(Record):
    """A copy of a control message; emitted when it has reached its addressee or was lost."""

    table = "control"
    title = "control messages"
    time_ns: int = column("ns", "start of transmission")
    airtime_ns: int = column("ns", "duration of the transmission")
    link: int = column("1", "number of the link", dtype="int32")
    sender: int = column("1", "sender of the message", NODES, "uint8")
    message: int = column("1", "kind of message", MESSAGES, "uint8")
    sequence: int = column("1", "number of the exchange that the message belongs to")
    attempt: int = column("1", "0 for the first transmission, 1 for the first retransmission", dtype="int16")
    size_bytes: int = column("byte", "length with header and checksum", dtype="int32")
    channel_uses: int = column("1", "complex channel uses", dtype="int32")
    outcome: int = column("1", "outcome of the transmission", ControlOutcome.words(), "uint8")
    origin: int = column("1", "origin of the copy", Origin.words(), "uint8")


@dataclass(frozen=True, slots=True, kw_only=True)
class JammingInterval(Record):
    """An interval during which a jammer radiated; emitted when the interval ends."""

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
    """The state of a radio path at one instant, whether or not a frame is on the air; first link of every group, at regular instants."""

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
    """One symbol of a data frame at one receiver, before and after equalisation; some symbols of the first few frames of every group."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptImage(Record):
    """An image stored for inspection: Alice's original, its attacked version or a reconstruction; the first few of every group."""

    table = "images"
    title = "images of the first frames"
    time_ns: int = column("ns", "start of the frame's transmission")
    link: int = column("1", "number of the link", dtype="int32")
    frame: int = column("1", "number of the frame in its link")
    image: int = column("1", "number of the image in the frame", dtype="int16")
    node: int = column("1", "owner of the image: alice has the original, source its attacked version", ImageOwner.words(), "uint8")
    pixels: NDArray[np.uint8] = column("1", "pixel values, colour first", dtype="uint8")  # noqa: RUF009  # a dataclass field like the others


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterDecision(Record):
    """Bob's choice of the negotiated parameters in one probe round. It is in force once Alice has received it (table `frames`)."""

    table = "decisions"
    title = "negotiated parameters that Bob chose"
    time_ns: int = column("ns", "instant of the decision")
    link: int = column("1", "number of the link", dtype="int32")
    sequence: int = column("1", "number of the probe round's exchange")
    measured_snr_db: float = column("dB", "SNR as Bob measured it", dtype="float32")
    snr_db: float = column("dB", "true SNR, fading and interference included", dtype="float32")
    before: Mapping[str, int] = negotiated("_before", ", before the decision")
    parameters: Mapping[str, int] = negotiated("", ", requested")


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
    ParameterDecision,
    KeyKnowledge,
)

Listener = Callable[[Record], None]
