"""How policies answer the SNR: the diffusion steps that Bob asked for, against the SNR that he had measured."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from linksim.adapt.mdp import T_D, T_PLUS
from linksim.plots.intervals import bands
from linksim.plots.plot_style import LINES, freeze_layout, plot_style, sanitise, shared_legend
from linksim.plots.rewards import adapting
from linksim.plots.scores import FEWEST, Bins, choose
from linksim.plots.tables import Floats, Ints, StepDecision
from linksim.plots.trace_view import View

SHARES = (0.05, 0.5, 0.95)
MOST_POINTS = 2000  # of a group; more would be a cloud
PER_BIN = 12  # choices of a group
MARGIN = 2.0  # steps above and below their range
SHOWN, BESIDE_DB = (0.005, 0.995), 1.0  # of the choices, whose SNRs the axis spans; and so much on either side


@plot_style()
def action_map_figure(view: View) -> Figure | None:
    """t_D and t_plus side by side: the median and the band from 5 to 95 % of each group's choices, and the choices themselves.

    None where Bob chose nowhere.
    """
    groups = [(group.name, group.adaptation.take(np.isfinite(group.adaptation.measured_snr_db))) for group in adapting(view)]
    drawn = [(name, rounds) for name, rounds in groups if len(rounds)][: len(LINES)]
    if not drawn:
        return None
    bins = choose([rounds.measured_snr_db for _, rounds in drawn], PER_BIN)
    figure = Figure(figsize=(10.4, 4.3))
    panels = list(figure.subplots(1, 2, sharex=True))
    for panel, title, (least, most) in zip(
        panels, ("t_D: steps that Alice diffuses", "t_plus: steps that Bob adds"), (T_D, T_PLUS), strict=True
    ):
        panel.set_title(title)
        panel.set_ylim(least - MARGIN, most + MARGIN)
    panels[0].set_ylabel("steps asked for")
    span(panels, np.concatenate([rounds.measured_snr_db for _, rounds in drawn]))
    for (name, rounds), color_of in zip(drawn, LINES, strict=False):
        for panel, steps in zip(panels, (rounds.t_d, rounds.t_plus), strict=True):
            answer(panel, rounds, steps, bins, name, color_of)
    more = f", first {len(drawn)} of {len(groups)} groups" if len(groups) > len(drawn) else ""
    figure.suptitle(f"How Bob's policy answers the SNR{more}")
    shared_legend(figure, [panels])
    return freeze_layout(figure)


def span(panels: list[Axes], snr_db: Floats) -> None:
    """Let the axis of SNR span all but the most remote, which a pilot lost in noise may have told of, and say how many are left out."""
    first, last = np.quantile(snr_db, SHOWN)
    low, high = first - BESIDE_DB, last + BESIDE_DB
    outside = int(np.count_nonzero((snr_db < low) | (snr_db > high)))
    for panel in panels:
        panel.set_xlim(low, high)
        panel.set_xlabel("SNR that Bob measured (dB)" + f"; {outside:,} of {len(snr_db):,} choices lie outside" * (outside > 0))


def answer(panel: Axes, rounds: StepDecision, steps: Ints, bins: Bins, name: str, color_of: tuple[str, str, str]) -> None:
    """One group in one panel."""
    colour, marker, dashes = color_of
    thin = slice(None, None, -(-len(rounds) // MOST_POINTS))
    panel.plot(rounds.measured_snr_db[thin], steps[thin], ".", color=colour, markersize=4, alpha=0.25, markeredgewidth=0, zorder=1)
    end_db = bins.start_db + bins.count * bins.width_db
    found = bands(rounds.measured_snr_db, steps.astype(np.float64), bins.start_db, end_db, bins.count, SHARES)
    told = found.n >= min(FEWEST, found.n.max())
    panel.fill_between(found.centre[told], found.low[told], found.high[told], color=colour, alpha=0.12, linewidth=0, zorder=2)
    panel.plot(found.centre[told], found.median[told], color=colour, marker=marker, linestyle=dashes, label=sanitise(name), zorder=3)
