"""How all figures look: one set of sizes, and one colour and mark per role, kept apart for readers who do not see all colours.

Colours are Okabe and Ito's; marks and line styles repeat what colours say. A user's own matplotlib settings are set aside, so that the same
trace gives the same bytes.
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
    """Who a line belongs to."""

    name: str
    colour: str
    marker: str


BOB = Role("Bob", "#0072B2", "o")
EVE = Role("Eve", "#D55E00", "^")
ALICE = Role("Alice", "#333333", "s")
JAMMER = Role("jammer", "#CC79A7", "")
INK, FAINT = "#222222", "#d4d4d4"
LINES = (  # colour, mark and dashes, where several are drawn into one panel
    ("#0072B2", "o", "-"), ("#D55E00", "s", "--"), ("#009E73", "^", "-."), ("#CC79A7", "D", ":"),
    ("#E69F00", "v", "-"), ("#56B4E9", "P", "--"), ("#000000", "X", "-."), ("#8C6D31", "*", ":"),
)  # fmt: skip

MAX_GROUPS = 12  # more would not be read; the summary names them all
COLUMNS = 3
WIDTH = 5.2  # of a block, in inches
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
    "axes.labelcolor": INK,
    "axes.edgecolor": "#888888",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.xmargin": 0.02,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "xtick.color": "#888888",
    "ytick.color": "#888888",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "text.parse_math": False,  # a name with a dollar is a name
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
    """The settings for as long as a figure is drawn or written; what was set before comes back. Also a decorator."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        yield


@plot_style()
def save(figure: Figure, path: Path) -> Path:
    """Write a figure in the format of the file's ending (see `FORMATS`), the same bytes each time."""
    kind = path.suffix.removeprefix(".")
    check_format(kind)
    figure.savefig(path, format=kind, metadata=DATELESS[kind])
    return path


def check_format(kind: str) -> None:
    """Raises LinksimError for a format that figures are not written in."""
    if kind not in FORMATS:
        raise LinksimError(f"no figure format {kind!r}; {suggest(kind, FORMATS)}")


@plot_style()
def svg(figure: Figure) -> bytes:
    """A figure as SVG on a clear background."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata=DATELESS["svg"], transparent=True)
    return buffer.getvalue()


def sanitise(name: str) -> str:
    """A name as a figure can show it: printable ASCII, at most 40 characters."""
    short = name if len(name) <= 40 else name[:37] + "..."
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in short)


def side_by_side(count: int) -> int:
    """How many of `count` blocks stand in a row: at most `COLUMNS`, and rows as even as can be (four are two and two)."""
    return -(-count // -(-count // COLUMNS))


def blocks(count: int, heights: tuple[float, ...], own_y: int | None = None, own_x: bool = False) -> tuple[Figure, list[list[Axes]]]:
    """A figure of `count` blocks, up to `COLUMNS` side by side, each a column of panels of the given heights in inches.

    -> figure, and per block its panels from top to bottom. All panels share x, with `own_x` only those of a block; panels of one kind share
    y, but for those at place `own_y`.
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
    """One legend below the figure for all that its panels name, each name once; those of `order` first, in that order."""
    found: dict[str, Artist] = {}
    for panel in (panel for block in panels for panel in block):
        for handle, name in zip(*panel.get_legend_handles_labels(), strict=True):
            found.setdefault(name, handle)
    names = [name for name in order if name in found] + [name for name in found if name not in order]
    legend(figure, [found[name] for name in names], names)


def legend(figure: Figure, handles: list[Artist], names: list[str]) -> None:
    """A legend below the figure, in as many columns as its width holds."""
    if names:
        room = figure.get_figwidth() - 0.4
        columns = max(1, min(len(names), int(room / (0.072 * max(map(len, names)) + 0.55))))
        rows = -(-len(names) // columns)
        figure.legend(handles, names, loc="outside lower center", ncols=-(-len(names) // rows), handlelength=1.8, columnspacing=1.4)


def freeze_layout(figure: Figure) -> Figure:
    """Lay the figure out for good. The solver's last bits differ from call to call, so places are rounded: else files would differ."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    figure.set_layout_engine("none")
    for panel in figure.axes:
        left, bottom, width, height = (round(float(part), 6) for part in panel.get_position(original=True).bounds)
        panel.set_position((left, bottom, width, height))
    return figure


def shown(groups: int) -> str:
    """What a title says where not all groups are drawn."""
    return f" (first {MAX_GROUPS} of {groups} groups)" if groups > MAX_GROUPS else ""
