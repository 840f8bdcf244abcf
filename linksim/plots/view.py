"""A trace as figures and summary want it: per group of lanes, the columns they use. Filled in one place; the file may then be closed."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from linksim.records import ALICE, BOB, EVE, TABLES, columns
from linksim.units import NS_PER_S

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]

DECODED, WRONG_EPOCH, NOT_SENT = 0, 1, 2  # outcomes of a data frame
ACCEPTED = 0  # outcome of a control message
DTYPES = {record.table: {column.name: column.dtype for column in columns(record)} for record in TABLES}


class Columns(Protocol):
    """What is needed of a table of the trace: its columns by name, and the words of a code."""

    @property
    def columns(self) -> Mapping[str, NDArray[Any]]: ...

    def __getitem__(self, column: str) -> NDArray[Any]: ...

    def meanings(self, column: str) -> tuple[str, ...]: ...


class Tables(Protocol):
    """What is needed of a trace: the names of its tables, and the rows of each."""

    def tables(self) -> tuple[str, ...]: ...

    def table(self, name: str) -> Columns: ...


@dataclass(frozen=True)
class Rows:
    """Columns of equal length, as the records of the same name define them (see `linksim.records`)."""

    time_ns: Ints
    lane: Ints

    def __len__(self) -> int:
        return len(self.time_ns)

    def take(self, rows: NDArray[Any]) -> Self:
        """The rows of an index or of a mask."""
        return type(self)(*(getattr(self, f.name)[rows] for f in fields(self)))


Kind = TypeVar("Kind", bound=Rows)


class PerFrame(Protocol):
    """Rows that belong to a frame of a lane."""

    @property
    def lane(self) -> Ints: ...

    @property
    def frame(self) -> Ints: ...


@dataclass(frozen=True)
class Frames(Rows):
    """Data frames, as Alice knows them."""

    airtime_ns: Ints
    frame: Ints
    attempt: Ints
    uses: Ints
    believed_snr_db: Floats
    outcome: Ints


@dataclass(frozen=True)
class Receptions(Rows):
    """Data frames as an ear received them."""

    frame: Ints
    ear: Ints
    snr_db: Floats
    estimated_snr_db: Floats
    jammed: Floats


@dataclass(frozen=True)
class Quality(Rows):
    """An ear's estimates against what was sent."""

    frame: Ints
    item: Ints
    ear: Ints
    label: Ints
    predicted: Ints
    mse: Floats
    psnr_db: Floats
    ssim: Floats
    shown: Ints

    def judged(self) -> NDArray[np.bool_]:
        """Which estimates a classifier looked at: a class of -1 says that none did. [n]"""
        return np.asarray((self.predicted >= 0) & (self.label >= 0))


@dataclass(frozen=True)
class Control(Rows):
    """Control messages."""

    airtime_ns: Ints
    sender: Ints
    message: Ints
    sequence: Ints
    attempt: Ints
    uses: Ints
    outcome: Ints
    origin: Ints


@dataclass(frozen=True)
class Jamming(Rows):
    """Intervals of jamming."""

    end_ns: Ints


@dataclass(frozen=True)
class Pictures(Rows):
    """Kept images, uint8 [n, colours, height, width]."""

    frame: Ints
    item: Ints
    node: Ints
    image: NDArray[np.uint8]


@dataclass(frozen=True)
class Paths(Rows):
    """Radio paths at regular instants."""

    ear: Ints
    mean_snr_db: Floats
    gain_db: Floats
    block_ns: Ints
    delay_ns: Ints


@dataclass(frozen=True)
class Symbols(Rows):
    """Channel uses of the first frames."""

    frame: Ints
    ear: Ints
    sent_re: Floats
    sent_im: Floats
    heard_re: Floats
    heard_im: Floats
    equalised_re: Floats
    equalised_im: Floats


@dataclass(frozen=True)
class Ear:
    """What one listener got and made of it. Eve's is empty where she does not listen."""

    receptions: Receptions
    quality: Quality

    @property
    def heard(self) -> bool:
        """Whether it got anything."""
        return len(self.receptions) + len(self.quality) > 0


