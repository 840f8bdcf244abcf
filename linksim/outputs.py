"""The files that linksim derives from traces and runs. Each carries a mark, so that no file of the user with the same name is replaced.

NAME.png, NAME.svg, NAME.pdf   figure of a trace       mark in the metadata of the image
NAME.html                      report of a trace       <meta name="generator">
NAME.json                      profile of a run        key "source"
"""

from pathlib import Path

from linksim.errors import LinksimError

FIGURE = "linksim figure of a trace"
REPORT = "linksim report of a trace"
PROFILE = "linksim profile of a run"
MARKS = {".png": FIGURE, ".svg": FIGURE, ".pdf": FIGURE, ".html": REPORT, ".json": PROFILE}  # by suffix of the file name


def is_output(path: Path, mark: str) -> bool:
    """Return whether a file carries a mark. Symbolic links and files that cannot be read do not count."""
    try:
        return not path.is_symlink() and path.is_file() and mark.encode() in path.read_bytes()
    except OSError:
        return False


def require_replaceable(path: Path, mark: str) -> None:
    """Raise LinksimError if `path` exists and is not an earlier output with this mark, or is a symbolic link."""
    if (path.exists() or path.is_symlink()) and not is_output(path, mark):
        raise LinksimError(f"{path} exists and is not a {mark}; it is not replaced. Choose another name or folder with --out")


def former_outputs(folder: Path) -> list[Path]:
    """Return the figures, reports and profiles in a folder that linksim wrote, sorted by name. The folder may be missing."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix in MARKS and is_output(path, MARKS[path.suffix]))
