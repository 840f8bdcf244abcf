"""Figure of an eavesdropper that learns: quality of her reconstructions over the number of frames received before.

`papers.miea` draws it for Eve's key learning (`attacks.key_learning`): a panel per kind of knowledge, a line per kind of keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from linksim.plots.plot_style import TEXT_COLOUR, error_bars, freeze_layout, plot_style, shared_legend
from linksim.statistics import Interval

COLOURS = ("#D55E00", "#0072B2")
MARKERS = ("^", "o")


@dataclass(frozen=True)
class LearningLine:
    """One line of a panel.

    label   name in the legend
    frames  numbers of frames that Eve has received before, ascending [points]
    scores  mean score with its 95 % interval for each of them [points]
    """

    label: str
    frames: tuple[int, ...]
    scores: tuple[Interval, ...]


@dataclass(frozen=True)
class LearningPanel:
    """One panel.

    title   title above the panel
    lines   the lines, at most two; colours and marks follow their order
    levels  names and values of horizontal lines for comparison, at most two
    """

    title: str
    lines: tuple[LearningLine, ...]
    levels: tuple[tuple[str, float], ...]


@plot_style()
def attack_learning_figure(title: str, label: str, panels: Sequence[LearningPanel]) -> Figure:
    """Draw the panels side by side.

    title   title of the figure
    label   label of the common y axis, whose range is 0..1
    panels  panels from left to right

    The numbers of frames are on a logarithmic axis that is linear from 0 to 1, so that "no earlier frame" has a place; bars are 95 %
    intervals.
    """
    figure = Figure(figsize=(5.0 * len(panels), 3.9))
    figure.suptitle(title)
    axes = list(figure.subplots(1, len(panels), squeeze=False, sharex=True, sharey=True)[0])
    counts = sorted({count for learning in panels for line in learning.lines for count in line.frames})
    for panel, learning in zip(axes, panels, strict=True):
        for line, colour, marker in zip(learning.lines, COLOURS, MARKERS, strict=False):
            error_bars(panel, line.frames, line.scores, color=colour, marker=marker, capsize=3, label=line.label)
        for (name, level), style in zip(learning.levels, ("--", ":"), strict=False):
            panel.axhline(level, color=TEXT_COLOUR, linestyle=style, linewidth=1.0, label=name)
        panel.set(xlabel="earlier frames", title=learning.title)
    axes[0].set_xscale("symlog", linthresh=1)
    axes[0].set_xticks(counts, [f"{count:,}" for count in counts])
    axes[0].minorticks_off()
    axes[0].margins(x=0.05)
    axes[0].set(ylabel=label, ylim=(0, 1))
    shared_legend(figure, [axes])
    return freeze_layout(figure)
