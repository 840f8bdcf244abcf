"""Figure of image quality over SNR: PSNR and accuracy in bins of the SNR at each receiver, with 95 % intervals and numbers of images."""

from dataclasses import dataclass
from math import ceil, floor

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from linksim.plots.binning import bin_index
from linksim.plots.plot_style import (
    BOB,
    EVE,
    MAX_GROUPS,
    Role,
    blocks,
    freeze_layout,
    plot_style,
    sanitise,
    shared_legend,
    shown,
    side_by_side,
)
from linksim.plots.summary import accuracy
from linksim.plots.tables import Floats, ScoreRows, match
from linksim.plots.trace_view import ReceiverView, TraceView
from linksim.statistics import Interval, mean_interval

PSNR, ACCURACY = "mean PSNR (dB)", "accuracy (%)"
HEIGHTS = {PSNR: 2.3, ACCURACY: 1.7}  # inches
WIDTHS_DB = (0.5, 1.0, 2.0, 5.0, 10.0)
MIN_BINS, MAX_BINS = 4, 20
MIN_SPAN_DB = 4.0  # minimum length of the SNR axis
PER_BIN = 60  # minimum mean number of samples in a bin
MIN_SAMPLES = 5  # minimum number of images of a point that is drawn, unless all bins have fewer


@dataclass(frozen=True)
class SnrBins:
    """Equal bins of SNR, of which the first starts at `start_db`."""

    start_db: float
    width_db: float
    count: int


@dataclass(frozen=True)
class ScoreSeries:
    """The scores of one receiver's images in jammed or in other frames, with the SNR of each image's frame in dB [n]."""

    role: Role
    jammed: bool
    scores: ScoreRows
    snr_db: Floats


@plot_style()
def scores_figure(view: TraceView) -> Figure | None:
    """Draw per group PSNR, accuracy, and the number of images of each point. Panels without values are left out.

    Returns None if no image was scored.
    """
    groups = [group for group in view.groups if len(group.bob.scores) + len(group.eve.scores)][:MAX_GROUPS]
    if not groups:
        return None
    series = [split_by_jamming(BOB, group.bob) + split_by_jamming(EVE, group.eve) for group in groups]
    every = [receiver.scores for group in groups for receiver in (group.bob, group.eve)]
    names = [PSNR] * any(scores.compared().any() for scores in every) + [ACCURACY] * any(scores.classified().any() for scores in every)
    if not names:
        return None
    bins = choose_bins([part.snr_db for parts in series for part in parts])
    figure, panels = blocks(len(groups), (*(HEIGHTS[name] for name in names), 0.8), own_y=len(names))
    for group, parts, block in zip(groups, series, panels, strict=True):
        counts = [
            f"{len(receiver.scores):,} at {role.name}" for role, receiver in ((BOB, group.bob), (EVE, group.eve)) if len(receiver.scores)
        ]
        block[0].set_title(f"{sanitise(group.name)}: images {', '.join(counts)}")
        for part in parts:
            draw(block, names, part, bins)
        if ACCURACY in names and parts:
            draw_chance_level(block[names.index(ACCURACY)], parts)
        block[-1].set_xlabel("SNR at the receiver during the frame (dB)")
        block[-1].margins(y=0.1)
        margin = max(MIN_SPAN_DB / 2 - bins.count * bins.width_db / 2, 0.3)
        block[-1].set_xlim(bins.start_db - margin, bins.start_db + bins.count * bins.width_db + margin)
    for block in panels[:: side_by_side(len(panels))]:
        for panel, name in zip(block, (*names, "images"), strict=True):
            panel.set_ylabel(name)
    figure.suptitle("Image quality over SNR, 95 % intervals" + shown(len(view.groups)))
    shared_legend(figure, panels, ("Bob", "Bob, jammed", "Eve", "Eve, jammed"))
    return freeze_layout(figure)


