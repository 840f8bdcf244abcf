"""The strip at the top of a figure that warns of an unfinished trace or of unequal groups."""

import textwrap
from collections.abc import Sequence

from matplotlib.figure import Figure

from linksim.plots.plot_style import EVE, freeze_layout, plot_style

LINE = 0.16  # height of a line of text in inches
CHARACTER = 0.075  # width of a character in inches, at most


def strip_lines(notices: Sequence[str], width: float) -> list[str]:
    """Return the lines of text in a figure of `width` inches. Text outside ASCII is replaced, as in `plot_style.sanitise`."""
    text = ["".join(c if c.isascii() and c.isprintable() else "?" for c in notice) for notice in notices]
    return [line for notice in text for line in textwrap.wrap(notice, max(10, int((width - 0.2) / CHARACTER)))]


def strip_height(notices: Sequence[str], width: float) -> float:
    """Return the height in inches by which `add_notices` grows a figure of `width` inches."""
    return LINE * (len(strip_lines(notices, width)) + 0.5) if notices else 0.0


@plot_style()
def add_notices(figure: Figure, notices: Sequence[str]) -> Figure:
    """Grow a figure by a strip at its top with the text of the notices, and return it. Without notices it stays as it is.

    Everything that the figure has keeps its size in inches.
    """
    if not notices:
        return figure
    freeze_layout(figure)
    width, height = figure.get_size_inches()
    grown = height + strip_height(notices, width)
    for panel in figure.axes:
        left, bottom, across, up = panel.get_position(original=True).bounds
        panel.set_position((left, bottom * height / grown, across, up * height / grown))
    for label in figure.texts:
        label.set_y(label.get_position()[1] * height / grown)
    figure.set_size_inches(width, grown)
    for place, line in enumerate(strip_lines(notices, width)):
        top = 1 - LINE * (place + 0.4) / grown
        figure.text(0.1 / width, top, line, color=EVE.colour, fontsize=8, fontweight="bold", verticalalignment="top")
    return figure
