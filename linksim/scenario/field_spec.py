"""What the models of `schema` allow, asked by place: which block, which keys, which values. For messages that say it in words."""

import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

UNITS = {  # by the last word of a key
    **{"db": "dB", "dbm": "dBm", "deg": "degrees", "m": "m", "mps": "m/s"},
    **{"s": "s", "ms": "ms", "us": "us", "ns": "ns", "hz": "Hz", "khz": "kHz", "ghz": "GHz"},
}
NAMES = "a name of at most 64 letters, digits, '.', '_', '-' that starts with a letter or digit"
SCALARS = {float: "a number", int: "a whole number", bool: "true or false", str: "a text"}


@dataclass(frozen=True)
class FieldSpec:
    """A place that takes a value.

    key         name of the field, "" where it has none (an item of a list)
    annotation  its type, without Annotated
    info        limits and description, None where there are none
    """

    key: str
    annotation: Any
    info: FieldInfo | None

    @property
    def blocks(self) -> dict[str, type[BaseModel]]:
        """Word to block, where a discriminator chooses among blocks; else empty."""
        by = self.info.discriminator if self.info else None
        if not isinstance(by, str):
            return {}
        return {get_args(block.model_fields[by].annotation)[0]: block for block in get_args(self.annotation)}

    @property
    def discriminator(self) -> str:
        return str(self.info.discriminator) if self.info and self.blocks else ""

    @property
    def words(self) -> tuple[str, ...]:
        """The words to choose from, of blocks or of values; empty where the value is free."""
        values = get_args(self.annotation) if get_origin(self.annotation) is Literal else ()
        return tuple(self.blocks) or tuple(map(str, values))

    @property
    def types(self) -> tuple[Any, ...]:
        """The types of the value: (float, NoneType) for a number or null."""
        return get_args(self.annotation) if get_origin(self.annotation) in (Union, types.UnionType) else (self.annotation,)

    @property
    def block(self) -> type[BaseModel] | None:
        """The one block that stands here, where there is no choice."""
        return self.annotation if isinstance(self.annotation, type) and issubclass(self.annotation, BaseModel) else None


def field_spec_of(annotation: Any, key: str = "") -> FieldSpec:
    if get_origin(annotation) is Annotated:
        bare, *extras = get_args(annotation)
        return FieldSpec(key, bare, next((extra for extra in extras if isinstance(extra, FieldInfo)), None))
    return FieldSpec(key, annotation, None)


def field_spec(block: type[BaseModel], key: str) -> FieldSpec | None:
    """The slot of a key; None for a key that the block does not have."""
    info = block.model_fields.get(key)
    return FieldSpec(key, info.annotation, info) if info else None


def step(slot: FieldSpec, part: str | int) -> FieldSpec | None:
    """One part of the path of a pydantic error further: a key, an item, or the word that chooses a block."""
    if part in slot.blocks:
        return FieldSpec(slot.key, slot.blocks[str(part)], None)
    if slot.block:
        return field_spec(slot.block, str(part))
    inner = get_args(slot.annotation)
    if get_origin(slot.annotation) is list:
        return field_spec_of(inner[0])
    return field_spec_of(inner[1], str(part)) if get_origin(slot.annotation) is dict else None


def places_of(block: type[BaseModel], key: str, before: tuple[str, ...] = ()) -> Iterator[str]:
    """Dotted paths, under `block`, of every key of that name; lists are not entered."""
    for name, info in block.model_fields.items():
        slot = FieldSpec(name, info.annotation, info)
        if name == key:
            yield ".".join((*before, name))
        for inner in filter(None, [slot.block, *slot.blocks.values()]):
            yield from places_of(inner, key, (*before, name))


def allowed(slot: FieldSpec) -> str:
    """In words, what may stand in a slot: "a number from -30 to 60 dB", "one of 'cpu', 'cuda'"."""
    if slot.blocks:
        return f"{one_of(slot.words)}, or a block with this as its {slot.discriminator!r}"
    if slot.block:
        return f"a block with keys {', '.join(slot.block.model_fields)}"
    if slot.words:
        return one_of(slot.words)
    if len(slot.types) > 1:
        return " or ".join("null" if part is type(None) else allowed(FieldSpec(slot.key, part, slot.info)) for part in slot.types)
    kind = get_origin(slot.annotation)
    limits = _limits(slot.info)
    if kind is list:
        return f"a list of {limits['min_length']} to {limits['max_length']} of: {allowed(field_spec_of(get_args(slot.annotation)[0]))}"
    if kind is dict:
        return f"{limits['min_length']} to {limits['max_length']} names, each with a block"
    if slot.annotation is str and "pattern" in limits:
        return NAMES
    if slot.annotation is str and "max_length" in limits:
        return f"a text of at most {limits['max_length']} characters"
    unit = UNITS.get(slot.key.rpartition("_")[2], "") if slot.annotation is float else ""
    return " ".join(part for part in (SCALARS[slot.annotation], _range(limits), unit) if part)


def one_of(words: Sequence[str]) -> str:
    """ "one of 'a', 'b'"."""
    return ("one of " if len(words) > 1 else "") + ", ".join(map(repr, words))


def _limits(info: FieldInfo | None) -> dict[str, Any]:
    names = ("ge", "gt", "le", "lt", "min_length", "max_length", "pattern")
    found = [(name, getattr(limit, name, None)) for limit in (info.metadata if info else ()) for name in names]
    return {name: value for name, value in found if value is not None}


def _range(limits: dict[str, Any]) -> str:
    high = limits.get("le", limits["lt"] - 1 if "lt" in limits else None)  # "lt" bounds whole numbers only
    low = f"from {limits['ge']:.10g}" if "ge" in limits else f"above {limits['gt']:.10g}" if "gt" in limits else ""
    shown = f"{high}" if isinstance(high, int) else f"{high:.10g}" if high is not None else ""
    return " ".join(part for part in (low, shown and f"{'up ' if 'gt' in limits else ''}to {shown}") if part)
