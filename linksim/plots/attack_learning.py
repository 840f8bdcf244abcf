"""Figure of an eavesdropper that learns: quality of her reconstructions over the number of frames received before."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from linksim.plots.plot_style import TEXT_COLOUR, plot_style
from linksim.statistics import Interval

COLOURS = ("#D55E00", "#0072B2")
MARKERS = ("^", "o")


@dataclass(frozen=True)
class LearningLine:
    """One line: the mean score with its interval for each number of earlier frames."""

    label: str
    frames: tuple[int, ...]
    scores: tuple[Interval, ...]


@dataclass(frozen=True)
class LearningPanel:
    """One panel. `levels` are names and values of horizontal lines."""

    title: str
    lines: tuple[LearningLine, ...]
    levels: tuple[tuple[str, float], ...]


@plot_style()
def attack_learning_figure(title: str, label: str, panels: Sequence[LearningPanel]) -> Figure:
    """Draw the panels side by side. The numbers of frames are on a logarithmic axis, linear from 0 to 1; bars are 95 % intervals."""
    figure = Figure(figsize=(5.0 * len(panels), 3.6))
    figure.suptitle(title)
    for panel, learning in zip(figure.subplots(1, len(panels), squeeze=False, sharey=True)[0], panels, strict=True):
        for line, colour, marker in zip(learning.lines, COLOURS, MARKERS, strict=False):
            means = [score.value for score in line.scores]
            ends = [[score.value - score.low for score in line.scores], [score.high - score.value for score in line.scores]]
            panel.errorbar(line.frames, means, yerr=ends, color=colour, marker=marker, capsize=3, label=line.label)
        for (name, level), style in zip(learning.levels, ("--", ":"), strict=False):
            panel.axhline(level, color=TEXT_COLOUR, linestyle=style, linewidth=1.0, label=name)
        panel.set_xscale("symlog", linthresh=1)
        counts = sorted({count for line in learning.lines for count in line.frames})
        panel.set_xticks(counts, [f"{count:,}" for count in counts])
        panel.minorticks_off()
        panel.set(xlabel="earlier frames", ylabel=label, title=learning.title, ylim=(0, 1))
        panel.margins(x=0.05)
        panel.legend(loc="best", fontsize=8)
    return figure
