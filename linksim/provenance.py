"""Provenance of components from outside the package: what a trace records of them, and the check before a run from a trace.

A trace claims that it repeats its run. That holds for components of the package, whose version it records, but not for a plugin, which may
have changed. So it records where each outside component came from, with the SHA-256 digest of the file, and `linksim run --from` refuses to
start unless the same file is loaded. One component is recorded as a pair of texts:

    "jammer/duty-cycle"    kind and name, as a scenario names it
    "a file:make 4f1c..."  module (or "a file" for a plugin file), qualified name of the factory, digest as 64 hexadecimal digits

A policy object that was passed to `linksim.run` replaces the policy that the scenario names. It is recorded as "policy-object/GROUP" with
its class. Its arguments are not known, so the run can only be repeated from Python.
"""

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

POLICY_OBJECT = "policy-object"  # kind of a policy that was passed to a run; not one of `KINDS`, so it is never taken for a declared one


def origin_of(thing: Any) -> Origin:
    """Return the source of a function, a class or an object from outside; of an object, the source of its class.

    The digest is that of the whole file, so that a change of a function which the component calls is noticed too. It is "" where there is
    no file, as for a class that was typed into an interpreter.

    >>> origin_of(Origin).module, origin_of(Origin).name, len(origin_of(Origin).sha256)
    ('linksim.registry', 'Origin', 64)
    """
    described = thing if inspect.isclass(thing) or inspect.isroutine(thing) else type(thing)
    try:
        file = inspect.getsourcefile(described)
    except TypeError:
        file = None
    digest = hashlib.sha256(Path(file).read_bytes()).hexdigest() if file and Path(file).is_file() else ""
    return Origin(described.__module__, described.__qualname__, digest)


def used_components(
    scenario: Scenario, policies: Mapping[str, object] = MappingProxyType({}), model_kinds: Iterable[str] = ()
) -> dict[str, str]:
    """Return the components from outside that a run uses, for its trace: "kind/name" to "module:qualified name sha256", sorted.

    scenario     its blocks name metrics, schemes, layers, jammers, attacks, policies, fadings and SNR processes. A codec is recorded if any
                 text of the scenario is its name: a codec is named by an option of a scheme, and outside schemes call that option as they
                 like
    policies     policies that were passed to the run, by group
    model_kinds  kinds of the trained models that the run loaded

    >>> from linksim.scenario.load import load_scenario
    >>> used_components(load_scenario("quickstart"))
    {}
    """
    found = {_key(c): _source(c) for options in _blocks(scenario) for c in (component_of(options),) if c.origin is not None}
    words = set(_words(scenario.model_dump()))
    found |= {_key(c): _source(c) for c in registry.components("codec") if c.origin is not None and c.name in words}
    kinds = set(model_kinds)
    found |= {_key(c): _source(c) for c in registry.components("model") if c.origin is not None and c.name in kinds}
    found |= {f"{POLICY_OBJECT}/{group}": _origin_text(origin_of(policy)) for group, policy in policies.items()}
    return dict(sorted(found.items()))


def require_components(recorded: Mapping[str, str]) -> None:
    """Check that the components which a trace records are declared, from the same source.

    recorded  as `used_components` returned it

    Raises LinksimError for the first that is not declared, with the option that loads it, or that comes from other code, and for a policy
    object that was passed to `linksim.run`.

    >>> require_components({})
    """
    for key, source in recorded.items():
        kind, _, name = key.partition("/")
        origin, _, digest = source.rpartition(" ")
        if kind == POLICY_OBJECT:
            raise LinksimError(
                f"this run used a policy object for group {name!r}, {origin}, in place of the scenario's policy; "
                "repeat it in Python with linksim.run(..., policies=...)"
            )
        known = next((c for c in registry.components(kind) if c.name == name), None) if kind in KINDS else None
        if known is None or known.origin is None:
            raise LinksimError(f"this run used {kind} {name!r} from {origin}, which is not loaded; name its file or module with --plugin")
        if not digest:
            raise LinksimError(f"this run used {kind} {name!r} from {origin}, whose file is not known, so no other can be compared")
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
    """Yield the options of all components of a scenario."""
    yield from scenario.metrics
    for link in scenario.groups.values():
        paths = (link.channel.bob, link.channel.eve)
        yield from (*link.scheme, link.jammer, link.eve, link.alice.source_attack, link.bob.policy)
        yield from (block for path in paths for block in (path.snr, path.fading))


def _words(value: Any) -> Iterable[str]:
    """Yield all texts of a tree of dicts and lists, without the keys."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _words(item)
    elif isinstance(value, str):
        yield value
