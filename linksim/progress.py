"""The progress bar of a run: a listener that counts records and prints the state of the run."""

import time
from collections.abc import Callable

from linksim.records import FrameSent, ImageScore, Record

EVERY_S = 0.25


class ProgressBar:
    """A progress bar that is redrawn at most four times a second.

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
        """Return the line: simulated time, frames, and scored images per second of wall-clock time."""
        fraction = self._sent / self._frames
        bar = ("#" * round(24 * fraction)).ljust(24, ".")
        rate = self._images / max(time.monotonic() - self._started, 1e-9)
        return f"[{bar}] {fraction:4.0%}  {self._now_ns / 1e9:.3f} s simulated  {self._sent}/{self._frames} frames  {rate:,.0f} images/s"
