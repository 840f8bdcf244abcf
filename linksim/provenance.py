"""Provenance of components from outside the package: what a trace records of them, and the check before a run from a trace."""

import hashlib
import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from linksim import registry
from linksim.errors import LinksimError
from linksim.registry import KINDS, Component, Origin
from linksim.scenario.base import Options, component_of
from linksim.scenario.schema import Scenario


def origin_of(thing: Any) -> Origin:
    """Source of a function, a class or an object from outside."""
    described = thing if inspect.isclass(thing) or inspect.isroutine(thing) else type(thing)
    try:
        file = inspect.getsourcefile(described)
    except TypeError:
        file = None
    digest = hashlib.sha256(Path(file).read_bytes()).hexdigest() if file and Path(file).is_file() else ""
    return Origin(described.__module__, described.__qualname__, digest)


def used_components(scenario: Scenario, policies: Mapping[str, object] = MappingProxyType({})) -> dict[str, str]:
    """Components from outside that a run uses, for its trace: "kind/name" to "module:qualified name sha256".

    policies  policies that were passed to the run, by group; each is recorded as "policy/GROUP"
    """
    found = {_key(c): _source(c) for options in _blocks(scenario) for c in (component_of(options),) if c.origin is not None}
    words = set(_words(scenario.model_dump()))
    found |= {_key(c): _source(c) for c in registry.components("codec") if c.origin is not None and c.name in words}
    found |= {f"policy/{group}": _origin_text(origin_of(policy)) for group, policy in policies.items()}
    return dict(sorted(found.items()))


def require_components(recorded: Mapping[str, str]) -> None:
    """Check that the components which a trace records are declared, from the same source. Raises LinksimError otherwise."""
    for key, source in recorded.items():
        kind, _, name = key.partition("/")
        known = next((c for c in registry.components(kind) if c.name == name), None) if kind in KINDS else None
        origin, _, digest = source.rpartition(" ")
        if known is None:
            raise LinksimError(f"this run used {kind} {name!r} from {origin}, which is not loaded; name its file or module with --plugin")
        if _source(known) != source:
            raise LinksimError(
                f"this run used {kind} {name!r} from {origin} with sha256 {digest[:12]}..., the loaded one is {_source(known)[:100]}..."
            )


def _key(component: Component) -> str:
    return f"{component.kind}/{component.name}"


def _source(component: Component) -> str:
    assert component.origin is not None
    return _origin_text(component.origin)


def _origin_text(origin: Origin) -> str:
    """A plugin file is recorded without its path, which differs between machines."""
    module = "a file" if origin.module.startswith("linksim_plugin_") else origin.module
    return f"{module}:{origin.name} {origin.sha256}"


def _blocks(scenario: Scenario) -> Iterable[Options]:
    """Options of all components of a scenario."""
    for link in scenario.groups.values():
        paths = (link.channel.bob, link.channel.eve)
        yield from (*link.scheme, link.jammer, link.eve, link.alice.source_attack, link.bob.policy)
        yield from (block for path in paths for block in (path.snr, path.fading))


def _words(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _words(item)
    elif isinstance(value, str):
        yield value
