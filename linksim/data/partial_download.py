"""The bytes of a download so far, in a private folder beside the file that they become.

    NAME.XXXXXXXX.part/NAME        bytes so far
    NAME.XXXXXXXX.part/validator   the ETag of the server, or the modification date: it tells whether the file has changed since

The folder has an unpredictable name, and only its owner may enter it, so that no other user can place a file or a symbolic link in it. A
later attempt continues the longest of the user's own folders. A process locks the folder that it continues; another one begins its own.
"""

import fcntl
import glob
import http.client
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from linksim import files


class PartialDownload:
    """An incomplete file, with the validator that lets the server detect whether the file has changed.

    path  the bytes so far; the file may be missing
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._validator = path.with_name("validator")

    @property
    def size(self) -> int:
        """Number of bytes so far."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def discard(self) -> None:
        """Remove the bytes and the validator."""
        self.path.unlink(missing_ok=True)
        self._validator.unlink(missing_ok=True)

    def publish(self, target: Path) -> None:
        """Move the file to `target`, which is replaced."""
        os.replace(self.path, target)
        self.discard()

    def store_validator(self, headers: http.client.HTTPMessage) -> None:
        """Store the strong ETag of a response, or the modification date if there is none."""
        tag = headers.get("ETag", "")
        self._validator.write_text(tag if tag.startswith('"') else headers.get("Last-Modified", ""))

    def headers(self) -> dict[str, str]:
        """Return the request headers for the remaining bytes, or for the whole file if it has changed on the server."""
        if not self.size:
            return {}
        validator = self._validator.read_text() if self._validator.is_file() else ""
        return {"Range": f"bytes={self.size}-"} | ({"If-Range": validator} if validator else {})


@contextmanager
def partial_download(target: Path) -> Iterator[PartialDownload]:
    """Yield the longest earlier download of a file that no other process continues, or a new one. Raises OSError.

    It is kept for the next attempt if it holds any bytes at the end of the block.
    """
    with ExitStack() as held:
        earlier = sorted(map(PartialDownload, _own_downloads(target)), key=lambda partial: partial.size, reverse=True)
        partial = next((partial for partial in earlier if _lock(partial.path.parent, held)), None)
        if partial is None:
            partial = PartialDownload(files.stage(target))
            _lock(partial.path.parent, held)
        try:
            yield partial
        finally:
            if not partial.size:
                partial.discard()
                with suppress(OSError):
                    partial.path.parent.rmdir()


def _own_downloads(target: Path) -> Iterator[Path]:
    """Yield the paths of earlier downloads of a file: those in private folders of the user, not behind symbolic links."""
    for folder in target.parent.glob(f"{glob.escape(target.name)}.*.part"):
        with suppress(OSError):
            found = folder.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077:
                yield folder / target.name


def _lock(folder: Path, held: ExitStack) -> bool:
    """Lock a folder until `held` is closed. Returns False if another process holds the lock or has removed the folder."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    held.callback(os.close, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), folder.stat())
    except (BlockingIOError, FileNotFoundError):
        return False
