"""All figures of a trace, as files. matplotlib is imported only once something is drawn."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from linksim.errors import LinksimError, TraceError
from linksim.plots.view import View, read_view
from linksim.trace.reader import open_trace

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_trace(path: Path, out_folder: Path, formats: Sequence[str] = ("png",)) -> list[Path]:
    """Write time, quality, pictures and timeline into `out_folder` (made if need be), in each of the formats png, svg, pdf.

    What the trace has no rows for is left out. The same trace gives the same bytes. Raises TraceError where nothing was sent,
    LinksimError for another format or a folder that cannot be written to.
    """
    from linksim.plots.style import check_format, save

    for kind in formats:
        check_format(kind)
    with open_trace(path) as trace:
        view = read_view(trace)
    need_rows(view, path)
    with writing(out_folder):
        out_folder.mkdir(parents=True, exist_ok=True)
        drawn = draw_all(view)
        return [save(figure, out_folder / f"{name}.{kind}") for name, figure in drawn for kind in formats]


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the disk refuses into one clear message."""
    try:
        yield
    except OSError as fault:
        raise LinksimError(f"{fault.filename or path} cannot be written: {fault.strerror or fault}") from fault


def draw_all(view: View) -> list[tuple[str, "Figure"]]:
    """-> (name, figure) of all there is something to draw for, in a view in which something was sent."""
    from linksim.plots.pictures import pictures_figure
    from linksim.plots.quality import quality_figure
    from linksim.plots.time import time_figure
    from linksim.plots.timeline import timeline_figure

    drawn = (("time", time_figure), ("quality", quality_figure), ("pictures", pictures_figure), ("timeline", timeline_figure))
    return [(name, figure) for name, draw in drawn if (figure := draw(view)) is not None]


def need_rows(view: View, path: Path) -> None:
    """Raises TraceError for a trace in which nothing was sent."""
    if not any(group.used for group in view.groups):
        raise TraceError(f"{path}: nothing to show: no frame and no control message; the run ended before the first was sent")
