"""How a command ends by Ctrl-C (SIGINT), SIGTERM or SIGHUP: within two seconds, with exit status 130, 143 or 129, and with a word on what
is kept.

SIGHUP is the end of the terminal; `nohup` makes a command ignore it. The signals raise an exception in the main thread. A computation that
does not return to Python in time cannot be interrupted in this way, so a second thread ends the process then. Traces and checkpoints are
safe even so: they are readable at any time.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from linksim.interrupts import SIGNALS, Terminated, deferring

INTERRUPTED = tuple(128 + number for number in SIGNALS)  # exit statuses
GRACE_S = 1.5  # time from the signal, or from the end of a deferral, until the process is ended
POLL_S = 0.05


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
    wakeup, ended = signal.set_wakeup_fd(target, warn_on_full_buffer=False), threading.Event()
    guard = threading.Thread(target=_guard, args=(source, ended), daemon=True)
    guard.start()
    try:
        for number in before:
            signal.signal(number, _raise)
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(wakeup)
        os.close(target)  # ends the read of the guard
        guard.join()
        os.close(source)
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(number: int, frame: FrameType | None) -> None:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated(number)


def _guard(source: int, ended: threading.Event) -> None:
    """Wait for the first signal, whose number Python writes to the pipe at once, and end the process if it does not end by itself."""
    received = os.read(source, 1)
    if not received or received[0] not in SIGNALS:
        return
    deadline = time.monotonic() + GRACE_S
    while time.monotonic() < deadline or deferring():
        if ended.wait(POLL_S):
            return
        if deferring():
            deadline = time.monotonic() + GRACE_S
    name = signal.Signals(received[0]).name
    kept = "traces and checkpoints keep what they hold, see linksim show and linksim repair"
    text = f"linksim: {name}: ended in the middle of a computation; {kept}\n"
    try:
        os.write(2, text.encode())
    finally:
        os._exit(128 + received[0])
