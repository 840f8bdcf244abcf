"""Quality against what an eavesdropper has received before: a panel per way of learning."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from linksim.plots.intervals import Interval
from linksim.plots.plot_style import INK, plot_style

COLOURS = ("#D55E00", "#0072B2")
MARKERS = ("^", "o")


@dataclass(frozen=True)
class Learnt:
    """One line: a mean with its interval at each number of earlier frames."""

    label: str
    frames: tuple[int, ...]
    quality: tuple[Interval, ...]


@dataclass(frozen=True)
class Learning:
    """One panel. `levels` are dashed lines by name."""

    title: str
    lines: tuple[Learnt, ...]
    levels: tuple[tuple[str, float], ...]


@plot_style()
def learning_figure(title: str, label: str, panels: Sequence[Learning]) -> Figure:
    """Numbers of frames are on a logarithmic axis, linear from 0 to 1; bars are 95 % intervals."""
    figure = Figure(figsize=(5.0 * len(panels), 3.6))
    figure.suptitle(title)
    for panel, learning in zip(figure.subplots(1, len(panels), squeeze=False, sharey=True)[0], panels, strict=True):
        for line, colour, marker in zip(learning.lines, COLOURS, MARKERS, strict=False):
            means = [about.value for about in line.quality]
            ends = [[about.value - about.low for about in line.quality], [about.high - about.value for about in line.quality]]
            panel.errorbar(line.frames, means, yerr=ends, color=colour, marker=marker, capsize=3, label=line.label)
        for (name, level), style in zip(learning.levels, ("--", ":"), strict=False):
            panel.axhline(level, color=INK, linestyle=style, linewidth=1.0, label=name)
        panel.set_xscale("symlog", linthresh=1)
        counts = sorted({count for line in learning.lines for count in line.frames})
        panel.set_xticks(counts, [f"{count:,}" for count in counts])
        panel.minorticks_off()
        panel.set(xlabel="earlier frames", ylabel=label, title=learning.title, ylim=(0, 1))
        panel.margins(x=0.05)
        panel.legend(loc="runtime", fontsize=8)
    return figure
