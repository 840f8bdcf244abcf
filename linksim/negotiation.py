"""Negotiated parameters: what both ends of a link must agree on before a data frame can be decoded.

A scheme declares its parameters as a dataclass of bounded integers. Bob's REPORT carries one 16-bit number for each field, a policy chooses
their values, and the trace has one column for each. The control plane knows no field by name.

>>> @dataclass(frozen=True, slots=True)
... class Steps(NegotiatedParameters):
...     steps: int = bounded(1, 50, "diffusion steps of Alice", default=20)
>>> names(Steps), values(Steps()), values(Steps(steps=5))
(('steps',), (20,), (5,))
>>> Steps(steps=51)
Traceback (most recent call last):
    ...
ValueError: steps must be within 1..50, got 51
"""

from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

MAX_VALUE = 65535  # largest value of a parameter, which REPORT carries in 16 bits


@dataclass(frozen=True, slots=True)
class NegotiatedParameters:
    """Base, and the declaration of a scheme that negotiates nothing.

    Fields are integers made by `bounded`. Raises ValueError for a value outside its bounds.
    """

    def __post_init__(self) -> None:
        for bound in bounds(type(self)):
            value = getattr(self, bound.name)
            if not bound.lowest <= value <= bound.highest:
                raise ValueError(f"{bound.name} must be within {bound.lowest}..{bound.highest}, got {value}")


@dataclass(frozen=True)
class Bound:
    """Range and meaning of one parameter.

    name             name of the field, and of the column of the trace
    lowest, highest  allowed values, both included; 0 <= lowest <= highest <= `MAX_VALUE`
    unit             unit of the value, "1" if it is dimensionless
    description      one line, for the trace and for messages
    """

    name: str
    lowest: int
    highest: int
    unit: str
    description: str


def bounded(lowest: int, highest: int, description: str, unit: str = "1", default: int | None = None) -> Any:
    """Field of a declaration: a whole number within `lowest`..`highest`. The arguments are those of `Bound`.

    default  value of a new instance; the lowest unless given

    Raises ValueError for bounds that do not fit into a REPORT.
    """
    if not 0 <= lowest <= highest <= MAX_VALUE:
        raise ValueError(f"bounds must satisfy 0 <= lowest <= highest <= {MAX_VALUE}, got {lowest} and {highest}")
    metadata = {"lowest": lowest, "highest": highest, "unit": unit, "description": description}
    return field(default=lowest if default is None else default, metadata=metadata)


def bounds(declared: type[NegotiatedParameters]) -> tuple[Bound, ...]:
    """Bounds of all parameters, in the order of their declaration, which is also that of a REPORT and of a policy's choice."""
    return _bounds(declared)  # type: ignore[arg-type]  # a class is hashable


@cache
def _bounds(declared: type[NegotiatedParameters]) -> tuple[Bound, ...]:
    return tuple(Bound(f.name, **f.metadata) for f in fields(declared))


def names(declared: type[NegotiatedParameters]) -> tuple[str, ...]:
    """Names of all parameters, in the order of `bounds`."""
    return _names(declared)  # type: ignore[arg-type]  # a class is hashable


@cache
def _names(declared: type[NegotiatedParameters]) -> tuple[str, ...]:
    return tuple(bound.name for bound in bounds(declared))


def values(parameters: NegotiatedParameters) -> tuple[int, ...]:
    """Values of all parameters, in the order of `bounds`."""
    return tuple(getattr(parameters, name) for name in names(type(parameters)))
