"""Figure of constellations: the stored symbols at each receiver before and after equalisation.

A symbol has the colour of the quadrant in which it was transmitted. Before equalisation the colours are turned by the phase of the path's
gain; after it, each colour is back in its quadrant as far as noise and jamming allow. The symbols of a neural codec fill the plane; those
of a digital modulation are few, and the figure marks them.
"""

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from linksim.enums import Node
from linksim.plots.figure_shape import new_figure, set_title, wrap
from linksim.plots.number_text import count
from linksim.plots.plot_style import BOB, EVE, MAX_GROUPS, TEXT_COLOUR, Role, freeze_layout, legend, plot_style, sanitise, shown
from linksim.plots.tables import ConstellationRows
from linksim.plots.trace_view import GroupView, TraceView

Complex = NDArray[np.complexfloating[Any, Any]]

SIDE = 2.2  # side of a panel in inches
DENSE = 3000  # from so many symbols on a panel shows their density
CELLS = 64  # cells of the density along each side of a panel
ALPHABET = 64  # maximum number of constellation points that are marked
WITHIN = 0.99  # fraction of the symbols within the limits of a panel
QUADRANTS = {"I": "#0072B2", "II": "#E69F00", "III": "#009E73", "IV": "#CC79A7"}  # Okabe and Ito's
MAX_ZOOM_OUT = 2.5  # limit of the panel's extent relative to that of the transmitted symbols


