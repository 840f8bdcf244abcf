"""Joins of tables of a trace by exact keys, on whole columns."""

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.records import Column
from linksim.trace.reader import TraceTable

Rows = NDArray[np.int64]  # numbers of rows, ABSENT where there is none

ABSENT = -1


def find_rows(keys: Sequence[NDArray[Any]], wanted: Sequence[NDArray[Any]]) -> Rows:
    """Return for each wanted key the number of the first row that has it, or `ABSENT`. int64 [m]

    keys    columns that together are the key of a table, integers [n] each
    wanted  the columns of the wanted keys in the same order, integers [m] each

    >>> find_rows([np.array([0, 0, 1]), np.array([5, 7, 5])], [np.array([1, 0, 1]), np.array([5, 7, 7])]).tolist()
    [2, 1, -1]
    """
    rows, codes = len(keys[0]), np.zeros(len(keys[0]) + len(wanted[0]), np.int64)
    for column, sought in zip(keys, wanted, strict=True):
        values = np.unique(np.concatenate([column, sought]), return_inverse=True)[1]
        codes = np.unique(codes * (len(codes) + 1) + values, return_inverse=True)[1]  # dense again, so that no product overflows
    known, order = codes[:rows], np.argsort(codes[:rows], kind="stable")
    place = np.searchsorted(known, codes[rows:], sorter=order)
    found = np.append(order, ABSENT)[place]
    return np.where((found != ABSENT) & (np.append(known, ABSENT)[found] == codes[rows:]), found, ABSENT)


def taken(table: TraceTable, names: Sequence[str], rows: Rows) -> TraceTable:
    """Return columns of a table at the given rows.

    table  the table
    names  names of columns that may be absent: floats or signed integers. Those that the table does not have are left out
    rows   numbers of rows; the values of an absent row are absent
    """
    columns, descriptions = {}, {}
    for name in names:
        if name in table.columns:
            about = replace(table.descriptions[name], optional=True)
            values = np.append(table[name], np.array(about.fill, about.dtype))
            columns[name], descriptions[name] = values[rows], about
    return TraceTable(table.name, columns, descriptions)


def selected(table: TraceTable, rows: NDArray[Any]) -> TraceTable:
    """Return the rows of a table that an index array or a mask selects."""
    return TraceTable(table.name, {name: values[rows] for name, values in table.columns.items()}, table.descriptions)


def side_by_side(name: str, parts: Sequence[TraceTable]) -> TraceTable:
    """Return a table with the columns of all parts, in their order; all have the same number of rows.

    A negotiated parameter may have the name of a column of another table. A column whose name is taken gets that of its table in front:
    the parameter `label` of the table `frames` becomes `frames_label`.

    name   name of the new table
    parts  tables
    """
    columns: dict[str, NDArray[Any]] = {}
    descriptions: dict[str, Column] = {}
    for part in parts:
        for column, values in part.columns.items():
            free = f"{part.name}_{column}" if column in columns else column
            columns[free], descriptions[free] = values, replace(part.descriptions[column], name=free)
    return TraceTable(name, MappingProxyType(columns), MappingProxyType(descriptions))


def groups_of(links: TraceTable, numbers: NDArray[Any]) -> tuple[TraceTable, NDArray[np.bool_]]:
    """Return the column `group` of the links with these numbers, and which of them the table `links` has. Of the others the group is 0."""
    rows = find_rows([links["link"]], [numbers])
    group = np.append(links["group"], np.zeros(1, links["group"].dtype))[rows]
    return TraceTable("links", {"group": group}, {"group": links.descriptions["group"]}), rows != ABSENT
