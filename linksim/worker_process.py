"""A worker process: a module of linksim that gets lines of text and answers with lines of text.

    driver --- standard input ---> python -m MODULE DESCRIPTOR [PLUGIN ...]
           <-- pipe DESCRIPTOR --'        the standard output goes to the standard error of the driver, as plugins may print

It is in a session of its own, so that Ctrl-C reaches the driver alone, and its networks have one thread. The end of its input tells it to
end, also if the driver was killed.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

STOP_S = 0.8  # time that all workers have to end, less than an interrupted command has


@dataclass
class WorkerProcess:
    """A worker process.

    process  the process
    answers  file descriptor of the end of the pipe with its answers
    """

    process: "subprocess.Popen[bytes]"
    answers: int

    @classmethod
    def start(cls, module: str, plugins: Sequence[str], pass_fds: Sequence[int] = ()) -> "WorkerProcess":
        """Start a worker.

        module    full name of the module
        plugins   files or modules with components from outside
        pass_fds  file descriptors that it inherits
        """
        answers, its_end = os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-m", module, str(its_end), *plugins], stdin=subprocess.PIPE, stdout=_their_output(),
            start_new_session=True, pass_fds=(its_end, *pass_fds), env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        os.close(its_end)
        return cls(process, answers)

    def write(self, line: str) -> None:
        """Write a line to its input. That it has ended is noticed by the end of its answers."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(f"{line}\n".encode())
            self.process.stdin.flush()

    def close_input(self) -> None:
        """End its input."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()


def stop(workers: Sequence[WorkerProcess], busy: Sequence[WorkerProcess]) -> None:
    """End workers by the end of their input, those that are busy by SIGTERM, and all by SIGKILL after `STOP_S`. Close their pipes."""
    for worker in workers:
        if worker in busy:
            worker.process.terminate()
        worker.close_input()
    limit = time.monotonic() + STOP_S
    for worker in workers:
        try:
            worker.process.wait(max(0.0, limit - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()
        os.close(worker.answers)


def how_it_ended(status: int) -> str:
    """Return how a process ended, from its exit status.

    >>> how_it_ended(1), how_it_ended(-9)
    ('with status 1', 'by signal 9')
    """
    return f"by signal {-status}" if status < 0 else f"with status {status}"


def _their_output() -> int:
    """Standard error for what workers print, where it is a file of the system, which it is not in every notebook."""
    try:
        return sys.stderr.fileno()
    except (OSError, ValueError, AttributeError):
        return subprocess.DEVNULL
