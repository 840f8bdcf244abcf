"""Records and their columns: how the fields of a frozen dataclass declare the table of the trace that stores its instances.

A record type is a dataclass whose fields are made by `column`, `negotiated` or `measured`. They give each field a unit, a description and a
storage type, from which the trace derives its datasets and docs/trace-format.md its lists. A field has no other declaration.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, get_type_hints

import numpy as np

from linksim.negotiation import Bound

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
    field        field of the record that holds the value; differs from `name` for negotiated parameters and metrics only
    key          key of the value where the field is a mapping by negotiated parameter or metric, else ""
    keyed_by     what the keys of that mapping are; the trace marks the column with an attribute of this name. "" without a key

    >>> erased = Column("erased", "1", "whether the image was erased", np.dtype("int16"), (), optional=True)
    >>> erased.fill
    -1
    """

    name: str
    unit: str
    description: str
    dtype: np.dtype[Any]
    meanings: tuple[str, ...]
    optional: bool = False
    field: str = ""
    key: str = ""
    keyed_by: Literal["", "negotiated", "metric"] = ""

    @property
    def fill(self) -> float | int | None:
        """What is stored for an absent value, None if no value may be absent."""
        absent = FILL if self.dtype.kind == "i" else math.nan
        return absent if self.optional else None


@dataclass(frozen=True)
class MetricColumn:
    """Column of a metric that the scenario asks for.

    name         name of the column, an identifier
    unit         unit of its values, "1" if they are dimensionless
    description  one line for people
    """

    name: str
    unit: str
    description: str


def column(unit: str, description: str, meanings: tuple[str, ...] = (), dtype: str = "", optional: bool = False) -> Any:
    """Define a field of a record: the field specifier for one column.

    unit         "ns", "dB", "byte", "rad" or "s"; "1" for a dimensionless value. A value in ns must be at least 0
    description  what the value is, in one line
    meanings     words of the values 0, 1, ... of a code
    dtype        numpy type of the stored value; by default int64 for a field of type int and float64 for one of type float
    optional     whether the value may be absent, which is the default of such a field: None in the record
    """
    metadata = {"unit": unit, "description": description, "meanings": meanings, "dtype": dtype, "optional": optional}
    return field(metadata=metadata, default=None) if optional else field(metadata=metadata)


def negotiated(suffix: str, description: str) -> Any:
    """Define a field that maps the name of each negotiated parameter to its value; the table has one column for each.

    suffix       what follows the parameter's name in the name of the column
    description  what follows the parameter's description in that of the column

    The columns are optional int32: a link whose scheme does not negotiate a parameter leaves it out of the mapping. Which parameters there
    are is known when the schemes of a run are, so `columns` takes them as an argument.
    """
    return field(metadata={"suffix": suffix, "description": description})


def measured() -> Any:
    """Define a field that maps the name of each metric's column to its value; the table has one optional float32 column for each.

    A metric that does not exist for a row is left out of the mapping. Which metrics there are is known when the scenario of a run is, so
    `columns` takes them as an argument.
    """
    return field(metadata={"measured": True}, default_factory=dict)


def columns(record: type["Record"], declared: Sequence[Bound] = (), metrics: Sequence[MetricColumn] = ()) -> tuple[Column, ...]:
    """Return the columns of a table, in the order of the record's fields.

    declared  the negotiated parameters of the run's schemes
    metrics   the metrics of the run

    >>> from linksim.records import LinkCreated, ParameterDecision
    >>> [(column.name, column.dtype.name) for column in columns(LinkCreated)]
    [('link', 'int32'), ('group', 'int16')]
    >>> steps = Bound("t_d", 1, 50, "1", "diffusion steps of Alice")
    >>> [column.name for column in columns(ParameterDecision, [steps]) if column.key]
    ['t_d_before', 't_d']
    """
    hints = get_type_hints(record)
    found = list[Column]()
    for f in fields(record):
        about = f.metadata
        if "suffix" in about:
            for bound in declared:
                described = f"{bound.description}{about['description']}"
                name = bound.name + about["suffix"]
                found.append(Column(name, bound.unit, described, np.dtype("int32"), (), True, f.name, bound.name, "negotiated"))
            continue
        if "measured" in about:
            found += [Column(m.name, m.unit, m.description, np.dtype("float32"), (), True, f.name, m.name, "metric") for m in metrics]
            continue
        dtype = np.dtype(about["dtype"] or ("int64" if hints[f.name] is int else "float64"))
        found.append(Column(f.name, about["unit"], about["description"], dtype, about["meanings"], about["optional"], f.name))
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Base of all records.

    table  name of the table that holds the records of this type: a group of the trace
    title  one line that describes the table
    """

    table: ClassVar[str]
    title: ClassVar[str]


Listener = Callable[[Record], None]  # is called with every record, in the order of their emission, and must not change the simulation


class BlockListener(ABC):
    """A listener that also takes records as columns."""

    @abstractmethod
    def __call__(self, record: Record) -> None:
        """Take a single record."""

    @abstractmethod
    def block(self, record: type[Record], columns: Mapping[str, Sequence[Any]]) -> None:
        """Take records of one type: the values of each field in the order of the records. Fields that are left out have defaults."""
