"""Figure of SNR and image quality over simulated time, with the SNR that each end assumes or estimates.

One link with few frames is drawn sample by sample. Many samples, or samples of many links, are drawn as median and 10-90 % band of bins of
time, because thousands of overlapping marks show neither. `plots.adaptation` and the charts of one link use the time axis, the series and
the tint of jamming from here.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from linksim.enums import Outcome
from linksim.plots.binning import quantile_bands
from linksim.plots.number_text import count
from linksim.plots.plot_style import ALICE, BOB, EVE, JAMMER, MAX_GROUPS, Role, blocks, finish_blocks, plot_style, sanitise
from linksim.plots.tables import Floats, Ints, seconds
from linksim.plots.trace_view import GroupView, ReceiverView, TraceView

FEW = 100  # up to so many samples are drawn as marks
FEW_JOINED = 320  # up to so many samples of one link are drawn as a line; more samples are binned
BINS = (30, 120)  # minimum and maximum number of bins
PER_BIN = 6  # mean number of samples in a bin within these limits
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
    """Draw SNR and PSNR of each group: all samples if they are few, else median and 10-90 % band of bins of time.

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
            draw(block[-1], TimeSamples(receiver.scores.time_ns, receiver.scores.psnr_db, len(group.links) == 1), role, role.name, axis)
        for panel in block:
            shade_jamming(panel, group, axis)
        block[-1].set_xlim(0, axis.end)
        block[-1].set_xlabel(f"simulated time ({axis.unit})")
    title = ("SNR and image quality" if compared else "SNR") + " over simulated time"
    y_labels = ("SNR (dB)", "PSNR of an image (dB)")[: 1 + compared]
    order = "Bob", "Eve", "Bob's estimate", "Eve's estimate", "assumed by Alice"
    return finish_blocks(figure, panels, title, y_labels, len(view.groups), order)


@dataclass(frozen=True)
class TimeSamples:
    """The samples of one series.

    time_ns  start of the frame or message of each sample in ns [n], in any order
    value    value of each sample [n]; values that are not finite are not drawn
    joined   whether they belong to one link, so that a line may connect them
    stepped  whether a value holds until the next sample
    """

    time_ns: Ints
    value: Floats
    joined: bool
    stepped: bool = False


def snr_panel(panel: Axes, group: GroupView, axis: TimeAxis) -> None:
    """Draw true and estimated SNR at both receivers, and the SNR that Alice assumes."""
    one = len(group.links) == 1
    for role, receiver in ((BOB, group.bob), (EVE, group.eve)):
        received = receiver.receptions
        draw(panel, TimeSamples(received.time_ns, received.snr_db, one), role, role.name, axis)
        if has_estimates(receiver):
            draw(panel, TimeSamples(received.time_ns, received.estimated_snr_db, one), role, f"{role.name}'s estimate", axis, faint=True)
    sent = group.frames.take(group.frames.outcome != Outcome.NOT_SENT)
    draw(panel, TimeSamples(sent.time_ns, sent.assumed_snr_db, one, stepped=True), ALICE, "assumed by Alice", axis, faint=True)


def has_estimates(receiver: ReceiverView) -> bool:
    """Return whether any of a receiver's SNR estimates differs from the true SNR by more than `SAME_DB`."""
    errors = np.abs(receiver.receptions.estimated_snr_db - receiver.receptions.snr_db)
    return bool(len(errors)) and bool(np.nanmax(np.where(np.isfinite(errors), errors, 0.0)) > SAME_DB)


def draw(panel: Axes, samples: TimeSamples, role: Role, name: str, axis: TimeAxis, faint: bool = False) -> None:
    """Draw one series: every sample if there are few, otherwise quantiles of bins of time.

    panel    the panel
    samples  the series; without finite values nothing is drawn
    role     colour and mark
    name     name in the legend
    axis     time axis of the panel
    faint    whether the series is an estimate, which is dashed and has hollow marks and no band
    """
    kept = np.isfinite(samples.value)
    time, value = (seconds(samples.time_ns) * axis.per_s)[kept], samples.value[kept]
    if not len(value):
        return
    dash = "--" if faint else "-"
    if len(value) <= (FEW_JOINED if samples.joined else FEW):
        draw_each(panel, time, value, samples, role, name, faint)
        return
    binned = quantile_bands(time, value, 0.0, axis.end, int(np.clip(len(value) // PER_BIN, *BINS)))
    if not faint:
        panel.fill_between(binned.centre, binned.low, binned.high, color=role.colour, alpha=0.18, linewidth=0)
        panel.fill([], [], facecolor="#bbbbbb", linewidth=0, label="10-90 % of samples")
    panel.plot(binned.centre, binned.median, dash, linewidth=1.0 if faint else 1.4, color=role.colour, label=name)


def draw_each(panel: Axes, time: Floats, value: Floats, samples: TimeSamples, role: Role, name: str, faint: bool) -> None:
    """Draw every sample: for one link a line through the mean at each time, with marks if they are few; for several links only marks."""
    if samples.joined:
        moments, place = np.unique(time, return_inverse=True)
        mean = np.bincount(place, weights=value) / np.bincount(place)
        step = "steps-post" if samples.stepped else "default"
        panel.plot(moments, mean, "--" if faint else "-", drawstyle=step, linewidth=0.9, color=role.colour, label=name)
    if not samples.joined or (len(value) <= FEW and not faint and not samples.stepped):
        face = "white" if faint else role.colour
        label = "" if samples.joined else name
        panel.plot(time, value, role.marker, markersize=3, markeredgewidth=0.6, markerfacecolor=face, color=role.colour, label=label)


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
