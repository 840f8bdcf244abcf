"""The style of all figures: sizes, a colour and a mark per role, the layout in blocks, legends, and output as files.

The colours are those of Okabe and Ito ("Color Universal Design", 2008), which colour-blind readers can distinguish; marks and line styles
repeat the distinction. Bob, Eve, Alice and the jammer have the same colours in all figures.

Equal traces give equal bytes: the user's own matplotlib settings do not apply (`plot_style`), the layout is computed once and rounded
(`freeze_layout`), and files have no date (`save`). Figures are made with `matplotlib.figure.Figure` and never with pyplot, which keeps
global state and may need a display.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from linksim.errors import LinksimError
from linksim.files import atomic_write
from linksim.plots.figure_shape import FONT, TITLE_POINTS, new_figure, requested_size, set_title, wrap
from linksim.registry import suggest
from linksim.statistics import Interval


@dataclass(frozen=True)
class Role:
    """A node or quantity with its colour and mark.

    name    name in legends
    colour  colour as matplotlib takes it
    marker  mark as matplotlib takes it, "" for none
    """

    name: str
    colour: str
    marker: str


BOB = Role("Bob", "#0072B2", "o")
EVE = Role("Eve", "#D55E00", "^")
ALICE = Role("Alice", "#333333", "s")
JAMMER = Role("jammer", "#CC79A7", "")
TEXT_COLOUR, GRID_COLOUR = "#222222", "#d4d4d4"
LINE_STYLES = (  # colour, mark and dashes of the lines of a panel
    ("#0072B2", "o", "-"), ("#D55E00", "s", "--"), ("#009E73", "^", "-."), ("#CC79A7", "D", ":"),
    ("#E69F00", "v", "-"), ("#56B4E9", "P", "--"), ("#000000", "X", "-."), ("#8C6D31", "*", ":"),
    ("#8A8A8A", "<", "-"), ("#7F3C8D", ">", "--"),
)  # fmt: skip

MAX_GROUPS = 12  # maximum number of groups in a figure; the summary has all
COLUMNS = 3
WIDTH, MIN_WIDTH = 5.2, 3.2  # width of a block in inches, and its minimum if the width of the figure is requested
FORMATS = ("png", "svg", "pdf")

SETTINGS: dict[Any, Any] = {
    "figure.constrained_layout.use": True,
    "figure.titlesize": TITLE_POINTS,
    "figure.titleweight": "bold",
    "savefig.dpi": 130,
    "font.family": FONT,
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.labelcolor": TEXT_COLOUR,
    "axes.edgecolor": "#888888",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.xmargin": 0.02,
    "grid.color": GRID_COLOUR,
    "grid.linewidth": 0.6,
    "xtick.color": "#888888",
    "ytick.color": "#888888",
    "xtick.labelcolor": TEXT_COLOUR,
    "ytick.labelcolor": TEXT_COLOUR,
    "text.color": TEXT_COLOUR,
    "text.parse_math": False,  # names may contain dollar signs
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    "legend.frameon": False,
    "hatch.linewidth": 0.8,
    "svg.hashsalt": "linksim",
    "svg.fonttype": "path",
}
MARK_KEYS = {"png": "Source", "svg": "Source", "pdf": "Subject"}  # key of the metadata of each format
DATELESS: dict[str, dict[str, str | None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


@contextmanager
def plot_style() -> Iterator[None]:
    """Context manager and decorator that applies `SETTINGS` over matplotlib's defaults and then restores the previous settings.

    Every function that creates or writes a figure is decorated with it, because some settings take effect only when a figure is written.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        yield


@plot_style()
def save(figure: Figure, path: Path, mark: str | None = None) -> Path:
    """Write a figure in the format of the file name's suffix and return the path. Equal figures give equal bytes.

    path  file, which is replaced when the new one is complete
    mark  origin of the figure, which is stored in the metadata of the file (see `outputs`)

    Raises LinksimError for a suffix that is not in `FORMATS`, OSError if the file cannot be written.
    """
    kind = path.suffix.removeprefix(".")
    check_format(kind)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format=kind, metadata=DATELESS[kind] | ({MARK_KEYS[kind]: mark} if mark else {}))
    return path


def check_format(kind: str) -> None:
    """Raise LinksimError for a format that is not in `FORMATS`; the message names the closest one."""
    if kind not in FORMATS:
        raise LinksimError(f"unknown figure format {kind!r}; {suggest(kind, FORMATS)}")


