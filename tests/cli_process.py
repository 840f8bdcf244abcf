"""The command line in processes of its own, for tests of signals, limits and closed streams."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from linksim.errors import TraceError
from linksim.trace.reader import open_trace

ROOT = Path(__file__).parents[1]
TINY = """
name: tiny
frames: 3
channel: {bob: {snr: {kind: gauss-markov, mean_db: 10}, csi: pilots}}
scheme: [permutation, deepjscc]
eve: inverse-network
"""
PROGRAM = (sys.executable, "-m", "linksim")


def started(
    folder: Path,
    *words: str,
    program: tuple[str, ...] = PROGRAM,
    prepare: Callable[[], None] = lambda: None,
    stdout: int = subprocess.PIPE,
    environment: Mapping[str, str | None] = MappingProxyType({}),
) -> "subprocess.Popen[str]":
    """Start a command in a folder. `prepare` runs in the new process before the program.

    environment  changes of the environment variables; None removes a variable
    """

    def before() -> None:
        for number in (signal.SIGINT, signal.SIGHUP):  # a test-suite in the background may ignore them
            signal.signal(number, signal.SIG_DFL)
        prepare()

    changed = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment}
    variables = {key: value for key, value in changed.items() if value is not None}
    return subprocess.Popen(
        [*program, *words], cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, text=True,
        preexec_fn=before,
    )  # fmt: skip


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Wait for a process and return exit status, standard output and standard error. A process that does not end is killed."""
    try:
        out, err = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, out or "", err


def interrupted(process: "subprocess.Popen[str]", number: int) -> tuple[int, str, str, float]:
    """Send a signal and wait for the end; the last value is the time that this took in s."""
    began = time.monotonic()
    process.send_signal(number)
    return *ended(process), time.monotonic() - began


def wait_for_rows(process: "subprocess.Popen[str]", pattern: str, folder: Path) -> Path:
    """Wait until a trace in a folder has committed scores, and return its path."""
    while process.poll() is None:
        for path in folder.glob(pattern):
            try:
                with open_trace(path) as trace:
                    if trace.rows("scores"):
                        return path
            except TraceError:
                pass  # it is being moved to its place
        time.sleep(0.05)
    raise AssertionError(process.communicate())


def limit_file_size(limit: int) -> Callable[[], None]:
    """Return a function that limits the size of files that a process writes, in bytes."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
