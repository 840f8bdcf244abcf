"""All figures of a trace as files: what `linksim run` and `linksim plot` write.

matplotlib is imported only when a figure is drawn, because that takes most of a second.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from linksim import registry
from linksim.errors import LinksimError, TraceError
from linksim.outputs import FIGURE, require_replaceable
from linksim.plots.decorrelation import block_lengths
from linksim.plots.notices import notices
from linksim.plots.policy_groups import policy_groups_of
from linksim.plots.snr_sweep_groups import snr_sweep_groups
from linksim.plots.trace_view import TraceView, read_view
from linksim.trace.reader import open_trace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    DrawingFunction = Callable[[TraceView], Figure | None]


def plot_trace(path: Path, out_folder: Path, formats: Sequence[str] = ("png",)) -> list[Path]:
    """Write all figures of a trace and return the paths of the files, OUT_FOLDER/NAME.FORMAT.

    path        file of the trace
    out_folder  folder of the figures; it is created if necessary
    formats     any of "png", "svg" and "pdf"

    Figures without data in the trace are left out, and those of an unfinished trace or of unequal groups say so. Equal traces give equal
    bytes. A file appears complete or not at all. Raises TraceError if the trace cannot be read or nothing was sent in it, LinksimError for
    an unknown format, for a file in the place of a figure that is not a figure of a trace, or for a folder that is not writable.
    """
    from linksim.plots.plot_style import check_format, save

    for kind in formats:
        check_format(kind)
    with open_trace(path) as trace:
        text = trace.scenario_yaml
        view = read_view(trace, snr_sweep_groups(text), policy_groups_of(text), trace.complete, block_lengths(text))
    require_transmissions(view, path)
    with wrap_write_errors(out_folder):
        out_folder.mkdir(parents=True, exist_ok=True)
        drawn = [(figure, out_folder / f"{name}.{kind}") for name, figure in draw_all(view) for kind in formats]
        for _, file in drawn:
            require_replaceable(file, FIGURE)
        return [save(figure, file, FIGURE) for figure, file in drawn]


@contextmanager
def wrap_write_errors(path: Path) -> Iterator[None]:
    """Convert an OSError into a LinksimError that names the file, or `path` if the error names none."""
    try:
        yield
    except OSError as error:
        raise LinksimError(f"{error.filename or path} cannot be written: {error.strerror or error}") from error


def figure_functions() -> dict[str, "DrawingFunction"]:
    """Return the drawing function of each figure, by name; it returns None if the trace has no data for the figure."""
    return {component.name: component.load() for component in registry.components("figure")}


def draw_all(view: TraceView) -> list[tuple[str, "Figure"]]:
    """Return (name, figure) of all figures that have data, for a trace in which something was sent."""
    return [(name, figure) for name, function in figure_functions().items() if (figure := draw(function, view)) is not None]


def draw(function: "DrawingFunction", view: TraceView) -> "Figure | None":
    """Return the figure that a drawing function makes of a trace, with the `notices` of the trace above it; None without data."""
    from linksim.plots.notice_strip import add_notices

    figure = function(view)
    return figure if figure is None else add_notices(figure, notices(view))


def require_transmissions(view: TraceView, path: Path) -> None:
    """Raise TraceError for a trace in which nothing was sent; `path` is the file that the message names."""
    if not any(group.used for group in view.groups):
        raise TraceError(f"{path}: nothing to show: no frame and no control message; the run ended before the first transmission")
