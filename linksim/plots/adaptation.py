"""Bob's choice of diffusion steps over simulated time: the SNR that he measured, the steps in force, and what they earned."""

from dataclasses import replace
from math import floor

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from linksim.plots.plot_style import (
    BOB,
    INK,
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
from linksim.plots.rewards import Grid, RewardAccumulator, adapting, grid, ratio, rewards, tally
from linksim.plots.tables import ACCEPTED, NOT_SENT, Control, Frames, Ints, StepDecision, seconds
from linksim.plots.time_series import FEW_JOINED, Axis, Samples, axis_of, count, draw, shade_jamming
from linksim.plots.trace_view import GroupView, View
from linksim.records import MESSAGES

T_D, T_PLUS = Role("t_D", "#009E73", ""), Role("t_plus", "#E69F00", "")
SSIM, ACCURACY = Role("SSIM", "#56B4E9", "o"), Role("accuracy", "#8C6D31", "s")
BATCH = 64  # images that a reward is taken over at least: fewer than for the mean of a run, so that its course can be seen
ENOUGH = 16  # images for a window to be shown; one with fewer tells of them and not of the policy
MOST_LOST = 60  # so many rounds that came to nothing are marked; more would cover what is in force
REPORT = MESSAGES.index("report")


@plot_style()
def adaptation_figure(view: View) -> Figure | None:
    """For each group that adapts: SNR and steps of its first link, reward (where an attack and a classifier were) and quality of all links.

    None where no group does.
    """
    groups = adapting(view)
    drawn, axis, cut = groups[:MAX_GROUPS], axis_of(view.end_s), grid(view, BATCH)
    if not drawn:
        return None
    tallies = [told(tally(group, cut).each(lambda part: part.sum(axis=0))) for group in drawn]
    heights = {"SNR (dB)": 1.5, "diffusion steps": 1.5, "reward": 1.2, "SSIM, accuracy": 1.3}
    if not any(found.attacked for found in tallies):
        del heights["reward"]
    if not any(found.images.any() for found in tallies):
        del heights["SSIM, accuracy"]
    figure, panels = blocks(len(drawn), tuple(heights.values()))
    for group, found, block in zip(drawn, tallies, panels, strict=True):
        link = int(group.adaptation.link.min())
        below = f"; below, all {count(len(group.links), 'link')}" if len(group.links) > 1 else ""
        block[0].set_title(f"{sanitise(group.name)}: link {link}{below}")
        snr_panel(block[0], group.adaptation.take(group.adaptation.link == link), axis)
        steps_panel(block[1], group, link, axis)
        rewards_of(block[2:], found, cut, axis)
        alone = replace(group, links=np.array([link]), jamming=group.jamming.take(group.jamming.link == link))
        for panel, whose in zip(block, (alone, alone, group, group), strict=False):
            shade_jamming(panel, whose, axis)
        block[-1].set_xlim(0, axis.end)
        block[-1].set_xlabel(f"simulated time ({axis.unit})")
    for block in panels[:: side_by_side(len(panels))]:
        for panel, name in zip(block, heights, strict=True):
            panel.set_ylabel(name)
    panels[0][1].set_ylim(-1.5, most_steps(drawn) + 1.5)
    if "SSIM, accuracy" in heights:
        panels[0][-1].set_ylim(least_share(tallies) - 0.02, 1.02)
    figure.suptitle("Choice of diffusion steps over simulated time" + shown(len(groups)))
    shared_legend(figure, panels)
    return freeze_layout(figure)


def told(found: RewardAccumulator) -> RewardAccumulator:
    """Without the windows that few images fell into, such as those in which the last link is alone."""
    enough = found.images >= min(ENOUGH, found.images.max(initial=0))
    return found.each(lambda part: np.where(enough, part, 0.0))


def snr_panel(panel: Axes, rounds: StepDecision, axis: Axis) -> None:
    """The SNR at each round, true and measured."""
    draw(panel, Samples(rounds.time_ns, rounds.snr_db, joined=True), Role("", BOB.colour, ""), "SNR at Bob, as it was", axis)
    draw(panel, Samples(rounds.time_ns, rounds.measured_snr_db, joined=False), BOB, "as he measured it", axis, faint=True)


def steps_panel(panel: Axes, group: GroupView, link: int, axis: Axis) -> None:
    """The steps that the frames of a link were sent with, and those that Alice never received of."""
    sent = group.frames.take((group.frames.link == link) & (group.frames.outcome != NOT_SENT))
    rounds = group.adaptation.take(group.adaptation.link == link)
    missed = rounds.take(lost(rounds, group.control.take(group.control.link == link)))
    marked = 0 < len(missed) <= MOST_LOST
    for role, value, asked in ((T_D, sent.t_d, missed.t_d), (T_PLUS, sent.t_plus, missed.t_plus)):
        turns = changes(sent, value)
        kept = sent.take(turns).time_ns, value[turns].astype(np.float64)
        every = sent.time_ns, value.astype(np.float64)
        draw(panel, Samples(*(kept if len(turns) <= FEW_JOINED else every), joined=True, stepped=True), role, f"{role.name} in force", axis)
        if marked:
            panel.plot(seconds(missed.time_ns) * axis.per_s, asked, "x", markersize=4, color=role.colour)
    if marked:
        panel.plot([], [], "x", color=INK, markersize=4, label="asked for in a report that was lost")


def changes(sent: Frames, value: Ints) -> NDArray[np.int64]:
    """The frames, in the order of time, with which a value changes, and the first and the last of all."""
    order = np.argsort(sent.time_ns, kind="stable")
    turned = np.diff(value[order], prepend=-1) != 0
    turned[-1:] = True
    return np.asarray(order[turned])


def lost(rounds: StepDecision, control: Control) -> NDArray[np.bool_]:
    """Which rounds of one link ended without Alice having their report. [n]"""
    reports = control.take(control.message == REPORT)
    if not len(reports):
        return np.zeros(len(rounds), bool)
    taken = reports.take(reports.outcome == ACCEPTED)
    ends = np.append(rounds.time_ns[1:], np.iinfo(np.int64).max)
    came = [
        np.any((taken.sequence == number) & (taken.time_ns >= start) & (taken.time_ns < end))
        for number, start, end in zip(rounds.sequence, rounds.time_ns, ends, strict=True)
    ]
    return ~np.array(came, bool)


def most_steps(groups: list[GroupView]) -> int:
    """The most that anybody asked for or used."""
    used = (steps for group in groups for rows in (group.adaptation, group.frames) for steps in (rows.t_d, rows.t_plus))
    return max(int(steps.max()) for steps in used if len(steps))


def least_share(tallies: list[RewardAccumulator]) -> float:
    """The least SSIM or accuracy of any window, rounded down to a tenth."""
    shares = np.concatenate([ratio(*parts) for found in tallies for parts in ((found.ssim, found.images), (found.right, found.judged))])
    return floor(10 * float(np.nanmin(shares))) / 10


def rewards_of(panels: list[Axes], found: RewardAccumulator, cut: Grid, axis: Axis) -> None:
    """What the steps earned in each window: the reward where the source was attacked, SSIM and accuracy."""
    time = cut.centres_s * axis.per_s
    if found.attacked:
        panels[0].plot(time, rewards(found), "D-", color=INK, markersize=2.5, linewidth=1.0, label="reward, Eq. (31)")
    name = "robust accuracy" if found.attacked else ACCURACY.name
    for role, label, dash, value in (
        (SSIM, SSIM.name, "-", ratio(found.ssim, found.images)),
        (ACCURACY, name, "--", ratio(found.right, found.judged)),
    ):
        if np.isfinite(value).any():
            panels[-1].plot(time, value, role.marker + dash, color=role.colour, markersize=2.5, linewidth=1.0, label=label)
