"""Figure of SNR and image quality over simulated time, with the SNR that each end assumes or estimates.

A few links have a line each. Many links are drawn as median and 10-90 % band of bins of time, because hundreds of overlapping lines show
neither. `plots.adaptation` and the charts of one link use the time axis, the series and
the tint of jamming from here.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from numpy.typing import NDArray

from linksim.enums import Outcome
from linksim.plots.binning import equal_edges, quantile_bands
from linksim.plots.number_text import count
from linksim.plots.plot_style import ALICE, BOB, EVE, JAMMER, MAX_GROUPS, Role, blocks, finish_blocks, plot_style, sanitise
from linksim.plots.tables import Floats, Ints, seconds
from linksim.plots.trace_view import GroupView, ReceiverView, TraceView

MAX_LINES = 4  # up to so many links have a line each
FEW = 100  # up to so many samples of one link are drawn as marks
FEW_JOINED = 320  # up to so many frames of one link are points of its line; more are binned
MIN_SPAN_DB = 6.0  # minimum height of a panel of SNR, so that a constant SNR does not look like noise
BINS = (30, 120)  # minimum and maximum number of bins
PER_BIN = 6  # mean number of samples in a bin within these limits
MAX_DOTS = 600  # up to so many estimates are drawn as dots
JAM_BINS = 600
SAME_DB = 0.01  # an estimate with a smaller maximum error is not drawn


@dataclass(frozen=True)
class TimeAxis:
    """A time axis.

    end    end of the axis, in its unit
    per_s  number of units in a second
    unit   "s", or "ms" for a run of less than a second
    """

    end: float
    per_s: float
    unit: str


def time_axis(span_s: float) -> TimeAxis:
    """Return the time axis for a run of `span_s` simulated seconds.

    >>> time_axis(2.0), time_axis(0.25)
    (TimeAxis(end=2.0, per_s=1.0, unit='s'), TimeAxis(end=250.0, per_s=1000.0, unit='ms'))
    """
    per_s, unit = (1.0, "s") if span_s >= 1 else (1e3, "ms")
    return TimeAxis(max(span_s, 1e-9) * per_s, per_s, unit)


@plot_style()
def time_series_figure(view: TraceView) -> Figure:
    """Draw SNR and PSNR of each group: a line per link if they are few, else median and 10-90 % band of bins of time.

    If no receiver reconstructs images, there are no panels of PSNR.
    """
    groups = [group for group in view.groups if group.used][:MAX_GROUPS]
    axis = time_axis(view.end_s)
    compared = any(receiver.scores.compared().any() for group in groups for receiver in (group.bob, group.eve))
    figure, panels = blocks(len(groups), (2.1, 1.9) if compared else (2.6,))
    for group, block in zip(groups, panels, strict=True):
        images = len(group.bob.scores) or len(group.eve.scores)
        sizes = (count(len(group.links), "link"), count(len(group.frames), "frame"), count(images, "image"))
        block[0].set_title(f"{sanitise(group.name)}: {', '.join(sizes)}")
        snr_panel(block[0], group, axis)
        for role, receiver in ((BOB, group.bob), (EVE, group.eve)):  # without PSNR nothing is drawn
            scores = receiver.scores
            draw(block[-1], TimeSamples(scores.time_ns, scores.link, scores.psnr_db), role, role.name, axis)
        for panel in block:
            shade_jamming(panel, group, axis)
        block[-1].set_xlim(0, axis.end)
        block[-1].set_xlabel(f"simulated time ({axis.unit})")
    widen(panels[0][:1])
    title = ("SNR and image quality" if compared else "SNR") + " over simulated time"
    y_labels = ("SNR (dB)", "PSNR of an image (dB)")[: 1 + compared]
    order = "Bob", "Eve", "Bob's estimate", "Eve's estimate", "assumed by Alice"
    return finish_blocks(figure, panels, title, y_labels, len(view.groups), order)


@dataclass(frozen=True)
class TimeSamples:
    """The samples of one series.

    time_ns  start of the frame or message of each sample in ns [n], in any order
    link     number of the link of each sample [n]
    value    value of each sample [n]; values that are not finite are not drawn
    stepped  whether a value holds until the next sample
    """

    time_ns: Ints
    link: Ints
    value: Floats
    stepped: bool = False

    def take(self, rows: NDArray[np.bool_]) -> "TimeSamples":
        """Return the samples that a mask [n] selects."""
        return TimeSamples(self.time_ns[rows], self.link[rows], self.value[rows], self.stepped)


def snr_panel(panel: Axes, group: GroupView, axis: TimeAxis) -> None:
    """Draw true and estimated SNR at both receivers, and the SNR that Alice assumes."""
    for role, receiver in ((BOB, group.bob), (EVE, group.eve)):
        rows = receiver.receptions
        draw(panel, TimeSamples(rows.time_ns, rows.link, rows.snr_db), role, role.name, axis)
        if has_estimates(receiver):
            draw(panel, TimeSamples(rows.time_ns, rows.link, rows.estimated_snr_db), role, f"{role.name}'s estimate", axis, faint=True)
    sent = group.frames.take(group.frames.outcome != Outcome.NOT_SENT)
    draw(panel, TimeSamples(sent.time_ns, sent.link, sent.assumed_snr_db, stepped=True), ALICE, "assumed by Alice", axis, faint=True)


def widen(panels: list[Axes]) -> None:
    """Give panels of SNR the same y axis, at least `MIN_SPAN_DB` high."""
    low, high = min(panel.get_ylim()[0] for panel in panels), max(panel.get_ylim()[1] for panel in panels)
    missing = max(0.0, MIN_SPAN_DB - (high - low))
    for panel in panels:
        panel.set_ylim(low - missing / 2, high + missing / 2)


def has_estimates(receiver: ReceiverView) -> bool:
    """Return whether any of a receiver's SNR estimates differs from the true SNR by more than `SAME_DB`."""
    errors = np.abs(receiver.receptions.estimated_snr_db - receiver.receptions.snr_db)
    return bool(len(errors)) and bool(np.nanmax(np.where(np.isfinite(errors), errors, 0.0)) > SAME_DB)


