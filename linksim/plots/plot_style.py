"""The style of all figures: sizes, and a colour and a mark per role.

The colours are those of Okabe and Ito, which colour-blind readers can distinguish; marks and line styles repeat the distinction. The user's
own matplotlib settings do not apply, so that equal traces give equal bytes.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from linksim.errors import LinksimError
from linksim.registry import suggest


@dataclass(frozen=True)
class Role:
    """A node or quantity with its colour and mark."""

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
)  # fmt: skip

MAX_GROUPS = 12  # maximum number of groups in a figure; the summary has all
COLUMNS = 3
WIDTH = 5.2  # width of a block in inches
FORMATS = ("png", "svg", "pdf")

SETTINGS: dict[Any, Any] = {
    "figure.constrained_layout.use": True,
    "figure.titlesize": 12,
    "figure.titleweight": "bold",
    "savefig.dpi": 130,
    "font.family": "DejaVu Sans",
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
DATELESS: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


@contextmanager
def plot_style() -> Iterator[None]:
    """Context manager and decorator that applies the settings and restores the previous ones."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        yield


@plot_style()
def save(figure: Figure, path: Path) -> Path:
    """Write a figure in the format of the file name's suffix (see `FORMATS`) and return the path. Equal figures give equal bytes."""
    kind = path.suffix.removeprefix(".")
    check_format(kind)
    figure.savefig(path, format=kind, metadata=DATELESS[kind])
    return path


def check_format(kind: str) -> None:
    """Raise LinksimError for an unknown format."""
    if kind not in FORMATS:
        raise LinksimError(f"unknown figure format {kind!r}; {suggest(kind, FORMATS)}")


@plot_style()
def svg(figure: Figure) -> bytes:
    """Return a figure as SVG with a transparent background."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata=DATELESS["svg"], transparent=True)
    return buffer.getvalue()


def sanitise(name: str) -> str:
    """Return a name as printable ASCII of at most 40 characters.

    >>> sanitise("caf\u00e9")
    'caf?'
    """
    short = name if len(name) <= 40 else name[:37] + "..."
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in short)


def side_by_side(count: int) -> int:
    """Return the number of blocks in a row: at most `COLUMNS`, with rows of similar length.

    >>> [side_by_side(count) for count in (1, 2, 3, 4, 5)]
    [1, 2, 3, 2, 3]
    """
    return -(-count // -(-count // COLUMNS))


def blocks(count: int, heights: tuple[float, ...], own_y: int | None = None, own_x: bool = False) -> tuple[Figure, list[list[Axes]]]:
    """Create a figure of `count` blocks, up to `COLUMNS` side by side, each a column of panels of the given heights in inches.

    Returns the figure and for each block its panels from top to bottom. All panels share the x axis, with `own_x` only those of a block.
    Panels of equal index in their blocks share the y axis, except those with the index `own_y`.
    """
    across = side_by_side(count)
    down = -(-count // across)
    figure = Figure(figsize=(max(7.5, WIDTH * across), 0.9 + down * (sum(heights) + 0.5)))
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
            if i or (made and not own_x):
                panel.sharex(panels[0] if own_x else (made or [panels])[0][0])
            if made and i != own_y:
                panel.sharey(made[0][i])
        made.append(panels)
    return figure, made


def shared_legend(figure: Figure, panels: list[list[Axes]], order: Sequence[str] = ()) -> None:
    """Add one legend below the figure with every label of its panels once, those of `order` first."""
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
    """Compute the layout once and fix it, with rounded positions, because the last bits of the layout solver differ between calls."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    figure.set_layout_engine("none")
    for panel in figure.axes:
        left, bottom, width, height = (round(float(part), 6) for part in panel.get_position(original=True).bounds)
        panel.set_position((left, bottom, width, height))
    return figure


def shown(groups: int) -> str:
    """Return the suffix of a title if not all groups are drawn."""
    return f" (first {MAX_GROUPS} of {groups} groups)" if groups > MAX_GROUPS else ""
