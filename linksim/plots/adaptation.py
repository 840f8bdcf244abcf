"""Figure of Bob's choice of the negotiated parameters over simulated time: measured SNR, values in force, and resulting reward.

SNR and parameters are those of one link, because the links of a group choose independently of each other. Reward, SSIM and accuracy need
more images than one link has in a short time, so they are computed over all links of the group (see `plots.rewards`).
"""

from collections.abc import Mapping
from dataclasses import replace
from math import floor
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from linksim.enums import ControlOutcome, MessageKind, Outcome
from linksim.plots.number_text import count
from linksim.plots.plot_style import BOB, MAX_GROUPS, TEXT_COLOUR, Role, blocks, finish_blocks, plot_style, sanitise
from linksim.plots.rewards import GroupedSums, RewardWindows, adaptive_groups, grouped_sums, ratio, reward_windows, rewards
from linksim.plots.tables import ControlRows, DecisionRows, FrameRows, Ints, seconds
from linksim.plots.time_series import FEW, FEW_JOINED, TimeAxis, TimeSamples, draw, shade_jamming, time_axis
from linksim.plots.trace_view import GroupView, TraceView

COLOURS = ("#009E73", "#E69F00", "#D55E00", "#56B4E9")  # of the parameters, in the order of their declaration
SSIM, ACCURACY = Role("SSIM", "#56B4E9", "o"), Role("accuracy", "#8C6D31", "s")
BATCH = 64  # minimum mean number of images per reward; fewer than for the mean of a run, to resolve changes over time
MIN_IMAGES = 16  # minimum number of images of a window that is drawn
MAX_LOST = 60  # maximum number of lost reports that are marked; more marks would hide the values in force


@plot_style()
def adaptation_figure(view: TraceView) -> Figure | None:
    """Draw for each adaptive group SNR and parameters of its first link, and reward, SSIM and accuracy over all links.

    Panels without values are left out. Returns None without adaptive groups.
    """
    groups = adaptive_groups(view)
    drawn, axis, windows = groups[:MAX_GROUPS], time_axis(view.end_s), reward_windows(view, BATCH)
    if not drawn:
        return None
    sums_by_group = [drop_small_windows(grouped_sums(group, windows).map(lambda part: part.sum(axis=0))) for group in drawn]
    compared, classified = (any(getattr(sums, part).any() for sums in sums_by_group) for part in ("compared", "classified"))
    shares = ", ".join([SSIM.name] * compared + [ACCURACY.name] * classified)
    heights = {"SNR (dB)": 1.5, "parameters": 1.5}
    if any(found.rewarded for found in sums_by_group):
        heights["reward"] = 1.2
    if shares:
        heights[shares] = 1.3
    roles = {name: Role(name, COLOURS[place % len(COLOURS)], "") for place, name in enumerate(view.parameters)}
    figure, panels = blocks(len(drawn), tuple(heights.values()))
    for group, found, block in zip(drawn, sums_by_group, panels, strict=True):
        link = int(group.decisions.link.min())
        below = f"; below, all {count(len(group.links), 'link')}" if len(group.links) > 1 else ""
        block[0].set_title(f"{sanitise(group.name)}: link {link}{below}")
        snr_panel(block[0], group.decisions.take(group.decisions.link == link), axis)
        parameters_panel(block[1], group, link, roles, axis)
        draw_rewards(block[2:], found, windows, axis)
        first_link = replace(group, links=np.array([link]), jamming=group.jamming.take(group.jamming.link == link))
        for panel, source in zip(block, (first_link, first_link, group, group), strict=False):
            shade_jamming(panel, source, axis)
        block[-1].set_xlim(0, axis.end)
        block[-1].set_xlabel(f"simulated time ({axis.unit})")
    panels[0][1].set_ylim(-1.5, max_value(drawn) + 1.5)
    if shares:
        panels[0][-1].set_ylim(min_share(sums_by_group) - 0.02, 1.02)
    return finish_blocks(figure, panels, "Choice of parameters over simulated time", list(heights), len(groups))


def drop_small_windows(found: GroupedSums) -> GroupedSums:
    """Set the sums of windows with few images to 0, so that their ratios are NaN and they are not drawn.

    Such windows occur at the end of a run, when most links have sent all of their frames. A window is kept with `MIN_IMAGES` images, or
    with as many as the fullest window if no window has so many.
    """
    enough = found.images >= min(MIN_IMAGES, found.images.max(initial=0))
    return found.map(lambda part: np.where(enough, part, 0.0))


