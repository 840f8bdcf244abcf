"""SNR and image quality over simulated time: what the radio did, what the ends believed, and what came of it."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from linksim.plots.intervals import bands
from linksim.plots.plot_style import (
    ALICE,
    BOB,
    EVE,
    JAMMER,
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
from linksim.plots.tables import NOT_SENT, Floats, Ints, seconds
from linksim.plots.trace_view import GroupView, Receiver, View

FEW = 100  # so many samples are drawn as marks
FEW_JOINED = 320  # so many of one link are drawn as a line; all that is more is binned
BINS = (30, 120)  # fewest and most; in between, `PER_BIN` samples fall into one on average
PER_BIN = 6
JAM_BINS = 600
SAME_DB = 0.01  # an estimate that never strays further from the truth is not drawn beside it


@dataclass(frozen=True)
class Axis:
    """The time axis: ms where a run is shorter than a second.

    end     of the axis, in its unit
    per_s   units in a second
    """

    end: float
    per_s: float
    unit: str


def axis_of(span_s: float) -> Axis:
    """The axis for a run of `span_s` simulated seconds."""
    per_s, unit = (1.0, "s") if span_s >= 1 else (1e3, "ms")
    return Axis(max(span_s, 1e-9) * per_s, per_s, unit)


@plot_style()
def time_figure(view: View) -> Figure:
    """Two panels per group of links. Samples are points when few, else the median and the 10-90 % band of each time bin."""
    groups = [group for group in view.groups if group.used][:MAX_GROUPS]
    axis = axis_of(view.end_s)
    figure, panels = blocks(len(groups), (2.1, 1.9))
    for group, (snr, quality) in zip(groups, panels, strict=True):
        images = len(group.bob.quality) or len(group.eve.quality)
        sizes = (count(len(group.links), "link"), count(len(group.frames), "frame"), count(images, "image"))
        snr.set_title(f"{sanitise(group.name)}: {', '.join(sizes)}")
        snr_panel(snr, group, axis)
        for role, receiver in ((BOB, group.bob), (EVE, group.eve)):
            draw(quality, Samples(receiver.quality.time_ns, receiver.quality.psnr_db, len(group.links) == 1), role, role.name, axis)
        for panel in (snr, quality):
            shade_jamming(panel, group, axis)
        quality.set_xlim(0, axis.end)
        quality.set_xlabel(f"simulated time ({axis.unit})")
    for block in panels[:: side_by_side(len(panels))]:
        block[0].set_ylabel("SNR (dB)")
        block[1].set_ylabel("PSNR of an image (dB)")
    figure.suptitle("SNR and image quality over simulated time" + shown(len(view.groups)))
    shared_legend(figure, panels, ("Bob", "Eve", "Bob's estimate", "Eve's estimate", "Alice encoded for"))
    return freeze_layout(figure)


def count(n: int, thing: str) -> str:
    """ "1 link", "1,024 links"."""
    return f"{n:,} {thing}" + ("" if n == 1 else "s")


@dataclass(frozen=True)
class Samples:
    """What is drawn over time: start times in ns [n], and values [n].

    joined   they are of one link, so that a line may join them
    stepped  each holds until the next comes
    """

    time_ns: Ints
    value: Floats
    joined: bool
    stepped: bool = False


def snr_panel(panel: Axes, group: GroupView, axis: Axis) -> None:
    """True and estimated SNR at both receivers, and the SNR that Alice encoded for."""
    one = len(group.links) == 1
    for role, receiver in ((BOB, group.bob), (EVE, group.eve)):
        received = receiver.receptions
        draw(panel, Samples(received.time_ns, received.snr_db, one), role, role.name, axis)
        if estimates(receiver):
            draw(panel, Samples(received.time_ns, received.estimated_snr_db, one), role, f"{role.name}'s estimate", axis, faint=True)
    sent = group.frames.take(group.frames.outcome != NOT_SENT)
    draw(panel, Samples(sent.time_ns, sent.assumed_snr_db, one, stepped=True), ALICE, "Alice encoded for", axis, faint=True)


def estimates(receiver: Receiver) -> bool:
    """Whether a receiver's idea of the SNR differs from the truth."""
    off = np.abs(receiver.receptions.estimated_snr_db - receiver.receptions.snr_db)
    return bool(len(off)) and bool(np.nanmax(np.where(np.isfinite(off), off, 0.0)) > SAME_DB)


