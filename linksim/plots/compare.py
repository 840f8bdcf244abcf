"""Figure that compares kinds of link: image quality at Bob over SNR, with one line per kind.

A kind is one group, or a set of groups that differ only in SNR (see `plots.snr_sweep_groups`). Jammed frames are left out, because the SNR
does not include jamming.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from linksim.plots.plot_style import LINE_STYLES, TEXT_COLOUR, error_bars, freeze_layout, plot_style, sanitise, shared_legend
from linksim.plots.scores import MIN_SAMPLES, choose_bins
from linksim.plots.summary import accuracy
from linksim.plots.tables import Floats, Ints, ScoreRows, match
from linksim.plots.trace_view import TraceView
from linksim.statistics import Interval, cluster_mean, cluster_share

MAX_LEVELS = 24  # up to so many distinct SNRs are points of their own; more SNRs are binned
SAME_DB = 0.05  # SNRs with a smaller difference are one level
PSNR, ACCURACY, ERASED = "mean PSNR (dB)", "accuracy (%)", "images erased (%)"
HEIGHTS = {PSNR: 3.2, ACCURACY: 2.0, ERASED: 1.6}  # inches

Part = tuple[Floats, ScoreRows, Ints]  # SNR in dB, scores and independent units of the images of one group


@dataclass(frozen=True)
class SnrPoint:
    """Bob's images at one SNR.

    snr_db  mean true SNR of their frames in dB
    scores  their scores
    unit    independent unit of each; links of equal number in two groups have equal images and noise, and are one unit
    """

    snr_db: float
    scores: ScoreRows
    unit: Ints


@dataclass(frozen=True)
class ComparisonLine:
    """One kind of link.

    name    name of the group, or the common part of the names of its groups
    points  points in the order of rising SNR
    """

    name: str
    points: tuple[SnrPoint, ...]


@plot_style()
def compare_figure(view: TraceView) -> Figure | None:
    """Draw PSNR, accuracy, and the fraction of erased images. Panels without values are left out.

    Returns None unless at least two kinds of link were received at two SNRs or more.
    """
    found = [line for line in comparison_lines(view) if len(line.points) > 1]
    if len(found) < 2:
        return None
    drawn, images = found[: len(LINE_STYLES)], [point.scores for line in found for point in line.points]
    names = []
    if any(scores.compared().any() for scores in images):
        names.append(PSNR)
    if any(scores.classified().any() for scores in images):
        names.append(ACCURACY)
    if any((scores.erased == 1).any() for scores in images):
        names.append(ERASED)
    if not names:
        return None
    heights = [HEIGHTS[name] for name in names]
    figure = Figure(figsize=(7.5, 1.3 + sum(heights)))
    axes = figure.subplots(len(names), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for name, panel in zip(names, axes, strict=True):
        panel.set_ylabel(name)
        for line, style in zip(drawn, LINE_STYLES, strict=False):
            values = [panel_value(name, point) for point in line.points]
            if any(value.n for value in values) and (name != ERASED or any(value.value > 0 for value in values)):
                draw(panel, line, values, style)
        if name != PSNR:
            panel.set_ylim(-4, 104)
    axes[-1].set_xlabel("SNR at Bob during the frame (dB)")
    samples = span([len(scores) for scores in images])
    units = span([len(np.unique(point.unit)) for line in found for point in line.points])
    suffix = f", first {len(drawn)} of {len(found)} kinds of links" if len(found) > len(drawn) else ""
    figure.suptitle(f"Image quality over SNR{suffix}")
    axes[0].set_title(f"{samples} images in {units} independent units per point, 95 % intervals", color=TEXT_COLOUR)
    shared_legend(figure, [list(axes)])
    return freeze_layout(figure)


def span(numbers: list[int]) -> str:
    """Return the smallest and the largest of some numbers as text.

    >>> span([1280, 640]), span([7, 7])
    ('640 to 1,280', '7')
    """
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def comparison_lines(view: TraceView) -> list[ComparisonLine]:
    """Return the lines of all kinds of link, without images that were jammed or whose reception is not in the trace."""
    gathered: dict[str, list[Part]] = {}
    for group in view.groups:
        scores, received = group.bob.scores, group.bob.receptions
        place = match(scores, received)
        clear = place >= 0
        clear[clear] = received.jammed_fraction[place[clear]] == 0
        snr_db = np.full(len(scores), np.nan)
        snr_db[clear] = received.snr_db[place[clear]]
        known = np.isfinite(snr_db)
        if known.any():
            gathered.setdefault(view.sweep_groups.get(group.name, group.name), []).append(
                (snr_db[known], scores.take(known), group.bob.units()[known])
            )
    edges_db = level_edges([snr_db for parts in gathered.values() for snr_db, _, _ in parts])
    return [ComparisonLine(name, snr_points(parts, edges_db)) for name, parts in gathered.items()]


def level_edges(series: list[Floats]) -> Floats:
    """Return the boundaries between the points of the lines in dB, rising: one point per distinct SNR if they are few, else bins.

    series  SNR of each image in dB, by group

    All lines have the same boundaries, so that their points can be compared. SNRs that differ by less than `SAME_DB` are one level.

    >>> level_edges([np.array([0.0, 0.0, 5.0]), np.array([5.01, 10.0])]).round(3).tolist()
    [2.5, 7.505]
    """
    distinct = np.unique(np.concatenate([np.empty(0), *series]))
    gaps = np.flatnonzero(np.diff(distinct) > SAME_DB)
    if len(gaps) < MAX_LEVELS:
        return np.asarray((distinct[gaps] + distinct[gaps + 1]) / 2)
    bins = choose_bins(series)
    return bins.start_db + bins.width_db * np.arange(1, bins.count)


def snr_points(parts: list[Part], edges_db: Floats) -> tuple[SnrPoint, ...]:
    """Return the points of one kind of link. Points with fewer than `MIN_SAMPLES` images are left out, unless all have fewer.

    parts     SNR in dB [n], scores and units of the images of each group of that kind
    edges_db  result of `level_edges`
    """
    snr_db, unit = (np.concatenate([part[place] for part in parts]) for place in (0, 2))
    scores = ScoreRows(*(np.concatenate([getattr(rows, f.name) for _, rows, _ in parts]) for f in fields(ScoreRows)))
    place = np.searchsorted(edges_db, snr_db)
    found, count = np.unique(place, return_counts=True)
    used = found[count >= min(MIN_SAMPLES, count.max())]
    chosen = [place == level for level in used]
    return tuple(SnrPoint(float(snr_db[mine].mean()), scores.take(mine), unit[mine]) for mine in chosen)


def panel_value(panel: str, point: SnrPoint) -> Interval:
    """Return the value of a panel, `PSNR`, `ACCURACY` or `ERASED`, for the images of a point; n = 0 if they have none."""
    scores, known = point.scores, point.scores.erased >= 0
    if panel == PSNR:
        return cluster_mean(scores.psnr_db, point.unit)
    share = accuracy(scores, point.unit) if panel == ACCURACY else cluster_share((scores.erased == 1)[known], point.unit[known])
    return share.scaled(100)


def draw(panel: Axes, line: ComparisonLine, found: list[Interval], style: tuple[str, str, str]) -> None:
    """Draw one line with the values of its points; `style` is colour, mark and dashes."""
    colour, marker, dashes = style
    snr_db = [point.snr_db for point in line.points]
    shape: dict[str, Any] = {"color": colour, "marker": marker, "linestyle": dashes}
    error_bars(panel, snr_db, found, elinewidth=0.9, capsize=2, label=sanitise(line.name), **shape)
