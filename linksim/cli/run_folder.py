"""The folder of a run: trace.h5, profile.json, report.html and figures. It never holds outputs of two runs at once.

A run in a free folder writes its trace to trace.h5 from the start. A run that replaces another one builds its trace in a private folder
beside the old one; only when it is complete are the old outputs removed, and the new ones take their place. Other files in the folder are
left alone, and a file that has the name of an output without being one stops the run before it begins.
"""

import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from linksim.cli.termination import keeping
from linksim.errors import LinksimError, TraceError
from linksim.outputs import PROFILE, REPORT, former_outputs, require_replaceable
from linksim.plots.figure_options import FigureOptions
from linksim.plots.figures import EVERYTHING, plot_trace, wrap_write_errors
from linksim.plots.report import write_report
from linksim.plots.summary import TraceSummary, read_summary
from linksim.trace.destination import Destination
from linksim.trace.layout import wrap_errors
from linksim.trace.reader import open_trace

if TYPE_CHECKING:
    from linksim.simulate.run_result import RunResult


Say = Callable[[str], object]  # prints a line of text
ENDS = (KeyboardInterrupt, LinksimError)  # exceptions with which a run ends early


class RunFolder:
    """The outputs of a run in a folder.

    folder     the folder; it may be missing
    overwrite  replace the outputs of an earlier run
    trace      path of the trace

    Raises LinksimError if there are outputs and `overwrite` is False, or if a file that is no output has the name of one.
    """

    def __init__(self, folder: Path, overwrite: bool) -> None:
        self.folder, self.overwrite = folder, overwrite
        self.trace, self._profile, self._report = folder / "trace.h5", folder / "profile.json", folder / "report.html"
        require_replaceable(self._profile, PROFILE)
        require_replaceable(self._report, REPORT)
        self._former = former_outputs(folder)
        existing = [path for path in (self.trace, *self._former) if os.path.lexists(path)]
        if existing and not overwrite:
            choice = f"choose another folder with --out, or use --overwrite to replace the outputs in {folder}"
            raise LinksimError(f"{existing[0]} exists; {choice}")

    @contextmanager
    def building(self) -> Iterator[Path]:
        """Yield the path at which the trace is to be written, and publish it when the block ends.

        If the block raises, the former outputs stay, and what was written stays at this path; a note of the exception says so. Raises
        TraceError if another process writes or replaces the trace, or if `trace` is not a trace.
        """
        if not self._former and not os.path.lexists(self.trace):
            with keeping(lambda: describe_kept(self.trace), ENDS):
                yield self.trace
            return
        with wrap_errors(self.trace, "cannot be replaced"):
            destination = Destination(self.trace, self.overwrite)
        place, former = destination.current, f"The former outputs in {self.folder} are unchanged."
        try:
            with keeping(lambda: f"{former}\n{describe_kept(place)}".strip(), ENDS):
                yield place
                with wrap_errors(self.trace, "cannot be replaced"):
                    for path in self._former:
                        path.unlink(missing_ok=True)
                    destination.publish()
        finally:
            if place.exists():
                destination.close()
            else:
                destination.discard()

    def complete(self, result: "RunResult", figures: bool, say: Say = click.echo) -> dict[str, Any]:
        """Write the profile, print the summary, and, if asked for, draw the figures and write the report.

        A failure of one of them does not prevent the others. Raises LinksimError with all failures at the end.

        say  prints a line

        Returns the paths of what was written, and the summary.
        """
        made: dict[str, Any] = {"trace": self.trace, "figures": []}
        steps: list[Callable[[], object]] = [lambda: self._write_profile(result)]
        steps.append(lambda: made.update(summary=show_summary(self.trace, say)))
        if figures:
            steps.append(lambda: made["figures"].extend(draw(self.trace, self.folder, say=say)))
            steps.append(lambda: made.update(report=write_report_of(self.trace, self._report, say)))
        failures = []
        again = f"The trace {self.trace} is complete; `linksim plot` and `linksim report` draw figures and report from it."
        with keeping(lambda: again):
            for step in steps:
                try:
                    step()
                except LinksimError as error:
                    failures.append(str(error))
        say(f"trace    {self.trace}")
        if failures:
            raise LinksimError("\n".join(dict.fromkeys(failures)))
        return made

    def _write_profile(self, result: "RunResult") -> None:
        with wrap_write_errors(self._profile):
            result.write_profile(self._profile)


def describe_kept(path: Path) -> str:
    """Return what an unfinished trace holds and how to go on with it; "" if there is none."""
    try:
        with open_trace(path) as trace:
            frames, scores = (trace.rows(name) for name in ("frames", "scores"))
    except TraceError:
        return f"{path} cannot be read" if path.exists() else ""
    name = shlex.quote(str(path))
    return (
        f"Kept {frames:,} transmissions of data frames and {scores:,} scores of images in {path}, an unfinished trace.\n"
        f"`linksim show {name}` reads it as it is, `linksim repair {name}` makes it readable for other tools; "
        "the same command with --overwrite runs the scenario from the start."
    )


def trace_at(path: Path) -> Path:
    """Return the path of a trace: the file itself, or trace.h5 in a folder of outputs."""
    return path / "trace.h5" if os.path.isdir(path) else path


def show_summary(path: Path, say: Say = click.echo) -> TraceSummary:
    """Print the table of results of a trace, and return its numbers."""
    found = read_summary(path)
    say(found.text())
    return found


def draw(
    path: Path, folder: Path, formats: tuple[str, ...] = ("png",), say: Say = click.echo, options: FigureOptions = EVERYTHING
) -> list[Path]:
    """Draw the figures of a trace, print their paths, and return them.

    formats  "png", "svg" or "pdf"
    options  which figures, of which groups and links, with which title and size
    """
    figures = plot_trace(path, folder, formats, options)
    for figure in figures:
        say(f"figure   {figure}")
    return figures


def write_report_of(path: Path, out: Path, say: Say = click.echo) -> Path:
    """Write the HTML report of a trace, print its path, and return it."""
    written = write_report(path, out)
    say(f"report   {written}")
    return written
