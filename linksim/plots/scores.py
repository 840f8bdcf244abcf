"""Figure of image quality over SINR: PSNR, metrics of the scenario and accuracy in bins of the SINR at each receiver, with 95 % intervals.

The SINR of an image is the true one during its frame, with fading and with the mean jamming power over the frame; without jamming it is the
SNR. The bins are chosen by the number of images (`snr_bins`): narrow bins with few images would show noise. If the SNR is constant at both
receivers of all groups, the figure has bars instead (`score_bars`); if it is constant at some of them, these have horizontal lines.
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from linksim.plots.image_roles import split_roles
from linksim.plots.number_text import span
from linksim.plots.plot_style import BOB, EVE, MAX_GROUPS, Role, blocks, error_bars, finish_blocks, plot_style, sanitise
from linksim.plots.score_bars import bar_figure
from linksim.plots.score_series import ACCURACY, PSNR, ScoreSeries, axis_label, constant_snr, num_classes, quality, quantities, series_of
from linksim.plots.snr_bins import MIN_SAMPLES, bin_of, snr_edges
from linksim.plots.tables import Floats
from linksim.plots.trace_view import TraceView

PSNR_HEIGHT, HEIGHT = 2.3, 1.8  # of the panel of PSNR, and of others, in inches
PER_BIN = 128  # mean number of images of a series in a bin
MIN_SPAN_DB = 4.0  # minimum length of the SNR axis
KINDS = tuple((role, jammed) for role in (BOB, EVE) for jammed in (False, True))


@plot_style()
def scores_figure(view: TraceView) -> Figure | None:
    """Draw per group PSNR, metrics and accuracy over SINR, or bars if the SNR is constant. Panels without values are left out.

    Returns None if no image was scored, or if the trace has the SNR of none of them.
    """
    groups = [group for group in split_roles(view).groups if len(group.bob.scores) + len(group.eve.scores)]
    known = [(group, parts) for group in groups if (parts := series_of(group))]
    drawn = known[:MAX_GROUPS]
    series = [parts for _, parts in drawn]
    names = quantities([part.scores for parts in series for part in parts])
    if not names:
        return None
    if all(constant_snr(parts, role) for parts in series for role in (BOB, EVE)):
        return bar_figure([group.name for group, _ in drawn], series, names, len(known))
    figure, panels = blocks(len(drawn), tuple(PSNR_HEIGHT if name == PSNR else HEIGHT for name in names))
    edges = {kind: edges_of(*kind, series) for kind in KINDS}
    for (group, parts), block in zip(drawn, panels, strict=True):
        points = [(part, split_into_bins(part, edges[part.role, part.jammed])) for part in parts]
        inside = [point for part, found in points for point in found if not constant_snr(parts, part.role)]
        block[0].set_title(f"{sanitise(group.name)}{sizes(inside)}")
        for part, found in points:
            if constant_snr(parts, part.role):
                draw_level(block, names, part)
            else:
                draw(block, names, part, found)
        if ACCURACY in names:
            draw_chance_level(block[names.index(ACCURACY)], parts)
    ratio = "SINR" if any(part.jammed for parts in series for part in parts) else "SNR"
    set_snr_range(panels[0][0])
    for block in panels:
        block[-1].set_xlabel(f"{ratio} at the receiver during the frame (dB)")
    order = "Bob", "Bob, jammed", "Eve", "Eve, jammed"
    title = f"Image quality over {ratio}, 95 % intervals over independent units"
    return finish_blocks(figure, panels, title, [axis_label(name) for name in names], len(known), order)


def edges_of(role: Role, jammed: bool, series: list[list[ScoreSeries]]) -> Floats:
    """Return the inner edges of the bins of one kind of series, which all groups share, in dB.

    role, jammed  kind of the series: receiver, and whether the frames were jammed
    series        series of each group
    """
    same = [part.sinr_db for parts in series for part in parts if part.role is role and part.jammed == jammed]
    return snr_edges(same, PER_BIN, PER_BIN)


def split_into_bins(part: ScoreSeries, edges_db: Floats) -> list[ScoreSeries]:
    """Return the images of each bin by rising SINR. Bins with fewer than `MIN_SAMPLES` images are left out, unless all have fewer.

    edges_db  inner edges of the bins
    """
    place = bin_of(part.sinr_db, edges_db)
    used, images = np.unique(place, return_counts=True)
    return [part.take(place == b) for b in used[images >= min(MIN_SAMPLES, images.max())]]


def sizes(points: list[ScoreSeries]) -> str:
    """Return the numbers of images and units of some points as text, ": 80 to 96 images, 2 to 4 units per point"; "" without points."""
    units = [len(np.unique(point.unit)) for point in points]
    return f": {span([len(point.scores) for point in points])} images, {span(units)} units per point" if points else ""


def draw(block: list[Axes], names: list[str], part: ScoreSeries, points: list[ScoreSeries]) -> None:
    """Draw one series in the panels of a block: hollow and dotted for jammed frames.

    block   panels from top to bottom
    names   quantities of the panels
    part    the series
    points  its images in each bin; a point lies at their mean SINR
    """
    x = [float(point.sinr_db.mean()) for point in points]
    style: dict[str, Any] = {"color": part.role.colour, "marker": part.role.marker, "label": part.name}
    style |= {"linewidth": 1.1, "elinewidth": 0.9, "capsize": 2}
    style |= {"markerfacecolor": "white", "linestyle": ":"} if part.jammed else {"linestyle": "-"}
    for panel, quantity in zip(block, names, strict=True):
        found = [quality(quantity, point.scores, point.unit) for point in points]
        if any(interval.n for interval in found):
            error_bars(panel, x, found, **style)


def draw_level(block: list[Axes], names: list[str], part: ScoreSeries) -> None:
    """Draw the mean of a series of constant SNR as a line over the whole panel, with its interval as a band; a point would stand alone.

    block  panels from top to bottom
    names  quantities of the panels
    part   the series
    """
    for panel, quantity in zip(block, names, strict=True):
        found = quality(quantity, part.scores, part.unit)
        if found.n:
            dashes = ":" if part.jammed else "--"
            panel.axhline(found.value, color=part.role.colour, linestyle=dashes, linewidth=1.1, label=f"{part.name}, constant SNR")
            if np.isfinite(found.low):
                panel.axhspan(found.low, found.high, color=part.role.colour, alpha=0.18, linewidth=0)


def draw_chance_level(panel: Axes, parts: list[ScoreSeries]) -> None:
    """Draw a line at the accuracy of guessing, one over the number of classes that were sent, and set the range of the panel."""
    panel.set_ylim(-4, 104)
    classes = num_classes(parts)
    if classes > 1:
        name = f"guessing among {classes} classes"
        panel.axhline(100 / classes, color="#666666", linewidth=0.9, linestyle=(0, (1, 2)), label=name)


def set_snr_range(panel: Axes) -> None:
    """Set the range of SINR, which all panels share, to that of the points, at least `MIN_SPAN_DB` long."""
    low, high = panel.get_xlim()
    missing = max(0.0, MIN_SPAN_DB - (high - low)) / 2
    panel.set_xlim(low - missing, high + missing)
