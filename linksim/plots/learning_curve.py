"""Figure of the learning curve of a policy for diffusion steps, with the four panels of DiffuSeC's Fig. 4.

`linksim train` draws it beside the table that the training of a policy writes (`adapt.learning_curve`), and `linksim papers diffusec` from
its kept results.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from linksim.adapt.learning_curve import PolicyEvaluation, read_curve
from linksim.plots.plot_style import LINE_STYLES, TEXT_COLOUR, freeze_layout, plot_style, save, shared_legend

PANELS = {  # quantity -> title and y label of its panel
    "reward": ("(a) reward, Eq. (31), mean over the SNRs", "mean reward"),
    "ssim": ("(b) structural similarity", "SSIM"),
    "adv": ("(c) adversarial error rate, Eq. (27)", "Adv"),
    "err": ("(d) purification error rate, Eq. (29)", "Err"),
}
EVERY_SNR = "mean over the SNRs"


@plot_style()
def learning_curve_figure(title: str, curves: Sequence[Sequence[PolicyEvaluation]]) -> Figure:
    """Draw the mean reward over all SNRs, and its components for each SNR, over the training steps.

    title   title of the figure
    curves  a curve for each seed of the training: evaluations in the order of training steps, at each step one per SNR; the curves of all
            seeds have the same steps and SNRs

    With several seeds, lines are means over the seeds and bands reach from the lowest to the highest seed. The figure states the number.

    >>> row = PolicyEvaluation(100, 3.0, -0.25, 0.9, 0.1, 0.2, 0.05, t_d=12.0, t_plus=4.0, saturated=0.0)
    >>> learning_curve_figure("Learning", [[row]]).get_suptitle()
    'Learning, one seed'
    """
    figure = Figure(figsize=(10.4, 6.6))
    seeds = "one seed" if len(curves) == 1 else f"means and ranges of {len(curves)} seeds"
    figure.suptitle(f"{title}, {seeds}")
    panels = dict(zip(PANELS, figure.subplots(2, 2, sharex=True).flat, strict=True))
    levels_db = sorted({row.snr_db for row in curves[0]})
    steps = np.array(sorted({row.step for row in curves[0]}))
    for quantity, panel in panels.items():
        heading, label = PANELS[quantity]
        panel.set(title=heading, ylabel=label)
        each = {f"{snr_db:g} dB": values(curves, quantity, snr_db) for snr_db in levels_db}
        if quantity == "reward":
            each = {EVERY_SNR: np.mean([*each.values()], axis=0)}
        for (name, found), style in zip(each.items(), LINE_STYLES, strict=False):
            draw(panel, steps, found, name, (TEXT_COLOUR, "", "-") if quantity == "reward" else style)
    for panel in (panels["adv"], panels["err"]):
        panel.set_xlabel("training steps")
    shared_legend(figure, [list(panels.values())])
    return freeze_layout(figure)


def values(curves: Sequence[Sequence[PolicyEvaluation]], quantity: str, snr_db: float) -> NDArray[np.float64]:
    """Return a quantity at one SNR for each seed and step, [seeds, steps]."""
    return np.array([[getattr(row, quantity) for row in curve if row.snr_db == snr_db] for curve in curves])


def draw(panel: Axes, steps: NDArray[np.int64], found: NDArray[np.float64], name: str, style: tuple[str, str, str]) -> None:
    """Draw the mean over the seeds, and with several seeds their range as a band.

    steps  training steps [steps]
    found  values [seeds, steps]
    name   name in the legend
    style  colour, mark and dashes; marks are not drawn
    """
    colour, _, dashes = style
    panel.plot(steps, found.mean(axis=0), color=colour, linestyle=dashes, label=name)
    if len(found) > 1:
        panel.fill_between(steps, found.min(axis=0), found.max(axis=0), color=colour, alpha=0.18, linewidth=0)


def draw_curve(table: Path) -> Path:
    """Draw the learning curve of a CSV file as a PNG file beside it, and return the path of the figure.

    table  file that `adapt.learning_curve.write_curve` wrote

    Raises LinksimError with file and line for a damaged table.
    """
    figure = learning_curve_figure(f"Learning of {table.stem}, means over the rounds of an episode", [read_curve(table)])
    return save(figure, table.with_suffix(".png"))