@plot_style()
def constellation_figure(view: TraceView) -> Figure | None:
    """Draw for each group the symbols at Bob, and at Eve if she receives, before and after equalisation. Returns None without symbols."""
    groups = [group for group in view.groups if len(group.constellation)]
    drawn = groups[:MAX_GROUPS]
    if not drawn:
        return None
    receivers = [
        (role, receiver)
        for role, receiver in ((BOB, Node.BOB), (EVE, Node.EVE))
        if any((group.constellation.receiver == receiver).any() for group in drawn)
    ]
    beside = groups_in_a_row(len(drawn)) if len(receivers) == 1 else 1
    across, down = 2 * len(receivers) * beside, -(-len(drawn) // beside)
    figure = new_figure(across * SIDE + 0.7 * beside, down * (SIDE + 0.35) + 0.75, layout="compressed")
    panels = figure.subplots(down, across, squeeze=False).flatten()
    limits = panel_limits([group.constellation for group in drawn])
    for group, row in zip(drawn, panels.reshape(-1, 2 * len(receivers)), strict=False):
        for place, (role, receiver) in enumerate(receivers):
            draw(row[2 * place], row[2 * place + 1], role, group.constellation.take(group.constellation.receiver == receiver), limits)
        row[0].set_ylabel(f"{sanitise(group.name)}, {frame_count(group)}\nimaginary part")
    for panel in panels:
        panel.set_title(wrap(panel.get_title(loc="left"), figure.get_figwidth() / across - 0.45, points=8.5))
    for panel in panels[len(drawn) * 2 * len(receivers) :]:
        panel.set_axis_off()
    for panel in panels[max(0, len(drawn) * 2 * len(receivers) - across) :]:
        panel.set_xlabel("real part")
    set_title(figure, "Constellations before and after equalisation" + shown(len(groups)))
    handles = {f"transmitted in quadrant {name}": legend_mark(".", colour, 7) for name, colour in QUADRANTS.items()}
    if any(alphabet(transmitted_symbols(group.constellation)) is not None for group in drawn):
        handles["transmitted symbols"] = legend_mark("+", TEXT_COLOUR, 7)
    legend(figure, list(handles.values()), list(handles))
    return freeze_layout(figure)


def groups_in_a_row(groups: int) -> int:
    """Return the number of groups in a row if each has two panels: rows are full, unless there are 5, 7 or 11 groups.

    >>> [groups_in_a_row(groups) for groups in (1, 2, 3, 4, 5, 9)]
    [1, 2, 3, 2, 2, 3]
    """
    return next((beside for beside in (2, 3) if groups % beside == 0), 1 if groups == 1 else 2)


def panel_limits(every: list[ConstellationRows]) -> tuple[float, float]:
    """Return half the side of all panels of received and of all panels of equalised symbols.

    every  symbols of each group

    The received symbols have a scale of their own, because a path attenuates them. The equalised symbols have that of the transmitted
    ones, up to `MAX_ZOOM_OUT` times as wide.
    """
    parts = [rows.take(rows.receiver == node) for rows in every for node in (Node.BOB, Node.EVE)]
    known = [rows for rows in parts if len(rows)]
    received = max(extent(np.asarray(rows.rx_re + 1j * rows.rx_im)) for rows in known)
    reference = max(extent(transmitted_symbols(rows)) for rows in known)
    equalised = max(extent(np.asarray(rows.equalised_re + 1j * rows.equalised_im)) for rows in known)
    return received, float(np.clip(equalised, reference, MAX_ZOOM_OUT * reference))


def legend_mark(shape: str, colour: str, size: float) -> Artist:
    """Return a mark of the legend."""
    return Line2D([], [], linestyle="", marker=shape, color=colour, markersize=size)


def frame_count(group: GroupView) -> str:
    """Return the number of frames whose symbols are stored as text, "4 frames"."""
    return count(len({*zip(group.constellation.link.tolist(), group.constellation.frame.tolist(), strict=True)}), "frame")


def draw(before: Axes, after: Axes, role: Role, own: ConstellationRows, limits: tuple[float, float]) -> None:
    """Draw the two panels of one receiver.

    before, after  panels of the symbols before and after equalisation
    role           name of the receiver
    own            its symbols; without symbols both panels are left out
    limits         half the side of each of the two panels
    """
    if not len(own):
        before.set_axis_off()
        after.set_axis_off()
        return
    transmitted, received, equalised = transmitted_symbols(own), own.rx_re + 1j * own.rx_im, own.equalised_re + 1j * own.equalised_im
    quadrant = (2 * (transmitted.imag < 0) + ((transmitted.real < 0) ^ (transmitted.imag < 0))).astype(np.int64)
    scatter(before, received, quadrant, limits[0])
    scatter(after, equalised, quadrant, limits[1])
    points = alphabet(transmitted)
    if points is not None:
        after.plot(points.real, points.imag, "+", color=TEXT_COLOUR, markersize=7, markeredgewidth=1.2)
    before.set_title(f"received by {role.name}")
    after.set_title(f"equalised, EVM {evm_db(equalised, transmitted):.1f} dB")


def transmitted_symbols(own: ConstellationRows) -> Complex:
    """Return the transmitted symbols, complex [n]."""
    return np.asarray(own.tx_re + 1j * own.tx_im)


def evm_db(equalised: Complex, transmitted: Complex) -> float:
    """Return the error vector magnitude in dB: mean squared error divided by the mean transmitted power, as in 3GPP TS 38.104.

    equalised, transmitted  symbols, complex [n] each

    NaN if nothing was transmitted. With zero-forcing and perfect channel knowledge it is minus the SNR in dB.

    >>> round(evm_db(np.array([1.1 + 0j, -0.9 + 0j]), np.array([1.0 + 0j, -1.0 + 0j])), 6)
    -20.0
    """
    power = np.mean(np.abs(transmitted) ** 2)
    return float(10 * np.log10(np.mean(np.abs(equalised - transmitted) ** 2) / power)) if power else float("nan")


def extent(symbols: Complex) -> float:
    """Return half the side of a square around 0 that contains the fraction `WITHIN` of the symbols, with a margin of 15 %."""
    return 1.15 * max(1e-9, float(np.quantile(np.maximum(np.abs(symbols.real), np.abs(symbols.imag)), WITHIN)))


def alphabet(transmitted: Complex) -> Complex | None:
    """Return the constellation points of a digital modulation; None if there are more than `ALPHABET` distinct symbols.

    >>> alphabet(np.array([1 + 1j, 1 - 1j, 1 + 1j])).tolist()
    [(1-1j), (1+1j)]
    """
    points = np.unique(np.round(transmitted, 4))
    return points if len(points) <= ALPHABET else None


def scatter(panel: Axes, symbols: Complex, quadrant: NDArray[np.int64], limit: float) -> None:
    """Draw symbols in the colour of their transmitted quadrant, or their density if there are `DENSE` or more.

    symbols   complex [n]
    quadrant  index of the transmitted quadrant in `QUADRANTS`, int [n]
    limit     half the side of the panel; the figure states the fraction of symbols beyond it if it is not small
    """
    panel.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    panel.locator_params(nbins=5)
    if len(symbols) < DENSE:
        for number, colour in enumerate(QUADRANTS.values()):
            own = symbols[quadrant == number]
            panel.plot(own.real, own.imag, ".", color=colour, markersize=3.5, alpha=0.7, markeredgewidth=0, rasterized=True)
    else:
        limits = [[-limit, limit], [-limit, limit]]
        density = np.histogram2d(symbols.real, symbols.imag, bins=CELLS, range=limits)[0].T
        shades = LinearSegmentedColormap.from_list("density", ["white", BOB.colour, TEXT_COLOUR])
        panel.imshow(np.sqrt(density), origin="lower", extent=(-limit, limit, -limit, limit), cmap=shades, interpolation="nearest")
        panel.grid(False)
    outside = float(np.mean(np.maximum(np.abs(symbols.real), np.abs(symbols.imag)) > limit))
    if outside > 1.5 * (1 - WITHIN):
        where: dict[str, Any] = {"transform": panel.transAxes, "ha": "right", "va": "bottom", "fontsize": 7.5}
        panel.text(0.97, 0.03, f"{100 * outside:.0f} % outside", bbox={"facecolor": "white", "linewidth": 0, "pad": 1.5}, **where)
