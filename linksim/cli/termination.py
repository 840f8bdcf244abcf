"""How a command ends by Ctrl-C (SIGINT), SIGTERM or SIGHUP: within two seconds, with exit status 130, 143 or 129, and with a word on what
is kept.

SIGHUP is the end of the terminal; `nohup` makes a command ignore it. The signals raise an exception in the main thread. Python cannot pass
on an exception from a callback of a weak reference, a `__del__` or a callback of a library in C: it prints and drops the exception. A hook
(`sys.unraisablehook`) prints nothing in this case, and the exception is raised once more a moment later.

A computation that does not return to Python in time cannot be interrupted in this way, so a second thread ends the process then. Traces and
checkpoints are safe even so: they are readable at any time.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from linksim.interrupts import SIGNALS, Terminated, deferring

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

INTERRUPTED = tuple(128 + number for number in SIGNALS)  # exit statuses
GRACE_S = 1.5  # time from the signal, or from the end of a deferral, until the process is ended
POLL_S = 0.05  # time until an exception that Python has dropped is raised once more


def exit_status(error: KeyboardInterrupt) -> int:
    """Return 128 plus the number of the signal: 143 for SIGTERM, 129 for SIGHUP, 130 for Ctrl-C."""
    return 128 + (error.number if isinstance(error, Terminated) else signal.SIGINT)


def message(error: BaseException) -> str:
    """Return the text of an error with its notes, and of an interruption by its cause."""
    if isinstance(error, KeyboardInterrupt):
        cause = f"terminated by {signal.Signals(error.number).name}" if isinstance(error, Terminated) else "interrupted by Ctrl-C"
    else:
        cause = str(error)
    return "\n".join([cause, *getattr(error, "__notes__", ())])


@contextmanager
def keeping(describe: Callable[[], str], errors: tuple[type[BaseException], ...] = (KeyboardInterrupt,)) -> Iterator[None]:
    """Add a note on what is kept, and how to go on, to an interruption of the block, or to other exceptions.

    describe  returns the note, "" for none; called after the exception
    errors    types of the exceptions
    """
    try:
        yield
    except errors as error:
        if note := describe():
            error.add_note(note)
        raise


def leave(status: int) -> NoReturn:
    """End the process at once. Python would first dismantle its modules, which takes seconds on a busy machine once torch is loaded."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


class _Delivery:
    """Raises the exception of the first signal in the main thread, and once more whenever Python drops it.

    resend  whether the guard is to send the signal again

    Its hook is in force from the start until `finish` is called.
    """

    def __init__(self) -> None:
        self.resend = False
        self._number: int | None = None  # of the first signal
        self._due = True  # whether the next signal raises the exception
        self._hook = sys.unraisablehook
        sys.unraisablehook = self._report_unraisable

    def finish(self) -> None:
        """Raise no exception from now on, and put the former hook back in place."""
        self._due = False
        sys.unraisablehook = self._hook

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if not self._due:
            return
        self._number = self._number or number
        while frame is not None:
            if frame.f_code is _Delivery._report_unraisable.__code__:  # Python would print what the hook raises, and drop it
                self.resend = True
                return
            frame = frame.f_back
        self._due = False
        raise KeyboardInterrupt if self._number == signal.SIGINT else Terminated(self._number)

    def _report_unraisable(self, found: "UnraisableHookArgs") -> None:
        """Print an exception that Python drops, unless it is that of the signal, which is to be raised once more."""
        if self._number is not None and isinstance(found.exc_value, KeyboardInterrupt):
            self._due = self.resend = True
        else:
            self._hook(found)


@contextmanager
def prompt_termination() -> Iterator[None]:
    """Let SIGINT end the block by `KeyboardInterrupt`, SIGTERM and SIGHUP by `Terminated`; end the process if the block takes too long.

    Only the first signal counts. Ignored signals remain ignored, as in a background job. Without effect outside the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: handler for number in SIGNALS if (handler := signal.getsignal(number)) not in (signal.SIG_IGN, None)}
    source, target = os.pipe()
    os.set_blocking(target, False)
    delivery = _Delivery()
    wakeup, ended = signal.set_wakeup_fd(target, warn_on_full_buffer=False), threading.Event()
    guard = threading.Thread(target=_guard, args=(source, ended, delivery, threading.get_ident()), daemon=True)
    guard.start()
    try:
        for number in before:
            signal.signal(number, delivery.handle)
        yield
    finally:
        delivery.finish()
        ended.set()
        signal.set_wakeup_fd(wakeup)
        os.close(target)  # ends the read of the guard
        guard.join()
        os.close(source)
        for number, handler in before.items():
            signal.signal(number, handler)


def _guard(source: int, ended: threading.Event, delivery: _Delivery, main: int) -> None:
    """Wait for the first signal, whose number Python writes to the pipe at once, and end the process if it does not end by itself.

    main  the main thread, which gets a signal again whose exception was dropped
    """
    received = os.read(source, 1)
    if not received or received[0] not in SIGNALS:
        return
    deadline = time.monotonic() + GRACE_S
    while time.monotonic() < deadline or deferring():
        if ended.wait(POLL_S):
            return
        if delivery.resend:
            delivery.resend = False
            signal.pthread_kill(main, received[0])
        if deferring():
            deadline = time.monotonic() + GRACE_S
    name = signal.Signals(received[0]).name
    kept = "traces and checkpoints keep what they hold, see linksim show and linksim repair"
    text = f"linksim: {name}: ended in the middle of a computation; {kept}\n"
    try:
        os.write(2, text.encode())
    finally:
        os._exit(128 + received[0])
