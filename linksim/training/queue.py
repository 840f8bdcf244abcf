"""A queue of training tasks: each runs in a process of its own, several at a time, in the order in which they are given.

    names --> [linksim train NAME] [linksim train NAME] ... --> checkpoints, models; a message per task

A task waits for those before it in the queue whose models it needs. A task that fails does not end the queue.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from linksim.interrupts import deferred
from linksim.training.pipeline import find_task

POLL_S = 0.2


def run_queue(names: Sequence[str], jobs: int, options: Sequence[str], logs: Path, say: Callable[[str], object]) -> list[str]:
    """Train all models of a queue and return the names of those that failed.

    names    of the training tasks, all different
    jobs     largest number of tasks at a time
    options  of `linksim train` for each of them
    logs     folder of the messages of each task, NAME.log
    say      receives a line of text whenever a task begins or ends

    An interruption (Ctrl-C, SIGTERM, SIGHUP) is passed on to the tasks in progress, which write their checkpoints. Raises ModelError for a
    name without a task, before anything is trained.
    """
    for name in names:
        find_task(name)
    waiting, running, failed = list(names), dict[str, "subprocess.Popen[bytes]"](), list[str]()
    logs.mkdir(parents=True, exist_ok=True)
    with deferred(second_ends=True) as interrupted:
        while (waiting or running) and not interrupted():
            for name in [name for name, process in running.items() if process.poll() is not None]:
                status = running.pop(name).returncode
                if status:
                    failed.append(name)
                say(f"{name}: {'finished' if not status else f'failed, see {logs / name}.log'}")
            ready = next((name for i, name in enumerate(waiting) if not needed_models(name, [*running, *waiting[:i]])), None)
            if ready is not None and len(running) < jobs:
                waiting.remove(ready)
                say(f"{ready}: begins")
                running[ready] = _started(ready, options, logs / f"{ready}.log")
            elif running:
                time.sleep(POLL_S)
        for process in running.values():  # empty unless interrupted
            process.send_signal(signal.SIGINT)
        for process in running.values():
            process.wait()
    return failed


def needed_models(name: str, others: Sequence[str]) -> list[str]:
    """Return those of other models that a task needs: those which its recipe names.

    >>> import linksim.training.tasks  # declares the tasks of the package
    >>> needed_models("diffusec-denoiser", ["diffusec-codec", "classifier-cifar10", "denoiser-cifar10"])
    ['diffusec-codec', 'denoiser-cifar10']
    """
    task = find_task(name)
    named = {value for value in vars(task).values() if isinstance(value, str)}
    return [other for other in others if other in named]


def _started(name: str, options: Sequence[str], log: Path) -> "subprocess.Popen[bytes]":
    """Start a task in a session of its own, so that a Ctrl-C in the terminal reaches it once, through the queue."""
    with log.open("wb") as file:
        command = [sys.executable, "-m", "linksim", "train", name, *options]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True)