@plot_style()
def svg(figure: Figure) -> bytes:
    """Return a figure as UTF-8 text of an SVG image with a transparent background, for the report's light and dark pages."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata=DATELESS["svg"], transparent=True)
    return buffer.getvalue()


def sanitise(name: str) -> str:
    """Return a name as printable ASCII of at most 40 characters; any other character becomes a question mark.

    Names of groups come from scenarios. A font that lacks one of their characters would make matplotlib warn and give other bytes.

    >>> sanitise("caf\u00e9"), sanitise("x" * 50)
    ('caf?', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...')
    """
    short = name if len(name) <= 40 else name[:37] + "..."
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in short)


def side_by_side(count: int, most: int = COLUMNS) -> int:
    """Return the number of blocks in a row: at most `most`, with rows of similar length.

    >>> [side_by_side(count) for count in (1, 2, 3, 4, 5)]
    [1, 2, 3, 2, 3]
    """
    return -(-count // -(-count // most))


def blocks(count: int, heights: tuple[float, ...]) -> tuple[Figure, list[list[Axes]]]:
    """Create a figure of blocks, up to `COLUMNS` side by side, each a column of panels; a block usually shows one group of links.

    count    number of blocks, at least 1
    heights  height of each panel of a block in inches, from top to bottom

    Returns the figure and for each block its panels from top to bottom. All panels share the x axis, and panels of equal index in all
    blocks the y axis.

    >>> figure, panels = blocks(4, (2.0, 1.0))
    >>> len(panels), len(panels[0]), figure.get_size_inches().tolist()
    (4, 2, [10.4, 7.9])
    """
    most, _ = requested_size(COLUMNS * WIDTH, 0.0)
    across = side_by_side(count, int(np.clip(most / MIN_WIDTH, 1, COLUMNS)))
    down = -(-count // across)
    figure = new_figure(max(7.5, WIDTH * across), 0.9 + down * (sum(heights) + 0.5))
    ratios = heights * down
    grid = figure.subplots(len(ratios), across, squeeze=False, gridspec_kw={"height_ratios": ratios})
    made: list[list[Axes]] = []
    for block in range(across * down):
        top, column = block // across * len(heights), block % across
        panels = [grid[top + i][column] for i in range(len(heights))]
        if block >= count:
            for panel in panels:
                panel.set_axis_off()
            continue
        for i, panel in enumerate(panels):
            panel.tick_params(labelbottom=i == len(panels) - 1)
            if i or made:
                panel.sharex((made or [panels])[0][0])
            if made:
                panel.sharey(made[0][i])
        made.append(panels)
    return figure, made


def finish_blocks(
    figure: Figure, panels: list[list[Axes]], title: str, y_labels: Sequence[str], groups: int, order: Sequence[str] = ()
) -> Figure:
    """Add title, y labels and legend to a figure of `blocks`, break long titles of blocks, fix the layout, and return the figure.

    panels    panels of each block, as `blocks` returns them
    y_labels  labels of the panels of a block from top to bottom; only the first block of each row shows them
    groups    number of groups that have data; the title says so if not all of them are drawn
    order     labels that come first in the legend
    """
    spec = panels[0][0].get_subplotspec()
    across = spec.get_gridspec().ncols if spec is not None else 1
    for block in panels:
        block[0].set_title(wrap(block[0].get_title(loc="left"), figure.get_figwidth() / across - 0.7, points=8.5))
    for block in panels[::across]:
        for panel, label in zip(block, y_labels, strict=True):
            panel.set_ylabel(label)
    set_title(figure, title + shown(groups))
    shared_legend(figure, panels, order)
    return freeze_layout(figure)


def error_bars(panel: Axes, x: ArrayLike, found: Sequence[Interval], **style: Any) -> None:
    """Draw values over x [n] with their 95 % intervals; a value without an interval has no bar. `style` is that of `Axes.errorbar`."""
    y, low, high = (np.array([getattr(interval, part) for interval in found]) for part in ("value", "low", "high"))
    panel.errorbar(x, y, yerr=np.maximum(np.stack([y - low, high - y]), 0.0), **style)


def shared_legend(figure: Figure, panels: list[list[Axes]], order: Sequence[str] = ()) -> None:
    """Add one legend below the figure, with every label of its panels once.

    panels  panels of each block
    order   labels that come first, if they occur
    """
    found: dict[str, Artist] = {}
    for panel in (panel for block in panels for panel in block):
        for handle, name in zip(*panel.get_legend_handles_labels(), strict=True):
            found.setdefault(name, handle)
    names = [name for name in order if name in found] + [name for name in found if name not in order]
    legend(figure, [found[name] for name in names], names)


def legend(figure: Figure, handles: list[Artist], names: list[str]) -> None:
    """Add a legend below the figure, with as many columns as fit its width."""
    if names:
        width = figure.get_figwidth() - 0.4
        columns = max(1, min(len(names), int(width / (0.072 * max(map(len, names)) + 0.55))))
        rows = -(-len(names) // columns)
        figure.legend(handles, names, loc="outside lower center", ncols=-(-len(names) // rows), handlelength=1.8, columnspacing=1.4)


def freeze_layout(figure: Figure) -> Figure:
    """Compute the layout of a figure, fix it, and return the figure.

    Positions are rounded to six decimal places, because the last bits of matplotlib's layout solver differ between calls.
    """
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    figure.set_layout_engine("none")
    for panel in figure.axes:
        left, bottom, width, height = (round(float(part), 6) for part in panel.get_position(original=True).bounds)
        panel.set_position((left, bottom, width, height))
    return figure


def shown(groups: int) -> str:
    """Return the suffix of a title if not all groups are drawn.

    >>> shown(12), shown(13)
    ('', ' (first 12 of 13 groups)')
    """
    return f" (first {MAX_GROUPS} of {groups} groups)" if groups > MAX_GROUPS else ""
