"""All figures of a trace as files. matplotlib is imported only when a figure is drawn."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from linksim import registry
from linksim.errors import LinksimError, TraceError
from linksim.plots.policy_groups import policy_groups_of
from linksim.plots.snr_sweep_groups import snr_sweep_groups
from linksim.plots.trace_view import TraceView, read_view
from linksim.trace.reader import open_trace

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_trace(path: Path, out_folder: Path, formats: Sequence[str] = ("png",)) -> list[Path]:
    """Write the figures of `figure_functions` to `out_folder`, which is created if necessary, in each of the formats png, svg, pdf.

    Figures without data in the trace are left out. Equal traces give equal bytes. Returns the paths of the files. Raises TraceError if
    nothing was sent, LinksimError for an unknown format or a folder that is not writable.
    """
    from linksim.plots.plot_style import check_format, save

    for kind in formats:
        check_format(kind)
    with open_trace(path) as trace:
        view = read_view(trace, snr_sweep_groups(trace.scenario_yaml), policy_groups_of(trace.scenario_yaml))
    require_transmissions(view, path)
    with wrap_write_errors(out_folder):
        out_folder.mkdir(parents=True, exist_ok=True)
        drawn = draw_all(view)
        return [save(figure, out_folder / f"{name}.{kind}") for name, figure in drawn for kind in formats]


@contextmanager
def wrap_write_errors(path: Path) -> Iterator[None]:
    """Convert an OSError into a LinksimError."""
    try:
        yield
    except OSError as error:
        raise LinksimError(f"{error.filename or path} cannot be written: {error.strerror or error}") from error


def figure_functions() -> dict[str, Callable[[TraceView], "Figure | None"]]:
    """Return the drawing function of each figure, by name; it returns None if the trace has no data for the figure."""
    return {component.name: component.load() for component in registry.components("figure")}


def draw_all(view: TraceView) -> list[tuple[str, "Figure"]]:
    """Return (name, figure) of all figures that have data, for a trace in which something was sent."""
    return [(name, figure) for name, draw in figure_functions().items() if (figure := draw(view)) is not None]


def require_transmissions(view: TraceView, path: Path) -> None:
    """Raise TraceError for a trace in which nothing was sent."""
    if not any(group.used for group in view.groups):
        raise TraceError(f"{path}: nothing to show: no frame and no control message; the run ended before the first transmission")
