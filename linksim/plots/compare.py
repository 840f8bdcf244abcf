"""Quality over SNR, one line for each kind of link: what degrades gently, and what falls off a cliff.

A kind is a group, or several that differ in SNR alone (see `plots.sweep_groups`). Only what Bob made of frames is shown, and of those only the ones
that no jammer met: the SNR does not tell of it.
"""

from dataclasses import dataclass, fields

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from linksim.plots.intervals import Interval, mean_interval, wilson
from linksim.plots.plot_style import INK, LINES, freeze_layout, plot_style, sanitise, shared_legend
from linksim.plots.scores import FEWEST, choose
from linksim.plots.summary import accuracy
from linksim.plots.tables import Floats, ImageScore, match
from linksim.plots.trace_view import View

LEVELS = 24  # different SNRs that are points of their own; more are put into bins
SAME_DB = 0.05  # SNRs nearer than this are one
GREY = 1  # code of an image that did not arrive intact
PSNR, ACCURACY, LOST = "mean PSNR (dB)", "accuracy (%)", "images lost (%)"
HEIGHTS = {PSNR: 3.2, ACCURACY: 2.0, LOST: 1.6}  # inches


@dataclass(frozen=True)
class Point:
    """The images that Bob has at one SNR, in dB."""

    snr_db: float
    quality: ImageScore


@dataclass(frozen=True)
class Line:
    """One kind of link, by rising SNR."""

    name: str
    points: tuple[Point, ...]


@plot_style()
def compare_figure(view: View) -> Figure | None:
    """PSNR, accuracy where a classifier judged, and the share of images that did not arrive where some did not.

    None unless two kinds of links were received at two SNRs or more.
    """
    found = [line for line in lines(view) if len(line.points) > 1]
    if len(found) < 2:
        return None
    drawn, images = found[: len(LINES)], [point.quality for line in found for point in line.points]
    names = [PSNR]
    if any(quality.judged().any() for quality in images):
        names.append(ACCURACY)
    if any((quality.shown == GREY).any() for quality in images):
        names.append(LOST)
    heights = [HEIGHTS[name] for name in names]
    figure = Figure(figsize=(7.5, 1.3 + sum(heights)))
    axes = figure.subplots(len(names), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for name, panel in zip(names, axes, strict=True):
        panel.set_ylabel(name)
        for line, color_of in zip(drawn, LINES, strict=False):
            if name != LOST or any((point.quality.shown == GREY).any() for point in line.points):
                draw(panel, line, [measured(name, point.quality) for point in line.points], color_of)
        if name != PSNR:
            panel.set_ylim(-4, 104)
    axes[-1].set_xlabel("SNR at Bob during the frame (dB)")
    each = sorted(len(quality) for quality in images)
    behind = f"{each[0]:,}" if each[0] == each[-1] else f"{each[0]:,} to {each[-1]:,}"
    more = f", first {len(drawn)} of {len(found)} kinds of links" if len(found) > len(drawn) else ""
    figure.suptitle(f"Quality over SNR{more}")
    axes[0].set_title(f"{behind} images behind each point, 95 % intervals", color=INK)
    shared_legend(figure, [list(axes)])
    return freeze_layout(figure)


def lines(view: View) -> list[Line]:
    """The images of each kind of link, by SNR. Those that were jammed, or whose reception is not in the trace, are left out."""
    gathered: dict[str, list[tuple[Floats, ImageScore]]] = {}
    for group in view.groups:
        quality, received = group.bob.quality, group.bob.receptions
        place = match(quality, received)
        clear = place >= 0
        clear[clear] = received.jammed[place[clear]] == 0
        snr_db = np.full(len(quality), np.nan)
        snr_db[clear] = received.snr_db[place[clear]]
        known = np.isfinite(snr_db)
        if known.any():
            gathered.setdefault(view.sweep_groups.get(group.name, group.name), []).append((snr_db[known], quality.take(known)))
    edges_db = levels([snr_db for parts in gathered.values() for snr_db, _ in parts])
    return [Line(name, points(parts, edges_db)) for name, parts in gathered.items()]


def levels(series: list[Floats]) -> Floats:
    """Where one point of a line ends and the next begins, in dB, rising: every SNR has a point where those are few; else bins."""
    distinct = np.unique(np.concatenate([np.empty(0), *series]))
    split_policy = np.flatnonzero(np.diff(distinct) > SAME_DB)
    if len(split_policy) < LEVELS:
        return np.asarray((distinct[split_policy] + distinct[split_policy + 1]) / 2)
    bins = choose(series)
    return bins.start_db + bins.width_db * np.arange(1, bins.count)


def points(parts: list[tuple[Floats, ImageScore]], edges_db: Floats) -> tuple[Point, ...]:
    """One kind's images, level by level. Levels with fewer than `FEWEST` are left out, unless none has more."""
    snr_db = np.concatenate([snr for snr, _ in parts])
    quality = ImageScore(*(np.concatenate([getattr(rows, f.name) for _, rows in parts]) for f in fields(ImageScore)))
    place = np.searchsorted(edges_db, snr_db)
    found, count = np.unique(place, return_counts=True)
    used = found[count >= min(FEWEST, count.max())]
    return tuple(Point(float(snr_db[place == level].mean()), quality.take(place == level)) for level in used)


def measured(panel: str, quality: ImageScore) -> Interval:
    """What a panel shows of the images of a point."""
    if panel == PSNR:
        return mean_interval(quality.psnr_db)
    share = accuracy(quality) if panel == ACCURACY else wilson(int((quality.shown == GREY).sum()), len(quality))
    return Interval(100 * share.value, 100 * share.low, 100 * share.high, share.n)


def draw(panel: Axes, line: Line, found: list[Interval], color_of: tuple[str, str, str]) -> None:
    """One line with its intervals; where an interval is not known the point stands alone."""
    colour, marker, dashes = color_of
    y, low, high = (np.array([getattr(i, side) for i in found]) for side in ("value", "low", "high"))
    reach = np.maximum(np.nan_to_num(np.stack([y - low, high - y])), 0)
    panel.errorbar(
        [point.snr_db for point in line.points],
        y,
        yerr=reach,
        color=colour,
        marker=marker,
        linestyle=dashes,
        elinewidth=0.9,
        capsize=2,
        label=sanitise(line.name),
    )
