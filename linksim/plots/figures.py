"""All figures of a trace, as files. matplotlib is imported only once something is drawn."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from linksim.errors import LinksimError, TraceError
from linksim.plots.policy_groups import policy_groups_of
from linksim.plots.snr_sweep_groups import snr_sweep_groups
from linksim.plots.trace_view import View, read_view
from linksim.trace.reader import open_trace

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_trace(path: Path, out_folder: Path, formats: Sequence[str] = ("png",)) -> list[Path]:
    """Write the figures of `painters` into `out_folder` (made if need be), in each of the formats png, svg, pdf.

    What the trace has no rows for is left out. The same trace gives the same bytes. Raises TraceError where nothing was sent,
    LinksimError for another format or a folder that cannot be written to.
    """
    from linksim.plots.plot_style import check_format, save

    for kind in formats:
        check_format(kind)
    with open_trace(path) as trace:
        view = read_view(trace, snr_sweep_groups(trace.scenario_yaml), policy_groups_of(trace.scenario_yaml))
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


def painters() -> dict[str, Callable[[View], "Figure | None"]]:
    """What draws each figure, by name; it gives None where a view holds nothing to draw."""
    from linksim.plots.adaptation import adaptation_figure
    from linksim.plots.channel import channel_figure
    from linksim.plots.compare import compare_figure
    from linksim.plots.constellation import constellation_figure
    from linksim.plots.images import pictures_figure
    from linksim.plots.policies import policies_figure
    from linksim.plots.policy_map import action_map_figure
    from linksim.plots.scores import quality_figure
    from linksim.plots.session import session_figure
    from linksim.plots.time_series import time_figure
    from linksim.plots.timeline import timeline_figure

    return {
        "time-series": time_figure,
        "scores": quality_figure,
        "compare": compare_figure,
        "decisions": adaptation_figure,
        "policy-map": action_map_figure,
        "policies": policies_figure,
        "images": pictures_figure,
        "channel": channel_figure,
        "constellation": constellation_figure,
        "timeline": timeline_figure,
        "session": session_figure,
    }


def draw_all(view: View) -> list[tuple[str, "Figure"]]:
    """-> (name, figure) of all there is something to draw for, in a view in which something was sent."""
    return [(name, figure) for name, paint in painters().items() if (figure := paint(view)) is not None]


def need_rows(view: View, path: Path) -> None:
    """Raises TraceError for a trace in which nothing was sent."""
    if not any(group.used for group in view.groups):
        raise TraceError(f"{path}: nothing to show: no frame and no control message; the run ended before the first was sent")
