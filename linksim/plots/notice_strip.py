"""The strip at the top of a figure that warns of an unfinished trace or of unequal groups."""

import textwrap
from collections.abc import Sequence

from matplotlib.figure import Figure

from linksim.plots.plot_style import EVE, freeze_layout, plot_style

LINE = 0.16  # height of a line of text in inches
CHARACTER = 0.075  # width of a character in inches, at most


@plot_style()
def add_notices(figure: Figure, notices: Sequence[str]) -> Figure:
    """Grow a figure by a strip at its top with the text of the notices, and return it. Without notices it stays as it is.

    Text outside ASCII is replaced, as in `plot_style.sanitise`. Everything that the figure has keeps its size in inches.
    """
    if not notices:
        return figure
    freeze_layout(figure)
    width, height = figure.get_size_inches()
    text = ["".join(c if c.isascii() and c.isprintable() else "?" for c in notice) for notice in notices]
    lines = [line for notice in text for line in textwrap.wrap(notice, int((width - 0.2) / CHARACTER))]
    grown = height + LINE * (len(lines) + 0.5)
    for panel in figure.axes:
        left, bottom, across, up = panel.get_position(original=True).bounds
        panel.set_position((left, bottom * height / grown, across, up * height / grown))
    for label in figure.texts:
        label.set_y(label.get_position()[1] * height / grown)
    figure.set_size_inches(width, grown)
    for place, line in enumerate(lines):
        top = 1 - LINE * (place + 0.4) / grown
        figure.text(0.1 / width, top, line, color=EVE.colour, fontsize=8, fontweight="bold", verticalalignment="top")
    return figure
