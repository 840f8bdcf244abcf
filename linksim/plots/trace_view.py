"""A trace as figures and summary want it: per group of links, the columns they use. Filled in one place; the file may then be closed."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from linksim.plots.policy_groups import PolicyGroups
from linksim.plots.tables import (
    Control,
    Frames,
    ImageDataset,
    ImageScore,
    Ints,
    Jamming,
    Kind,
    Paths,
    Receptions,
    StepDecision,
    Symbols,
)
from linksim.records import BOB, EVE, TABLES, columns
from linksim.units import NS_PER_S

DTYPES = {record.table: {column.name: column.dtype for column in columns(record)} for record in TABLES}
YOUNGER = {"class_clean": -1, "class_attacked": -1}  # what a column holds that the trace is older than; nought in all others


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
class Receiver:
    """What one listener got and made of it. Eve's is empty where she does not listen."""

    receptions: Receptions
    quality: ImageScore

    @property
    def received(self) -> bool:
        """Whether it got anything."""
        return len(self.receptions) + len(self.quality) > 0


@dataclass(frozen=True)
class GroupView:
    """One group of links.

    name   as in the scenario
    links  numbers of its links, ascending
    """

    name: str
    links: Ints
    frames: Frames
    bob: Receiver
    eve: Receiver
    control: Control
    jamming: Jamming
    pictures: ImageDataset
    paths: Paths
    symbols: Symbols
    adaptation: StepDecision

    @property
    def used(self) -> bool:
        """Whether anything was sent on its links."""
        return len(self.frames) + len(self.control) > 0 or self.bob.received or self.eve.received


@dataclass(frozen=True)
class View:
    """All groups, and the simulated time at which the last thing in the trace ended, in s.

    kin     what a group is called together with those that differ from it in SNR alone, see `plots.sweep_groups`; empty where nobody looked
    rivals  groups that differ in Bob's policy alone, see `plots.policy_groups`; likewise
    """

    groups: tuple[GroupView, ...]
    end_s: float
    sweep_groups: Mapping[str, str]
    policy_groups: tuple[PolicyGroups, ...]


def read_view(trace: Tables, sweep_groups: Mapping[str, str] = MappingProxyType({}), policy_groups: tuple[PolicyGroups, ...] = ()) -> View:
    """Read what figures and summary need. Rows of a link that the links table does not name are left out; the rest is the view's own."""
    links = trace.table("links")
    number, group = np.asarray(links["link"]), np.asarray(links["group"])
    frames, control, jamming = _read(trace, "frames", Frames), _read(trace, "control", Control), _read(trace, "jamming", Jamming)
    receptions, quality = _read(trace, "receptions", Receptions), _read(trace, "scores", ImageScore)
    pictures, paths, symbols = _read(trace, "images", ImageDataset), _read(trace, "channel", Paths), _read(trace, "constellation", Symbols)
    adaptation = _read(trace, "decisions", StepDecision)
    groups = []
    for code, name in enumerate(links.meanings("group")):
        own = np.sort(number[group == code])
        received, judged = _of(receptions, own), _of(quality, own)
        bob, eve = (
            Receiver(received.take(received.receiver == receiver), judged.take(judged.receiver == receiver)) for receiver in (BOB, EVE)
        )
        kept = _of(pictures, own), _of(paths, own), _of(symbols, own), _of(adaptation, own)
        groups.append(GroupView(name, own, _of(frames, own), bob, eve, _of(control, own), _of(jamming, own), *kept))
    ends = (frames.time_ns + frames.airtime_ns, control.time_ns + control.airtime_ns, jamming.end_ns, receptions.time_ns, quality.time_ns)
    return View(tuple(groups), max((int(end.max()) for end in ends if len(end)), default=0) / NS_PER_S, sweep_groups, policy_groups)


def _read(trace: Tables, name: str, kind: type[Kind]) -> Kind:
    """The columns of a table; no rows for a table that the trace does not have, and `YOUNGER` for a column that the trace is older than."""
    names = [f.name for f in fields(kind)]
    if name not in trace.tables():
        return kind(*(np.empty(0, DTYPES[name][column]) for column in names))
    table = trace.table(name)
    rows = len(table["link"])

    def values(column: str) -> NDArray[Any]:
        known = column in table.columns
        return np.asarray(table[column]) if known else np.full(rows, YOUNGER.get(column, 0), DTYPES[name][column])

    return kind(*(values(column) for column in names))


def _of(rows: Kind, links: Ints) -> Kind:
    return rows.take(np.isin(rows.link, links))
