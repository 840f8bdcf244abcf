"""A process of a run that is divided among several: it simulates some of the links and writes their trace.

    standard input   one JSON object: scenario, first, shards, trace. Later one line: the end of the whole run in ns
    a pipe           a JSON object per line: {"frames": 12, "images": 48, "now_ns": 9} from time to time; {"end_ns": 10} when its own links
                     have ended; and at last {"result": {...}} or {"error": "..."}

The trace is committed and the process ends when its input ends, also if the process that started it was killed. What models and plugins
print goes to standard error.

    python -m linksim.shards.process DESCRIPTOR_OF_THE_PIPE [PLUGIN ...]
"""

import io
import json
import os
import queue
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from linksim.errors import LinksimError
from linksim.interrupts import Terminated
from linksim.plugins import load_entry_points, load_plugin
from linksim.records import Record
from linksim.simulate.run_progress import RunCounts

EVERY_S = 0.25  # shortest time between two answers about the progress


class _Driver:
    """The driver of the run, at the other end of the pipes.

    answers  file descriptor of the pipe for answers
    """

    def __init__(self, answers: int) -> None:
        self._answers = answers
        self._source = io.FileIO(0, closefd=False)  # without a buffer, whose lock the thread would hold when Python ends
        self.job = json.loads(self._source.readline())
        self._end: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._counts = RunCounts()
        self._answered = time.monotonic()

    def watch(self) -> None:
        """Thread: wait for the end of the run, and terminate this process when its input ends."""
        while line := self._source.readline():
            self._end.put(int(line))
        os.kill(os.getpid(), signal.SIGTERM)

    def answer(self, message: dict[str, Any]) -> None:
        """Write a message. One that has no reader is dropped."""
        with suppress(BrokenPipeError):
            os.write(self._answers, f"{json.dumps(message)}\n".encode())

    def common_end(self, end_ns: int) -> int:
        """Report the end of the own links, and return that of the run."""
        self.answer({"end_ns": end_ns})
        return self._end.get()

    def __call__(self, record: Record) -> None:
        """Count a record, and report the progress from time to time."""
        self._counts(record)
        now = time.monotonic()
        if now - self._answered >= EVERY_S:
            self._answered = now
            self.answer_progress()

    def answer_progress(self) -> None:
        """Report the progress."""
        self.answer({"frames": self._counts.frames, "images": self._counts.images, "now_ns": self._counts.now_ns})


def main(answers: int, plugins: list[str]) -> None:
    """Simulate the links that the first line of the input names. SIGTERM commits what the trace has, and ends the process.

    answers  file descriptor of the pipe
    plugins  files or modules with components from outside
    """

    def terminate(number: int, frame: object) -> None:
        raise Terminated(number)

    signal.signal(signal.SIGTERM, terminate)
    with suppress(Terminated):
        load_entry_points()
        for plugin in plugins:
            load_plugin(plugin)
        driver = _Driver(answers)
        threading.Thread(target=driver.watch, daemon=True).start()
        found = _simulate(driver)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # sent when the driver ends the input, as soon as it has the result
        driver.answer_progress()
        driver.answer(found)


def _simulate(driver: _Driver) -> dict[str, Any]:
    """Simulate the links of the driver's job -> the last answer."""
    from linksim.scenario.load import scenario_from_text
    from linksim.simulate.run import Part, run_some

    job = driver.job
    try:
        scenario = scenario_from_text(job["scenario"], "the run")
        links = range(job["first"], scenario.links, job["shards"])
        return {"result": asdict(run_some(scenario, Part(links, driver.common_end), [driver], Path(job["trace"])))}
    except LinksimError as fault:
        return {"error": str(fault)}


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
