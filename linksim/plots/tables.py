"""The tables of a trace as figures and summary use them: the required columns of each table, and functions of the rows of one table."""

from collections.abc import Mapping
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
    """Base of the tables: columns of equal length with the names, units and meanings of the records (see `linksim.records`)."""

    time_ns: Ints
    link: Ints

    def __len__(self) -> int:
        return len(self.time_ns)

    def take(self, rows: NDArray[Any]) -> Self:
        """Return the rows that an index array or a mask selects."""

        def taken(value: Any) -> Any:
            return {name: part[rows] for name, part in value.items()} if isinstance(value, Mapping) else value[rows]

        return type(self)(*(taken(getattr(self, f.name)) for f in fields(self)))


Kind = TypeVar("Kind", bound=Rows)


class PerFrame(Protocol):
    """Rows of which each belongs to one frame of one link."""

    @property
    def link(self) -> Ints: ...

    @property
    def frame(self) -> Ints: ...


@dataclass(frozen=True)
class FrameRows(Rows):
    """Transmissions of data frames, with the negotiated parameters in force, by name."""

    airtime_ns: Ints
    frame: Ints
    attempt: Ints
    channel_uses: Ints
    assumed_snr_db: Floats
    outcome: Ints
    parameters: Mapping[str, Ints]


@dataclass(frozen=True)
class ReceptionRows(Rows):
    """Data frames at the receivers."""

    frame: Ints
    receiver: Ints
    snr_db: Floats
    estimated_snr_db: Floats
    jammed_fraction: Floats


@dataclass(frozen=True)
class ScoreRows(Rows):
    """Scores of the receivers' reconstructions."""

    frame: Ints
    image: Ints
    receiver: Ints
    label: Ints
    class_received: Ints
    class_clean: Ints
    class_attacked: Ints
    mse: Floats
    psnr_db: Floats
    ssim: Floats
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
    """Copies of control messages."""

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
    """Bob's choices of the negotiated parameters, by name; one row per probe round."""

    sequence: Ints
    measured_snr_db: Floats
    snr_db: Floats
    parameters: Mapping[str, Ints]


@dataclass(frozen=True)
class JammingRows(Rows):
    """Intervals of jamming."""

    end_ns: Ints


@dataclass(frozen=True)
class ImageRows(Rows):
    """Stored images; `pixels` is uint8 [n, colours, height, width]."""

    frame: Ints
    image: Ints
    node: Ints
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class ChannelRows(Rows):
    """Samples of the radio paths."""

    receiver: Ints
    mean_snr_db: Floats
    gain_db: Floats
    coherence_ns: Ints
    delay_ns: Ints


@dataclass(frozen=True)
class ConstellationRows(Rows):
    """Symbols of the first frames."""

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
    """Return for each wanted row the index of the first row in `among` with the same link and frame, or -1. -> int64 [n]"""
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
