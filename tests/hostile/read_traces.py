"""Child process of the test of damaged traces: uses the traces that it is given on stdin in every way, and answers a line about each.

A damaged file may end the process or never come to an end inside of HDF5, so the process that notices this must be another one.
"""

import resource
import sys
import traceback
from pathlib import Path

from linksim.errors import LinksimError, TraceError
from linksim.plots.report import write_report
from linksim.plots.summary import read_summary
from linksim.scenario.load import scenario_from_text
from linksim.trace.reader import open_trace
from linksim.trace.repair import repair

LIMIT_S = 20  # CPU time for each trace
LONGEST = 2000  # characters of a message
MOST_BYTES = 6 << 30  # address space


def use(path: Path, with_report: bool) -> str:
    """Read a trace, summarise it, read its scenario, repair it, and write its report. Returns what became of it."""
    done = []
    try:
        with open_trace(path) as trace:
            for name in trace.tables():
                table = trace.table(name)
                assert all(len(values) == trace.rows(name) for values in table.columns.values())
            text = trace.scenario_yaml
    except TraceError as error:
        check(error)
        return "refused"
    done.append(attempt("summary", lambda: read_summary(path).text()))
    done.append(attempt("scenario", lambda: scenario_from_text(text, str(path))))
    done.append(attempt("repair", lambda: repair(path, path.with_suffix(".repaired"))))
    if with_report:
        done.append(attempt("report", lambda: write_report(path, path.with_suffix(".html"))))
    return "read" if all(done[:2]) else "read in part"


def attempt(name: str, call: object) -> bool:
    """Return whether a call succeeds. An error that a user can understand is no violation."""
    assert callable(call)
    try:
        call()
    except LinksimError as error:
        check(error)
        return False
    return True


def check(error: LinksimError) -> None:
    """Check that a message is short and on one line."""
    message = str(error)
    assert message.strip()
    assert len(message) <= LONGEST, f"a message of {len(message)} characters"
    assert isinstance(error, TraceError) <= ("\n" not in message), f"more than one line: {message}"


def peak_mebibytes() -> int:
    """Largest resident memory of this process so far. `ru_maxrss` would include the process that started it."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) // 1024


def main() -> None:
    """Answer each line "PATH WITH_REPORT" of stdin."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    for line in sys.stdin:
        name, with_report = line.rsplit(maxsplit=1)
        used = resource.getrusage(resource.RUSAGE_SELF)
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + LIMIT_S, resource.RLIM_INFINITY))
        try:
            answer = use(Path(name), with_report == "1")
        except Exception:
            answer = f"violation: {' | '.join(traceback.format_exc().splitlines()[-8:])}"
        sys.stdout.write(f"{answer}\t{peak_mebibytes()}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
