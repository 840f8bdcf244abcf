"""Figure of image quality over SINR: PSNR and accuracy in bins of the SINR at each receiver, with 95 % intervals and numbers of images.

The SINR of an image is the true one during its frame, with fading and with the mean jamming power over the frame; without jamming it is the
SNR. Images of jammed frames are a series of their own, because jamming may hit a part of a frame. The bins are chosen by the number of
images (`choose_bins`): narrow bins with few images would show noise.
"""

from dataclasses import dataclass
from math import ceil, floor

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from linksim.plots.binning import bin_index
from linksim.plots.number_text import count
from linksim.plots.plot_style import BOB, EVE, MAX_GROUPS, Role, blocks, error_bars, finish_blocks, plot_style, sanitise
from linksim.plots.summary import accuracy
from linksim.plots.tables import Floats, Ints, ScoreRows, match
from linksim.plots.trace_view import ReceiverView, TraceView
from linksim.statistics import Interval, cluster_mean

PSNR, ACCURACY = "mean PSNR (dB)", "accuracy (%)"
HEIGHTS = {PSNR: 2.3, ACCURACY: 1.7}  # inches
WIDTHS_DB = (0.5, 1.0, 2.0, 5.0, 10.0)
MIN_BINS, MAX_BINS = 4, 20
MIN_SPAN_DB = 4.0  # minimum length of the SNR axis
PER_BIN = 60  # minimum mean number of samples in a bin
MIN_SAMPLES = 5  # minimum number of images of a point that is drawn, unless all bins have fewer


@dataclass(frozen=True)
class SnrBins:
    """Equal bins of SNR.

    start_db  lower end of the first bin in dB
    width_db  width of a bin in dB
    count     number of bins
    """

    start_db: float
    width_db: float
    count: int


@dataclass(frozen=True)
class ScoreSeries:
    """One receiver's images in jammed or in other frames.

    role     name and colour of the receiver
    jammed   whether a jammer was on during a part of each frame; otherwise it was off
    scores   scores of the images [n]
    unit     independent unit of each image [n]
    sinr_db  true SINR of each image's frame in dB [n]
    """

    role: Role
    jammed: bool
    scores: ScoreRows
    unit: Ints
    sinr_db: Floats


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
    bins = choose_bins([part.sinr_db for parts in series for part in parts])
    ratio = "SINR" if any(part.jammed for parts in series for part in parts) else "SNR"
    figure, panels = blocks(len(groups), (*(HEIGHTS[name] for name in names), 0.8), own_y=len(names))
    for group, parts, block in zip(groups, series, panels, strict=True):
        receivers = [(role.name, receiver) for role, receiver in ((BOB, group.bob), (EVE, group.eve)) if len(receiver.scores)]
        counts = [f"{len(receiver.scores):,} in {count(receiver.units().max() + 1, 'unit')} at {name}" for name, receiver in receivers]
        block[0].set_title(f"{sanitise(group.name)}: images {', '.join(counts)}")
        for part in parts:
            draw(block, names, part, bins)
        if ACCURACY in names and parts:
            draw_chance_level(block[names.index(ACCURACY)], parts)
        block[-1].set_xlabel(f"{ratio} at the receiver during the frame (dB)")
        block[-1].margins(y=0.1)
        margin = max(MIN_SPAN_DB / 2 - bins.count * bins.width_db / 2, 0.3)
        block[-1].set_xlim(bins.start_db - margin, bins.start_db + bins.count * bins.width_db + margin)
    order = "Bob", "Bob, jammed", "Eve", "Eve, jammed"
    title = f"Image quality over {ratio}, 95 % intervals over independent units"
    return finish_blocks(figure, panels, title, (*names, "images"), len(view.groups), order)


def split_by_jamming(role: Role, receiver: ReceiverView) -> list[ScoreSeries]:
    """Split a receiver's images into those of unjammed and of jammed frames; images without a reception in the trace are left out."""
    place = match(receiver.scores, receiver.receptions)
    known = place >= 0
    scores, unit, received = receiver.scores.take(known), receiver.units()[known], receiver.receptions.take(place[known])
    parts = []
    for jammed in (False, True):
        mine = ((received.jammed_fraction > 0) == jammed) & np.isfinite(received.sinr_db)
        if mine.any():
            parts.append(ScoreSeries(role, jammed, scores.take(mine), unit[mine], received.sinr_db[mine]))
    return parts


def choose_bins(series: list[Floats], per_bin: int = PER_BIN) -> SnrBins:
    """Return the narrowest bins of a width in `WIDTHS_DB`, at most `MAX_BINS`, with at least `per_bin` SNRs of a series on average.

    series   SNRs in dB, an array per series
    per_bin  required mean number of SNRs in a bin; `MIN_BINS` bins are allowed even with fewer

    The bins cover all SNRs except the lowest 0.1 %, which count in the first bin. A constant SNR has a single bin around it.

    >>> choose_bins([np.linspace(0.0, 9.9, 1000)])
    SnrBins(start_db=0.0, width_db=1.0, count=10)
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
    """Draw one series in the panels of a block.

    block  panels from top to bottom; the last one has the number of images in each bin
    names  quantities of the other panels, `PSNR` or `ACCURACY`
    part   the series
    bins   bins of SINR; a point lies at the mean SINR of the images in its bin
    """
    place = bin_index(part.sinr_db, bins.start_db, bins.start_db + bins.count * bins.width_db, bins.count)
    images = np.bincount(place, minlength=bins.count)
    used = np.flatnonzero(images >= min(MIN_SAMPLES, images.max()))
    centre = np.array([part.sinr_db[place == b].mean() for b in used])
    inside = [(part.scores.take(place == b), part.unit[place == b]) for b in used]
    name = part.role.name + (", jammed" if part.jammed else "")
    for panel, quantity in zip(block, names, strict=False):
        if quantity == PSNR:
            found = [cluster_mean(scores.psnr_db, unit) for scores, unit in inside]
        else:
            found = [accuracy(scores, unit).scaled(100) for scores, unit in inside]
        if any(interval.n for interval in found):
            draw_points(panel, part, centre, found, name)
    edges = bins.start_db + bins.width_db * np.arange(bins.count + 1)
    block[-1].stairs(images, edges, color=part.role.colour, linestyle=":" if part.jammed else "-", linewidth=1.1)


def draw_points(panel: Axes, part: ScoreSeries, x: Floats, found: list[Interval], name: str) -> None:
    """Draw points with their intervals: hollow and dotted for jammed frames."""
    error_bars(
        panel,
        x,
        found,
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
    """Draw a line at the accuracy of guessing, one over the number of classes that were sent, and set the range of the panel."""
    labels = np.unique(np.concatenate([part.scores.label[part.scores.classified()] for part in parts]))
    panel.set_ylim(-4, 104)
    if len(labels) > 1:
        name = f"guessing among {len(labels)} classes"
        panel.axhline(100 / len(labels), color="#666666", linewidth=0.9, linestyle=(0, (1, 2)), label=name)
