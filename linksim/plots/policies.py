"""Policies against each other under equal conditions: reward, how far it exceeds that of a reference, accuracy and SSIM of each group."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from linksim.plots.intervals import Interval, resamples
from linksim.plots.plot_style import INK, LINES, MAX_GROUPS, freeze_layout, legend, plot_style, sanitise, shown
from linksim.plots.rewards import RewardAccumulator, accuracy, adapting, grid, mean_reward, mean_ssim, measured, paired, tally
from linksim.plots.trace_view import View
from linksim.rng import Streams

GAP = 0.6  # between sets of rivals, in rows
ROW, ACROSS, NAMES = 0.34, 2.5, 1.6  # inches: a row, a panel, the names
REWARD, EXCESS, ACCURACY, SSIM = "mean reward", "reward minus the reference's", "accuracy (%)", "mean SSIM"

Weights = Callable[[int], NDArray[np.float64]]  # of so many units


@dataclass(frozen=True)
class Row:
    """One group.

    place      from above, in rows
    reference  what it is held against; None for the reference itself
    """

    name: str
    place: float
    found: RewardAccumulator
    reference: RewardAccumulator | None
    colour: str


@plot_style()
def policies_figure(view: View) -> Figure | None:
    """A row for each group with a rival (see `plots.policy_groups`); no panels of reward where no source was attacked.

    None where nobody has a rival.
    """
    rows = rows_of(view)
    drawn = rows[:MAX_GROUPS]
    if not drawn:
        return None
    rewarded, judged = any(row.found.attacked for row in drawn), any(row.found.judged.any() for row in drawn)
    names = [*(REWARD, EXCESS) * rewarded, *(ACCURACY,) * judged, SSIM]
    figure = Figure(figsize=(NAMES + ACROSS * len(names), 1.5 + ROW * (drawn[-1].place + 1)))
    panels = dict(zip(names, figure.subplots(1, len(names), sharey=True, squeeze=False)[0], strict=True))

    @cache
    def weights(units: int) -> NDArray[np.float64]:
        return resamples(units, Streams(0)("plots/policies"))

    for name, panel in panels.items():
        panel.set_xlabel(f"robust {name}" if name == ACCURACY and all(row.found.attacked for row in drawn) else name)
        panel.margins(x=0.08)
        panel.locator_params(axis="x", nbins=4)
        for row in drawn:
            mark(panel, row, interval(name, row, weights))
    if EXCESS in panels:
        panels[EXCESS].axvline(0, color="#888888", linewidth=0.9, zorder=0)
    first = panels[names[0]]
    first.set_yticks([row.place for row in drawn], [sanitise(row.name) for row in drawn])
    first.set_ylim(drawn[-1].place + 0.6, -0.6)
    figure.suptitle("Policies under equal conditions, 95 % intervals" + shown(len(rows)))
    explain(figure, drawn)
    return freeze_layout(figure)


def rows_of(view: View) -> list[Row]:
    """All groups with rivals, set by set. Groups of which Bob has no image are left out, and who then has no rival."""
    cut = grid(view)
    tallies = {group.name: tally(group, cut) for group in adapting(view) if len(group.bob.quality)}
    rows: list[Row] = []
    for policy_groups in view.policy_groups:
        names = [name for name in policy_groups.groups if name in tallies]
        if len(names) < 2:
            continue
        reference = policy_groups.reference if policy_groups.reference in names else names[0]
        top = rows[-1].place + 1 + GAP if rows else 0.0
        for place, name in enumerate(names):
            against = None if name == reference else tallies[reference]
            rows.append(Row(name, top + place, tallies[name], against, LINES[list(tallies).index(name) % len(LINES)][0]))
    return rows


def interval(panel: str, row: Row, weights: Weights) -> Interval:
    """What a panel shows of a group; NaN where it shows nothing."""
    found, own = row.found, weights(len(row.found.images))
    if panel == ACCURACY:
        share = measured(accuracy, found, own)
        return Interval(100 * share.value, 100 * share.low, 100 * share.high, share.n)
    if panel == SSIM:
        return measured(mean_ssim, found, own)
    if panel == REWARD:
        return measured(mean_reward, found, own)
    if row.reference is None:
        return Interval(0.0 if found.attacked else np.nan, np.nan, np.nan, len(found.images))
    return paired(mean_reward, found, row.reference, weights(min(len(found.images), len(row.reference.images))))


def mark(panel: Axes, row: Row, found: Interval) -> None:
    """A point with its interval; hollow where nobody attacked, a diamond for the reference."""
    if np.isnan(found.value):
        return
    reach = np.nan_to_num([[found.value - found.low], [found.high - found.value]])
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


def explain(figure: Figure, drawn: list[Row]) -> None:
    """What the marks mean, where they differ."""
    attacked = {row.found.attacked for row in drawn}
    marks = [("D", INK, "reference")] if True in attacked else []
    if len(attacked) > 1:
        marks += [("o", INK, "source attacked"), ("o", "white", "source not attacked")]
    handles = [Line2D([], [], linestyle="", marker=shape, color=INK, markerfacecolor=face, markersize=5) for shape, face, _ in marks]
    legend(figure, list(handles), [name for _, _, name in marks])
