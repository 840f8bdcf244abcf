"""The channel of one link: gain of its paths with their coherence blocks, SNR at each receiver as it was and as it was believed to be."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from linksim.plots.plot_style import (
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
from linksim.plots.tables import Floats, Frames, Jamming, Paths, match, seconds
from linksim.plots.time_series import Axis, axis_of
from linksim.plots.trace_view import GroupView, Receiver, View
from linksim.records import EVE as RECEIVER_OF_EVE

ROLES = (BOB, EVE)  # by the number of the receiver
MOST_BLOCKS = 120  # more would be a grey ground
BAND = "#00000012"
LEAST_DB = 6.0  # that a panel covers


@plot_style()
def channel_figure(view: View) -> Figure | None:
    """For each group, over the time in which the paths of its first link were kept: |gain|^2, and SNR at Bob and at Eve.

    None where no path was kept.
    """
    groups = [group for group in view.groups if len(group.paths)]
    drawn = groups[:MAX_GROUPS]
    if not drawn:
        return None
    receivers = 1 + any((group.paths.receiver == RECEIVER_OF_EVE).any() for group in drawn)
    fades = any(np.ptp(group.paths.gain_db) for group in drawn)
    figure, panels = blocks(len(drawn), (1.7 if fades else 0.8, 1.7, 1.7)[: 1 + receivers], own_x=True)
    for group, block in zip(drawn, panels, strict=True):
        link = int(group.paths.link.min())
        axis = axis_of(end_s(group, link))
        block[0].set_title(f"{sanitise(group.name)}, link {link}")
        draw(block, group, link, axis)
        block[-1].set_xlim(0, axis.end)
        block[-1].set_xlabel(f"simulated time ({axis.unit})")
    for panel in (panel for block in panels for panel in block):
        low, high = panel.get_ylim()
        missing = max(0.0, LEAST_DB - (high - low))
        panel.set_ylim(low - missing / 2, high + missing / 2)
    for block in panels[:: side_by_side(len(panels))]:
        for panel, name in zip(block, ("|gain|² (dB)", "SNR at Bob (dB)", "SNR at Eve (dB)"), strict=False):
            panel.set_ylabel(name)
    figure.suptitle("Radio paths: gain and SNR over simulated time" + shown(len(groups)))
    shared_legend(figure, panels)
    return freeze_layout(figure)


def end_s(group: GroupView, link: int) -> float:
    """When the last path was kept, or before that the last transmission of the link ended."""
    sent = [rows.take(rows.link == link) for rows in (group.frames, group.control)]
    ends = [float(seconds(rows.time_ns + rows.airtime_ns).max()) for rows in sent if len(rows)]
    last = float(seconds(group.paths.time_ns).max())
    return min(last, max(ends)) if ends and last else max([last, *ends])


def draw(block: list[Axes], group: GroupView, link: int, axis: Axis) -> None:
    """All panels of one group."""
    own = group.paths.take(group.paths.link == link)
    for number, (role, receiver) in enumerate(zip(ROLES, (group.bob, group.eve), strict=True)):
        path = own.take(own.receiver == number)
        if len(path):
            time = turns(path) * axis.per_s
            step = "steps-post" if path.coherence_ns[0] else "default"
            style: dict[str, Any] = {"drawstyle": step, "color": role.colour, "linewidth": 1.1}
            block[0].plot(time, path.gain_db, label=f"{role.name}'s path", linestyle="-" if role is BOB else (0, (5, 1)), **style)
            block[1 + number].plot(time, path.mean_snr_db + path.gain_db, label="SNR at every instant", alpha=0.55, **style)
            if np.ptp(path.gain_db):
                block[1 + number].plot(time, path.mean_snr_db, ":", color="#555555", linewidth=1.0, label="fading averaged out")
            frames(block[1 + number], role, receiver, group.frames, link, axis)
    bands(block[0], own, axis)
    for panel in block:
        jam(panel, group.jamming.take(group.jamming.link == link), axis)


def turns(path: Paths) -> Floats:
    """Times of the samples of one path in s [n], those of the first sample in a coherence block moved to where the block begins."""
    time, coherence_ns = path.time_ns, int(path.coherence_ns[0])
    if not coherence_ns:
        return seconds(time)
    block = time // coherence_ns
    return seconds(np.where(np.diff(block, prepend=-1) > 0, block * coherence_ns, time))


def frames(panel: Axes, role: Role, receiver: Receiver, sent: Frames, link: int, axis: Axis) -> None:
    """The SNR of each data frame in the middle of its transmission: as it was, and as the receiver believed it to be."""
    received = receiver.receptions.take(receiver.receptions.link == link)
    place = match(received, sent)
    airtime_ns = np.where(place >= 0, sent.airtime_ns[place], 0) if len(sent) else 0
    middle = seconds(received.time_ns + airtime_ns // 2) * axis.per_s
    seen = middle <= axis.end
    for value, name, size, face in (
        (received.estimated_snr_db, "as the receiver estimated it", 6, "white"),
        (received.snr_db, "during a data frame", 3, role.colour),
    ):
        kept = seen & np.isfinite(value)
        marks: dict[str, Any] = {"markersize": size, "markeredgewidth": 0.8, "markerfacecolor": face, "color": role.colour, "linestyle": ""}
        if kept.any():
            panel.plot(middle[kept], value[kept], marker=role.marker, label=f"{role.name}: {name}", **marks)


def bands(panel: Axes, own: Paths, axis: Axis) -> None:
    """Tint every other coherence block of the first path that has some."""
    blocky = np.flatnonzero(own.coherence_ns > 0)
    if not len(blocky):
        return
    coherence_ns, receiver = int(own.coherence_ns[blocky[0]]), int(own.receiver[blocky[0]])
    length = coherence_ns / 1e9 * axis.per_s
    count = int(axis.end / length) + 1
    if count > MOST_BLOCKS:
        return
    panel.broken_barh(
        [(b * length, length) for b in range(1, count, 2)], (0, 1), transform=panel.get_xaxis_transform(), color=BAND, zorder=0
    )
    whose = "" if len(np.unique(own.coherence_ns)) == 1 else f"{ROLES[receiver].name}'s "
    panel.fill([], [], facecolor=BAND, edgecolor="#aaaaaa", linewidth=0.5, label=f"{whose}coherence blocks, every other one")


def jam(panel: Axes, jamming: Jamming, axis: Axis) -> None:
    """Tint the jammed intervals."""
    start, end = seconds(jamming.time_ns) * axis.per_s, seconds(jamming.end_ns) * axis.per_s
    seen = start < axis.end
    if seen.any():
        colour = to_rgba(JAMMER.colour, 0.35)
        spans = [(a, b - a) for a, b in zip(start[seen], end[seen], strict=True)]
        panel.broken_barh(spans, (0, 1), transform=panel.get_xaxis_transform(), facecolor=colour, linewidth=0, zorder=0)
        panel.fill([], [], facecolor=colour, linewidth=0, label="jammer on")
