"""A trace as figures and summary want it: per group of lanes, the columns they use. Filled in one place; the file may then be closed."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from linksim.plots.rivals import Rivals
from linksim.plots.rows import (
    Adaptation,
    Control,
    Frames,
    Ints,
    Jamming,
    Kind,
    Paths,
    Pictures,
    Quality,
    Receptions,
    Symbols,
)
from linksim.records import BOB, EVE, TABLES, columns
from linksim.units import NS_PER_S

DTYPES = {record.table: {column.name: column.dtype for column in columns(record)} for record in TABLES}
YOUNGER = {"clean_class": -1, "source_class": -1}  # what a column holds that the trace is older than; nought in all others


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
    adaptation: Adaptation

    @property
    def used(self) -> bool:
        """Whether anything was sent on its lanes."""
        return len(self.frames) + len(self.control) > 0 or self.bob.heard or self.eve.heard


@dataclass(frozen=True)
class View:
    """All groups, and the simulated time at which the last thing in the trace ended, in s.

    kin     what a group is called together with those that differ from it in SNR alone, see `plots.kin`; empty where nobody looked
    rivals  groups that differ in Bob's policy alone, see `plots.rivals`; likewise
    """

    groups: tuple[Group, ...]
    end_s: float
    kin: Mapping[str, str]
    rivals: tuple[Rivals, ...]


def read_view(trace: Tables, kin: Mapping[str, str] = MappingProxyType({}), rivals: tuple[Rivals, ...] = ()) -> View:
    """Read what figures and summary need. Rows of a lane that the lanes table does not name are left out; the rest is the view's own."""
    lanes = trace.table("lanes")
    number, group = np.asarray(lanes["lane"]), np.asarray(lanes["group"])
    frames, control, jamming = _read(trace, "frames", Frames), _read(trace, "control", Control), _read(trace, "jamming", Jamming)
    receptions, quality = _read(trace, "receptions", Receptions), _read(trace, "quality", Quality)
    pictures, paths, symbols = _read(trace, "pictures", Pictures), _read(trace, "paths", Paths), _read(trace, "symbols", Symbols)
    adaptation = _read(trace, "adaptation", Adaptation)
    groups = []
    for code, name in enumerate(lanes.meanings("group")):
        own = np.sort(number[group == code])
        heard, judged = _of(receptions, own), _of(quality, own)
        bob, eve = (Ear(heard.take(heard.ear == ear), judged.take(judged.ear == ear)) for ear in (BOB, EVE))
        kept = _of(pictures, own), _of(paths, own), _of(symbols, own), _of(adaptation, own)
        groups.append(Group(name, own, _of(frames, own), bob, eve, _of(control, own), _of(jamming, own), *kept))
    ends = (frames.time_ns + frames.airtime_ns, control.time_ns + control.airtime_ns, jamming.end_ns, receptions.time_ns, quality.time_ns)
    return View(tuple(groups), max((int(end.max()) for end in ends if len(end)), default=0) / NS_PER_S, kin, rivals)


def _read(trace: Tables, name: str, kind: type[Kind]) -> Kind:
    """The columns of a table; no rows for a table that the trace does not have, and `YOUNGER` for a column that the trace is older than."""
    names = [f.name for f in fields(kind)]
    if name not in trace.tables():
        return kind(*(np.empty(0, DTYPES[name][column]) for column in names))
    table = trace.table(name)
    rows = len(table["lane"])

    def values(column: str) -> NDArray[Any]:
        known = column in table.columns
        return np.asarray(table[column]) if known else np.full(rows, YOUNGER.get(column, 0), DTYPES[name][column])

    return kind(*(values(column) for column in names))


def _of(rows: Kind, lanes: Ints) -> Kind:
    return rows.take(np.isin(rows.lane, lanes))
