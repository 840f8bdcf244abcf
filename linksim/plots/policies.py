"""Figure that compares policies under equal conditions: reward, its difference to a reference, accuracy and SSIM of each group.

Rewards of one channel differ much less between policies than those of one policy differ between channels. The panel of differences
therefore pairs links of equal channel and images (`rewards.paired`); the other panels have intervals of single groups, which may overlap
although a difference is certain.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from linksim.plots.figure_shape import new_figure, set_title, wrap
from linksim.plots.number_text import no_interval_remark
from linksim.plots.plot_style import LINE_STYLES, MAX_GROUPS, TEXT_COLOUR, freeze_layout, legend, plot_style, sanitise, shown
from linksim.plots.rewards import (
    GroupedSums,
    accuracy,
    adaptive_groups,
    grouped_sums,
    mean_reward,
    mean_ssim,
    measured,
    paired,
    reward_windows,
)
from linksim.plots.trace_view import TraceView
from linksim.rng import Streams
from linksim.statistics import Interval, bootstrap_weights

GAP = 0.6  # gap between sets of groups, in rows
ROW, ACROSS, NAMES = 0.34, 2.5, 1.6  # inches: height of a row, width of a panel, width of the names
REMARK = 6.5  # font size in points of a remark between two rows
REWARD, EXCESS, ACCURACY, SSIM = "mean reward", "reward minus the reference's", "accuracy (%)", "mean SSIM"

Weights = Callable[[int], NDArray[np.float64]]  # number of units -> weights of `statistics.bootstrap_weights`


@dataclass(frozen=True)
class PolicyRow:
    """A row of the figure: one group.

    name       name of the group
    place      position from the top, in rows
    found      sums over the images of the group
    reference  sums of the reference group; None for the reference itself
    colour     colour of the mark, the same for a group in all panels
    """

    name: str
    place: float
    found: GroupedSums
    reference: GroupedSums | None
    colour: str


@plot_style()
def policies_figure(view: TraceView) -> Figure | None:
    """Draw a row for each group of `TraceView.policy_groups`. Panels of rewards, accuracy and SSIM are left out if no group has them.

    A difference of fewer than `statistics.MIN_PAIRS` pairs of links has a remark in place of its interval. Returns None if there are no
    such groups.
    """
    rows = policy_rows(view)
    drawn = rows[:MAX_GROUPS]
    if not drawn:
        return None
    rewarded, classified = any(row.found.rewarded for row in drawn), any(row.found.classified.any() for row in drawn)
    compared = any(row.found.compared.any() for row in drawn)
    names = [*(REWARD, EXCESS) * rewarded, *(ACCURACY,) * classified, *(SSIM,) * compared]
    if not names:
        return None
    figure = new_figure(NAMES + ACROSS * len(names), 1.5 + ROW * (drawn[-1].place + 1))
    panels = dict(zip(names, figure.subplots(1, len(names), sharey=True, squeeze=False)[0], strict=True))

    @cache
    def weights(units: int) -> NDArray[np.float64]:
        return bootstrap_weights(units, Streams(0)("plots/policies"))

    for name, panel in panels.items():
        label = f"robust {name}" if name == ACCURACY and all(row.found.attacked for row in drawn) else name
        panel.set_xlabel(wrap(label, figure.get_figwidth() / len(names) - 0.4, points=7.5))
        panel.margins(x=0.08)
        panel.locator_params(axis="x", nbins=4)
        for row in drawn:
            found = interval(name, row, weights)
            draw_mark(panel, row, found)
            if name == EXCESS and row.reference is not None:
                beside = panel.get_yaxis_transform()
                panel.text(0.5, row.place + 0.4, no_interval_remark(found), transform=beside, ha="center", va="center", fontsize=REMARK)
    if EXCESS in panels:
        panels[EXCESS].axvline(0, color="#888888", linewidth=0.9, zorder=0)
    first = panels[names[0]]
    first.set_yticks([row.place for row in drawn], [sanitise(row.name) for row in drawn])
    first.set_ylim(drawn[-1].place + 0.6, -0.6)
    set_title(figure, "Policies under equal conditions, 95 % intervals" + shown(len(rows)))
    add_legend(figure, drawn)
    return freeze_layout(figure)


def policy_rows(view: TraceView) -> list[PolicyRow]:
    """Return the rows of all sets of at least two groups for which Bob has images, with a gap between sets.

    The reference of a set is that of `PolicyGroups`, or its first group if that one has no images.
    """
    windows = reward_windows(view)
    sums_by_group = {group.name: grouped_sums(group, windows) for group in adaptive_groups(view) if len(group.bob.scores)}
    rows: list[PolicyRow] = []
    for policy_groups in view.policy_groups:
        names = [name for name in policy_groups.groups if name in sums_by_group]
        if len(names) < 2:
            continue
        reference = policy_groups.reference if policy_groups.reference in names else names[0]
        top = rows[-1].place + 1 + GAP if rows else 0.0
        for place, name in enumerate(names):
            against = None if name == reference else sums_by_group[reference]
            colour = LINE_STYLES[list(sums_by_group).index(name) % len(LINE_STYLES)][0]
            rows.append(PolicyRow(name, top + place, sums_by_group[name], against, colour))
    return rows


def interval(panel: str, row: PolicyRow, weights: Weights) -> Interval:
    """Return the value of a group in a panel with its interval; NaN if there is none.

    panel    `REWARD`, `EXCESS`, `ACCURACY` (in percent) or `SSIM`
    row      row of the group; the difference of a reference to itself is 0 without an interval
    weights  function that returns the bootstrap's weights for a number of units
    """
    found, own = row.found, weights(len(row.found.images))
    if panel == ACCURACY:
        return measured(accuracy, found, own).scaled(100)
    if panel == SSIM:
        return measured(mean_ssim, found, own)
    if panel == REWARD:
        return measured(mean_reward, found, own)
    if row.reference is None:
        return Interval(0.0 if found.rewarded else np.nan, np.nan, np.nan, len(found.images))
    return paired(mean_reward, found, row.reference)


def draw_mark(panel: Axes, row: PolicyRow, found: Interval) -> None:
    """Draw a point with its interval, if it has one: hollow without an attack, a diamond for the reference."""
    if np.isnan(found.value):
        return
    reach = None if np.isnan(found.low) else [[found.value - found.low], [found.high - found.value]]
    face = row.colour if row.found.attacked else "white"
    shape = "D" if row.reference is None and row.found.attacked else "o"
    panel.errorbar(
        [found.value],
        [row.place],
        xerr=reach,
        marker=shape,
        color=row.colour,
        markerfacecolor=face,
        markersize=5,
        elinewidth=1.2,
        capsize=2.5,
    )


def add_legend(figure: Figure, drawn: list[PolicyRow]) -> None:
    """Add a legend for the kinds of marks that occur: the reference, and groups with and without an attack if there are both."""
    attacked = {row.found.attacked for row in drawn}
    marks = [("D", TEXT_COLOUR, "reference")] if True in attacked else []
    if len(attacked) > 1:
        marks += [("o", TEXT_COLOUR, "source attacked"), ("o", "white", "source not attacked")]
    handles = [
        Line2D([], [], linestyle="", marker=shape, color=TEXT_COLOUR, markerfacecolor=face, markersize=5) for shape, face, _ in marks
    ]
    legend(figure, list(handles), [name for _, _, name in marks])
