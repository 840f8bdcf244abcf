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
from linksim.cost import Cost, Traffic
from linksim.errors import LinksimError
from linksim.negotiation import NegotiatedParameters, bounds
from linksim.registry import Component, Origin
from linksim.wire_layout import MAX_VALUES

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
KEYS = {  # key of a block that says which component it is
    "scheme": "name",
    "layer": "name",
    "policy": "name",
    "metric": "name",
    "eve": "attack",
    "source-attack": "attack",
    "jammer": "kind",
    "fading": "kind",
    "snr": "kind",
}


def names_a_file(name: str) -> str:
    """Return a name that every operating system accepts for a file.

    The names of runs and groups become names of folders and figures. Raises ValueError for a trailing dot and for names of Windows devices;
    `NAME` limits the characters.

    >>> names_a_file("snr-10.dB")
    'snr-10.dB'
    >>> names_a_file("aux.1")
    Traceback (most recent call last):
        ...
    ValueError: got 'aux.1', allowed: a name that is no device on Windows (con, nul, com1, ...)
    """
    if name.endswith("."):
        raise ValueError(f"got {name!r}, allowed: a name that does not end in a dot")
    if name.partition(".")[0].lower() in DEVICES:
        raise ValueError(f"got {name!r}, allowed: a name that is no device on Windows (con, nul, com1, ...)")
    return name


FileName = Annotated[str, Field(pattern=NAME), AfterValidator(names_a_file)]


class Options(BaseModel):
    """Base of every block: unknown keys are refused, values are not converted, and an instance cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ComponentOptions(Options):
    """Base of the options of every component."""

    def cost(self, traffic: Traffic) -> Cost:
        """Return what the component costs on a link with this traffic, for the estimate of a run; nothing unless overridden."""
        return Cost()


@dataclass(frozen=True)
class ComponentOf:
    """Annotation of a field that takes the options of a component: pydantic builds the union of their classes when the schema is built.

    kinds  kinds of component that are allowed; all of them are named by the same key

    >>> jammers = ComponentOf(("jammer",))
    >>> jammers.key, jammers.as_block("none"), sorted(jammers.blocks)[:2]
    ('kind', {'kind': 'none'}, ['adversarial', 'barrage'])
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
    """Class decorator: declare the base class of the options of a kind, which options from outside get if they lack it.

    The base class holds what linksim asks of any component of the kind, such as its channel uses, with a default for components that
    do not answer.
    """

    def declare(options: type[Block]) -> type[Block]:
        BASES[kind] = options
        return options

    return declare


def component(kind: str, factory: str = "") -> Callable[[type[Block]], type[Block]]:
    """Class decorator: declare a component of the package.

    kind     key of `KEYS`
    factory  import path "package.module:function" of the function that builds the component from its options; "" if there is nothing to
             build, as for `none`

    The name of the component is the default of the field `KEYS[kind]`, its help the first line of the class's docstring.
    """

    def declare(options: type[Block]) -> type[Block]:
        name = options.model_fields[KEYS[kind]].default
        refuse_many_parameters(name, options)
        registry.add(Component(kind, name, options, factory, first_line(options)))
        return options

    return declare


def declare_outside(
    kind: str,
    name: str,
    options: type[Options] | None,
    factory: Callable[..., Any] | str,
    origin: Origin,
    workload: Callable[..., Any] | str | None = None,
) -> Component:
    """Declare a component from outside the package, and return it. The field that names it is added to its options.

    kind      key of `linksim.registry.KINDS`
    name      word that names the component
    options   class of its options, None for the base class of the kind
    factory   function that builds it
    origin    where it comes from, for the trace
    workload  of a kind of model, see `linksim.registry.Component`

    Raises LinksimError for an unknown kind, a taken name, options that are not a class of `Options`, a workload of another kind than
    "model", and a scheme with more negotiated parameters than a REPORT carries.
    """
    if workload is not None and kind != "model":
        raise LinksimError(f"{kind} {name!r}: only a kind of model has a workload")
    block: Any = options
    if kind in KEYS:
        own = options or BASES[kind]
        if not (isinstance(own, type) and issubclass(own, Options)):
            raise LinksimError(f"options of {kind} {name!r} must be a class of linksim.Options, got {own!r}")
        word: Any = Literal[name]
        fields: Any = {KEYS[kind]: (word, name)}
        bases: Any = own if issubclass(own, BASES[kind]) else (own, BASES[kind])
        block = create_model(own.__name__, __base__=bases, __module__=own.__module__, __doc__=own.__doc__, **fields)
        refuse_many_parameters(name, block)
    return registry.add(Component(kind, name, block, factory, first_line(options or factory), origin, workload))


def refuse_many_parameters(name: str, options: Any) -> None:
    """Raise LinksimError for options of a scheme that declare more negotiated parameters than a REPORT carries."""
    declared = getattr(options, "Parameters", NegotiatedParameters)
    count = len(bounds(declared))
    if count > MAX_VALUES:
        raise LinksimError(f"scheme {name!r} declares {count} negotiated parameters, a REPORT message carries at most {MAX_VALUES}")


def component_of(options: Options) -> Component:
    """The component that these options belong to. Raises LinksimError for a block that chooses no component, such as `Radio`.

    >>> from linksim.scenario.jammers import PulsedJammer
    >>> component_of(PulsedJammer()).name
    'pulsed'
    """
    for kind in KEYS:
        key = KEYS[kind]
        name = vars(options).get(key)
        if isinstance(name, str) and any(c.name == name and isinstance(options, c.options) for c in registry.components(kind)):
            return registry.component(kind, name)
    raise LinksimError(f"{type(options).__name__} is no component's options")


def first_line(described: Any) -> str:
    """First line of the docstring of a class or a function, "" without a docstring."""
    return (described.__doc__ or "").strip().partition("\n")[0]


def words_of(annotation: Any) -> tuple[str, ...]:
    """The values of a Literal, as text.

    >>> words_of(Literal["lazy", "eager"])
    ('lazy', 'eager')
    """
    return tuple(map(str, get_args(annotation)))
