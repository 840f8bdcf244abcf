"""Figure of methods over a swept quantity: a panel per measure, a line with 95 % intervals per method, and a paper's values beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

from matplotlib.figure import Figure

from linksim.plots.plot_style import LINE_STYLES, error_bars, freeze_layout, plot_style, shared_legend
from linksim.statistics import Interval


@dataclass(frozen=True)
class SweepLine:
    """One line.

    label   name in the legend
    x       value of the swept quantity at each point, ascending [points]
    values  value with its 95 % interval at each point [points]
    paper   the paper's values at the first points; may be empty
    """

    label: str
    x: tuple[float, ...]
    values: tuple[Interval, ...]
    paper: tuple[float, ...] = ()


@dataclass(frozen=True)
class SweepPanel:
    """Lines of one quantity.

    title     title above the panel
    quantity  label of the y axis
    lines     one line per method; lines of equal label have the same colour in all panels
    x_label   label of the x axis
    """

    title: str
    quantity: str
    lines: tuple[SweepLine, ...]
    x_label: str = "SNR (dB)"


@plot_style()
def sweep_figure(title: str, panels: Sequence[SweepPanel], columns: int = 3, limits: tuple[float, float] = (0.0, 1.0)) -> Figure:
    """Draw the panels in rows. The paper's values are hollow marks without a line.

    title    title of the figure
    panels   panels from left to right, row by row; panels of one quantity have a common y axis, others have their own
    columns  largest number of panels in a row
    limits   of a common y axis; those of a share by default
    """
    columns, common = min(columns, len(panels)), len({panel.quantity for panel in panels}) == 1
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(5.2 * columns, 4.3 * rows))
    figure.suptitle(title)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=common)
    axes, unused = list(grid.flat)[: len(panels)], list(grid.flat)[len(panels) :]
    for axis in unused:
        axis.remove()
    labels = dict.fromkeys(line.label for panel in panels for line in panel.lines)
    styles = dict(zip(labels, cycle(LINE_STYLES), strict=False))
    for axis, panel in zip(axes, panels, strict=True):
        for line in panel.lines:
            colour, mark, dashes = styles[line.label]
            style = {"color": colour, "marker": mark, "linestyle": dashes, "capsize": 2}
            error_bars(axis, line.x, line.values, label=line.label, **style)
            if line.paper:
                at = line.x[: len(line.paper)]
                label = f"{line.label}, paper"
                axis.plot(at, line.paper, color=colour, marker=mark, linestyle="", markersize=7, markerfacecolor="none", label=label)
        axis.set(title=panel.title, xlabel=panel.x_label)
        axis.set_xticks(sorted({x for line in panel.lines for x in line.x}))
        if common:
            axis.set_ylim(*limits)
        if not common or axis is axes[0]:
            axis.set_ylabel(panel.quantity)
    shared_legend(figure, [axes])
    return freeze_layout(figure)