@dataclass(frozen=True)
class Group:
    """One group of lanes.

    name   as in the scenario
    lanes  numbers of its lanes, ascending
    """

    name: str
    lanes: Ints
    frames: Frames
    bob: Ear
    eve: Ear
    control: Control
    jamming: Jamming
    pictures: Pictures
    paths: Paths
    symbols: Symbols

    @property
    def used(self) -> bool:
        """Whether anything was sent on its lanes."""
        return len(self.frames) + len(self.control) > 0 or self.bob.heard or self.eve.heard


@dataclass(frozen=True)
class View:
    """All groups, and the simulated time at which the last thing in the trace ended, in s.

    kin  what a group is called together with those that differ from it in SNR alone, see `plots.kin`; empty where nobody looked
    """

    groups: tuple[Group, ...]
    end_s: float
    kin: Mapping[str, str]


def read_view(trace: Tables, kin: Mapping[str, str] = MappingProxyType({})) -> View:
    """Read what figures and summary need. Rows of a lane that the lanes table does not name are left out; `kin` is that of the view."""
    lanes = trace.table("lanes")
    number, group = np.asarray(lanes["lane"]), np.asarray(lanes["group"])
    frames, control, jamming = _read(trace, "frames", Frames), _read(trace, "control", Control), _read(trace, "jamming", Jamming)
    receptions, quality = _read(trace, "receptions", Receptions), _read(trace, "quality", Quality)
    pictures, paths, symbols = _read(trace, "pictures", Pictures), _read(trace, "paths", Paths), _read(trace, "symbols", Symbols)
    groups = []
    for code, name in enumerate(lanes.meanings("group")):
        own = np.sort(number[group == code])
        heard, judged = _of(receptions, own), _of(quality, own)
        bob, eve = (Ear(heard.take(heard.ear == ear), judged.take(judged.ear == ear)) for ear in (BOB, EVE))
        kept = _of(pictures, own), _of(paths, own), _of(symbols, own)
        groups.append(Group(name, own, _of(frames, own), bob, eve, _of(control, own), _of(jamming, own), *kept))
    ends = (frames.time_ns + frames.airtime_ns, control.time_ns + control.airtime_ns, jamming.end_ns, receptions.time_ns, quality.time_ns)
    return View(tuple(groups), max((int(end.max()) for end in ends if len(end)), default=0) / NS_PER_S, kin)


def seconds(time_ns: Ints) -> NDArray[np.float64]:
    """ns -> s, for axes. [n]"""
    return time_ns / NS_PER_S


def match(wanted: PerFrame, among: PerFrame) -> NDArray[np.int64]:
    """For each wanted row the place of the first row of the same lane and frame in `among`, -1 where there is none. -> int64 [n]."""
    if not len(among.lane) or not len(wanted.lane):
        return np.full(len(wanted.lane), -1)
    stride = int(max(among.frame.max(), wanted.frame.max())) + 1
    keys, sought = (rows.lane.astype(np.int64) * stride + rows.frame for rows in (among, wanted))
    order = np.argsort(keys, kind="stable")
    place = np.minimum(np.searchsorted(keys[order], sought), len(keys) - 1)
    return np.where(keys[order[place]] == sought, order[place], -1)


def sent_by_alice(control: Control) -> NDArray[np.bool_]:
    """Which messages came from Alice. [n]"""
    return np.asarray(control.sender == ALICE)


def _read(trace: Tables, name: str, kind: type[Kind]) -> Kind:
    """The columns of a table; no rows for a table that the trace does not have, and noughts for a column that is younger than the trace."""
    names = [f.name for f in fields(kind)]
    if name not in trace.tables():
        return kind(*(np.empty(0, DTYPES[name][column]) for column in names))
    table = trace.table(name)
    rows = len(table["lane"])
    return kind(*(np.asarray(table[column]) if column in table.columns else np.zeros(rows, DTYPES[name][column]) for column in names))


def _of(rows: Kind, lanes: Ints) -> Kind:
    return rows.take(np.isin(rows.lane, lanes))
