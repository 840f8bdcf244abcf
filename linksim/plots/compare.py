"""Figure that compares kinds of link: image quality at Bob and at Eve over SNR, with one line per kind.

A kind is one group, or a set of groups that differ only in SNR (see `plots.snr_sweep_groups`). Jammed frames are left out, because the SNR
does not include jamming. Groups of a run whose SNR is constant are compared by the bars of `plots.scores`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from linksim.plots.figure_shape import new_figure, set_title
from linksim.plots.image_roles import split_roles
from linksim.plots.number_text import span
from linksim.plots.plot_style import (
    BOB,
    EVE,
    LINE_STYLES,
    TEXT_COLOUR,
    Role,
    error_bars,
    freeze_layout,
    plot_style,
    sanitise,
    shared_legend,
)
from linksim.plots.score_series import ACCURACY, ERASED, PSNR, ScoreSeries, quality, split_by_jamming
from linksim.plots.snr_bins import MIN_SAMPLES, bin_of, snr_edges
from linksim.plots.tables import Floats, Ints, ScoreRows, concatenate
from linksim.plots.trace_view import TraceView
from linksim.statistics import Interval

HEIGHTS = {PSNR: 3.0, ACCURACY: 2.0, ERASED: 1.5}  # inches
WIDTH = 5.2  # width of a column of panels in inches
PER_BIN = 128  # mean number of images of a kind of link in a bin


@dataclass(frozen=True)
class SnrPoint:
    """A receiver's images at one SNR.

    snr_db  mean true SNR of their frames in dB
    scores  their scores
    unit    independent unit of each; links of equal number in two groups have equal images and noise, and are one unit
    """

    snr_db: float
    scores: ScoreRows
    unit: Ints


@dataclass(frozen=True)
class ComparisonLine:
    """One kind of link at one receiver.

    name    name of the group, or the common part of the names of its groups
    points  points in the order of rising SNR
    """

    name: str
    points: tuple[SnrPoint, ...]


@plot_style()
def compare_figure(view: TraceView) -> Figure | None:
    """Draw PSNR, accuracy, and the fraction of erased images at Bob, and at Eve if she receives. Panels without values are left out.

    A receiver whose SNR is constant has bars. Returns None unless at least two kinds of link were received at two SNRs or more.
    """
    view = split_roles(view)
    found = {role: alike(comparison_lines(view, role)) for role in (BOB, EVE)}
    found = {role: lines for role, lines in found.items() if len(lines) > 1 and shown_quantities(lines)}
    if not any(len(line.points) > 1 for lines in found.values() for line in lines):
        return None
    kinds = list(dict.fromkeys(line.name for lines in found.values() for line in lines))
    styles = dict(zip(kinds, LINE_STYLES, strict=False))
    names = {role: shown_quantities(lines) for role, lines in found.items()}
    rows = [name for name in HEIGHTS if any(name in own for own in names.values())]
    heights = [HEIGHTS[name] for name in rows]
    figure = new_figure(max(7.5, WIDTH * len(found)), 1.3 + sum(heights))
    grid = figure.subplots(len(rows), len(found), sharex="col", sharey="row", squeeze=False, gridspec_kw={"height_ratios": heights})
    for (role, lines), column in zip(found.items(), grid.T, strict=True):
        panels = dict(zip(rows, column, strict=True))
        for name in set(rows) - set(names[role]):
            panels.pop(name).set_axis_off()
        draw_column(panels, role, [line for line in lines if line.name in styles], styles)
    for name, panel in zip(rows, grid[:, 0], strict=True):
        panel.set_ylabel(name)
    suffix = f", first {len(styles)} of {len(kinds)} kinds of links" if len(kinds) > len(styles) else ""
    set_title(figure, f"Image quality over SNR, 95 % intervals{suffix}")
    shared_legend(figure, [[panel for panel in grid.flat if panel.axison]])
    return freeze_layout(figure)


def alike(lines: list[ComparisonLine]) -> list[ComparisonLine]:
    """Return the lines with several points; if there are none, all lines, whose single points are drawn as bars."""
    return [line for line in lines if len(line.points) > 1] or lines


def shown_quantities(lines: list[ComparisonLine]) -> list[str]:
    """Return the quantities that any image of the lines has, `ERASED` only if an image was erased."""
    images = [point.scores for line in lines for point in line.points]
    present = {
        PSNR: any(scores.compared().any() for scores in images),
        ACCURACY: any(scores.classified().any() for scores in images),
        ERASED: any((scores.erased == 1).any() for scores in images),
    }
    return [name for name, any_image in present.items() if any_image]


def draw_column(panels: dict[str, Axes], role: Role, lines: list[ComparisonLine], styles: dict[str, tuple[str, str, str]]) -> None:
    """Draw the panels of one receiver.

    panels  panel of each quantity, from top to bottom
    role    the receiver
    lines   a line per kind of link
    styles  colour, mark and dashes of each kind
    """
    first, last = next(iter(panels.values())), next(reversed(panels.values()))
    points = [point for line in lines for point in line.points]
    constant = len(points) == len(lines)
    for name, panel in panels.items():
        for place, line in enumerate(lines):
            values = [quality(name, point.scores, point.unit) for point in line.points]
            if constant:
                draw_bar(panel, place, values[0], line.name, styles[line.name][0])
            elif any(value.n for value in values) and (name != ERASED or any(value.value > 0 for value in values)):
                draw(panel, line, values, styles[line.name])
        if name != PSNR:
            panel.set_ylim(-4, 104)
        panel.tick_params(labelbottom=panel is last)
    numbers = f"{span([len(point.scores) for point in points])} images, {span([len(np.unique(point.unit)) for point in points])} units"
    first.set_title(f"{role.name}: {numbers} per {'bar' if constant else 'point'}")
    last.set_xlabel(f"SNR at {role.name} during the frame (dB)")
    if constant:
        last.set_xticks(range(len(lines)), [f"{line.points[0].snr_db:.3g}" for line in lines])


def comparison_lines(view: TraceView, role: Role = BOB) -> list[ComparisonLine]:
    """Return the lines of all kinds of link, without images that were jammed or whose reception is not in the trace.

    role  the receiver, `BOB` or `EVE`
    """
    gathered: dict[str, list[ScoreSeries]] = {}
    for group in view.groups:
        for part in split_by_jamming(role, group.bob if role is BOB else group.eve):
            if not part.jammed:
                gathered.setdefault(view.sweep_groups.get(group.name, group.name), []).append(part)
    edges_db = snr_edges([np.concatenate([part.snr_db for part in parts]) for parts in gathered.values()], PER_BIN, per_level=1)
    return [ComparisonLine(name, snr_points(parts, edges_db)) for name, parts in gathered.items()]


def snr_points(parts: list[ScoreSeries], edges_db: Floats) -> tuple[SnrPoint, ...]:
    """Return the points of one kind of link. Points with fewer than `MIN_SAMPLES` images are left out, unless all have fewer.

    parts     images of each group of that kind
    edges_db  inner edges of the bins of SNR
    """
    snr_db, unit = np.concatenate([part.snr_db for part in parts]), np.concatenate([part.unit for part in parts])
    scores = concatenate([part.scores for part in parts])
    place = bin_of(snr_db, edges_db)
    found, count = np.unique(place, return_counts=True)
    used = found[count >= min(MIN_SAMPLES, count.max())]
    chosen = [place == level for level in used]
    return tuple(SnrPoint(float(snr_db[mine].mean()), scores.take(mine), unit[mine]) for mine in chosen)


def draw(panel: Axes, line: ComparisonLine, found: list[Interval], style: tuple[str, str, str]) -> None:
    """Draw one line with the values of its points; `style` is colour, mark and dashes."""
    colour, marker, dashes = style
    snr_db = [point.snr_db for point in line.points]
    shape: dict[str, Any] = {"color": colour, "marker": marker, "linestyle": dashes}
    error_bars(panel, snr_db, found, elinewidth=0.9, capsize=2, label=sanitise(line.name), **shape)


def draw_bar(panel: Axes, place: int, found: Interval, name: str, colour: str) -> None:
    """Draw the value of a kind of link at constant SNR as a bar with its interval.

    place   position of the bar from the left, from 0
    found   the value; without one nothing is drawn
    name    name of the kind in the legend
    colour  colour of the kind
    """
    if found.n:
        panel.bar(place, found.value, 0.6, color=colour, label=sanitise(name))
        error_bars(panel, [place], [found], color=TEXT_COLOUR, elinewidth=0.9, capsize=2, linestyle="")