def draw(panel: Axes, samples: TimeSamples, role: Role, name: str, axis: TimeAxis, faint: bool = False) -> None:
    """Draw one series: a line per link if the links are few, otherwise median and 10-90 % band of bins of time.

    panel    the panel
    samples  the series; without finite values nothing is drawn
    role     colour and mark
    name     name in the legend
    axis     time axis of the panel
    faint    whether the series is an estimate, which is dashed and has no band; the estimates on several links are dots

    A line of up to `FEW_JOINED` frames has the mean of each, a longer one the median of bins. The line of a single link has a band as well.
    """
    finite = samples.take(np.isfinite(samples.value))
    links = np.unique(finite.link)
    if len(links) > MAX_LINES:
        draw_bins(panel, finite, role, name, axis, faint, band=True)
        return
    if len(links) > 1 and faint and not samples.stepped:
        draw_dots(panel, finite, role, name, axis)
        return
    for place, link in enumerate(links):
        own, label = finite.take(finite.link == link), name if place == 0 else ""
        if len(np.unique(own.time_ns)) <= FEW_JOINED:
            draw_each(panel, own, role, label, axis, faint, alone=len(links) == 1)
        else:
            draw_bins(panel, own, role, label, axis, faint, band=len(links) == 1)


def draw_bins(panel: Axes, samples: TimeSamples, role: Role, name: str, axis: TimeAxis, faint: bool, band: bool) -> None:
    """Draw the median of bins of time, and their 10-90 % band with `band` unless the series is an estimate."""
    time = seconds(samples.time_ns) * axis.per_s
    edges = equal_edges(0.0, axis.end, int(np.clip(len(time) // PER_BIN, *BINS)))
    binned = quantile_bands(time, samples.value, edges)
    if band and not faint:
        panel.fill_between(binned.centre, binned.low, binned.high, color=role.colour, alpha=0.18, linewidth=0)
        panel.fill([], [], facecolor="#bbbbbb", linewidth=0, label="10-90 % of samples")
    panel.plot(binned.centre, binned.median, "--" if faint else "-", linewidth=1.0 if faint else 1.4, color=role.colour, label=name)


def draw_dots(panel: Axes, samples: TimeSamples, role: Role, name: str, axis: TimeAxis) -> None:
    """Draw estimates of several links as dots, at most `MAX_DOTS`: lines would hide those of the true values."""
    thin = slice(None, None, -(-len(samples.value) // MAX_DOTS))
    style: dict[str, Any] = {
        "markersize": 2.2,
        "markeredgewidth": 0.5,
        "markerfacecolor": "none",
        "alpha": 0.6,
        "color": role.colour,
        "zorder": 1.5,
    }
    panel.plot((seconds(samples.time_ns) * axis.per_s)[thin], samples.value[thin], role.marker, label=name, **style)


def draw_each(panel: Axes, samples: TimeSamples, role: Role, name: str, axis: TimeAxis, faint: bool, alone: bool) -> None:
    """Draw every sample of one link: a line through the mean at each time, and if the link is `alone` a mark per sample if they are few."""
    time, value = seconds(samples.time_ns) * axis.per_s, samples.value
    moments, place = np.unique(time, return_inverse=True)
    mean = np.bincount(place, weights=value) / np.bincount(place)
    step = "steps-post" if samples.stepped else "default"
    weight: dict[str, Any] = {"linewidth": 0.9} if alone or not faint else {"linewidth": 0.6, "alpha": 0.6}
    panel.plot(moments, mean, "--" if faint else "-", drawstyle=step, color=role.colour, label=name, **weight)
    if alone and len(value) <= FEW and not faint and not samples.stepped:
        panel.plot(time, value, role.marker, markersize=3, markeredgewidth=0.6, color=role.colour)


def shade_jamming(panel: Axes, group: GroupView, axis: TimeAxis) -> None:
    """Tint the times during which a jammer was on.

    The axis is divided into `JAM_BINS` bins; the opacity of a bin is proportional to its jammed fraction, averaged over the group's links.
    """
    if not len(group.jamming):
        return
    edges = np.linspace(0, axis.end, JAM_BINS + 1)
    start, end = (np.sort(seconds(t) * axis.per_s) for t in (group.jamming.time_ns, group.jamming.end_ns))
    on = np.diff(elapsed_since(edges, start) - elapsed_since(edges, end)) / (edges[1] * len(group.links))
    steps = np.round(np.clip(on, 0, 1) * 8) / 8
    edges_of_runs = np.flatnonzero(np.diff(steps, prepend=-1.0, append=-1.0))
    runs = [(edges[a], edges[b] - edges[a], steps[a]) for a, b in pairwise(edges_of_runs) if steps[a] > 0]
    colours = [to_rgba(JAMMER.colour, 0.35 * fraction) for _, _, fraction in runs]
    bars = panel.broken_barh([(x, width) for x, width, _ in runs], (0, 1), transform=panel.get_xaxis_transform(), zorder=0)
    bars.set(facecolor=colours, linewidth=0, antialiased=False)
    panel.fill([], [], facecolor=to_rgba(JAMMER.colour, 0.35), linewidth=0, label="jammer on")


def elapsed_since(edges: Floats, moments: Floats) -> Floats:
    """Return for each edge [m] the sum of the times since all earlier moments (sorted [n]). -> [m]

    The difference between starts and ends of intervals is the time that the intervals cover before each edge.

    >>> elapsed_since(np.array([0.0, 5.0, 10.0]), np.array([2.0, 4.0])).tolist()
    [0.0, 4.0, 14.0]
    """
    before = np.searchsorted(moments, edges)
    return np.asarray(before * edges - np.concatenate([[0.0], np.cumsum(moments)])[before])