def split_by_jamming(role: Role, receiver: ReceiverView) -> list[ScoreSeries]:
    """Split a receiver's images into those of unjammed and of jammed frames; images without a reception in the trace are left out."""
    place = match(receiver.scores, receiver.receptions)
    known = place >= 0
    scores, received = receiver.scores.take(known), receiver.receptions.take(place[known])
    parts = []
    for jammed in (False, True):
        mine = ((received.jammed_fraction > 0) == jammed) & np.isfinite(received.snr_db)
        if mine.any():
            parts.append(ScoreSeries(role, jammed, scores.take(mine), received.snr_db[mine]))
    return parts


def choose_bins(series: list[Floats], per_bin: int = PER_BIN) -> SnrBins:
    """Return the narrowest bins of a round width, at most `MAX_BINS`, with at least `per_bin` SNRs of a series on average.

    They cover all SNRs except the lowest 0.1 %, which count in the first bin.
    """
    if not series:
        return SnrBins(0.0, WIDTHS_DB[0], 1)
    snr_db = np.concatenate(series)
    low, high = float(np.quantile(snr_db, 0.001)), float(snr_db.max())
    if high - low < WIDTHS_DB[0]:
        return SnrBins((low + high - WIDTHS_DB[0]) / 2, WIDTHS_DB[0], 1)
    max_count = min(MAX_BINS, max(MIN_BINS, len(snr_db) // len(series) // per_bin))
    for width in WIDTHS_DB:
        start = floor(low / width) * width
        count = max(1, ceil((high - start) / width + 1e-9))
        if count <= max_count:
            break
    return SnrBins(start, width, count)


def draw(block: list[Axes], names: list[str], part: ScoreSeries, bins: SnrBins) -> None:
    """Draw one series in the panels of a block, of which the last has the numbers of images."""
    place = bin_index(part.snr_db, bins.start_db, bins.start_db + bins.count * bins.width_db, bins.count)
    count = np.bincount(place, minlength=bins.count)
    used = np.flatnonzero(count >= min(MIN_SAMPLES, count.max()))
    centre = np.array([part.snr_db[place == b].mean() for b in used])
    inside = [part.scores.take(place == b) for b in used]
    name = part.role.name + (", jammed" if part.jammed else "")
    for panel, quantity in zip(block, names, strict=False):
        if quantity == PSNR:
            found = [mean_interval(scores.psnr_db) for scores in inside]
        else:
            shares = [accuracy(scores) for scores in inside]
            found = [Interval(100 * s.value, 100 * s.low, 100 * s.high, s.n) for s in shares]
        if any(interval.n for interval in found):
            error_bars(panel, part, centre, found, name)
    edges = bins.start_db + bins.width_db * np.arange(bins.count + 1)
    block[-1].stairs(count, edges, color=part.role.colour, linestyle=":" if part.jammed else "-", linewidth=1.1)


def error_bars(panel: Axes, part: ScoreSeries, x: Floats, found: list[Interval], name: str) -> None:
    """Draw points with their intervals; a point of one image has no error bar."""
    y, low, high = (np.array([getattr(i, side) for i in found]) for side in ("value", "low", "high"))
    bars = np.nan_to_num(np.stack([y - low, high - y]))
    panel.errorbar(
        x,
        y,
        yerr=np.maximum(bars, 0),
        color=part.role.colour,
        marker=part.role.marker,
        markerfacecolor="white" if part.jammed else part.role.colour,
        linestyle=":" if part.jammed else "-",
        linewidth=1.1,
        elinewidth=0.9,
        capsize=2,
        label=name,
    )


def draw_chance_level(panel: Axes, parts: list[ScoreSeries]) -> None:
    """Draw a line at the accuracy of guessing, one over the number of classes that were sent."""
    labels = np.unique(np.concatenate([part.scores.label[part.scores.classified()] for part in parts]))
    panel.set_ylim(-4, 104)
    if len(labels) > 1:
        name = f"guessing among {len(labels)} classes"
        panel.axhline(100 / len(labels), color="#666666", linewidth=0.9, linestyle=(0, (1, 2)), label=name)
