"""Figure of the learning curve of a policy for diffusion steps, with the four panels of DiffuSeC's Fig. 4.

`linksim train` draws it beside the table that the training of a policy writes (`adapt.learning_curve`), and `linksim papers diffusec` from
its kept results.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from linksim.adapt.learning_curve import PolicyEvaluation, read_curve
from linksim.plots.plot_style import TEXT_COLOUR, plot_style, save

COLOURS = ("#D55E00", "#E69F00", "#009E73", "#0072B2", "#CC79A7", "#56B4E9")
STYLES = ("-", "--", "-.", ":")
PANELS = {"ssim": "(b) SSIM", "adv": "(c) Adv, adversarial error rate", "err": "(d) Err, purification error rate"}


@plot_style()
def learning_curve_figure(title: str, curve: Sequence[PolicyEvaluation]) -> Figure:
    """Draw the mean reward over all SNRs, and its components for each SNR, over the training steps.

    title  title of the figure
    curve  evaluations in the order of training steps; each step has one per SNR
    """
    figure = Figure(figsize=(10.4, 6.4), layout="constrained")
    figure.suptitle(title)
    (first, *others), levels_db = figure.subplots(2, 2, sharex=True).flat, sorted({row.snr_db for row in curve})
    steps = sorted({row.step for row in curve})
    first.plot(steps, [np.mean([row.reward for row in curve if row.step == step]) for step in steps], color=TEXT_COLOUR)
    first.set(title="(a) reward, Eq. (31), mean over the SNRs")
    for panel, (name, label) in zip(others, PANELS.items(), strict=True):
        for place, snr_db in enumerate(levels_db):
            rows = [row for row in curve if row.snr_db == snr_db]
            style = {"color": COLOURS[place % len(COLOURS)], "linestyle": STYLES[place % len(STYLES)]}
            panel.plot([row.step for row in rows], [getattr(row, name) for row in rows], label=f"{snr_db:g} dB", **style)
        panel.set(title=label)
    for panel in others[1:]:
        panel.set(xlabel="training steps")
    figure.legend(*others[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(levels_db))
    return figure


def draw_curve(table: Path) -> Path:
    """Draw the learning curve of a CSV file as a PNG file beside it, and return the path of the figure.

    table  file that `adapt.learning_curve.write_curve` wrote

    Raises LinksimError with file and line for a damaged table.
    """
    return save(learning_curve_figure(f"{table.stem}: means over the rounds of an episode", read_curve(table)), table.with_suffix(".png"))
