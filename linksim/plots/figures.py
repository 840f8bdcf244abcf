"""All figures of a trace as files: what `linksim run` and `linksim plot` write.

matplotlib is imported only when a figure is drawn, because that takes most of a second.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from linksim import registry
from linksim.errors import LinksimError, TraceError
from linksim.outputs import FIGURE, require_replaceable
from linksim.plots.captions import caption_of
from linksim.plots.decorrelation import block_lengths
from linksim.plots.figure_options import FigureOptions, refuse, select_view
from linksim.plots.notices import notices, unequal_groups, unfinished
from linksim.plots.policy_groups import policy_groups_of
from linksim.plots.snr_sweep_groups import snr_sweep_groups
from linksim.plots.trace_view import TraceView, read_view
from linksim.trace.reader import open_trace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    DrawingFunction = Callable[[TraceView], Figure | None]

EVERYTHING = FigureOptions()


def plot_trace(path: Path, out_folder: Path, formats: Sequence[str] = ("png",), options: FigureOptions = EVERYTHING) -> list[Path]:
    """Write figures of a trace and return the paths of the files, OUT_FOLDER/NAME.FORMAT.

    path        file of the trace
    out_folder  folder of the figures; it is created if necessary
    formats     any of "png", "svg" and "pdf"
    options     which figures, of which groups and links, with which title and size

    Figures without data in the trace are left out, and those of an unfinished trace or of unequal groups say so. Equal traces give equal
    bytes. A file appears complete or not at all. Raises TraceError if the trace cannot be read or nothing was sent in it, LinksimError for
    an unknown format, a group or link that the trace does not have, a figure of `options.only` without data, a size that is too small, a
    file in the place of a figure that is not a figure of a trace, or a folder that is not writable.
    """
    from linksim.plots.plot_style import check_format, save

    for kind in formats:
        check_format(kind)
    with open_trace(path) as trace:
        text = trace.scenario_yaml
        whole = read_view(trace, snr_sweep_groups(text), policy_groups_of(text), trace.complete, block_lengths(text))
    require_transmissions(whole, path)
    view = select_view(whole, options, path)
    figures = draw_all(view, options, unfinished(whole) + unequal_groups(view))
    require_wanted([name for name, _ in figures], options, path)
    with wrap_write_errors(out_folder):
        out_folder.mkdir(parents=True, exist_ok=True)
        drawn = [(figure, out_folder / f"{name}.{kind}") for name, figure in figures for kind in formats]
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


def draw_all(view: TraceView, options: FigureOptions = EVERYTHING, lines: Sequence[str] | None = None) -> list[tuple[str, "Figure"]]:
    """Return (name, figure) of all figures that have data, for a trace in which something was sent.

    view     the trace, or the part of it that `figure_options.select_view` returns
    options  names of figures, size and title
    lines    notices above each figure; None for those of the view

    Raises LinksimError with the name of a figure whose labels do not fit the requested size.
    """
    drawn = []
    for name, function in figure_functions().items():
        if not options.only or name in options.only:
            with refuse_small_size(name, options):
                figure = draw(function, view, options, lines)
            if figure is not None:
                drawn.append((name, figure))
    return drawn


@contextmanager
def refuse_small_size(name: str, options: FigureOptions) -> Iterator[None]:
    """Convert matplotlib's warning that a layout leaves no space for panels into a LinksimError, if a size is requested."""
    if options.size is None:
        yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="constrained_layout not applied", category=UserWarning)
        try:
            yield
        except UserWarning:
            shown = " x ".join(f"{side:g}" for side in options.size)
            raise LinksimError(f"the labels of the figure {name!r} do not fit {shown} inches; choose a larger size") from None


def draw(
    function: "DrawingFunction", view: TraceView, options: FigureOptions = EVERYTHING, lines: Sequence[str] | None = None
) -> "Figure | None":
    """Return the figure that a drawing function makes of a trace, with notices above it; None without data.

    options  size, which includes the notices, and title
    lines    the notices; None for those of the trace
    """
    from linksim.plots.figure_shape import FigureShape, requested_shape, require_glyphs, reshape_foreign
    from linksim.plots.notice_strip import add_notices, strip_height

    require_glyphs(options.title or "")
    shown = notices(view) if lines is None else tuple(lines)
    size = options.size
    if size is not None:
        size = size[0], max(size[1] - strip_height(shown, size[0]), 0.5)
    with requested_shape(FigureShape(size, options.title)):
        figure = function(view)
        if figure is None:
            return None
        reshape_foreign(figure)
    return add_notices(figure, shown)


def require_wanted(drawn: Sequence[str], options: FigureOptions, path: Path) -> None:
    """Raise LinksimError for the figures of `options.only` that have no data, with the reason; `drawn` are the names of those that have."""
    part = " on the chosen groups and links" if options.restricted else ""
    captions = {component.name: caption_of(component) for component in registry.components("figure") if component.name in options.only}
    refuse(
        [
            f"{path}: no data for the figure {name!r}{part}" + (f": {captions[name].absent}" if captions[name].absent else "")
            for name in options.only
            if name not in drawn
        ]
    )


def require_transmissions(view: TraceView, path: Path) -> None:
    """Raise TraceError for a trace in which nothing was sent; `path` is the file that the message names."""
    if not any(group.used for group in view.groups):
        raise TraceError(f"{path}: nothing to show: no frame and no control message; the run ended before the first transmission")
