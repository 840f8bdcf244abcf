"""File locations: the models and scenarios that are shipped with the package, and the user's cache folder.

Environment variables that move them:

    LINKSIM_MODELS  folders of trained models that are searched before the shipped one, separated as in PATH
    LINKSIM_CACHE   folder of downloads
    LINKSIM_DATA    folder of the user's own copies of datasets (`linksim.data.formats`)
"""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def shipped_models() -> Path:
    """Return the folder of the trained models that are shipped with linksim."""
    return _shipped("models")


def shipped_scenarios() -> Path:
    """Return the folder of the scenarios that are shipped with linksim."""
    return _shipped("scenarios")


def model_folders() -> tuple[Path, ...]:
    """Return the folders that are searched for trained models: those of $LINKSIM_MODELS in their order, then the shipped one.

    The first folder that holds a model is used, and the first folder of all is where training writes to. Folders may not exist.

    >>> model_folders()[-1] == shipped_models()
    True
    """
    own = [Path(folder).expanduser() for folder in os.environ.get("LINKSIM_MODELS", "").split(os.pathsep) if folder]
    return (*own, shipped_models())


def _shipped(kind: str) -> Path:
    """Return a shipped folder: inside the package if it was installed from a wheel, beside the package in a checkout."""
    installed = PACKAGE / "shipped" / kind
    return installed if installed.is_dir() else PACKAGE.parent / kind


def cache() -> Path:
    """Return the user's cache folder: $LINKSIM_CACHE, else `linksim` in $XDG_CACHE_HOME, else ~/.cache/linksim. It may not exist yet."""
    own = os.environ.get("LINKSIM_CACHE")
    if own:
        return Path(own).expanduser()
    xdg = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG specification requires that a relative path is ignored.
    return (xdg if xdg.is_absolute() else Path(os.path.expanduser("~")) / ".cache") / "linksim"
