"""Components: everything a scenario, a task list or the command line can name, declared once.

A component is declared by its kind, its name, the class of its options and the import path of the factory that builds it. The path is
imported when the component is first built, so that a scenario is checked without torch. The schema of scenario files, the tables in the
documentation, the estimate of a run, `linksim components` and the error messages are generated from here.

>>> component("jammer", "pulsed").factory
'linksim.jammers.factory:make_clocked'
"""

import difflib
import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from linksim.errors import LinksimError

KINDS = {
    "scheme": "base scheme at the end of a stack: images to symbols and back",
    "layer": "layer around a scheme, in symbol space",
    "jammer": "jammer of a link",
    "eve": "attack of the eavesdropper",
    "source-attack": "attack on Alice's images before she sends them",
    "policy": "policy that chooses the negotiated parameters",
    "fading": "fading of a radio path",
    "snr": "mean SNR of a radio path over time",
    "metric": "score of a reconstruction, beside PSNR and SSIM",
    "model": "kind of trained model",
    "codec": "codec built in Python, a torch module with encode and decode, in place of a trained one",
    "training-task": "recipe of a trained model",
    "figure": "figure of a trace",
    "paper": "publication whose results are reproduced",
}

DECLARED_IN = {  # module that declares the components of the package, by kind; it is imported when they are first looked up
    "scheme": "linksim.scenario.schemes",
    "layer": "linksim.scenario.layers",
    "jammer": "linksim.scenario.jammers",
    "eve": "linksim.scenario.attacks",
    "source-attack": "linksim.scenario.source_attacks",
    "policy": "linksim.scenario.policies",
    "fading": "linksim.scenario.fading",
    "snr": "linksim.scenario.snr",
    "metric": "linksim.scenario.metrics",
    "model": "linksim.nets.weights",
    "training-task": "linksim.training.tasks",
    "figure": "linksim.plots.captions",
    "paper": "linksim.papers",
}


@dataclass(frozen=True)
class Origin:
    """Source of a component from outside the package.

    module    name of the module, or path of the file, that declared it
    name      qualified name of the factory
    sha256    digest of the file, or "" where the module has none
    """

    module: str
    name: str
    sha256: str


@dataclass(frozen=True)
class Component:
    """One declared component. What it costs is declared with its options (`linksim.cost`).

    kind      one of `KINDS`
    name      word that names it, unique within its kind
    options   class of its options, or None where it takes none
    factory   callable, or its import path "package.module:name"; "" where nothing is built, as for `none`
    help      one line
    origin    source, None for a component of the package
    workload  of a kind of model that is run in batches: function, or its import path, that gives what `linksim tune` times
              (`linksim.nets.workloads`); None for all others
    """

    kind: str
    name: str
    options: Any
    factory: str | Callable[..., Any]
    help: str
    origin: Origin | None = None
    workload: str | Callable[..., Any] | None = None

    def load(self) -> Callable[..., Any]:
        """The factory, imported if necessary. docs/components.md gives its arguments and its result for each kind."""
        return _imported(self.factory)

    def load_workload(self) -> Callable[..., Any] | None:
        """The workload of a kind of model, imported if necessary; None if it is not run in batches."""
        return None if self.workload is None else _imported(self.workload)


def _imported(function: str | Callable[..., Any]) -> Callable[..., Any]:
    """The function behind an import path "package.module:name"; functions are returned as they are."""
    if not isinstance(function, str):
        return function
    module, _, name = function.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


_components: dict[str, dict[str, Component]] = {kind: {} for kind in KINDS}


def add(component: Component) -> Component:
    """Keep a declared component.

    A component from outside may be declared again by the same source (equal `origin`), as when a notebook cell runs twice; the last
    declaration counts.

    Raises LinksimError for an unknown kind and for a name that another component of the kind has.
    """
    if component.kind not in KINDS:
        raise LinksimError(f"no kind of component {component.kind!r}; {suggest(component.kind, KINDS)}")
    if component.origin is not None:
        _declare(component.kind)  # so that a name of the package is never taken
    known = _components[component.kind].get(component.name)
    if known is not None and (known.origin is None or known.origin != component.origin):
        raise LinksimError(f"{component.kind} {component.name!r} is declared twice")
    _components[component.kind][component.name] = component
    return component


def remove(kind: str, name: str) -> None:
    """Forget a component from outside, as tests do after they added one. Does nothing if there is no such component."""
    _components[kind].pop(name, None)


def component(kind: str, name: str) -> Component:
    """The component of that kind and name. Raises LinksimError, with the nearest name, for one that is not declared.

    >>> component("fading", "rayleigh").help.partition(":")[0]
    'Rayleigh block fading'
    >>> component("fading", "raileigh")
    Traceback (most recent call last):
        ...
    linksim.errors.LinksimError: no fading 'raileigh'; did you mean 'rayleigh'?
    """
    _declare(kind)
    if name not in _components[kind]:
        raise LinksimError(f"no {kind} {name!r}; {suggest(name, _components[kind])}")
    return _components[kind][name]


def components(kind: str) -> tuple[Component, ...]:
    """All components of a kind, in the order of their declaration. Raises LinksimError for an unknown kind."""
    if kind not in KINDS:
        raise LinksimError(f"no kind of component {kind!r}; {suggest(kind, KINDS)}")
    _declare(kind)
    return tuple(_components[kind].values())


def outside() -> tuple[Component, ...]:
    """All components from outside the package that were declared so far, sorted by kind and name."""
    every = (c for kind in sorted(_components) for _, c in sorted(_components[kind].items()))
    return tuple(c for c in every if c.origin is not None)


def _declare(kind: str) -> None:
    """Import the module that declares the package's components of a kind."""
    if kind in DECLARED_IN:
        importlib.import_module(DECLARED_IN[kind])


def suggest(wrong: str, allowed: Iterable[str]) -> str:
    """ "did you mean 'x'?" where one name is near, else the list of allowed names. It ends the message about an unknown name.

    >>> suggest("pulsd", ["pulsed", "sweep"])
    "did you mean 'pulsed'?"
    >>> suggest("laser", ["pulsed", "sweep"])
    'allowed: pulsed, sweep'
    """
    names = sorted(allowed)
    near = difflib.get_close_matches(wrong, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"allowed: {', '.join(names) or 'nothing'}"
