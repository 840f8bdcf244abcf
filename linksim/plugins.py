"""Components from outside the package: declared by `register`, found through entry points, plugin files and plugin modules.

A scenario file alone never makes linksim run code: components from outside come from the entry points of installed packages (group
`linksim.components`), from `--plugin FILE_OR_MODULE`, or from Python that calls `register`. A trace records the components that its run
used, with module, qualified name and SHA-256 digest, and a run from a trace refuses to start without them.
"""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar

from linksim.errors import LinksimError
from linksim.provenance import origin_of
from linksim.scenario import schema
from linksim.scenario.base import KEYS, Options, declare_outside

GROUP = "linksim.components"
PREFIX = "linksim_plugin_"  # of the module names of plugin files

F = TypeVar("F", bound=Callable[..., Any])


def register(
    kind: str, name: str, options: type[Options] | None = None, *, workload: Callable[..., Any] | str | None = None
) -> Callable[[F], F]:
    """Declare a component from outside the package: a decorator of its factory.

    kind      one of `linksim.registry.KINDS`: "scheme", "layer", "jammer", "eve", "source-attack", "policy", "fading", "snr", "metric", ...
    name      word that names it in a scenario
    options   class of its options, derived from `linksim.Options`, or None where it takes none; its method `cost` declares what it costs
    workload  for a kind of model that is run in batches: what `linksim tune` times (`linksim.nets.workloads`)

    docs/components.md gives the arguments and the result of the factory of each kind. Raises LinksimError for an unknown kind, for a name
    that is taken, and for a scheme with more negotiated parameters than a REPORT message carries.

    >>> @register("jammer", "silent-doc")
    ... def make(options, context):
    ...     return []
    >>> from linksim import registry
    >>> registry.component("jammer", "silent-doc").origin.name
    'make'
    >>> registry.remove("jammer", "silent-doc")
    """

    def declare(factory: F) -> F:
        declare_outside(kind, name, options, factory, origin_of(factory), workload)
        if kind in KEYS:
            schema.refresh()
        return factory

    return declare


def load_plugin(source: str) -> None:
    """Run a plugin, whose calls of `register` declare its components. Loading the same file or module again does nothing.

    source  path of a Python file (it ends in .py), or the dotted name of a module that Python can import

    Raises LinksimError where it cannot be found or raises an exception, with the exception that it raised.
    """
    try:
        if source.endswith(".py"):
            _run_file(Path(source).resolve())
        else:
            importlib.import_module(source)
    except LinksimError:
        raise
    except FileNotFoundError as fault:
        raise LinksimError(f"plugin {source}: no such file") from fault
    except Exception as fault:  # whatever the plugin's own code raises
        raise LinksimError(f"plugin {source}: {type(fault).__name__}: {fault}") from fault


def _run_file(path: Path) -> None:
    """Import a file under a name that is derived from its path, so that two plugins with the same file name do not collide."""
    name = f"{PREFIX}{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return
    if not path.is_file():
        raise FileNotFoundError(path)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def unload() -> None:
    """Forget which plugin files were loaded, so that loading one runs it again."""
    for name in [name for name in sys.modules if name.startswith(PREFIX)]:
        del sys.modules[name]


def load_entry_points() -> None:
    """Import the modules that installed packages name under the entry-point group `linksim.components`.

    Of a value "package.module:name" the part after the colon is ignored: importing the module declares its components. Raises LinksimError
    as `load_plugin` does.
    """
    for entry in entry_points(group=GROUP):
        load_plugin(entry.value.partition(":")[0])
