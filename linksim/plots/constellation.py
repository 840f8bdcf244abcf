"""Constellations: the kept symbols as each receiver received them, and after it has undone the gain that it believed in."""

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from linksim.plots.plot_style import BOB, EVE, INK, MAX_GROUPS, Role, freeze_layout, legend, plot_style, sanitise, shown
from linksim.plots.tables import Symbols
from linksim.plots.trace_view import GroupView, View
from linksim.records import BOB as AT_BOB
from linksim.records import EVE as AT_EVE

Complex = NDArray[np.complexfloating[Any, Any]]

SIDE = 2.2  # inches of a panel
DENSE = 3000  # symbols from which on they are counted in cells
CELLS = 64  # along each side of a panel
ALPHABET = 64  # different symbols at most that are marked as what was sent
WITHIN = 0.99  # share of the symbols that a panel holds...
QUADRANTS = {"I": "#0072B2", "II": "#E69F00", "III": "#009E73", "IV": "#CC79A7"}  # Okabe and Ito's
MAX_ACTION = 2.5  # ... unless noise throws them so many times further than what was sent


@plot_style()
def constellation_figure(view: View) -> Figure | None:
    """For each group: what Bob received and what he made of it, and Eve's where some group's Eve listens. None where no symbol was kept."""
    groups = [group for group in view.groups if len(group.symbols)]
    drawn = groups[:MAX_GROUPS]
    if not drawn:
        return None
    receivers = [
        (role, receiver)
        for role, receiver in ((BOB, AT_BOB), (EVE, AT_EVE))
        if any((group.symbols.receiver == receiver).any() for group in drawn)
    ]
    beside = 2 if len(receivers) == 1 and len(drawn) > 1 else 1  # groups in a row
    across, down = 2 * len(receivers) * beside, -(-len(drawn) // beside)
    figure = Figure(figsize=(across * SIDE + 0.7 * beside, down * (SIDE + 0.35) + 0.95), layout="compressed")
    panels = figure.subplots(down, across, squeeze=False).flatten()
    for group, row in zip(drawn, panels.reshape(-1, 2 * len(receivers)), strict=False):
        for place, (role, receiver) in enumerate(receivers):
            draw(row[2 * place], row[2 * place + 1], role, group.symbols.take(group.symbols.receiver == receiver))
        row[0].set_ylabel(f"{sanitise(group.name)}, {frames(group)}\nimaginary part")
    for panel in panels[len(drawn) * 2 * len(receivers) :]:
        panel.set_axis_off()
    for panel in panels[max(0, len(drawn) * 2 * len(receivers) - across) :]:
        panel.set_xlabel("real part")
    figure.suptitle("Symbols before and after equalisation" + shown(len(groups)))
    handles = {f"radiated in quadrant {name}": mark(".", colour, 7) for name, colour in QUADRANTS.items()}
    if any(alphabet(sent(group.symbols)) is not None for group in drawn):
        handles["where they were radiated"] = mark("+", INK, 7)
    legend(figure, list(handles.values()), list(handles))
    return freeze_layout(figure)


def mark(shape: str, colour: str, size: float) -> Artist:
    """What the legend shows."""
    return Line2D([], [], linestyle="", marker=shape, color=colour, markersize=size)


def frames(group: GroupView) -> str:
    """ "4 frames"."""
    count = len({*zip(group.symbols.link.tolist(), group.symbols.frame.tolist(), strict=True)})
    return f"{count:,} frame" + ("" if count == 1 else "s")


def draw(before: Axes, after: Axes, role: Role, own: Symbols) -> None:
    """One receiver's two panels; what it received has a scale of its own."""
    if not len(own):
        before.set_axis_off()
        after.set_axis_off()
        return
    radiated, received, equalised = sent(own), own.rx_re + 1j * own.rx_im, own.equalised_re + 1j * own.equalised_im
    usual = extent(radiated)
    quadrant = (2 * (radiated.imag < 0) + ((radiated.real < 0) ^ (radiated.imag < 0))).astype(np.int64)
    scatter(before, received, quadrant, extent(received))
    scatter(after, equalised, quadrant, float(np.clip(extent(equalised), usual, MAX_ACTION * usual)))
    known = alphabet(radiated)
    if known is not None:
        after.plot(known.real, known.imag, "+", color=INK, markersize=7, markeredgewidth=1.2)
    before.set_title(f"{role.name} hears")
    after.set_title(f"equalised, EVM {evm_db(equalised, radiated):.1f} dB")


def sent(own: Symbols) -> Complex:
    """As radiated. complex [n]"""
    return np.asarray(own.tx_re + 1j * own.tx_im)


def evm_db(equalised: Complex, radiated: Complex) -> float:
    """Error vector magnitude in dB: mean squared error over mean power radiated. complex [n], [n]"""
    power = np.mean(np.abs(radiated) ** 2)
    return float(10 * np.log10(np.mean(np.abs(equalised - radiated) ** 2) / power)) if power else float("nan")


def extent(symbols: Complex) -> float:
    """Half the side of a square about 0 that holds nearly all symbols, with a margin."""
    return 1.15 * max(1e-9, float(np.quantile(np.maximum(np.abs(symbols.real), np.abs(symbols.imag)), WITHIN)))


def alphabet(radiated: Complex) -> Complex | None:
    """The symbols of a digital modulation; None where there are too many different ones for that."""
    known = np.unique(np.round(radiated, 4))
    return known if len(known) <= ALPHABET else None


def scatter(panel: Axes, symbols: Complex, quadrant: NDArray[np.int64], reach: float) -> None:
    """Points in the colour of the quadrant in which they were radiated, or the density of cells where there are many."""
    panel.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    panel.locator_params(nbins=5)
    if len(symbols) < DENSE:
        for number, colour in enumerate(QUADRANTS.values()):
            own = symbols[quadrant == number]
            panel.plot(own.real, own.imag, ".", color=colour, markersize=3.5, alpha=0.7, markeredgewidth=0, rasterized=True)
    else:
        limits = [[-reach, reach], [-reach, reach]]
        count = np.histogram2d(symbols.real, symbols.imag, bins=CELLS, range=limits)[0].T
        shades = LinearSegmentedColormap.from_list("density", ["white", BOB.colour, INK])
        panel.imshow(np.sqrt(count), origin="lower", extent=(-reach, reach, -reach, reach), cmap=shades, interpolation="nearest")
        panel.grid(False)
    outside = float(np.mean(np.maximum(np.abs(symbols.real), np.abs(symbols.imag)) > reach))
    if outside > 1.5 * (1 - WITHIN):
        where: dict[str, Any] = {"transform": panel.transAxes, "ha": "right", "va": "bottom", "fontsize": 7.5}
        panel.text(0.97, 0.03, f"{100 * outside:.0f} % beyond", bbox={"facecolor": "white", "linewidth": 0, "pad": 1.5}, **where)
