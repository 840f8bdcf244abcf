"""Atomic replacement of files, and bounded reading of those that a user names.

A reader, and an interruption at any time, leave either the old file or the complete new one.
"""

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def stage(path: Path) -> Path:
    """Create a private folder beside `path` and return the path of the same file name in it, at which the new file is built.

    The folder is created exclusively, has an unpredictable name that ends in `.part`, and only its owner may enter it. So no other program
    can place a file or a symbolic link where the new file is built. The file itself gets the usual permissions. Raises OSError.
    """
    return Path(tempfile.mkdtemp(prefix=f"{path.name[:100]}.", suffix=".part", dir=path.parent)) / path.name


def publish(staged: Path, path: Path) -> None:
    """Move a file that was built at `staged` to `path`, which is replaced, and remove the private folder. Raises OSError.

    If `path` is a symbolic link, the link is replaced and its target stays as it is.
    """
    os.replace(staged, path)
    discard(staged)


def discard(staged: Path) -> None:
    """Remove the private folder of `stage` with everything in it."""
    shutil.rmtree(staged.parent, ignore_errors=True)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a path in a private folder beside `path` (see `stage`), and move the file written there to `path` when the block ends.

    The content is on the disk before it is moved (fsync). If the block raises, `path` stays as it is and the private folder is removed. The
    parent folder must exist. Processes that write the same file do not disturb each other: the last one to finish wins. An OSError names
    `path`, not the path at which the file was built.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with atomic_write(Path(folder) / "table.csv") as temporary:
    ...         _ = temporary.write_text("a,b")
    ...     [path.name for path in Path(folder).iterdir()]
    ['table.csv']
    """
    staged: Path | None = None
    try:
        staged = stage(path)
        yield staged
        with staged.open("rb+") as file:
            os.fsync(file.fileno())
        publish(staged, path)
    except OSError as error:
        if staged is None or Path(error.filename or "").is_relative_to(staged.parent):
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        if staged is not None:
            discard(staged)


KERNEL_FILES = ("/proc", "/sys")  # file systems whose files are views of the kernel and of other processes


def read_input(path: Path | str, limit: int) -> bytes:
    """Return the content of a file, or its first `limit` + 1 bytes if it is longer than `limit` bytes.

    Raises OSError if the file cannot be read or is no ordinary file: a FIFO or a device may block for ever, and a file of /proc or /sys
    shows what belongs into no message. Raises ValueError for a path with a null character.

    >>> read_input("/dev/zero", 10)
    Traceback (most recent call last):
        ...
    OSError: [Errno 22] not an ordinary file: '/dev/zero'
    """
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    kernel = (os.stat(folder).st_dev for folder in KERNEL_FILES if os.path.ismount(folder))
    if not stat.S_ISREG(status.st_mode) or status.st_dev in kernel:
        raise OSError(errno.EINVAL, "not an ordinary file", str(path))
    with open(path, "rb") as file:
        return file.read(limit + 1)
