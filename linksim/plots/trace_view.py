"""A trace in memory as figures and summary use it: the required columns of every table, split by group of links and receiver.

    trace file --trace.reader--> Trace --read_view--> TraceView of GroupViews of tables --> figures, summary, report

A figure is a function of a `TraceView` alone. It needs no file and no HDF5, so the tests draw figures from arrays in memory. Whatever a
figure needs beyond the tables (which groups belong to one sweep, which are compared) is derived from the scenario beforehand and is part
of the view. A trace of another version may lack tables and columns: a missing table is empty and a missing column has absent values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from linksim.enums import Node
from linksim.plots.decorrelation import BlockLengths
from linksim.plots.policy_groups import PolicyGroups
from linksim.plots.tables import (
    ChannelRows,
    ConstellationRows,
    ControlRows,
    DecisionRows,
    FrameRows,
    ImageRows,
    Ints,
    JammingRows,
    Kind,
    ReceptionRows,
    ScoreRows,
)
from linksim.records import FILL, TABLES, Column, columns
from linksim.statistics import independent_units
from linksim.units import NS_PER_S

COLUMNS = {record.table: {column.name: column for column in columns(record)} for record in TABLES}
MAPPINGS = ("parameters", "metrics")  # fields of the rows that hold the columns of negotiated parameters, and of metrics


class TableLike(Protocol):
    """The required interface of a table; `trace.reader.TraceTable` has it."""

    @property
    def columns(self) -> Mapping[str, NDArray[Any]]:
        """The columns of the table by name, [rows] or [rows, ...] each."""

    @property
    def descriptions(self) -> Mapping[str, Column]:
        """Type, unit and meaning of each column."""

    def __getitem__(self, column: str) -> NDArray[Any]:
        """Return a column."""

    def meanings(self, column: str) -> tuple[str, ...]:
        """Return the words of a column of codes, in the order of the codes."""


class TraceLike(Protocol):
    """The required interface of a trace; `trace.reader.Trace` has it."""

    def tables(self) -> tuple[str, ...]:
        """Return the names of the tables."""

    def table(self, name: str) -> TableLike:
        """Return a table."""


@dataclass(frozen=True)
class ReceiverView:
    """What one receiver got from the links of a group; both tables are empty for Eve if she does not receive.

    receptions  a row per transmission of a data frame
    scores      a row per image
    block_ns    time after which two reconstructions are independent, in ns; infinite if that is not known (`plots.decorrelation`)
    """

    receptions: ReceptionRows
    scores: ScoreRows
    block_ns: float

    def units(self) -> NDArray[np.int64]:
        """Return the independent unit of each row of `scores`, int64 [n] (`statistics.independent_units`)."""
        return independent_units(self.scores.link, self.scores.frame, self.scores.time_ns, self.block_ns)

    @property
    def received(self) -> bool:
        """Whether the receiver received anything."""
        return len(self.receptions) + len(self.scores) > 0


@dataclass(frozen=True)
class GroupView:
    """The rows of one group of links.

    name           name of the group in the scenario
    links          numbers of its links in the run, ascending [links]
    frames         transmissions of data frames
    bob, eve       receptions and scores of the two receivers
    control        control messages in both directions
    jamming        intervals of jamming, one row per link
    images         stored images of the first frames
    channel        samples of the paths of the first link
    constellation  symbols of the first frames of the first link
    decisions      Bob's choices of negotiated parameters; empty if he does not choose
    """

    name: str
    links: Ints
    frames: FrameRows
    bob: ReceiverView
    eve: ReceiverView
    control: ControlRows
    jamming: JammingRows
    images: ImageRows
    channel: ChannelRows
    constellation: ConstellationRows
    decisions: DecisionRows

    @property
    def used(self) -> bool:
        """Whether anything was sent on the links of the group."""
        return len(self.frames) + len(self.control) > 0 or self.bob.received or self.eve.received


@dataclass(frozen=True)
class TraceView:
    """All groups of a trace.

    groups         the groups in the order of the scenario
    end_s          simulated time at the end of the last event in the trace, in s
    parameters     columns of the negotiated parameters of all groups, by name
    sweep_groups   common name of the groups that differ only in SNR, by group (see `plots.snr_sweep_groups`); may be empty
    policy_groups  sets of groups that differ only in Bob's policy (see `plots.policy_groups`); may be empty
    complete       whether the run ended normally
    """

    groups: tuple[GroupView, ...]
    end_s: float
    parameters: Mapping[str, Column]
    sweep_groups: Mapping[str, str]
    policy_groups: tuple[PolicyGroups, ...]
    complete: bool = True


def read_view(
    trace: TraceLike,
    sweep_groups: Mapping[str, str] = MappingProxyType({}),
    policy_groups: tuple[PolicyGroups, ...] = (),
    complete: bool = True,
    block_lengths: Mapping[str, BlockLengths] = MappingProxyType({}),
) -> TraceView:
    """Read the tables of a trace into memory.

    trace          a trace, or an object with the same two methods
    sweep_groups   result of `snr_sweep_groups.snr_sweep_groups`; only the figure `compare` needs it
    policy_groups  result of `policy_groups.policy_groups_of`; only the comparison of policies needs it
    complete       whether the run ended normally
    block_lengths  result of `decorrelation.block_lengths`, for the intervals; a link of a group without it is one independent unit

    Rows of links that the table `links` does not contain are left out.
    """
    links = trace.table("links")
    number, group = np.asarray(links["link"]), np.asarray(links["group"])
    frames, control, jamming = _read(trace, "frames", FrameRows), _read(trace, "control", ControlRows), _read(trace, "jamming", JammingRows)
    receptions, scores = _read(trace, "receptions", ReceptionRows), _read(trace, "scores", ScoreRows)
    images, channel = _read(trace, "images", ImageRows), _read(trace, "channel", ChannelRows)
    constellation, decisions = _read(trace, "constellation", ConstellationRows), _read(trace, "decisions", DecisionRows)
    groups = []
    for code, name in enumerate(links.meanings("group")):
        own = np.sort(number[group == code])
        received, scored = _of(receptions, own), _of(scores, own)
        blocks = block_lengths.get(name, BlockLengths())
        bob, eve = (
            ReceiverView(received.take(received.receiver == receiver), scored.take(scored.receiver == receiver), block_ns)
            for receiver, block_ns in ((Node.BOB, blocks.bob_ns), (Node.EVE, blocks.eve_ns))
        )
        sampled = _of(images, own), _of(channel, own), _of(constellation, own), _negotiated(_of(decisions, own))
        groups.append(GroupView(name, own, _negotiated(_of(frames, own)), bob, eve, _of(control, own), _of(jamming, own), *sampled))
    parameters = _mapped(trace, "decisions") | _mapped(trace, "frames")
    return TraceView(tuple(groups), end_of(groups), parameters, sweep_groups, policy_groups, complete)


def end_of(groups: Sequence[GroupView]) -> float:
    """Return the simulated time at the end of the last event on the links of some groups, in s; 0 without events."""
    ends: list[Ints] = []
    for group in groups:
        ends += [rows.time_ns + rows.airtime_ns for rows in (group.frames, group.control)] + [group.jamming.end_ns]
        ends += [rows.time_ns for receiver in (group.bob, group.eve) for rows in (receiver.receptions, receiver.scores)]
    return max((int(end.max()) for end in ends if len(end)), default=0) / NS_PER_S


def _read(trace: TraceLike, name: str, kind: type[Kind]) -> Kind:
    """Read the columns of a table. A missing table has no rows; the values of a missing column are absent, or 0 if they cannot be."""
    names = [f.name for f in fields(kind)]
    if name not in trace.tables():
        empty: list[Any] = [{} if column in MAPPINGS else np.empty(0, COLUMNS[name][column].dtype) for column in names]
        return kind(*empty)
    table = trace.table(name)
    rows = len(table["link"])

    def values(column: str) -> Any:
        if column in MAPPINGS:
            return {key: np.asarray(table[key]) for key in _mapped(trace, name)}
        about = COLUMNS[name][column]
        return np.asarray(table[column]) if column in table.columns else np.full(rows, about.fill or 0, about.dtype)

    return kind(*(values(column) for column in names))


def _mapped(trace: TraceLike, name: str) -> dict[str, Column]:
    """Return the columns of a table that hold the negotiated parameters in force or requested, or the metrics."""
    if name not in trace.tables():
        return {}
    return {column: about for column, about in trace.table(name).descriptions.items() if about.key == column}


def _of(rows: Kind, links: Ints) -> Kind:
    """Return the rows of some links."""
    return rows.take(np.isin(rows.link, links))


Negotiated = TypeVar("Negotiated", FrameRows, DecisionRows)


def _negotiated(rows: Negotiated) -> Negotiated:
    """Return the rows of a group without the parameters that its scheme does not negotiate, which have no values."""
    return replace(rows, parameters={name: values for name, values in rows.parameters.items() if (values != FILL).any()})
