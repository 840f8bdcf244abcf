"""Figure of the session of one link as a sequence chart: lifelines of Alice and Bob, time downwards, an arrow per message or frame.

`plots.sequence` selects the messages and computes their positions; this module draws them. The chart follows the usual notation of
protocol specifications (ITU-T Z.120, message sequence charts): an arrow slopes downwards, from transmission to arrival.
"""

from collections import Counter
from typing import Any, Literal

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from linksim.plots.figure_shape import new_figure, set_title
from linksim.plots.plot_style import JAMMER, TEXT_COLOUR, freeze_layout, legend, plot_style, sanitise
from linksim.plots.sequence import LOST, NOTE, ChartMessage, DepthScale, depth_scale, excerpts, messages
from linksim.plots.tables import JammingRows, seconds
from linksim.plots.time_series import TimeAxis, time_axis
from linksim.plots.timeline import DATA, choose_link
from linksim.plots.trace_view import TraceView

WIDTH = 5.0  # width of an excerpt in inches
HEAD = 0.35  # space above the first message in inches
REFUSED, MISSED = "#C77700", "#777777"
BREAK = 0.55  # fraction of its way at which the arrow of a lost message ends
SMALL = 7.0  # font size in points
DASHED: Literal["dashed"] = "dashed"


@plot_style()
def session_figure(view: TraceView) -> Figure | None:
    """Draw one or two excerpts of the link that `timeline.choose_link` selects, side by side. Returns None if nothing was sent."""
    chosen = choose_link(view)
    if chosen is None:
        return None
    group, link = chosen
    parts = [(title, part, depth_scale(part)) for title, part in excerpts(messages(group, link))]
    axis = time_axis(max(message.end_s for _, part, _ in parts for message in part))
    height = max(place.height for _, _, place in parts)
    figure = new_figure(max(6.8, WIDTH * len(parts)), 1.6 + HEAD + height)
    jamming = group.jamming.take(group.jamming.link == link)
    jammed = False
    for panel, (title, part, place) in zip(figure.subplots(1, len(parts), squeeze=False)[0], parts, strict=True):
        panel.set_title(title)
        lifelines(panel, place, height, part)
        jammed |= shade(panel, jamming, place)
        above: Counter[float] = Counter()
        for message in part:
            if message.on_air:
                draw(panel, message, place, axis)
            else:
                above[message.start_s] += 1
                annotate(panel, message, place(message.start_s) + NOTE * (above[message.start_s] - 0.3))
        for start, end in place.breaks:
            gap = f"{(end - start) * axis.per_s:.3g} {axis.unit} idle"
            panel.text(0.5, (place(start) + place(end)) / 2, gap, fontsize=SMALL - 0.5, color=MISSED, ha="center", va="center")
    set_title(figure, f"Session of link {link}, {sanitise(group.name)}: times in {axis.unit}, lengths not to scale")
    add_legend(figure, [message for _, part, _ in parts for message in part], jammed)
    return freeze_layout(figure)


def lifelines(panel: Axes, place: DepthScale, height: float, part: list[ChartMessage]) -> None:
    """Draw the lines of Alice and Bob with their names, and set the limits of the panel with space for the notes at the sides.

    panel   panel of the excerpt
    place   its scale
    height  height of the highest excerpt in inches, which all panels share
    part    its messages
    """
    longest = max((len(note(message)) for message in part if not message.on_air), default=0)
    margin = max(0.24, 0.05 + 0.0205 * longest)
    panel.set(xlim=(-margin, 1 + margin), ylim=(height, -HEAD))
    panel.set_axis_off()
    for x, name in ((0, "Alice"), (1, "Bob")):
        panel.plot([x, x], [-0.08, place.height], color=TEXT_COLOUR, linewidth=1.0, zorder=1)
        panel.text(x, -0.16, name, ha="center", va="bottom", fontweight="bold")