def draw(panel: Axes, samples: Samples, role: Role, name: str, axis: Axis, faint: bool = False) -> None:
    """One series. `faint` ones (beliefs) are dashed, with hollow marks, and without a band."""
    kept = np.isfinite(samples.value)
    time, value = (seconds(samples.time_ns) * axis.per_s)[kept], samples.value[kept]
    if not len(value):
        return
    dash = "--" if faint else "-"
    if len(value) <= (FEW_JOINED if samples.joined else FEW):
        draw_each(panel, time, value, samples, role, name, faint)
        return
    binned = bands(time, value, 0.0, axis.end, int(np.clip(len(value) // PER_BIN, *BINS)))
    if not faint:
        panel.fill_between(binned.centre, binned.low, binned.high, color=role.colour, alpha=0.18, linewidth=0)
        panel.fill([], [], facecolor="#bbbbbb", linewidth=0, label="10-90 % of samples")
    panel.plot(binned.centre, binned.median, dash, linewidth=1.0 if faint else 1.4, color=role.colour, label=name)


def draw_each(panel: Axes, time: Floats, value: Floats, samples: Samples, role: Role, name: str, faint: bool) -> None:
    """Every sample: a line through the mean at each time for one link, with marks while they stay apart; marks alone for several links."""
    if samples.joined:
        moments, place = np.unique(time, return_inverse=True)
        mean = np.bincount(place, weights=value) / np.bincount(place)
        step = "steps-post" if samples.stepped else "default"
        panel.plot(moments, mean, "--" if faint else "-", drawstyle=step, linewidth=0.9, color=role.colour, label=name)
    if not samples.joined or (len(value) <= FEW and not faint and not samples.stepped):
        face = "white" if faint else role.colour
        label = "" if samples.joined else name
        panel.plot(time, value, role.marker, markersize=3, markeredgewidth=0.6, markerfacecolor=face, color=role.colour, label=label)


def shade_jamming(panel: Axes, group: GroupView, axis: Axis) -> None:
    """Tint the times at which a jammer was on, the stronger the larger the share of links and of the bin."""
    if not len(group.jamming):
        return
    edges = np.linspace(0, axis.end, JAM_BINS + 1)
    start, end = (np.sort(seconds(t) * axis.per_s) for t in (group.jamming.time_ns, group.jamming.end_ns))
    on = np.diff(passed(edges, start) - passed(edges, end)) / (edges[1] * len(group.links))
    steps = np.round(np.clip(on, 0, 1) * 8) / 8
    turns = np.flatnonzero(np.diff(steps, prepend=-1.0, append=-1.0))
    runs = [(edges[a], edges[b] - edges[a], steps[a]) for a, b in pairwise(turns) if steps[a] > 0]
    colours = [to_rgba(JAMMER.colour, 0.35 * share) for _, _, share in runs]
    bars = panel.broken_barh([(x, width) for x, width, _ in runs], (0, 1), transform=panel.get_xaxis_transform(), zorder=0)
    bars.set(facecolor=colours, linewidth=0, antialiased=False)
    panel.fill([], [], facecolor=to_rgba(JAMMER.colour, 0.35), linewidth=0, label="jammer on")


def passed(edges: Floats, moments: Floats) -> Floats:
    """Sum over all moments before each edge of the time since. [m], sorted [n] -> [m]."""
    before = np.searchsorted(moments, edges)
    return np.asarray(before * edges - np.concatenate([[0.0], np.cumsum(moments)])[before])
