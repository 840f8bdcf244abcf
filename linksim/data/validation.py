"""Validation of data files: every decoding error becomes one DataError that names the file."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from linksim.errors import DataError


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Context manager that converts any exception raised while its body decodes `path` to a DataError.

    >>> with reading(Path("labels.npz")):
    ...     np_error = {}["y"]
    Traceback (most recent call last):
        ...
    linksim.errors.DataError: labels.npz cannot be read: 'y'. It is damaged or of another format
    """
    try:
        yield
    except DataError:
        raise
    except Exception as fault:  # zip, gzip, tar, numpy and Pillow raise almost any exception on damaged bytes; the cause is kept
        raise DataError(f"{path} cannot be read: {fault or type(fault).__name__}. It is damaged or of another format") from fault


def validate(condition: bool, path: Path, message: str) -> None:
    """Raise DataError with the text "`path` `message`" unless the condition holds.

    message  the predicate of a sentence about the file, such as "has no rows"
    """
    if not condition:
        raise DataError(f"{path} {message}")


def md5_of(path: Path) -> str:
    """Return the MD5 checksum of a file, 32 hexadecimal digits, as servers publish it. It detects damage, not forgery.

    The file is read in blocks, so its size does not matter.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
