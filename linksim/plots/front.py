"""Figure of a trade-off: accuracy of the receiver over that of an eavesdropper, one line per eavesdropper, along a swept parameter."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from linksim.plots.plot_style import LINE_STYLES, freeze_layout, plot_style

CLEARANCE = 0.03  # least difference of the receiver's accuracy between two points with names


@dataclass(frozen=True)
class FrontLine:
    """One eavesdropper; its points are the values of the parameter, in order.

    label         name in the legend
    eavesdropper  accuracy of the eavesdropper, 0..1 [points]
    receiver      accuracy of the receiver, 0..1 [points]
    names         value of the parameter at each point, shown beside the points of the first line where there is space [points]
    """

    label: str
    eavesdropper: tuple[float, ...]
    receiver: tuple[float, ...]
    names: tuple[str, ...]


@plot_style()
def front_figure(title: str, lines: Sequence[FrontLine]) -> Figure:
    """Draw the receiver's accuracy over the eavesdropper's. On the diagonal both know the same; upper left is better for the receiver."""
    figure = Figure(figsize=(6.2, 5.4))
    figure.suptitle(title)
    axis = figure.subplots()
    axis.plot((0, 1), (0, 1), color="grey", linewidth=1, linestyle=":")
    for line, (colour, mark, dashes) in zip(lines, LINE_STYLES, strict=False):
        axis.plot(line.eavesdropper, line.receiver, color=colour, marker=mark, linestyle=dashes, label=line.label)
    last = math.inf
    for x, y, name in reversed(list(zip(lines[0].eavesdropper, lines[0].receiver, lines[0].names, strict=True)) if lines else []):
        if abs(y - last) > CLEARANCE:
            axis.annotate(name, (x, y), (-6, 6), textcoords="offset points", horizontalalignment="right", fontsize=8)
            last = y
    axis.set(xlabel="accuracy of the eavesdropper", ylabel="accuracy of the receiver", xlim=(0, 1.02), ylim=(0, 1.02))
    axis.legend(loc="lower right")
    return freeze_layout(figure)
