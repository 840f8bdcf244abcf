"""Rows of a trace as figures and summary want them: the columns they use of each table, and what is asked of rows alone."""

from dataclasses import dataclass, fields
from typing import Any, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from linksim.records import ALICE
from linksim.units import NS_PER_S

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]

DECODED, WRONG_EPOCH, NOT_SENT = 0, 1, 2  # outcomes of a data frame
ACCEPTED = 0  # outcome of a control message


@dataclass(frozen=True)
class Rows:
    """Columns of equal length, as the records of the same name define them (see `linksim.records`)."""

    time_ns: Ints
    link: Ints

    def __len__(self) -> int:
        return len(self.time_ns)

    def take(self, rows: NDArray[Any]) -> Self:
        """The rows of an index or of a mask."""
        return type(self)(*(getattr(self, f.name)[rows] for f in fields(self)))


Kind = TypeVar("Kind", bound=Rows)


class PerFrame(Protocol):
    """Rows that belong to a frame of a link."""

    @property
    def link(self) -> Ints: ...

    @property
    def frame(self) -> Ints: ...


@dataclass(frozen=True)
class Frames(Rows):
    """Data frames, as Alice knows them."""

    airtime_ns: Ints
    frame: Ints
    attempt: Ints
    channel_uses: Ints
    assumed_snr_db: Floats
    t_d: Ints
    t_plus: Ints
    outcome: Ints


@dataclass(frozen=True)
class Receptions(Rows):
    """Data frames as a receiver received them."""

    frame: Ints
    receiver: Ints
    snr_db: Floats
    estimated_snr_db: Floats
    jammed: Floats


@dataclass(frozen=True)
class ImageScore(Rows):
    """An receiver's estimates against what was sent."""

    frame: Ints
    item: Ints
    receiver: Ints
    label: Ints
    class_received: Ints
    class_clean: Ints
    class_attacked: Ints
    mse: Floats
    psnr_db: Floats
    ssim: Floats
    shown: Ints

    def judged(self) -> NDArray[np.bool_]:
        """Which estimates a classifier looked at: a class of -1 says that none did. [n]"""
        return np.asarray((self.class_received >= 0) & (self.label >= 0))

    def attacked(self) -> NDArray[np.bool_]:
        """Which estimates are of images whose source was attacked, and were judged. [n]"""
        return np.asarray(self.judged() & (self.class_clean >= 0) & (self.class_attacked >= 0))


@dataclass(frozen=True)
class Control(Rows):
    """Control messages."""

    airtime_ns: Ints
    sender: Ints
    message: Ints
    sequence: Ints
    attempt: Ints
    channel_uses: Ints
    outcome: Ints
    origin: Ints


@dataclass(frozen=True)
class StepDecision(Rows):
    """Bob's choices of diffusion steps, one in each probe round."""

    sequence: Ints
    measured_snr_db: Floats
    snr_db: Floats
    t_d: Ints
    t_plus: Ints


@dataclass(frozen=True)
class Jamming(Rows):
    """Intervals of jamming."""

    end_ns: Ints


@dataclass(frozen=True)
class ImageDataset(Rows):
    """Kept images, uint8 [n, colours, height, width]."""

    frame: Ints
    item: Ints
    node: Ints
    image: NDArray[np.uint8]


@dataclass(frozen=True)
class Paths(Rows):
    """Radio paths at regular instants."""

    receiver: Ints
    mean_snr_db: Floats
    gain_db: Floats
    coherence_ns: Ints
    delay_ns: Ints


@dataclass(frozen=True)
class Symbols(Rows):
    """Channel uses of the first frames."""

    frame: Ints
    receiver: Ints
    tx_re: Floats
    tx_im: Floats
    rx_re: Floats
    rx_im: Floats
    equalised_re: Floats
    equalised_im: Floats


def seconds(time_ns: Ints) -> NDArray[np.float64]:
    """ns -> s, for axes. [n]"""
    return time_ns / NS_PER_S


def match(wanted: PerFrame, among: PerFrame) -> NDArray[np.int64]:
    """For each wanted row the place of the first row of the same link and frame in `among`, -1 where there is none. -> int64 [n]."""
    if not len(among.link) or not len(wanted.link):
        return np.full(len(wanted.link), -1)
    stride = int(max(among.frame.max(), wanted.frame.max())) + 1
    keys, sought = (rows.link.astype(np.int64) * stride + rows.frame for rows in (among, wanted))
    order = np.argsort(keys, kind="stable")
    place = np.minimum(np.searchsorted(keys[order], sought), len(keys) - 1)
    return np.where(keys[order[place]] == sought, order[place], -1)


def sent_by_alice(control: Control) -> NDArray[np.bool_]:
    """Which messages came from Alice. [n]"""
    return np.asarray(control.sender == ALICE)
