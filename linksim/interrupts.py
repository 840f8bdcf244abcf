"""Interruption by Ctrl-C (SIGINT), SIGTERM or the end of the terminal (SIGHUP): deferral over a block that must not be cut in two."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_depth = 0  # number of blocks of `deferred` that the main thread is in


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP was received. The command line raises it, so that a termination takes the same way out as Ctrl-C.

    number  number of the signal
    """

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__(number)  # SimPy makes exceptions again from their arguments
        self.number = number


def deferring() -> bool:
    """Return whether the main thread is in a block of `deferred`."""
    return _depth > 0


@contextmanager
def deferred(second_ends: bool = False) -> Iterator[Callable[[], bool]]:
    """Hold back SIGINT, SIGTERM and SIGHUP until the block ends, and deliver the first of them then, to the handler that was set before.

    Yields a function that returns whether a signal is waiting, so that a loop can end early at a place of its choice. Ignored signals
    remain ignored. In other threads than the main one, which never handle signals, the block runs as it is.

    second_ends  a second signal ends the block at once
    """
    global _depth
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    waiting: list[int] = []
    handlers = {number: handler for number in SIGNALS if (handler := signal.getsignal(number)) not in (signal.SIG_IGN, None)}

    def restore() -> None:
        for number, handler in handlers.items():
            signal.signal(number, handler)

    def hold(number: int, frame: FrameType | None) -> None:
        waiting.append(number)
        if second_ends and len(waiting) > 1:
            waiting.clear()
            restore()
            signal.raise_signal(number)

    _depth += 1
    try:
        for number in handlers:
            signal.signal(number, hold)
        yield lambda: bool(waiting)
    finally:
        _depth -= 1
        restore()
        if waiting:
            signal.raise_signal(waiting[0])
