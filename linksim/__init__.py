"""linksim: discrete-event simulation of secured semantic radio links.

>>> import linksim
>>> scenario = linksim.load_scenario("quickstart", {"frames": 5, "channel.bob.snr.mean_db": 3})
>>> scenario.frames
5

The names below are imported when they are first used, so that `import linksim` is fast and needs no torch.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from linksim.api import Run, load_scenario, open_trace, run, sweep, train
    from linksim.plugins import register
    from linksim.scenario.base import Options
    from linksim.scenario.schema import LinkOptions, Scenario

__all__ = ["LinkOptions", "Options", "Run", "Scenario", "__version__", "load_scenario", "open_trace", "register", "run", "sweep", "train"]

__version__ = "0.1.0"

_FROM = {
    **dict.fromkeys(("Run", "load_scenario", "open_trace", "run", "sweep", "train"), "linksim.api"),
    "register": "linksim.plugins",
    "Options": "linksim.scenario.base",
    **dict.fromkeys(("LinkOptions", "Scenario"), "linksim.scenario.schema"),
}


def __getattr__(name: str) -> Any:
    if name not in _FROM:
        raise AttributeError(f"module 'linksim' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_FROM[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
