"""Figure of image quality at constant SNR: a bar per group, receiver and kind of frame, with 95 % intervals.

Over a constant SNR a line would be a single point. The bars of all groups share their axes, so this is also the comparison of the groups.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from linksim.plots.figure_shape import new_figure, set_title
from linksim.plots.number_text import count
from linksim.plots.plot_style import TEXT_COLOUR, freeze_layout, legend, sanitise, shown
from linksim.plots.score_series import ACCURACY, PSNR, ScoreSeries, axis_label, num_classes, quality
from linksim.statistics import Interval

HEIGHT = 0.74  # height of a bar; the distance between bars is 1
ROW, ACROSS, NAMES = 0.23, 3.3, 2.6  # inches: distance between bars, width of a panel, width of the names
MAX_PERCENT = 118.0  # end of the axis of accuracy, which leaves space for the value beside the bar
HATCH = "/////"


@dataclass(frozen=True)
class Bar:
    """A row of the figure.

    place   position from the top, in rows
    series  images of the row; None for the heading of a group
    label   text beside the row
    """

    place: float
    series: ScoreSeries | None
    label: str


def bar_figure(names: list[str], series: list[list[ScoreSeries]], quantity_names: list[str], groups: int) -> Figure:
    """Draw a panel per quantity, side by side, with a row per series below the name of its group.

    names           names of the groups that are drawn
    series          series of each of them
    quantity_names  `score_series.PSNR`, `ACCURACY` or the name of a metric, of each panel
    groups          number of groups that have images
    """
    rows = bars(names, series)
    last = rows[-1].place
    figure = new_figure(NAMES + ACROSS * len(quantity_names), 1.35 + ROW * (last + 1))
    panels = list(figure.subplots(1, len(quantity_names), sharey=True, squeeze=False)[0])
    for panel, quantity in zip(panels, quantity_names, strict=True):
        found = [(row, quality(quantity, row.series.scores, row.series.unit)) for row in rows if row.series is not None]
        draw(panel, [(row, interval) for row, interval in found if interval.n], ".1f" if quantity in (PSNR, ACCURACY) else ".3g")
        panel.set_xlabel(axis_label(quantity))
        panel.grid(False, axis="y")
        if quantity == ACCURACY:
            draw_chance_level(panel, [row.series for row in rows if row.series is not None])
    panels[0].set_yticks([row.place for row in rows], [row.label for row in rows])
    for row, label in zip(rows, panels[0].get_yticklabels(), strict=True):
        label.set_fontweight("bold" if row.series is None else "normal")
    panels[0].set_ylim(last + 0.7, -0.7)
    for panel in panels:
        panel.tick_params(axis="y", length=0)
    set_title(figure, "Image quality at constant SNR, 95 % intervals over independent units" + shown(groups))
    add_legend(figure, [row.series for row in rows if row.series is not None], panels)
    return freeze_layout(figure)


def bars(names: list[str], series: list[list[ScoreSeries]]) -> list[Bar]:
    """Return the rows from top to bottom: for each group a heading and its series, with half a row between groups."""
    rows: list[Bar] = []
    for name, parts in zip(names, series, strict=True):
        top = rows[-1].place + 1.5 if rows else 0.0
        rows.append(Bar(top, None, sanitise(name)))
        rows += [Bar(top + 1 + place, part, bar_label(part)) for place, part in enumerate(parts)]
    return rows


def bar_label(part: ScoreSeries) -> str:
    """Return receiver, SNR and numbers of a series as text, "Bob, jammed, 12 dB: 240 images in 4 units"."""
    units = count(len(np.unique(part.unit)), "unit")
    return f"{part.name}, {float(part.snr_db.mean()):.3g} dB: {count(len(part.scores), 'image')} in {units}"


def draw(panel: Axes, found: list[tuple[Bar, Interval]], digits: str) -> None:
    """Draw the bars with their intervals and values; hollow and hatched for jammed frames. `digits` is the format of the values."""
    for row, interval in found:
        assert row.series is not None
        colour, jammed = row.series.role.colour, row.series.jammed
        face = "white" if jammed else colour
        panel.barh(row.place, interval.value, HEIGHT, facecolor=face, edgecolor=colour, hatch=HATCH if jammed else None, linewidth=0.8)
        end = interval.value if np.isnan(interval.high) else interval.high
        if end > interval.value or interval.low < interval.value:
            reach = [[interval.value - interval.low], [interval.high - interval.value]]
            panel.errorbar([interval.value], [row.place], xerr=reach, color=TEXT_COLOUR, elinewidth=0.9, capsize=2, linestyle="")
        beside: dict[str, Any] = {"textcoords": "offset points", "xytext": (5, 0), "va": "center", "fontsize": 7.5}
        panel.annotate(f"{interval.value:{digits}}", (max(end, interval.value), row.place), **beside)
    longest = max((max(interval.value, np.nan_to_num(interval.high)) for _, interval in found), default=1.0)
    lowest = min((interval.value for _, interval in found), default=0.0)
    panel.set_xlim(min(0.0, 1.15 * lowest), 1.15 * max(0.0, longest) or 1.0)  # all bars may be 0


def draw_chance_level(panel: Axes, parts: list[ScoreSeries]) -> None:
    """Draw a line at the accuracy of guessing and set the range of the panel."""
    panel.set_xlim(0, MAX_PERCENT)
    panel.set_xticks(range(0, 101, 20))
    classes = num_classes(parts)
    if classes > 1:
        name = f"guessing among {classes} classes"
        panel.axvline(100 / classes, color=TEXT_COLOUR, linewidth=0.9, linestyle=(0, (1, 2)), label=name)


def add_legend(figure: Figure, parts: list[ScoreSeries], panels: list[Axes]) -> None:
    """Add a legend for the kinds of bars that occur, and for the lines of the panels."""
    handles: dict[str, Artist] = {}
    for part in parts:
        colour = part.role.colour
        handles[part.name] = Patch(
            facecolor="white" if part.jammed else colour, edgecolor=colour, hatch=HATCH if part.jammed else None, linewidth=0.8
        )
    for panel in panels:
        handles |= {name: handle for handle, name in zip(*panel.get_legend_handles_labels(), strict=True)}
    legend(figure, list(handles.values()), list(handles))
