"""Quality against effort: how loss, PSNR and SSIM of a search go with its iterations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from numpy.typing import NDArray

from linksim.plots.plot_style import INK, plot_style

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
MARKERS = ("o", "^", "s", "D")
LABELS = {"loss": "loss of Eq. (5)", "psnr_db": "PSNR (dB)", "ssim": "SSIM"}


@dataclass(frozen=True)
class Descending:
    """One search.

    label       in the legend
    iterations  int64 [n]
    values      by metric of `LABELS`, float64 [n]: means over the images
    """

    label: str
    iterations: NDArray[np.int64]
    values: Mapping[str, NDArray[np.float64]]


def plain_ticks(axis: Axis) -> None:
    """Write the ticks of a logarithmic axis as numbers: 1, 2 and 5 of each decade."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter("{x:,.0f}")
    axis.set_minor_formatter("")


@plot_style()
def descent_figure(title: str, searches: Sequence[Descending], levels: Mapping[str, float], levels_are: str) -> Figure:
    """A panel per metric, iterations on a logarithmic axis; `levels` are marked by a dashed line and named in the legend."""
    figure = Figure(figsize=(11.0, 3.4))
    figure.suptitle(title)
    panels = figure.subplots(1, len(LABELS))
    for panel, (metric, label) in zip(panels, LABELS.items(), strict=True):
        for search, colour, marker in zip(searches, COLOURS, MARKERS, strict=False):
            seen = search.iterations > 0
            values = search.values[metric][seen]
            panel.plot(search.iterations[seen], values, color=colour, marker=marker, markersize=2.5, label=search.label)
        if metric in levels:
            panel.axhline(levels[metric], color=INK, linestyle="--", linewidth=1.0, label=levels_are)
        panel.set(xscale="log", xlabel="iterations", ylabel=label)
        plain_ticks(panel.xaxis)
    panels[0].set_yscale("log")
    plain_ticks(panels[0].yaxis)
    panels[-1].legend(loc="center left")
    return figure
