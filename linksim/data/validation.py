"""Files that are not what they should be: one clear message instead of whatever a decoder trips over."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from linksim.errors import DataError


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Whatever goes wrong while the body decodes `path` becomes a DataError that names it."""
    try:
        yield
    except DataError:
        raise
    except Exception as fault:  # zip, gzip, tar, numpy and Pillow raise almost any class on damaged bytes; the cause is kept
        raise DataError(f"{path} cannot be read: {fault or type(fault).__name__}. It is damaged or of another format") from fault


def validate(fits: bool, path: Path, message: str) -> None:
    """Raises DataError, "`path` `message`", unless the file fits."""
    if not fits:
        raise DataError(f"{path} {message}")


def md5_of(path: Path) -> str:
    """The checksum that the public origins give: it tells a damaged file, not a forged one."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