def snr_panel(panel: Axes, rounds: DecisionRows, axis: TimeAxis) -> None:
    """Draw the true and the measured SNR of each probe round."""
    draw(panel, TimeSamples(rounds.time_ns, rounds.link, rounds.snr_db), Role("", BOB.colour, ""), "true SNR at Bob", axis)
    if len(rounds) <= FEW:
        hollow: dict[str, Any] = {
            "markersize": 3,
            "markeredgewidth": 0.6,
            "markerfacecolor": "white",
            "color": BOB.colour,
            "label": "measured SNR",
        }
        panel.plot(seconds(rounds.time_ns) * axis.per_s, rounds.measured_snr_db, BOB.marker, **hollow)
    else:
        draw(panel, TimeSamples(rounds.time_ns, rounds.link, rounds.measured_snr_db), BOB, "measured SNR", axis, faint=True)


def parameters_panel(panel: Axes, group: GroupView, link: int, roles: Mapping[str, Role], axis: TimeAxis) -> None:
    """Draw the values in force for the frames of a link as steps over time, and a cross for each request in a lost report.

    group  group of the link
    link   number of the link
    roles  a colour for each parameter, by name
    axis   time axis of the panel

    If there are more than `MAX_LOST` lost reports, none is marked.
    """
    sent = group.frames.take((group.frames.link == link) & (group.frames.outcome != Outcome.NOT_SENT))
    rounds = group.decisions.take(group.decisions.link == link)
    missed = rounds.take(lost_reports(rounds, group.control.take(group.control.link == link)))
    marked = 0 < len(missed) <= MAX_LOST
    for name, value in sent.parameters.items():
        role = roles[name]
        places = value_changes(sent, value)
        used = places if len(places) <= FEW_JOINED else np.arange(len(value))
        samples = TimeSamples(sent.time_ns[used], sent.link[used], value[used].astype(np.float64), stepped=True)
        draw(panel, samples, role, f"{sanitise(name)} in force", axis)
        if marked and name in missed.parameters:
            panel.plot(seconds(missed.time_ns) * axis.per_s, missed.parameters[name], "x", markersize=4, color=role.colour)
    if marked:
        panel.plot([], [], "x", color=TEXT_COLOUR, markersize=4, label="requested in a lost report")


def value_changes(sent: FrameRows, value: Ints) -> NDArray[np.int64]:
    """Return the frames at which a parameter changes, and the first and the last one: int64 indices in the order of time.

    sent   frames of one link, in any order [n]
    value  a parameter of these frames [n]
    """
    order = np.argsort(sent.time_ns, kind="stable")
    turned = np.diff(value[order], prepend=-1) != 0
    turned[-1:] = True
    return np.asarray(order[turned])


def lost_reports(rounds: DecisionRows, control: ControlRows) -> NDArray[np.bool_]:
    """Return which probe rounds of one link ended before Alice received the report. bool [n]

    rounds   decisions of one link in the order of time [n]; a round lasts until the next one
    control  control messages of the link

    A report belongs to a round if it has its number and arrives while it lasts. If the trace has no reports at all, none counts as lost.
    """
    reports = control.take(control.message == MessageKind.REPORT)
    if not len(reports):
        return np.zeros(len(rounds), bool)
    accepted = reports.take(reports.outcome == ControlOutcome.ACCEPTED)
    ends = np.append(rounds.time_ns[1:], np.iinfo(np.int64).max)
    received = [
        np.any((accepted.sequence == number) & (accepted.time_ns >= start) & (accepted.time_ns < end))
        for number, start, end in zip(rounds.sequence, rounds.time_ns, ends, strict=True)
    ]
    return ~np.array(received, bool)


def max_value(groups: list[GroupView]) -> int:
    """Return the largest value of a parameter that was requested or in force in any of the groups, for the common axis."""
    used = (values for group in groups for rows in (group.decisions, group.frames) for values in rows.parameters.values())
    return max((int(values.max()) for values in used if len(values)), default=0)


def min_share(sums_by_group: list[GroupedSums]) -> float:
    """Return the smallest SSIM or accuracy of all windows and groups, rounded down to a tenth, for the common axis."""
    shares = np.concatenate(
        [ratio(*parts) for found in sums_by_group for parts in ((found.ssim, found.compared), (found.correct, found.classified))]
    )
    return floor(10 * float(np.nanmin(shares))) / 10


def draw_rewards(panels: list[Axes], found: GroupedSums, windows: RewardWindows, axis: TimeAxis) -> None:
    """Draw the reward in the first panel, if the source was attacked, and SSIM and accuracy of each window in the last one."""
    time = windows.centres_s * axis.per_s
    if found.rewarded:
        panels[0].plot(time, rewards(found), "D-", color=TEXT_COLOUR, markersize=2.5, linewidth=1.0, label="reward, Eq. (31)")
    name = "robust accuracy" if found.attacked else ACCURACY.name
    for role, label, dash, value in (
        (SSIM, SSIM.name, "-", ratio(found.ssim, found.compared)),
        (ACCURACY, name, "--", ratio(found.correct, found.classified)),
    ):
        if np.isfinite(value).any():
            panels[-1].plot(time, value, role.marker + dash, color=role.colour, markersize=2.5, linewidth=1.0, label=label)
