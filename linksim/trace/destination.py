"""The place of a new trace: it is built in a private folder, and takes its name at once or, if it replaces a trace, when it is complete."""

import os
from contextlib import ExitStack
from pathlib import Path

from linksim import files
from linksim.errors import TraceError
from linksim.trace import guard, layout
from linksim.trace.lock import is_at, locked


class Destination:
    """The place of a new trace and the locks that protect it.

    path      path under which the trace is published
    current   path of the file now: in a private folder until `publish`, `path` from then on
    replaces  whether `path` is an existing trace, whose lock is held until `close`

    Raises TraceError if `path` exists and `overwrite` is False, if it is not a trace, or if another process writes or replaces it; OSError
    if the private folder cannot be created. Missing parent folders are created.
    """

    def __init__(self, path: Path, overwrite: bool) -> None:
        self.path = path
        self.replaces = os.path.lexists(path)
        self._descriptor: int | None = None
        with ExitStack() as held:
            if self.replaces:
                if not overwrite:
                    raise TraceError(f"{path} exists; choose another name, or use --overwrite to replace it")
                require_trace(path)
                held.enter_context(locked(path))
            path.parent.mkdir(parents=True, exist_ok=True)
            self.current = files.stage(path)
            self._held = held.pop_all()

    def lock(self) -> None:
        """Lock the new file until `close`. Raises TraceError, OSError."""
        self._descriptor = self._held.enter_context(locked(self.current))

    def require_own(self) -> None:
        """Raise TraceError unless the locked file is still at its place."""
        if self._descriptor is not None and not is_at(self._descriptor, self.current):
            raise TraceError(f"{self.current} was removed, moved or replaced while it was being written; this trace is no longer there")

    def publish(self) -> None:
        """Move the file to `path`. Raises FileExistsError if a file was created there in the meantime, OSError if it cannot be moved."""
        if not self.replaces and os.path.lexists(self.path):
            raise FileExistsError("a file of this name has been created in the meantime")
        self.require_own()
        files.publish(self.current, self.path)
        self.current = self.path

    def discard(self) -> None:
        """Remove the private folder with what was built in it, and release the locks."""
        if self.current != self.path:
            files.discard(self.current)
        self.close()

    def close(self) -> None:
        """Release the locks. A file that was not published remains where it is."""
        self._held.close()


def require_trace(path: Path) -> None:
    """Raise TraceError unless a file is a trace of linksim, of any version, and not a symbolic link."""
    if path.is_symlink():
        raise TraceError(f"{path} is a symbolic link; only a trace itself is replaced")
    try:
        with guard.open_read_only(path) as file:
            own = "format" in file.attrs and guard.text_attribute(file, "format") == layout.FORMAT
    except TraceError as error:
        raise TraceError(f"{path} is not replaced, because only traces are: {error}") from error
    if not own:
        raise TraceError(f"{path} is not replaced, because only traces are: it is an HDF5 file, but not a trace of linksim")
