"""A worker process of a sweep: it runs one point after the other, and commits each to the journal itself.

    standard input   a JSON object per line: journal, digest, scenario, and the file of the trace or null
    a pipe           a line per point that is committed: its digest

It ends when its input ends, also if the sweep that started it was killed. What models and plugins print goes to standard error.

    python -m linksim.sweeps.worker DESCRIPTOR_OF_THE_PIPE [PLUGIN ...]
"""

import json
import os
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from linksim.errors import LinksimError
from linksim.plugins import load_entry_points, load_plugin
from linksim.sweeps.journal import Journal, Outcome
from linksim.sweeps.table import summary_rows


def run_point(scenario: str, trace: str | None) -> Outcome:
    """Run a scenario and return its results, or the message of the error that it raised.

    scenario  YAML
    trace     file of the trace, None to discard it
    """
    from linksim.plots.summary import read_summary
    from linksim.scenario.load import scenario_from_text
    from linksim.simulate.run import run

    started = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory(prefix="linksim-sweep-") as folder:
            path = Path(trace) if trace else Path(folder) / "trace.h5"
            path.parent.mkdir(parents=True, exist_ok=True)
            run(scenario_from_text(scenario, "the point"), (), path, overwrite=True)
            rows = summary_rows(read_summary(path).groups)
    except LinksimError as fault:
        return Outcome(time.perf_counter() - started, [], str(fault))
    except OSError as fault:
        return Outcome(time.perf_counter() - started, [], f"the trace cannot be written: {fault.strerror or fault}")
    return Outcome(time.perf_counter() - started, rows)


def run_anywhere(scenario: str, trace: str | None, plugins: tuple[str, ...]) -> Outcome:
    """Run a scenario in a process of any engine, as `run_point` does, with the components that are installed here and those of plugins."""
    try:
        load_entry_points()
        for plugin in plugins:
            load_plugin(plugin)
    except LinksimError as fault:
        return Outcome(0.0, [], str(fault))
    return run_point(scenario, trace)


def main(answers: int, plugins: list[str]) -> None:
    """Run points until the input ends. SIGTERM removes the trace of the point in progress first.

    answers  file descriptor of the pipe
    plugins  files or modules with components from outside
    """
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    load_entry_points()
    for plugin in plugins:
        load_plugin(plugin)
    for line in sys.stdin:
        job = json.loads(line)
        Journal(Path(job["journal"])).put(job["digest"], run_point(job["scenario"], job["trace"]))
        with suppress(BrokenPipeError):  # the sweep has ended
            os.write(answers, f"{job['digest']}\n".encode())
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
