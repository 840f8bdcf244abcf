"""Figure of the channel of one link: gain of its paths with coherence blocks, and true and estimated SNR at each receiver.

The lines are samples of the paths at regular instants (table `channel`), which exist without any transmission; the marks are data frames
(table `receptions`). A mark can lie beside its line, because it is the mean over the frame, or because the receiver's estimate is wrong.
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from linksim.enums import Node
from linksim.plots.plot_style import BOB, EVE, JAMMER, MAX_GROUPS, Role, blocks, finish_blocks, plot_style, sanitise
from linksim.plots.tables import ChannelRows, Floats, FrameRows, JammingRows, match, seconds
from linksim.plots.time_series import TimeAxis, has_estimates, time_axis, widen
from linksim.plots.trace_view import GroupView, ReceiverView, TraceView

ROLES = (BOB, EVE)  # by `Node`
MAX_BLOCKS = 120  # with more coherence blocks none is tinted
BAND = "#00000012"


@plot_style()
def channel_figure(view: TraceView) -> Figure | None:
    """Draw for each group |gain|^2 and the SNR at Bob and Eve, over the time in which the paths of its first link were sampled.

    Without fading there are no panels of the gain. Returns None if no path was sampled.
    """
    groups = [group for group in view.groups if len(group.channel)]
    drawn = groups[:MAX_GROUPS]
    if not drawn:
        return None
    receivers = 1 + any((group.channel.receiver == Node.EVE).any() for group in drawn)
    fades = int(any(np.ptp(group.channel.gain_db) for group in drawn))
    figure, panels = blocks(len(drawn), (1.7,) * (fades + receivers))
    axis = time_axis(max(end_s(group) for group in drawn))
    for group, block in zip(drawn, panels, strict=True):
        link = int(group.channel.link.min())
        block[0].set_title(f"{sanitise(group.name)}, link {link}")
        draw(block[:fades], block[fades:], group, link, axis)
        block[-1].set_xlim(0, axis.end)
        block[-1].set_xlabel(f"simulated time ({axis.unit})")
    if fades:
        widen(panels[0][:1])
    widen(panels[0][fades:])  # Bob and Eve have the same SNR axis
    y_labels = (*("|gain|² (dB)",) * fades, "SNR at Bob (dB)", "SNR at Eve (dB)")[: fades + receivers]
    title = f"Radio paths: {'gain and ' if fades else ''}SNR over simulated time"
    return finish_blocks(figure, panels, title, y_labels, len(groups))


def end_s(group: GroupView) -> float:
    """Return the end of a group's time axis in s: the last sample, or the end of the link's last transmission if that is earlier."""
    link = int(group.channel.link.min())
    sent = [rows.take(rows.link == link) for rows in (group.frames, group.control)]
    ends = [float(seconds(rows.time_ns + rows.airtime_ns).max()) for rows in sent if len(rows)]
    last = float(seconds(group.channel.time_ns).max())
    return min(last, max(ends)) if ends and last else max([last, *ends])


def draw(gains: list[Axes], snrs: list[Axes], group: GroupView, link: int, axis: TimeAxis) -> None:
    """Draw all panels of one group.

    gains  panel of the gains of all paths, or none
    snrs   panel of the SNR at each receiver
    group  group of the link
    link   number of the link
    axis   time axis of the panels

    A gain with coherence blocks is drawn as steps, any other as a line between the samples.
    """
    own = group.channel.take(group.channel.link == link)
    for number, (role, receiver) in enumerate(zip(ROLES, (group.bob, group.eve), strict=True)):
        path = own.take(own.receiver == number)
        if len(path):
            time = block_start_times(path) * axis.per_s
            step = "steps-post" if path.coherence_ns[0] else "default"
            style: dict[str, Any] = {"drawstyle": step, "color": role.colour, "linewidth": 1.1}
            for panel in gains:
                panel.plot(time, path.gain_db, label=f"{role.name}'s path", linestyle="-" if role is BOB else (0, (5, 1)), **style)
            snrs[number].plot(time, path.mean_snr_db + path.gain_db, label=f"{role.name}: sampled", alpha=0.55, **style)
            if np.ptp(path.gain_db):
                snrs[number].plot(time, path.mean_snr_db, ":", color="#555555", linewidth=1.0, label="without fading")
            draw_frames(snrs[number], role, receiver, group.frames, link, axis)
    for panel in gains:
        shade_coherence_blocks(panel, own, axis)
    for panel in (*gains, *snrs):
        shade_jamming(panel, group.jamming.take(group.jamming.link == link), axis)


def block_start_times(path: ChannelRows) -> Floats:
    """Return the times of the samples of one path in s [n]; the first sample of a coherence block gets the start of the block.

    The gain is constant from the start of a block on, so steps that begin at the first sample in the block would be late.
    """
    time, coherence_ns = path.time_ns, int(path.coherence_ns[0])
    if not coherence_ns:
        return seconds(time)
    block = time // coherence_ns
    return seconds(np.where(np.diff(block, prepend=-1) > 0, block * coherence_ns, time))


def draw_frames(panel: Axes, role: Role, receiver: ReceiverView, sent: FrameRows, link: int, axis: TimeAxis) -> None:
    """Draw true and estimated SNR of each data frame at the middle of its transmission; no estimates if all equal the true SNR.

    panel     panel of the receiver
    role      colour and mark of the receiver
    receiver  its receptions on all links of the group
    sent      transmissions of the group, for the airtime of each frame
    link      number of the link that is drawn
    axis      time axis of the panel; frames after its end are left out
    """
    received = receiver.receptions.take(receiver.receptions.link == link)
    place = match(received, sent)
    airtime_ns = np.where(place >= 0, sent.airtime_ns[place], 0) if len(sent) else 0
    middle = seconds(received.time_ns + airtime_ns // 2) * axis.per_s
    seen = middle <= axis.end
    true = (received.snr_db, "during a data frame", 3, role.colour)
    estimated = (received.estimated_snr_db, "estimated by the receiver", 6, "white")
    for value, name, size, face in (estimated, true) if has_estimates(receiver) else (true,):
        kept = seen & np.isfinite(value)
        marks: dict[str, Any] = {"markersize": size, "markeredgewidth": 0.8, "markerfacecolor": face, "color": role.colour, "linestyle": ""}
        if kept.any():
            panel.plot(middle[kept], value[kept], marker=role.marker, label=f"{role.name}: {name}", **marks)


def shade_coherence_blocks(panel: Axes, own: ChannelRows, axis: TimeAxis) -> None:
    """Tint every other coherence block of the first path with block fading; none if there are more than `MAX_BLOCKS`.

    The legend names the path's receiver if the paths to Bob and Eve have blocks of different lengths.
    """
    with_blocks = np.flatnonzero(own.coherence_ns > 0)
    if not len(with_blocks):
        return
    coherence_ns, receiver = int(own.coherence_ns[with_blocks[0]]), int(own.receiver[with_blocks[0]])
    length = coherence_ns / 1e9 * axis.per_s
    count = int(axis.end / length) + 1
    if count > MAX_BLOCKS:
        return
    panel.broken_barh(
        [(b * length, length) for b in range(1, count, 2)], (0, 1), transform=panel.get_xaxis_transform(), color=BAND, zorder=0
    )
    owner = "" if len(np.unique(own.coherence_ns)) == 1 else f"{ROLES[receiver].name}'s "
    panel.fill([], [], facecolor=BAND, edgecolor="#aaaaaa", linewidth=0.5, label=f"{owner}coherence blocks, every other one")


def shade_jamming(panel: Axes, jamming: JammingRows, axis: TimeAxis) -> None:
    """Tint the jammed intervals of one link, each with its exact start and end."""
    start, end = seconds(jamming.time_ns) * axis.per_s, seconds(jamming.end_ns) * axis.per_s
    seen = start < axis.end
    if seen.any():
        colour = to_rgba(JAMMER.colour, 0.35)
        spans = [(a, b - a) for a, b in zip(start[seen], end[seen], strict=True)]
        panel.broken_barh(spans, (0, 1), transform=panel.get_xaxis_transform(), facecolor=colour, linewidth=0, zorder=0)
        panel.fill([], [], facecolor=colour, linewidth=0, label="jammer on")
