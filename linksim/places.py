"""Where things lie: the models and scenarios that come with the package, and the user's cache."""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def shipped_models() -> Path:
    """Folder of the trained models that come with linksim."""
    return _shipped("models")


def shipped_scenarios() -> Path:
    """Folder of the scenarios that come with linksim."""
    return _shipped("scenarios")


def _shipped(kind: str) -> Path:
    """Inside the package where it was installed from a wheel, beside the package in a checkout."""
    installed = PACKAGE / "shipped" / kind
    return installed if installed.is_dir() else PACKAGE.parent / kind


def cache() -> Path:
    """The user's cache folder: $LINKSIM_CACHE, else `linksim` in $XDG_CACHE_HOME, else ~/.cache/linksim. It need not exist yet."""
    own = os.environ.get("LINKSIM_CACHE")
    if own:
        return Path(own).expanduser()
    xdg = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG rules tell to ignore a relative path.
    return (xdg if xdg.is_absolute() else Path(os.path.expanduser("~")) / ".cache") / "linksim"
