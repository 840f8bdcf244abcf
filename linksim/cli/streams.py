"""Guarded standard streams: a command finishes its work although its output cannot be written.

A run may outlive the terminal or the pipe that it prints to, and its rows are worth more than its progress line.
"""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO, cast


class GuardedStream:
    """A text stream whose `write` and `flush` do not raise: after the first failure all text is discarded.

    stream   the stream to guard, None for one that is closed
    failure  the first error, None if there was none

    Characters that the encoding of the stream lacks are replaced by question marks.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.failure: OSError | ValueError | None = None

    @property
    def encoding(self) -> str:
        """Encoding of the stream."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Return whether the stream is a terminal that can be written."""
        try:
            return self._stream is not None and self.failure is None and self._stream.isatty()
        except ValueError:
            return False

    def fileno(self) -> int:
        """Return the descriptor of the stream. Raises OSError if it has none."""
        if self._stream is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self._stream.fileno()

    @property
    def buffer(self) -> "_TextBytes":
        """Takes bytes of text, such as those of shell completion."""
        return _TextBytes(self)

    def write(self, text: str) -> int:
        """Write text; discard it after a failure. Returns its length. Raises TypeError for bytes, as every text stream does."""
        if not isinstance(text, str):
            raise TypeError(f"got {type(text).__name__}, allowed: str; `buffer` takes bytes")
        if self._stream is not None and self.failure is None:
            try:
                self._stream.write(text.encode(self.encoding, "replace").decode(self.encoding))
            except (OSError, ValueError) as error:
                self._give_up(error)
        return len(text)

    def flush(self) -> None:
        """Pass on what was written."""
        if self._stream is not None and self.failure is None:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self._give_up(error)

    def _give_up(self, error: OSError | ValueError) -> None:
        """Discard all further text, and what the stream still holds: Python would try to write it once more when it ends."""
        self.failure = error
        with suppress(OSError, ValueError):
            descriptor = self.fileno()
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, descriptor)
            os.close(null)

    @property
    def lost(self) -> str:
        """Reason why output was lost; "" if none was, or if the reader of a pipe wanted no more."""
        if self.failure is None or isinstance(self.failure, BrokenPipeError):
            return ""
        return getattr(self.failure, "strerror", None) or str(self.failure)


class _TextBytes:
    """The `buffer` of a guarded stream: UTF-8 text as bytes, whatever the encoding of the stream is."""

    def __init__(self, stream: GuardedStream) -> None:
        self._stream = stream

    def write(self, data: bytes) -> int:
        """Write text in UTF-8. Returns the number of bytes."""
        self._stream.write(bytes(data).decode("utf-8", "replace"))
        return len(data)

    def flush(self) -> None:
        """Pass on what was written."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Return whether the stream is a terminal that can be written."""
        return self._stream.isatty()


@contextmanager
def guarded_streams() -> Iterator[tuple[GuardedStream, GuardedStream]]:
    """Replace `sys.stdout` and `sys.stderr` by guarded streams during a block, and yield both."""
    open_standard_descriptors()
    before = sys.stdout, sys.stderr
    out, err = GuardedStream(sys.stdout), GuardedStream(sys.stderr)
    sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, err)
    try:
        yield out, err
    finally:
        sys.stdout, sys.stderr = before


def open_standard_descriptors() -> None:
    """Open the null device in the place of closed standard descriptors.

    Otherwise the next file that is opened, such as a trace, would get the descriptor to which libraries print their messages.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != descriptor:
                os.dup2(null, descriptor)
                os.close(null)
