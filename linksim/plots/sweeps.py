"""Figure of methods over SNR: a panel per quantity, a line with 95 % intervals per method, and a paper's values for comparison."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from linksim.plots.plot_style import LINE_STYLES, error_bars, freeze_layout, plot_style, shared_legend
from linksim.statistics import Interval


@dataclass(frozen=True)
class SweepLine:
    """One line.

    label   name in the legend
    snr_db  SNR of each point in dB, ascending [points]
    values  value with its 95 % interval at each point [points]
    paper   the paper's values at the first points; may be empty
    """

    label: str
    snr_db: tuple[float, ...]
    values: tuple[Interval, ...]
    paper: tuple[float, ...] = ()


@dataclass(frozen=True)
class SweepPanel:
    """Lines of one quantity.

    title     title above the panel
    quantity  label of the y axis; only that of the first panel is drawn
    lines     one line per method; lines of equal index have the same colour in all panels
    """

    title: str
    quantity: str
    lines: tuple[SweepLine, ...]


@plot_style()
def sweep_figure(title: str, panels: Sequence[SweepPanel]) -> Figure:
    """Draw the panels side by side over a common y axis of 0..1. The paper's values are hollow marks without a line.

    title   title of the figure
    panels  panels from left to right
    """
    figure = Figure(figsize=(5.2 * len(panels), 4.3))
    figure.suptitle(title)
    axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for axis, panel in zip(axes, panels, strict=True):
        for line, (colour, mark, dashes) in zip(panel.lines, LINE_STYLES, strict=False):
            style = {"color": colour, "marker": mark, "linestyle": dashes, "capsize": 2}
            error_bars(axis, line.snr_db, line.values, label=line.label, **style)
            if line.paper:
                at = line.snr_db[: len(line.paper)]
                label = f"{line.label}, paper"
                axis.plot(at, line.paper, color=colour, marker=mark, linestyle="", markersize=7, markerfacecolor="none", label=label)
        axis.set(title=panel.title, xlabel="SNR (dB)", ylim=(0, 1))
        axis.set_xticks(sorted({snr_db for line in panel.lines for snr_db in line.snr_db}))
    axes[0].set_ylabel(panels[0].quantity)
    shared_legend(figure, [list(axes)])
    return freeze_layout(figure)
