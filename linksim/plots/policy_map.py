"""Figure of policies as maps from SNR to actions: the parameters that Bob requests over the SNR that he measures.

A policy that depends on the measured SNR alone is a line in this figure. The band shows what else it depends on: the parameters in force,
from which a choice moves by a limited step, or a random draw.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from linksim.plots.binning import quantile_bands
from linksim.plots.figure_shape import new_figure, set_title, wrap
from linksim.plots.plot_style import LINE_STYLES, freeze_layout, plot_style, sanitise, shared_legend
from linksim.plots.rewards import adaptive_groups
from linksim.plots.snr_bins import MIN_SAMPLES, snr_edges
from linksim.plots.tables import DecisionRows, Floats, Ints
from linksim.plots.trace_view import TraceView
from linksim.records import Column

QUANTILES = (0.05, 0.5, 0.95)
MAX_POINTS = 2000  # maximum number of points of a group
PER_BIN = 12  # mean number of choices of a group in a bin
MARGIN = 2.0  # above and below the values
MAX_PANELS, PANEL_WIDTH = 4, 5.2  # maximum number of parameters, and inches for each
SHOWN, MARGIN_DB = (0.005, 0.995), 1.0  # quantiles of the SNR that the axis spans, and the margin on either side


@plot_style()
def policy_map_figure(view: TraceView) -> Figure | None:
    """Draw the parameters side by side: each choice, and per group the median and the band from 5 to 95 % of the choices.

    Parameters of equal unit have the same axes. Returns None if Bob chooses in no group.
    """
    groups = [(group.name, group.decisions.take(np.isfinite(group.decisions.measured_snr_db))) for group in adaptive_groups(view)]
    drawn = [(name, rounds) for name, rounds in groups if len(rounds) and rounds.parameters][: len(LINE_STYLES)]
    if not drawn:
        return None
    edges_db = snr_edges([rounds.measured_snr_db for _, rounds in drawn], PER_BIN, PER_BIN)
    names = list(dict.fromkeys(name for _, rounds in drawn for name in rounds.parameters))[:MAX_PANELS]
    figure = new_figure(PANEL_WIDTH * len(names), 4.3)
    alike = len({view.parameters[name].unit for name in names}) == 1
    panels = list(figure.subplots(1, len(names), sharex=True, sharey=alike, squeeze=False)[0])
    for panel, parameter in zip(panels, names, strict=True):
        panel.set_title(wrap(title(view.parameters[parameter]), figure.get_figwidth() / len(names) - 0.7, points=8.5))
    for panel, shown in zip(panels, [names] * len(names) if alike else [[name] for name in names], strict=True):
        values = np.concatenate([rounds.parameters[name] for _, rounds in drawn for name in shown if name in rounds.parameters])
        panel.set_ylim(values.min() - MARGIN, values.max() + MARGIN)
    panels[0].set_ylabel("requested value")
    set_snr_range(panels, np.concatenate([rounds.measured_snr_db for _, rounds in drawn]))
    for (name, rounds), style in zip(drawn, LINE_STYLES, strict=False):
        for panel, parameter in zip(panels, names, strict=True):
            if parameter in rounds.parameters:
                draw_group(panel, rounds, rounds.parameters[parameter], edges_db, name, style)
    more = f", first {len(drawn)} of {len(groups)} groups" if len(groups) > len(drawn) else ""
    set_title(figure, f"Bob's requested parameters over SNR{more}")
    shared_legend(figure, [panels])
    return freeze_layout(figure)


def title(parameter: Column) -> str:
    """Return name, description and unit of a parameter as the title of its panel."""
    unit = "" if parameter.unit == "1" else f" ({sanitise(parameter.unit)})"
    described = f": {sanitise(parameter.description)}" if parameter.description else ""
    return f"{sanitise(parameter.name)}{described}{unit}"


def set_snr_range(panels: list[Axes], snr_db: Floats) -> None:
    """Set the range of SNR without outliers, which occur when noise hides the pilots, and state their number in the label.

    panels  the panels
    snr_db  measured SNR of all choices in dB [n]; the axis spans the quantiles `SHOWN` and `MARGIN_DB` on either side
    """
    first, last = np.quantile(snr_db, SHOWN)
    low, high = first - MARGIN_DB, last + MARGIN_DB
    outside = int(np.count_nonzero((snr_db < low) | (snr_db > high)))
    for panel in panels:
        panel.set_xlim(low, high)
        panel.set_xlabel("SNR that Bob measured (dB)" + f"; {outside:,} of {len(snr_db):,} choices outside" * (outside > 0))


def draw_group(panel: Axes, rounds: DecisionRows, values: Ints, edges_db: Floats, name: str, style: tuple[str, str, str]) -> None:
    """Draw one group in one panel: up to `MAX_POINTS` choices as dots, and the quantiles `QUANTILES` of each bin of SNR.

    rounds    choices of the group [n]
    values    the requested parameter [n]
    edges_db  inner edges of the bins of SNR; bins with few choices have no quantiles
    name      name of the group in the legend
    style     colour, mark and dashes
    """
    colour, marker, dashes = style
    thin = slice(None, None, -(-len(rounds) // MAX_POINTS))
    panel.plot(rounds.measured_snr_db[thin], values[thin], ".", color=colour, markersize=4, alpha=0.25, markeredgewidth=0, zorder=1)
    found = quantile_bands(rounds.measured_snr_db, values.astype(np.float64), edges_db, QUANTILES)
    enough = found.n >= min(MIN_SAMPLES, found.n.max())
    panel.fill_between(found.centre[enough], found.low[enough], found.high[enough], color=colour, alpha=0.12, linewidth=0, zorder=2)
    panel.plot(found.centre[enough], found.median[enough], color=colour, marker=marker, linestyle=dashes, label=sanitise(name), zorder=3)
