"""The progress of a run: a listener that counts records and displays the state of the run."""

import time
from collections.abc import Callable

from linksim.progress import progress_line, rate
from linksim.records import FrameSent, ImageScore, Record

EVERY_S = 0.25


class RunProgress:
    """A listener that displays a line at most four times a second.

    frames  number of data frames of the run
    write   function that displays a line
    """

    def __init__(self, frames: int, write: Callable[[str], None]) -> None:
        self._frames, self._write = frames, write
        self._started = self._drawn = time.monotonic()
        self._sent = self._images = self._now_ns = 0

    def __call__(self, record: Record) -> None:
        if type(record) is FrameSent:
            self._sent += 1
            self._now_ns = max(self._now_ns, record.time_ns)
        elif type(record) is ImageScore:
            self._images += 1
        now = time.monotonic()
        if now - self._drawn >= EVERY_S:
            self._drawn = now
            self._write(self.line())

    def line(self) -> str:
        """Return the line: frames, simulated time, and scored images per second of wall-clock time."""
        details = f"{self._now_ns / 1e9:.3f} s simulated", rate(self._images, time.monotonic() - self._started, "images")
        return progress_line(self._sent, self._frames, "frames", details=details)
