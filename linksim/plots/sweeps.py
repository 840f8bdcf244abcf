"""Figures of methods against SNR: a panel per quantity, a line with 95 % intervals per method, and what a paper has beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from linksim.plots.intervals import Interval
from linksim.plots.plot_style import LINES, freeze_layout, plot_style, shared_legend


@dataclass(frozen=True)
class Swept:
    """One line.

    snr_db  where it was measured
    values  there
    paper   the paper's figures at the first SNRs; empty where it has none
    """

    label: str
    snr_db: tuple[float, ...]
    values: tuple[Interval, ...]
    paper: tuple[float, ...] = ()


@dataclass(frozen=True)
class Panel:
    """Lines of one quantity; the same place in each panel has the same colour."""

    title: str
    quantity: str
    lines: tuple[Swept, ...]


@plot_style()
def sweep_figure(title: str, panels: Sequence[Panel]) -> Figure:
    """Panels side by side. A paper's figures are hollow marks without a line, in the colour of ours."""
    figure = Figure(figsize=(5.2 * len(panels), 4.3))
    figure.suptitle(title)
    axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for axis, panel in zip(axes, panels, strict=True):
        for line, (colour, mark, dashes) in zip(panel.lines, LINES, strict=False):
            means = [about.value for about in line.values]
            ends = [[about.value - about.low for about in line.values], [about.high - about.value for about in line.values]]
            how = {"color": colour, "marker": mark, "linestyle": dashes, "capsize": 2}
            axis.errorbar(line.snr_db, means, yerr=ends, label=line.label, **how)
            if line.paper:
                at = line.snr_db[: len(line.paper)]
                label = f"{line.label}, the paper's"
                axis.plot(at, line.paper, color=colour, marker=mark, linestyle="", markersize=7, markerfacecolor="none", label=label)
        axis.set(title=panel.title, xlabel="SNR (dB)", ylim=(0, 1))
        axis.set_xticks(sorted({snr_db for line in panel.lines for snr_db in line.snr_db}))
    axes[0].set_ylabel(panels[0].quantity)
    shared_legend(figure, [list(axes)])
    return freeze_layout(figure)