def draw(panel: Axes, message: ChartMessage, place: DepthScale, axis: TimeAxis) -> None:
    """Draw an arrow from the sender at the start of the transmission to the addressee at the arrival; dashed with a cross if lost.

    panel    panel of the excerpt; x is 0 at Alice and 1 at Bob, y is in inches from the top
    message  a message that was on the air
    place    scale of the excerpt, from instants to y
    axis     unit of the start time beside the arrow
    """
    here, there = (0.0, 1.0) if message.by_alice else (1.0, 0.0)
    top, bottom = place(message.start_s), place(message.end_s)
    colour, reach = color_of(message), BREAK if message.outcome == LOST else 1.0
    x, y = here + reach * (there - here), top + reach * (bottom - top)
    width = 2.6 if message.data else 1.1
    style: dict[str, Any] = {"arrowstyle": "-" if reach < 1 else "-|>", "color": colour, "linewidth": width, "shrinkA": 0, "shrinkB": 0}
    style |= {"mutation_scale": 14 if message.data else 10, "linestyle": DASHED if reach < 1 else "solid"}
    panel.annotate("", xy=(x, y), xytext=(here, top), arrowprops=style, zorder=2)
    if reach < 1:
        panel.plot([x], [y], marker="x", color=TEXT_COLOUR, markersize=7, markeredgewidth=1.8, zorder=4)
    label = message.name + ("" if message.used or message.outcome == LOST else f": {message.outcome}")
    middle = here + 0.5 * reach * (there - here), top + 0.5 * reach * (bottom - top)
    back = {"facecolor": "white", "linewidth": 0, "boxstyle": "square,pad=0.15"}
    panel.text(*middle, label, fontsize=SMALL, ha="center", va="center", color=TEXT_COLOUR if message.used else colour, bbox=back, zorder=3)
    draw_start_time(panel, message, here, top, axis)


def annotate(panel: Axes, message: ChartMessage, y: float) -> None:
    """Draw a note for a message that was not on the air, at height `y` in inches from the top.

    A frame that was not sent is noted beside Alice, a copy that a fault has made beside its addressee.
    """
    x, side = (-0.03, "right") if message.by_alice != message.fault else (1.03, "left")
    panel.text(x, y, note(message), fontsize=SMALL, ha=side, va="center", color=MISSED if message.used else REFUSED)


def note(message: ChartMessage) -> str:
    """Return the note on a message that was not on the air, "KEY 3 replayed: refused"."""
    return f"{message.name}: {message.outcome}"


def draw_start_time(panel: Axes, message: ChartMessage, x: float, y: float, axis: TimeAxis) -> None:
    """Draw the start time of a transmission beside the line of its sender, which is at x = 0 (Alice) or 1 (Bob)."""
    side: dict[str, Any] = {"ha": "right", "x": -0.03} if x == 0 else {"ha": "left", "x": 1.03}
    panel.text(y=y, s=f"{message.start_s * axis.per_s:.2f}", fontsize=SMALL, va="center", color="#555555", **side)


def color_of(message: ChartMessage) -> str:
    """Return the colour of a message: by kind if its addressee could use it, otherwise by what became of it."""
    if message.outcome == LOST:
        return MISSED
    return (DATA if message.data else TEXT_COLOUR) if message.used else REFUSED


def shade(panel: Axes, jamming: JammingRows, place: DepthScale) -> bool:
    """Tint the jammed intervals between the lifelines and return whether there are any within the excerpt.

    panel    panel of the excerpt
    jamming  jammed intervals of the link
    place    scale of the excerpt
    """
    first, last = place.instants[0], place.instants[-1]
    seen = [
        (max(a, first), min(b, last))
        for a, b in zip(seconds(jamming.time_ns), seconds(jamming.end_ns), strict=True)
        if a < last and b > first
    ]
    for start, end in seen:
        panel.fill_between([0, 1], place(start), place(end), facecolor=to_rgba(JAMMER.colour, 0.35), linewidth=0, zorder=0)
    return bool(seen)


def add_legend(figure: Figure, shown: list[ChartMessage], jammed: bool) -> None:
    """Add a legend for the kinds of lines that occur: data frame or control message, each arrived, lost or not usable."""
    handles: dict[str, Artist] = {}
    for message in shown:
        if not message.on_air:
            continue
        suffix = LOST if message.outcome == LOST else "" if message.used else "received, but not usable"
        name = ("data frame" if message.data else "control message") + (f", {suffix}" if suffix else "")
        dash = DASHED if message.outcome == LOST else "solid"
        handles[name] = Line2D([], [], color=color_of(message), linewidth=2.6 if message.data else 1.1, linestyle=dash)
    if jammed:
        handles["jammer on"] = Patch(facecolor=to_rgba(JAMMER.colour, 0.35))
    names = sorted(handles)
    legend(figure, [handles[name] for name in names], names)
