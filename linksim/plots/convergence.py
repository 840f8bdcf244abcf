"""Figure of the convergence of an iterative attack: loss, PSNR and SSIM over its iterations.

`papers.miea` draws it for the white-box attack (`attacks.white_box`), whose loss is MIEA's Eq. (5). The figure shows whether an attack has
converged when it stops, and whether a smaller loss gives a better image.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from numpy.typing import NDArray

from linksim.plots.plot_style import TEXT_COLOUR, freeze_layout, plot_style, shared_legend

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
MARKERS = ("o", "^", "s", "D")
LABELS = {"loss": "loss of Eq. (5)", "psnr_db": "PSNR (dB)", "ssim": "SSIM"}


@dataclass(frozen=True)
class ConvergenceCurve:
    """The progress of one attack.

    label       name in the legend
    iterations  numbers of iterations, int64 [n]
    values      means over the images, float64 [n], for each metric of `LABELS`
    """

    label: str
    iterations: NDArray[np.int64]
    values: Mapping[str, NDArray[np.float64]]


def plain_ticks(axis: Axis) -> None:
    """Label a logarithmic axis with plain numbers: 1, 2 and 5 times powers of ten."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter("{x:,.0f}")
    axis.set_minor_formatter("")


@plot_style()
def convergence_figure(title: str, curves: Sequence[ConvergenceCurve], levels: Mapping[str, float], level_label: str) -> Figure:
    """Draw a panel per metric of `LABELS` with the iterations on a logarithmic axis.

    title        title of the figure
    curves       the attacks, at most four; colours and marks follow their order
    levels       values of horizontal dashed lines by metric, for example a paper's results; may lack metrics
    level_label  name of these lines in the legend
    """
    figure = Figure(figsize=(11.0, 3.7))
    figure.suptitle(title)
    panels = list(figure.subplots(1, len(LABELS), sharex=True))
    for panel, (metric, label) in zip(panels, LABELS.items(), strict=True):
        for curve, colour, marker in zip(curves, COLOURS, MARKERS, strict=False):
            seen = curve.iterations > 0
            values = curve.values[metric][seen]
            panel.plot(curve.iterations[seen], values, color=colour, marker=marker, markersize=2.5, label=curve.label)
        if metric in levels:
            panel.axhline(levels[metric], color=TEXT_COLOUR, linestyle="--", linewidth=1.0, label=level_label)
        panel.set(xscale="log", xlabel="iterations", ylabel=label)
        plain_ticks(panel.xaxis)
    panels[0].set_yscale("log")
    plain_ticks(panels[0].yaxis)
    shared_legend(figure, [panels])
    return freeze_layout(figure)
