"""Figure of error rates over SNR: measured points with their intervals, and theoretical curves.

`linksim.curves` measures the points. The interval of a rate near 0 is far from symmetric, so the points have Wilson's interval, and a
point at which no error was observed is drawn as an upper bound, which a logarithmic axis can show.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from linksim.plots.plot_style import freeze_layout, plot_style
from linksim.plots.tables import Floats
from linksim.statistics import Interval

STYLES = (("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#CC79A7", "D"))
UPPER_BOUND: dict[str, Any] = {"linestyle": "", "marker": "v", "markerfacecolor": "white", "markersize": 5}


@dataclass(frozen=True)
class ErrorRateCurve:
    """One line of a panel.

    name      name in the legend
    snr_db    Es/N0 of each point [points]
    measured  error rate with its 95 % interval at each point
    theory    SNR in dB and error rate of the closed form, both [n]; None without a closed form
    limit_db  Shannon limit: SNR below which no code of this rate is free of errors; None if unknown
    """

    name: str
    snr_db: Floats
    measured: tuple[Interval, ...]
    theory: tuple[Floats, Floats] | None = None
    limit_db: float | None = None


@plot_style()
def error_rate_figure(uncoded: tuple[ErrorRateCurve, ...], coded: tuple[ErrorRateCurve, ...]) -> Figure:
    """Draw two panels over Es/N0 in dB with logarithmic error rates.

    uncoded  bit error rates of modulations with their closed forms; four curves
    coded    block error rates of code rates with Shannon's limit; four curves
    """
    figure = Figure(figsize=(11.5, 5.4))
    bits, blocks = figure.subplots(1, 2)
    for curves, panel in ((uncoded, bits), (coded, blocks)):
        for curve, (colour, marker) in zip(curves, STYLES, strict=True):
            draw(panel, curve, colour, marker)
        lowest = min(found.low if found.value else found.high for curve in curves for found in curve.measured)
        panel.set(yscale="log", ylim=(10 ** np.floor(np.log10(lowest)), 1.4), xlabel="SNR, Es/N0 (dB)")
        panel.yaxis.set_major_formatter(lambda rate, _: f"1e{round(np.log10(rate))}" if rate < 1 else "1")
        if any(not found.value for curve in curves for found in curve.measured):
            panel.plot([], [], label="no error observed: upper bound", **(UPPER_BOUND | {"color": "#555555"}))
        panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)
    bits.set(title="Uncoded: lines are closed forms", ylabel="bit error rate")
    blocks.set(title="LDPC, QPSK on AWGN; dotted: Shannon's limit", ylabel="block error rate")
    figure.suptitle("Measured error rates, 95 % intervals")
    return freeze_layout(figure)


def draw(panel: Axes, curve: ErrorRateCurve, colour: str, marker: str) -> None:
    """Draw a curve's points with their intervals, joined by lines if it has no closed form, and its theory.

    A triangle marks the upper bound of a point without observed errors.
    """
    rate, low, high = (np.array([getattr(found, part) for found in curve.measured]) for part in ("value", "low", "high"))
    seen = rate > 0
    if curve.theory is not None:
        panel.plot(*curve.theory, color=colour, linewidth=1.1)
    join = "" if curve.theory is not None else "-"
    reach = np.stack([rate - low, high - rate])[:, seen]
    style: dict[str, Any] = {"color": colour, "marker": marker, "linestyle": join, "linewidth": 1.0, "elinewidth": 0.9, "capsize": 2}
    panel.errorbar(curve.snr_db[seen], rate[seen], yerr=reach, label=curve.name, **style)
    if (~seen).any():
        panel.plot(curve.snr_db[~seen], high[~seen], color=colour, **UPPER_BOUND)
    if curve.limit_db is not None:
        panel.axvline(curve.limit_db, color=colour, linestyle=":", linewidth=1.1)
