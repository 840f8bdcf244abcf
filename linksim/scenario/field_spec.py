"""What the models of `schema` allow at a place, for error messages: which block, which keys, which values.

pydantic reports an error with the path that it took through the models, such as ("channel", "bob", "snr", "constant", "mean_db"), where
"constant" is not a key of the file but the chosen component. `step` follows that path; `allowed` says in words what the field at its end
takes. The same words are in the tables of the documentation.
"""

import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from linksim.scenario.base import ComponentOf

UNITS = {  # by the last word of a key
    **{"db": "dB", "dbm": "dBm", "deg": "degrees", "m": "m", "mps": "m/s"},
    **{"s": "s", "ms": "ms", "us": "us", "ns": "ns", "hz": "Hz", "khz": "kHz", "ghz": "GHz"},
}
NAMES = "a name of at most 64 letters, digits, '.', '_', '-' that starts with a letter or digit"
SCALARS = {float: "a number", int: "a whole number", bool: "true or false", str: "a text"}


@dataclass(frozen=True)
class FieldSpec:
    """A place that takes a value.

    key         name of the field, "" for an item of a list
    annotation  its type, without Annotated
    info        limits and description, or None
    component   the components among which the value chooses, or None
    """

    key: str
    annotation: Any
    info: FieldInfo | None
    component: ComponentOf | None = None

    @property
    def blocks(self) -> dict[str, type[BaseModel]]:
        """Name to options of every component that is allowed here."""
        return dict(self.component.blocks) if self.component else {}

    @property
    def discriminator(self) -> str:
        """Key of the block that names the component, "" where there is no choice."""
        return self.component.key if self.component else ""

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
        """The one block that stands here, where there is no choice; null may stand beside it."""
        if self.component:
            return None
        return next((part for part in self.types if isinstance(part, type) and issubclass(part, BaseModel)), None)


def field_spec_of(annotation: Any, key: str = "") -> FieldSpec:
    """Field of a bare annotation, such as that of a list's items."""
    if get_origin(annotation) is Annotated:
        bare, *extras = get_args(annotation)
        component = next((extra for extra in extras if isinstance(extra, ComponentOf)), None)
        return FieldSpec(key, bare, next((extra for extra in extras if isinstance(extra, FieldInfo)), None), component)
    return FieldSpec(key, annotation, None)


def of_info(key: str, info: FieldInfo) -> FieldSpec:
    """Field of a model, from pydantic's description of it.

    >>> from linksim.scenario.nodes import Radio
    >>> of_info("pilots", Radio.model_fields["pilots"]).annotation
    <class 'int'>
    """
    return FieldSpec(key, info.annotation, info, next((extra for extra in info.metadata if isinstance(extra, ComponentOf)), None))


def field_spec(block: type[BaseModel], key: str) -> FieldSpec | None:
    """Field of a key; None for a key that the block does not have."""
    info = block.model_fields.get(key)
    return of_info(key, info) if info else None


def step(spec: FieldSpec, part: str | int) -> FieldSpec | None:
    """Next field along the path of a pydantic error: a key, the index of an item, or the name of a component. None for an unknown key.

    >>> from linksim.scenario.channel import Path
    >>> snr = field_spec(Path, "snr")
    >>> step(step(snr, "constant"), "mean_db").key
    'mean_db'
    """
    if part in spec.blocks:
        return FieldSpec(spec.key, spec.blocks[str(part)], None)
    if spec.block:
        return field_spec(spec.block, str(part))
    inner = get_args(spec.annotation)
    if get_origin(spec.annotation) is list:
        return field_spec_of(inner[0])
    return field_spec_of(inner[1], str(part)) if get_origin(spec.annotation) is dict else None


def places_of(block: type[BaseModel], key: str, before: tuple[str, ...] = ()) -> Iterator[str]:
    """Dotted paths, under `block`, of every key of that name; lists are not entered.

    They are the suggestions for a key that stands in the wrong block.

    >>> from linksim.scenario.schema import LinkOptions
    >>> list(places_of(LinkOptions, "symbol_rate_hz"))
    ['radio.symbol_rate_hz']
    """
    for name, info in block.model_fields.items():
        spec = of_info(name, info)
        if name == key:
            yield ".".join((*before, name))
        for inner in filter(None, [spec.block, *spec.blocks.values()]):
            yield from places_of(inner, key, (*before, name))


def allowed(spec: FieldSpec) -> str:
    """What a field allows, in words. The unit follows from the suffix of its key.

    >>> from linksim.scenario.nodes import Radio, Session
    >>> allowed(field_spec(Session, "timeout_ms")), allowed(field_spec(Radio, "control_coding"))
    ('a number above 0 up to 100000 ms', "one of 'ldpc', 'none'")
    """
    if spec.blocks:
        return f"{one_of(spec.words)}, or a block with this as its {spec.discriminator!r}"
    if len(spec.types) > 1:
        return " or ".join("null" if part is type(None) else allowed(FieldSpec(spec.key, part, spec.info)) for part in spec.types)
    if spec.block:
        return f"a block with keys {', '.join(spec.block.model_fields)}"
    if spec.words:
        return one_of(spec.words)
    kind = get_origin(spec.annotation)
    limits = _limits(spec.info)
    if kind is list:
        return f"a list of {limits['min_length']} to {limits['max_length']} of: {allowed(field_spec_of(get_args(spec.annotation)[0]))}"
    if kind is dict:
        return f"{limits['min_length']} to {limits['max_length']} names, each with a block"
    if spec.annotation is str and "pattern" in limits:
        return NAMES
    if spec.annotation is str and "max_length" in limits:
        return f"a text of at most {limits['max_length']} characters"
    unit = UNITS.get(spec.key.rpartition("_")[2], "") if spec.annotation is float and "_" in spec.key else ""
    if spec.annotation is int and "lt" in limits:
        limits["le"] = limits.pop("lt") - 1
    return " ".join(part for part in (SCALARS[spec.annotation], _range(limits), unit) if part)


def one_of(words: Sequence[str]) -> str:
    """A choice among words.

    >>> one_of(["a", "b"]), one_of(["a"])
    ("one of 'a', 'b'", "'a'")
    """
    return ("one of " if len(words) > 1 else "") + ", ".join(map(repr, words))


def _limits(info: FieldInfo | None) -> dict[str, Any]:
    """The limits of a field by their names in pydantic, such as {"ge": 0, "le": 1}."""
    names = ("ge", "gt", "le", "lt", "min_length", "max_length", "pattern")
    found = [(name, getattr(limit, name, None)) for limit in (info.metadata if info else ()) for name in names]
    return {name: value for name, value in found if value is not None}


def _range(limits: dict[str, Any]) -> str:
    """ "from 0 to 1", "above 0 up to 1", "from 0 to below 1"."""
    high = limits.get("le", limits.get("lt"))
    low = f"from {limits['ge']:.10g}" if "ge" in limits else f"above {limits['gt']:.10g}" if "gt" in limits else ""
    shown = f"{high}" if isinstance(high, int) else f"{high:.10g}" if high is not None else ""
    to = "up to" if "gt" in limits else "to"
    return " ".join(part for part in (low, shown and f"{to} {'' if 'le' in limits else 'below '}{shown}") if part)
