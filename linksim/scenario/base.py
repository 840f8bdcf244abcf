"""Base class of all options, and the contract by which a field takes the options of any declared component.

A block of a scenario is a frozen, strict pydantic model. Where a scenario chooses among components ("jammer: {kind: pulsed}"), the field is
annotated with `ComponentOf`: its schema is the union of the options of all components of that kind, including those from outside the
package. `linksim.scenario.schema.refresh` rebuilds the models after a declaration from outside.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, create_model
from pydantic_core import CoreSchema, core_schema

from linksim import registry
from linksim.errors import LinksimError
from linksim.registry import Component, Origin

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
KEYS = {  # key of a block that says which component it is
    "scheme": "name",
    "layer": "name",
    "policy": "name",
    "eve": "attack",
    "source-attack": "attack",
    "jammer": "kind",
    "fading": "kind",
    "snr": "kind",
}


def names_a_file(name: str) -> str:
    """A name that every operating system accepts for a file. Raises ValueError for a trailing dot and for names of Windows devices."""
    if name.endswith("."):
        raise ValueError(f"got {name!r}, allowed: a name that does not end in a dot")
    if name.partition(".")[0].lower() in DEVICES:
        raise ValueError(f"got {name!r}, allowed: a name that is no device on Windows (con, nul, com1, ...)")
    return name


FileName = Annotated[str, Field(pattern=NAME), AfterValidator(names_a_file)]


class Options(BaseModel):
    """Base of every block: unknown keys are refused, values are not converted, and an instance cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


@dataclass(frozen=True)
class ComponentOf:
    """Annotation of a field that takes the options of a component.

    kinds  kinds of component that are allowed
    """

    kinds: tuple[str, ...]

    @property
    def key(self) -> str:
        """Key of the block that names the component."""
        return KEYS[self.kinds[0]]

    @property
    def blocks(self) -> dict[str, type[Options]]:
        """Name to options of every allowed component."""
        return {c.name: c.options for kind in self.kinds for c in registry.components(kind)}

    def as_block(self, value: Any) -> Any:
        """A bare word stands for a block with only its name: `none` for `{kind: none}`."""
        return {self.key: value} if isinstance(value, str) else value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        choices = {name: handler.generate_schema(options) for name, options in self.blocks.items()}
        union = core_schema.tagged_union_schema(choices, self.key)
        return core_schema.no_info_before_validator_function(self.as_block, union)


Block = TypeVar("Block", bound=Options)


BASES: dict[str, type[Options]] = {}  # base class of the options of each kind


def base_of(kind: str) -> Callable[[type[Block]], type[Block]]:
    """Class decorator: declare the base class of the options of a kind, which options from outside get if they lack it."""

    def declare(options: type[Block]) -> type[Block]:
        BASES[kind] = options
        return options

    return declare


def component(kind: str, factory: str = "") -> Callable[[type[Block]], type[Block]]:
    """Class decorator: declare a component of the package. Its name is the default of the field `KEYS[kind]`, its help the docstring."""

    def declare(options: type[Block]) -> type[Block]:
        name = options.model_fields[KEYS[kind]].default
        registry.add(Component(kind, name, options, factory, first_line(options)))
        return options

    return declare


def declare_outside(kind: str, name: str, options: type[Options] | None, factory: Callable[..., Any] | str, origin: Origin) -> Component:
    """Declare a component from outside the package. The field that names it is added to its options.

    Raises LinksimError for an unknown kind, a taken name, and options that are not a class of `Options`.
    """
    block: Any = options
    if kind in KEYS:
        own = options or BASES[kind]
        if not (isinstance(own, type) and issubclass(own, Options)):
            raise LinksimError(f"options of {kind} {name!r} must be a class of linksim.Options, got {own!r}")
        word: Any = Literal[name]
        fields: Any = {KEYS[kind]: (word, name)}
        bases: Any = own if issubclass(own, BASES[kind]) else (own, BASES[kind])
        block = create_model(own.__name__, __base__=bases, __module__=own.__module__, __doc__=own.__doc__, **fields)
    return registry.add(Component(kind, name, block, factory, first_line(options or factory), origin))


def component_of(options: Options) -> Component:
    """The component that these options belong to."""
    for kind in KEYS:
        key = KEYS[kind]
        name = getattr(options, key, None)
        if isinstance(name, str) and any(c.name == name and isinstance(options, c.options) for c in registry.components(kind)):
            return registry.component(kind, name)
    raise LinksimError(f"{type(options).__name__} is no component's options")


def first_line(described: Any) -> str:
    """First line of the docstring of a class or a function."""
    return (described.__doc__ or "").strip().partition("\n")[0]


def words_of(annotation: Any) -> tuple[str, ...]:
    """The values of a Literal, as text."""
    return tuple(map(str, get_args(annotation)))
