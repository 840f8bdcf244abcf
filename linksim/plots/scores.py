"""Image quality against SNR: PSNR and accuracy in bins of the SNR at each receiver, with 95 % intervals and the number of images."""

from dataclasses import dataclass
from math import ceil, floor

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from linksim.plots.intervals import Interval, bin_of, mean_interval
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
from linksim.plots.tables import Floats, ImageScore, match
from linksim.plots.trace_view import Receiver, View

WIDTHS_DB = (0.5, 1.0, 2.0, 5.0, 10.0)
MIN_BINS, MAX_BINS = 4, 20
LEAST_DB = 4.0  # that the SNR axis covers
PER_BIN = 60
FEWEST = 5  # images behind a point; fewer are counted but not drawn, unless no bin has more


@dataclass(frozen=True)
class Bins:
    """Bins of SNR: the first starts at `start_db`."""

    start_db: float
    width_db: float
    count: int


@dataclass(frozen=True)
class Series:
    """The images of one receiver, jammed or not, with the SNR in dB of the frame that each came in [n]."""

    role: Role
    jammed: bool
    quality: ImageScore
    snr_db: Floats


@plot_style()
def quality_figure(view: View) -> Figure | None:
    """Up to three panels per group of links: PSNR, accuracy where a classifier judged, and how many images stand behind each point.

    None where no image was scored.
    """
    groups = [group for group in view.groups if len(group.bob.quality) + len(group.eve.quality)][:MAX_GROUPS]
    if not groups:
        return None
    series = [split(BOB, group.bob) + split(EVE, group.eve) for group in groups]
    judged = any(part.quality.judged().any() for parts in series for part in parts)
    bins = choose([part.snr_db for parts in series for part in parts])
    figure, panels = blocks(len(groups), (2.3, 1.7, 0.8) if judged else (2.3, 0.8), own_y=2 if judged else 1)
    for group, parts, block in zip(groups, series, panels, strict=True):
        counts = [
            f"{len(receiver.quality):,} at {role.name}" for role, receiver in ((BOB, group.bob), (EVE, group.eve)) if len(receiver.quality)
        ]
        block[0].set_title(f"{sanitise(group.name)}: images {', '.join(counts)}")
        for part in parts:
            draw(block, part, bins)
        if judged:
            chance(block[1], parts)
        block[-1].set_xlabel("SNR at the receiver during the frame (dB)")
        block[-1].margins(y=0.1)
        margin = max(LEAST_DB / 2 - bins.count * bins.width_db / 2, 0.3)
        block[-1].set_xlim(bins.start_db - margin, bins.start_db + bins.count * bins.width_db + margin)
    names = ("mean PSNR (dB)", "accuracy (%)", "images") if judged else ("mean PSNR (dB)", "images")
    for block in panels[:: side_by_side(len(panels))]:
        for panel, name in zip(block, names, strict=True):
            panel.set_ylabel(name)
    figure.suptitle("Image quality against SNR, 95 % intervals" + shown(len(view.groups)))
    shared_legend(figure, panels, ("Bob", "Bob, jammed", "Eve", "Eve, jammed"))
    return freeze_layout(figure)


def split(role: Role, receiver: Receiver) -> list[Series]:
    """An receiver's images by whether a jammer was on during any part of their frame; those without a reception in the trace are left out."""
    place = match(receiver.quality, receiver.receptions)
    known = place >= 0
    quality, received = receiver.quality.take(known), receiver.receptions.take(place[known])
    parts = []
    for jammed in (False, True):
        mine = ((received.jammed > 0) == jammed) & np.isfinite(received.snr_db)
        if mine.any():
            parts.append(Series(role, jammed, quality.take(mine), received.snr_db[mine]))
    return parts


def choose(series: list[Floats], per_bin: int = PER_BIN) -> Bins:
    """The finest bins of a round width that cover all SNRs, are no more than `MAX_BINS`, and hold `per_bin` SNRs of a series on average.

    The lowest thousandth of all shares the first bin.
    """
    if not series:
        return Bins(0.0, WIDTHS_DB[0], 1)
    snr_db = np.concatenate(series)
    low, high = float(np.quantile(snr_db, 0.001)), float(snr_db.max())
    if high - low < WIDTHS_DB[0]:
        return Bins((low + high - WIDTHS_DB[0]) / 2, WIDTHS_DB[0], 1)
    most = min(MAX_BINS, max(MIN_BINS, len(snr_db) // len(series) // per_bin))
    for width in WIDTHS_DB:
        start = floor(low / width) * width
        count = max(1, ceil((high - start) / width + 1e-9))
        if count <= most:
            break
    return Bins(start, width, count)


def draw(block: list[Axes], part: Series, bins: Bins) -> None:
    """One series in all panels of a block."""
    place = bin_of(part.snr_db, bins.start_db, bins.start_db + bins.count * bins.width_db, bins.count)
    count = np.bincount(place, minlength=bins.count)
    used = np.flatnonzero(count >= min(FEWEST, count.max()))
    centre = np.array([part.snr_db[place == b].mean() for b in used])
    inside = [part.quality.take(place == b) for b in used]
    name = part.role.name + (", jammed" if part.jammed else "")
    error_bars(block[0], part, centre, [mean_interval(quality.psnr_db) for quality in inside], name)
    if len(block) == 3:
        shares = [accuracy(quality) for quality in inside]
        error_bars(block[1], part, centre, [Interval(100 * s.value, 100 * s.low, 100 * s.high, s.n) for s in shares], name)
    edges = bins.start_db + bins.width_db * np.arange(bins.count + 1)
    block[-1].stairs(count, edges, color=part.role.colour, linestyle=":" if part.jammed else "-", linewidth=1.1)


def error_bars(panel: Axes, part: Series, x: Floats, found: list[Interval], name: str) -> None:
    """Points with their intervals; where an interval is not known (one image) the point stands alone."""
    y, low, high = (np.array([getattr(i, side) for i in found]) for side in ("value", "low", "high"))
    reach = np.nan_to_num(np.stack([y - low, high - y]))
    panel.errorbar(
        x,
        y,
        yerr=np.maximum(reach, 0),
        color=part.role.colour,
        marker=part.role.marker,
        markerfacecolor="white" if part.jammed else part.role.colour,
        linestyle=":" if part.jammed else "-",
        linewidth=1.1,
        elinewidth=0.9,
        capsize=2,
        label=name,
    )


def chance(panel: Axes, parts: list[Series]) -> None:
    """A line at the accuracy of guessing, one over the number of classes that were sent."""
    labels = np.unique(np.concatenate([part.quality.label[part.quality.judged()] for part in parts]))
    panel.set_ylim(-4, 104)
    if len(labels) > 1:
        name = f"guessing among {len(labels)} classes"
        panel.axhline(100 / len(labels), color="#666666", linewidth=0.9, linestyle=(0, (1, 2)), label=name)
