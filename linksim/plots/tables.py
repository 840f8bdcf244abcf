"""The tables of a trace as figures and summary use them: the required columns of each table, and functions of the rows of one table.

Each class holds the columns of one table that some figure needs, under their names in the trace; `linksim.records` defines all columns.
`plots.trace_view` reads the classes from a trace and splits them by group. Columns are arrays and not objects per row, so that a figure of
a million rows selects and counts them at once.

In all tables `time_ns` is the start in ns of simulated time, `link` the number of the link in the run, `frame` the number of the data frame
in its link, and `receiver` a `Node`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from linksim.enums import Node
from linksim.units import NS_PER_S

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Rows:
    """Base of the tables: columns of equal length [n], and mappings of names to such columns.

    time_ns  start in ns of simulated time
    link     number of the link in the run

    >>> rows = JammingRows(time_ns=np.array([0, 50, 90]), link=np.array([0, 0, 1]), end_ns=np.array([10, 60, 95]))
    >>> len(rows), rows.take(rows.link == 1).time_ns.tolist()
    (3, [90])
    """

    time_ns: Ints
    link: Ints

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.time_ns)

    def take(self, rows: NDArray[Any]) -> Self:
        """Return the rows that an index array, int [m], or a mask, bool [n], selects."""

        def taken(value: Any) -> Any:
            return {name: part[rows] for name, part in value.items()} if isinstance(value, Mapping) else value[rows]

        return type(self)(*(taken(getattr(self, f.name)) for f in fields(self)))


Kind = TypeVar("Kind", bound=Rows)


def concatenate(parts: Sequence[Kind]) -> Kind:
    """Return the rows of at least one part, one part after another. The mappings of all parts have the same names.

    >>> first, second = (JammingRows(time_ns=np.array([t]), link=np.array([0]), end_ns=np.array([t + 1])) for t in (5, 9))
    >>> concatenate([first, second]).end_ns.tolist()
    [6, 10]
    """

    def joined(values: list[Any]) -> Any:
        if isinstance(values[0], Mapping):
            return {name: np.concatenate([value[name] for value in values]) for name in values[0]}
        return np.concatenate(values)

    return type(parts[0])(*(joined([getattr(part, f.name) for part in parts]) for f in fields(parts[0])))


class PerFrame(Protocol):
    """Rows of which each belongs to one frame of one link."""

    @property
    def link(self) -> Ints: ...

    @property
    def frame(self) -> Ints: ...


@dataclass(frozen=True)
class FrameRows(Rows):
    """Transmissions of data frames, one row per transmission (`records.FrameSent`).

    airtime_ns      duration of the transmission in ns; 0 for a frame that was not sent
    attempt         0 for the first transmission of a frame, 1 for the first retransmission
    channel_uses    complex channel uses, pilots included
    assumed_snr_db  SNR in dB for which Alice encoded the frame
    outcome         an `Outcome`
    parameters      negotiated parameters in force, by name; `FILL` in frames that have none
    """

    airtime_ns: Ints
    frame: Ints
    attempt: Ints
    channel_uses: Ints
    assumed_snr_db: Floats
    outcome: Ints
    parameters: Mapping[str, Ints]


def count_frames(frames: FrameRows) -> int:
    """Return the number of data frames; retransmissions do not count."""
    return len(np.unique(np.stack([frames.link.astype(np.int64), frames.frame]), axis=1).T)


@dataclass(frozen=True)
class ReceptionRows(Rows):
    """Transmissions of data frames at one receiver each (`records.Reception`).

    snr_db            mean true SNR in dB over the frame, with fading and without jamming
    sinr_db           the same with the mean jamming power over the frame added to the noise power
    estimated_snr_db  SNR in dB as the receiver estimates it, which counts interference as noise
    jammed_fraction   fraction of the frame during which a jammer was on, 0..1
    """

    frame: Ints
    receiver: Ints
    snr_db: Floats
    sinr_db: Floats
    estimated_snr_db: Floats
    jammed_fraction: Floats


@dataclass(frozen=True)
class ScoreRows(Rows):
    """Scores of the reconstructions, one row per image and receiver (`records.ImageScore`).

    image           number of the image in its frame
    role            an `ImageRole`; -1 if the image has none
    dataset_index   index of the image in the test split of the dataset
    label           true class
    class_received  class of the reconstruction; -1, as in the next two columns, if the image was not classified
    class_clean     class of the original image; -1 without an attack on the source
    class_attacked  class of the attacked image
    mse             mean squared error of pixels in 0..1; NaN, as in the next two columns, if the reconstruction is no image
    psnr_db         PSNR in dB
    ssim            structural similarity, -1..1
    metrics         values of the metrics of the scenario, by name; NaN if the reconstruction is no image
    erased          1 if the receiver erased the image, 0 if not, -1 if it cannot detect errors
    """

    frame: Ints
    image: Ints
    role: Ints
    receiver: Ints
    dataset_index: Ints
    label: Ints
    class_received: Ints
    class_clean: Ints
    class_attacked: Ints
    mse: Floats
    psnr_db: Floats
    ssim: Floats
    metrics: Mapping[str, Floats]
    erased: Ints

    def classified(self) -> NDArray[np.bool_]:
        """Return which reconstructions were classified; the class of the others is -1. bool [n]"""
        return np.asarray((self.class_received >= 0) & (self.label >= 0))

    def compared(self) -> NDArray[np.bool_]:
        """Return which reconstructions are images; the others are classes alone and have no PSNR and SSIM. bool [n]"""
        return ~np.isnan(self.psnr_db)

    def attacked(self) -> NDArray[np.bool_]:
        """Return which reconstructions were classified and belong to an image whose source was attacked. bool [n]"""
        return np.asarray(self.classified() & (self.class_clean >= 0) & (self.class_attacked >= 0))


@dataclass(frozen=True)
class ControlRows(Rows):
    """Copies of control messages, also those that faults of the link have made (`records.ControlSent`).

    airtime_ns    duration of the transmission in ns
    sender        a `Node`, Alice or Bob
    message       a `MessageKind`
    sequence      number of the exchange, which a message and its answer share
    attempt       0 for the first transmission, 1 for the first retransmission
    channel_uses  complex channel uses
    outcome       a `ControlOutcome`
    origin        an `Origin`
    """

    airtime_ns: Ints
    sender: Ints
    message: Ints
    sequence: Ints
    attempt: Ints
    channel_uses: Ints
    outcome: Ints
    origin: Ints


@dataclass(frozen=True)
class DecisionRows(Rows):
    """Bob's choices of the negotiated parameters, one row per probe round (`records.ParameterDecision`).

    sequence         number of the exchange of the probe round
    measured_snr_db  SNR in dB that Bob measured
    snr_db           true SNR in dB at that time, with fading and interference
    parameters       parameters that Bob requests, by name
    """

    sequence: Ints
    measured_snr_db: Floats
    snr_db: Floats
    parameters: Mapping[str, Ints]


@dataclass(frozen=True)
class JammingRows(Rows):
    """Intervals during which a jammer was on (`records.JammingInterval`); `end_ns` is the end in ns."""

    end_ns: Ints


@dataclass(frozen=True)
class ImageRows(Rows):
    """Stored images (`records.KeptImage`).

    image   number of the image in its frame
    node    an `ImageOwner`
    pixels  uint8 [n, colours, height, width]
    """

    frame: Ints
    image: Ints
    node: Ints
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class ChannelRows(Rows):
    """Samples of the radio paths at regular instants (`records.ChannelSample`).

    mean_snr_db   SNR in dB without fading
    gain_db       power of the path's gain in dB, 0 dB on average
    coherence_ns  length of a block with constant gain in ns; 0 if the gain has no blocks
    delay_ns      propagation delay in ns
    """

    receiver: Ints
    mean_snr_db: Floats
    gain_db: Floats
    coherence_ns: Ints
    delay_ns: Ints


@dataclass(frozen=True)
class ConstellationRows(Rows):
    """Symbols of the first frames as real and imaginary parts (`records.ConstellationPoint`).

    tx_re, tx_im                as transmitted
    rx_re, rx_im                as received
    equalised_re, equalised_im  after equalisation
    """

    frame: Ints
    receiver: Ints
    tx_re: Floats
    tx_im: Floats
    rx_re: Floats
    rx_im: Floats
    equalised_re: Floats
    equalised_im: Floats


def seconds(time_ns: Ints) -> NDArray[np.float64]:
    """Convert times from ns to s. [n] -> float64 [n]"""
    return time_ns / NS_PER_S


def match(wanted: PerFrame, among: PerFrame) -> NDArray[np.int64]:
    """Return for each wanted row the index of the first row in `among` with the same link and frame, or -1.

    This joins two tables: for `among` with the receptions of one receiver, it finds the reception behind each of that receiver's scores.

    wanted  rows [n]
    among   rows [m]; of the transmissions of one frame the first counts
    result  int64 [n], indices 0..m-1 or -1
    """
    if not len(among.link) or not len(wanted.link):
        return np.full(len(wanted.link), -1)
    stride = int(max(among.frame.max(), wanted.frame.max())) + 1
    keys, sought = (rows.link.astype(np.int64) * stride + rows.frame for rows in (among, wanted))
    order = np.argsort(keys, kind="stable")
    place = np.minimum(np.searchsorted(keys[order], sought), len(keys) - 1)
    return np.where(keys[order[place]] == sought, order[place], -1)


def sent_by_alice(control: ControlRows) -> NDArray[np.bool_]:
    """Return which messages Alice sent. bool [n]"""
    return np.asarray(control.sender == Node.ALICE)
