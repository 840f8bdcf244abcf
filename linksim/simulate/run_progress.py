"""The progress of a run: a listener that counts records and displays the state of the run.

It receives the same records as the trace writer and changes nothing in the run. A frame is counted when Bob has processed its first
transmission or Alice has suppressed it, an image when it is scored; with lazy evaluation images are scored in batches, and therefore later.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from linksim.progress import progress_line, rate, times
from linksim.records import BlockListener, FrameSent, ImageScore, Record

EVERY_S = 0.25  # shortest wall-clock time between two displays


class RunCounts(BlockListener):
    """A listener that counts.

    frames  data frames that Bob has processed or Alice has suppressed
    images  scored images
    now_ns  simulated time in ns, of the latest frame
    """

    def __init__(self) -> None:
        self.frames = self.images = self.now_ns = 0

    def __call__(self, record: Record) -> None:
        if type(record) is FrameSent:
            self.frames += record.attempt == 0
            self.now_ns = max(self.now_ns, record.time_ns)
        elif type(record) is ImageScore:
            self.images += 1

    def block(self, record: type[Record], columns: Mapping[str, Sequence[Any]]) -> None:
        """Count the scores of a batch; frames are single records."""
        if record is ImageScore:
            self.images += len(columns["image"])


class RunProgress(BlockListener):
    """A listener that displays a line at most four times a second. `linksim run` adds it to a run.

    frames  number of data frames of the run, over all links
    write   function that displays a line, for example by overwriting the previous one

    >>> RunProgress(frames=40, write=print).line()
    '[........................]   0%  0/40 frames  0.000 s simulated  0 s so far'
    """

    def __init__(self, frames: int, write: Callable[[str], None]) -> None:
        self._frames, self._write = frames, write
        self._started = self._drawn = time.monotonic()
        self._counts = RunCounts()

    def __call__(self, record: Record) -> None:
        self._counts(record)
        self._draw()

    def block(self, record: type[Record], columns: Mapping[str, Sequence[Any]]) -> None:
        """Count the scores of a batch."""
        self._counts.block(record, columns)
        self._draw()

    def update(self, frames: int, images: int, now_ns: int) -> None:
        """Set the numbers of sent frames and scored images and the simulated time in ns, which processes have counted."""
        self._counts.frames, self._counts.images, self._counts.now_ns = frames, images, now_ns
        self._draw()

    def _draw(self) -> None:
        """Display the line, if it is due."""
        now = time.monotonic()
        if now - self._drawn >= EVERY_S:
            self._drawn = now
            self._write(self.line())

    def line(self) -> str:
        """Return the line: frames, simulated time in s, scored images per second of wall-clock time, elapsed and remaining time."""
        elapsed_s = time.monotonic() - self._started
        clock = times(elapsed_s, self._counts.frames, self._frames)
        details = f"{self._counts.now_ns / 1e9:.3f} s simulated", rate(self._counts.images, elapsed_s, "images"), clock
        return progress_line(self._counts.frames, self._frames, "frames", details=details)
